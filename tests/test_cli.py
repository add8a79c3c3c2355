from __future__ import annotations

import csv
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from phenoextract import batch
from phenoextract.cli import app
from phenoextract.errors import ArtefactMissing
from phenoextract.formats import json as report_json
from phenoextract.types import Document

CANARY = "Canary Featherstonehaugh"


@pytest.fixture
def run(extractor: batch.Pipe, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("phenoextract.pipeline.load", lambda index=None, config=None: extractor)

    def invoke(*arguments: object, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)

    return invoke


@pytest.fixture
def path(letter: Document, tmp_path: Path) -> Path:
    made = tmp_path / "letter.txt"
    made.write_text(letter.text, "utf-8")
    return made


def test_cli_extract_shows_the_letter_and_its_terms(run: Any, path: Path) -> None:
    result = run("extract", path)
    assert result.exit_code == 0
    assert "[bold]Not markup" in result.stdout
    assert "HP:0001263" in result.stdout
    assert "\x1b" not in result.stdout
    assert result.stderr == ""


def test_cli_extract_gives_one_json_object_for_one_letter(run: Any, path: Path) -> None:
    report = report_json.parse(run("extract", path, "--format", "json").stdout)
    assert report.id == "letter.txt"


def test_cli_extract_gives_json_lines_for_several(run: Any, path: Path) -> None:
    lines = run("extract", path, path, "--format", "json").stdout.splitlines()
    assert [report_json.parse(line).id for line in lines] == ["letter.txt", "letter.txt"]


def test_cli_extract_gives_one_table_for_several(run: Any, path: Path, tmp_path: Path) -> None:
    out = tmp_path / "terms.csv"
    result = run("extract", path, path, "--format", "csv", "--out", out, "--bom")
    assert result.stdout == ""
    table = out.read_bytes()
    assert table.startswith(b"\xef\xbb\xbfdoc_id,")
    assert table.count(b"\r\n") == 13


def test_cli_extract_gives_phenopackets(run: Any, path: Path) -> None:
    packet = json.loads(run("extract", path, "--format", "phenopacket").stdout)
    assert packet["id"] == "letter.txt"
    assert packet["phenotypicFeatures"][0]["severity"]["label"] == "Moderate"


@pytest.mark.parametrize("form", ["fhir", "phenotips", "json", "phenopacket"])
def test_cli_extract_gives_one_json_object_a_line_in_every_such_format(run: Any, path: Path, form: str) -> None:
    lines = run("extract", path, path, "--format", form).stdout.splitlines()
    assert len(lines) == 2
    assert all("HP:0001263" in json.dumps(json.loads(line)) for line in lines)


@pytest.mark.parametrize("form", ["exomiser", "lirical"])
def test_cli_extract_gives_one_yaml_document_each(run: Any, path: Path, form: str) -> None:
    made = list(yaml.safe_load_all(run("extract", path, path, "--format", form).stdout))
    assert [sample["hpoIds"][0] for sample in made] == ["HP:0001263", "HP:0001263"]


def test_cli_extract_gives_rows_of_note_nlp(run: Any, path: Path) -> None:
    rows = list(csv.DictReader(run("extract", path, path, "--format", "omop").stdout.splitlines()))
    assert [row["note_nlp_id"] for row in rows] == [str(number) for number in range(1, 13)]


def test_cli_extract_reads_every_letter_of_a_message(run: Any, tmp_path: Path) -> None:
    message = "MSH|^~\\&|A|B|C|D|2026||MDM^T02|{}|P|2.4\rOBX|1|TX|||{}\r"
    texts = {"one": "letter", "two": "too long", "three": "letter"}
    (tmp_path / "letters.hl7").write_text("".join(message.format(*item) for item in texts.items()))
    content = [{"attachment": {"contentType": "text/plain", "data": "bGV0dGVy"}}]
    reference = {"resourceType": "DocumentReference", "id": "four", "status": "current", "content": content}
    (tmp_path / "letter.json").write_text(json.dumps(reference))
    (tmp_path / "bad.json").write_text("{}")
    paths = [tmp_path / name for name in ("letters.hl7", "bad.json", "letter.json")]
    result = run("extract", *paths, "--format", "json")
    assert [report_json.parse(line).id for line in result.stdout.splitlines()] == ["one", "three", "four"]
    assert [line.split(": ")[1:3] for line in result.stderr.splitlines()] == [
        ["document 'two'", "too_long"],
        ["document 'bad.json'", "malformed"],
    ]
    assert result.exit_code == 1


def test_cli_extract_reads_standard_input(run: Any, letter: Document) -> None:
    result = run("extract", "-", "--format", "json", stdin=letter.text.encode())
    assert json.loads(result.stdout)["id"] == "stdin"


def test_cli_extract_writes_a_page(run: Any, path: Path, tmp_path: Path) -> None:
    page = tmp_path / "letter.html"
    assert run("extract", path, "--html", page).exit_code == 0
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_cli_extract_names_each_bad_letter_and_does_the_others(run: Any, path: Path, tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "binary.txt").write_bytes(b"\0\1\2")
    (tmp_path / "long.txt").write_text("too long")
    bad = [tmp_path / name for name in ("scan.pdf", "binary.txt", "missing.txt", "long.txt")]
    result = run("extract", *bad, tmp_path, path, "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["id"] == "letter.txt"
    lines = result.stderr.splitlines()
    assert [line.split(": ")[2] for line in lines] == ["unreadable", "not_text", "unreadable", "too_long", "unreadable"]
    assert lines[0].startswith("phenoextract: document 'scan.pdf': unreadable: ")


def test_cli_without_an_index_says_what_mends_it(run: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(index: Path | None = None, config: object = None) -> None:
        raise ArtefactMissing("indexes", expected="a compiled index", found="none", mend="phenoextract build-index")

    monkeypatch.setattr("phenoextract.pipeline.load", load)
    result = run("extract", path)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "phenoextract: indexes: expected a compiled index, found none; to mend it run: phenoextract build-index"
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("extract",),
        ("extract", "a.txt", "--format", "xml"),
        ("batch", "missing.jsonl", "--out", "out.jsonl"),
        ("ontology", "update"),
        ("ontology", "update", "--url", "http://plain.example/hp.obo"),
        ("ontology", "diff", "1999-01-01", "1999-01-02"),
        ("build-index", "--obo", "missing.obo"),
        ("info", "--index", "missing"),
    ],
)
def test_cli_what_cannot_be_gives_2_and_no_traceback(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


def test_cli_batch(run: Any, tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"id": "a", "text": "x"}\n{"id": "b", "text": "too long"}\n')
    result = run("batch", source, "--out", out)
    assert result.exit_code == 1
    assert result.stderr.startswith("phenoextract: 2 documents, 1 coded, 0 empty, 1 failed (too_long 1), 6 terms, ")
    assert [json.loads(line).get("error") for line in out.read_text().splitlines()] == [None, "too_long"]
    source.write_text('{"id": "a", "text": "x"}\n')
    assert run("batch", source, "--out", out).exit_code == 0


def _raise_canary(*_: object, **__: object) -> str:
    raise KeyError(CANARY)


def test_cli_quotes_no_letter_outside_its_answer(
    run: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    for name, content in {
        "crash.txt": f"crash {CANARY}".encode(),
        "long.txt": f"too long {CANARY}".encode(),
        "binary.txt": f"\0{CANARY}".encode(),
        "odd.pdf": f"%PDF-1.4\n1 0 obj << /{CANARY} {CANARY} >>".encode(),
        "odd.docx": f"PK\x03\x04{CANARY}".encode(),
        "in.jsonl": f'{{"id": "a", "text": "crash {CANARY}"}}\n{{{CANARY}\n'.encode(),
    }.items():
        (tmp_path / name).write_bytes(content)
    letters = sorted(path for path in tmp_path.iterdir() if path.suffix != ".jsonl")
    extracted = run("extract", *letters, "--format", "json")
    batched = run("batch", tmp_path / "in.jsonl", "--out", tmp_path / "out.jsonl")
    monkeypatch.setattr("phenoextract.cli._render", _raise_canary)
    faulty = run("extract", tmp_path / "in.jsonl")
    assert (extracted.exit_code, batched.exit_code, faulty.exit_code) == (1, 1, 2)
    assert "internal error: KeyError at test_cli.py:" in faulty.stderr
    said = extracted.output + batched.output + faulty.output + caplog.text + (tmp_path / "out.jsonl").read_text()
    assert "Featherstonehaugh" not in said
    assert "Traceback" not in said


def test_cli_starts_without_the_language_library() -> None:
    heavy = ["spacy", "scispacy", "pronto", "docx", "pypdf", "pandas"]
    probe = f"import sys, phenoextract.cli; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_cli_version_and_help() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("phenoextract ")
    for command in ("extract", "batch", "build-index", "ontology", "info"):
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0
