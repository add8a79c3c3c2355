from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from phenoextract import batch
from phenoextract.errors import ConfigError
from phenoextract.types import Document, Report


def _run(extractor: batch.Pipe, folder: Path, *lines: bytes) -> tuple[batch.Summary, list[dict[str, object]]]:
    (folder / "in.jsonl").write_bytes(b"\n".join(lines))
    summary = batch.run(extractor, folder / "in.jsonl", folder / "out.jsonl")
    return summary, [json.loads(line) for line in (folder / "out.jsonl").read_text("ascii").splitlines()]


def _line(document_id: str, text: str = "seizures") -> bytes:
    return json.dumps({"id": document_id, "text": text}).encode()


def test_batch_gives_a_line_for_each_document_in_order(extractor: batch.Pipe, tmp_path: Path) -> None:
    ids = [f"note-{number}" for number in range(200)]
    summary, lines = _run(extractor, tmp_path, *map(_line, ids))
    assert [line["id"] for line in lines] == ids
    assert (summary.documents, summary.failed) == (200, {})
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_batch_records_a_failure_and_goes_on(
    extractor: batch.Pipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    summary, lines = _run(
        extractor,
        tmp_path,
        _line("a"),
        b"{not json",
        b"",
        _line("b", "too long"),
        _line("c", "crash Canary Name"),
        b'{"id": "d"}',
        b'["e"]',
        b'{"id": 7, "text": "x"}',
        b'{"id": true, "text": "x"}',
        b"\xff\xff",
        b"[" * 100_000,
        _line("f", "lone \ud800"),
    )
    assert [line if "error" in line else line["id"] for line in lines] == [
        "a",
        {"id": None, "line": 2, "error": "bad_json"},
        {"id": "b", "error": "too_long"},
        {"id": "c", "error": "internal_error"},
        {"id": "d", "error": "bad_json"},
        {"id": None, "line": 7, "error": "bad_json"},
        "7",
        {"id": None, "line": 9, "error": "bad_json"},
        {"id": None, "line": 10, "error": "bad_json"},
        {"id": None, "line": 11, "error": "bad_json"},
        "f",
    ]
    assert summary.documents == 11
    assert summary.failed == {"bad_json": 6, "too_long": 1, "internal_error": 1}
    assert "document 'c': internal_error: KeyError at conftest.py:" in caplog.text
    assert "Canary" not in caplog.text


def test_batch_accepts_a_byte_order_mark(extractor: batch.Pipe, tmp_path: Path) -> None:
    assert _run(extractor, tmp_path, b"\xef\xbb\xbf" + _line("a"))[1][0]["id"] == "a"


def test_batch_of_nothing(extractor: batch.Pipe, tmp_path: Path) -> None:
    assert _run(extractor, tmp_path) == (batch.Summary(), [])


def test_batch_counts_the_bytes_it_has_read(extractor: batch.Pipe, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"\n".join([_line("a")] * 100))
    read: list[int] = []
    batch.run(extractor, source, tmp_path / "out.jsonl", progress=read.append)
    assert len(read) == 2
    assert sum(read) == source.stat().st_size


class InterruptedExtractor:
    def pipe(self, documents: Iterable[Document]) -> Iterator[Report]:
        raise KeyboardInterrupt


def test_batch_that_is_stopped_leaves_the_old_output(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(_line("a"))
    (tmp_path / "out.jsonl").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        batch.run(InterruptedExtractor(), tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text() == "old"


@pytest.mark.parametrize(("source", "out"), [("missing.jsonl", "out.jsonl"), ("in.jsonl", "."), ("in.jsonl", "no/o")])
def test_batch_files_that_cannot_be(extractor: batch.Pipe, tmp_path: Path, source: str, out: str) -> None:
    (tmp_path / "in.jsonl").write_bytes(_line("a"))
    with pytest.raises(ConfigError):
        batch.run(extractor, tmp_path / source, tmp_path / out)
