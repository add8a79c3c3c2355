from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import docx
import jsonschema
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import phenoextract
from phenoextract.formats import json as report_json

TEXT = "He has a cleft palate and microcephaly. No seizures. His mother has ptosis."


def stream(client: TestClient, lines: bytes) -> list[dict[str, Any]]:
    answer = client.post("/v1/annotate/stream", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_annotate_gives_the_report_of_the_library(
    stateless_client: TestClient, toy_extractor: phenoextract.Extractor
) -> None:
    answer = stateless_client.post("/v1/annotate", json={"id": "letter-1", "text": TEXT})
    assert answer.status_code == 200
    expected = toy_extractor(phenoextract.Document("letter-1", TEXT))
    assert answer.json() == report_json.to_dict(expected)
    assert {found["status"] for found in answer.json()["features"]} == {"present", "absent", "family"}
    jsonschema.validate(answer.json(), report_json.schema())


def test_annotate_needs_no_id(stateless_client: TestClient) -> None:
    assert stateless_client.post("/v1/annotate", json={"text": TEXT}).json()["id"] == "document"


def test_annotate_file_reads_text_and_word(stateless_client: TestClient, tmp_path: Path) -> None:
    page = docx.Document()
    page.add_paragraph(TEXT)
    page.save(str(tmp_path / "letter.docx"))
    expected = [
        found["hpo_id"] for found in stateless_client.post("/v1/annotate", json={"text": TEXT}).json()["features"]
    ]
    for name, data in (("letter.txt", TEXT.encode()), ("letter.docx", (tmp_path / "letter.docx").read_bytes())):
        answer = stateless_client.post("/v1/annotate/file", files={"file": (name, data)})
        assert answer.status_code == 200
        assert answer.json()["id"] == name
        assert [found["hpo_id"] for found in answer.json()["features"]] == expected


def test_annotate_file_takes_an_id(stateless_client: TestClient) -> None:
    answer = stateless_client.post("/v1/annotate/file", files={"file": ("a.txt", b"Ptosis")}, data={"id": "letter-7"})
    assert answer.json()["id"] == "letter-7"


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.pdf", b"not a PDF", "unreadable"),
        ("a.docx", b"not a Word file", "unreadable"),
        ("a.txt", b"ab\0cd", "not_text"),
    ],
)
def test_annotate_file_says_why_it_cannot_be_read(
    stateless_client: TestClient, name: str, data: bytes, code: str
) -> None:
    answer = stateless_client.post("/v1/annotate/file", files={"file": (name, data)})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_annotate_stream_keeps_order_and_loses_nothing(stateless_client: TestClient) -> None:
    letters = [{"id": str(number), "text": TEXT * (number % 3)} for number in range(200)]
    answers = stream(stateless_client, b"\n".join(json.dumps(letter).encode() for letter in letters))
    assert [answer["id"] for answer in answers] == [letter["id"] for letter in letters]
    single = stateless_client.post("/v1/annotate", json=letters[1]).json()
    assert answers[1] == single


def test_annotate_stream_names_what_failed_and_goes_on(make_client: Any) -> None:
    client = make_client(requests_enabled=False, max_body_bytes=2000, max_text_chars=100)
    lines = [
        b'{"id": "1", "text": "Ptosis"}',
        b"not JSON",
        b"",
        b'{"id": "4", "text": 7}',
        b'{"id": "5", "text": "' + b"x" * 101 + b'"}',
        b'{"id": "6", "text": "' + b"x" * 2000 + b'"}',
        b'{"id": "7", "text": "Ptosis"}',
    ]
    answers = stream(client, b"\r\n".join(lines))
    assert [answer["features"][0]["hpo_id"] for answer in (answers[0], answers[-1])] == ["HP:0000508"] * 2
    assert answers[1:-1] == [
        {"id": None, "line": 2, "error": "bad_json"},
        {"id": None, "line": 4, "error": "bad_json"},
        {"id": "5", "line": 5, "error": "too_long"},
        {"id": None, "line": 6, "error": "too_large"},
    ]


def test_annotate_stream_may_be_empty(stateless_client: TestClient) -> None:
    assert stream(stateless_client, b"") == []


@given(cuts=st.lists(st.integers(0, 400), max_size=8))
@hypothesis_settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_annotate_stream_does_not_care_how_it_is_cut(stateless_client: TestClient, cuts: list[int]) -> None:
    whole = (
        b"\n".join(json.dumps({"id": str(n), "text": "Kein Ptosis \u00e9 " * n}).encode() for n in range(6)) + b"\n\nx"
    )
    places = [0, *sorted(cut % len(whole) for cut in cuts), len(whole)]
    parts = [whole[start:end] for start, end in pairwise(places)]
    answer = stateless_client.post(
        "/v1/annotate/stream", content=iter(parts), headers={"Content-Type": "application/x-ndjson"}
    )
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == ["0", "1", "2", "3", "4", "5", None]
