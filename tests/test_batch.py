from __future__ import annotations

import json
import logging
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from phenoextract import batch
from phenoextract.batch.journal import Summary
from phenoextract.batch.run import Options, run
from phenoextract.batch.sinks import Form
from phenoextract.batch.sources import open_source
from phenoextract.batch.worker import Job, start
from phenoextract.errors import ConfigError
from phenoextract.formats import json as report_json
from phenoextract.types import Document, Provenance, Report

QUICK = Options(workers=2, part_rows=50, time_limit=10.0)


@pytest.fixture
def worker_log(tmp_path: Path) -> Iterator[Path]:
    """Give a file to which worker processes log, down to the last detail."""
    handler = logging.FileHandler(tmp_path / "log")
    logger = logging.getLogger("phenoextract")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield tmp_path / "log"
    logger.removeHandler(handler)
    logger.setLevel(level)
    handler.close()


def line(document_id: str, text: str = "seizures") -> bytes:
    return json.dumps({"id": document_id, "text": text}).encode() + b"\n"


def code(
    extractor: batch.Pipe, source: Path, out: Path, options: Options = QUICK, form: Form = Form.JSONL, **more: Any
) -> Summary:
    return run(extractor, open_source(source), out, form, options, **more)


def code_lines(extractor: batch.Pipe, folder: Path, *lines: bytes) -> tuple[Summary, list[dict[str, Any]]]:
    (folder / "in.jsonl").write_bytes(b"".join(lines))
    summary = code(extractor, folder / "in.jsonl", folder / "out.jsonl")
    return summary, [json.loads(line) for line in (folder / "out.jsonl").read_text("ascii").splitlines()]


def read_failed(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out.jsonl.failed.jsonl").read_text("ascii").splitlines()]


class Poisoned:
    """Codes like another extractor, but a text can kill, hang or fill its process, or wait."""

    def __init__(self, extractor: batch.Pipe) -> None:
        self._extractor = extractor
        self.provenance: Provenance = extractor.provenance

    def pipe(self, documents: Iterable[Document]) -> Iterator[Report]:
        for document in documents:
            match document.text.split(":")[0]:
                case "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "hang":
                    time.sleep(60)
                case "fill":
                    _ = b"x" * (1 << 40)
                case "count":
                    Path(document.text.split(":")[1]).open("ab").write(b".")
            yield from self._extractor.pipe([document])


def test_batch_gives_a_line_for_each_document_in_order(extractor: batch.Pipe, tmp_path: Path) -> None:
    ids = [f"note-{number}" for number in range(333)]
    summary, lines = code_lines(extractor, tmp_path, *(line(name, f"text of {name}") for name in ids))
    assert [line["id"] for line in lines] == ids
    assert (summary.documents, summary.coded, summary.terms, summary.duplicates) == (333, 333, 1998, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_batch_lines_are_reports_with_the_digest_of_their_text(
    extractor: batch.Pipe, report: Report, tmp_path: Path
) -> None:
    _, [found] = code_lines(extractor, tmp_path, line("letter-1", "abc"))
    assert found["text_sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert report_json.from_dict(found) == report


def test_batch_records_a_failure_and_goes_on(extractor: batch.Pipe, tmp_path: Path, worker_log: Path) -> None:
    summary, lines = code_lines(
        extractor,
        tmp_path,
        line("a"),
        b"{not json\n",
        b"\n",
        line("b", "too long"),
        line("c", "crash Canary Name"),
        b'{"id": "d"}\n',
        b'["e"]\n',
        b'{"id": 7, "text": "x"}\n',
        b'{"id": true, "text": "x"}\n',
        b"\xff\xff\n",
        b"[" * 100_000 + b"\n",
        b'{"id": "n", "text": null}\n',
        line("a", "other text"),
        line("f", "lone \ud800"),
    )
    failed: list[dict[str, Any]] = [
        {"id": None, "line": 2, "error": "bad_json"},
        {"id": "b", "error": "too_long"},
        {"id": "c", "error": "internal_error"},
        {"id": "d", "error": "no_text"},
        {"id": None, "line": 7, "error": "bad_json"},
        {"id": None, "line": 9, "error": "no_id"},
        {"id": None, "line": 10, "error": "bad_json"},
        {"id": None, "line": 11, "error": "bad_json"},
        {"id": "n", "error": "no_text"},
        {"id": "a", "error": "duplicate_id"},
    ]
    assert [line["id"] for line in lines if "error" not in line] == ["a", "7", "f"]
    assert [line for line in lines if "error" in line] == failed
    assert [{"id": one["id"], "error": one["error"]} for one in read_failed(tmp_path)] == [
        {"id": one["id"], "error": one["error"]} for one in failed
    ]
    assert [one["row"] for one in read_failed(tmp_path)] == [2, 4, 5, 6, 7, 9, 10, 11, 12, 13]
    assert {one["file"] for one in read_failed(tmp_path)} == {"in.jsonl"}
    assert summary.documents == 13
    assert summary.failed == {
        "bad_json": 4,
        "too_long": 1,
        "internal_error": 1,
        "no_text": 2,
        "no_id": 1,
        "duplicate_id": 1,
    }
    said = worker_log.read_text("utf-8")
    assert "document 'c': internal_error: KeyError at conftest.py:" in said
    assert "Canary" not in said


def test_batch_isolates_documents_that_kill_hang_or_fill_their_worker(extractor: batch.Pipe, tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(100)]
    texts[7], texts[40], texts[41], texts[99] = "kill", "hang", "kill:again", "fill"
    summary, lines = code_lines(Poisoned(extractor), tmp_path, *(line(str(n), text) for n, text in enumerate(texts)))
    assert [line["id"] for line in lines] == [str(number) for number in range(100)]
    assert {line["id"]: line["error"] for line in lines if "error" in line} == {
        "7": "crashed",
        "40": "timed_out",
        "41": "crashed",
        "99": "out_of_memory",
    }
    assert summary.coded == 96


def test_batch_codes_a_text_once(extractor: batch.Pipe, tmp_path: Path) -> None:
    counter = tmp_path / "count"
    texts = [f"count:{counter}"] * 200
    summary, lines = code_lines(Poisoned(extractor), tmp_path, *(line(str(n), text) for n, text in enumerate(texts)))
    assert [line["id"] for line in lines] == [str(number) for number in range(200)]
    assert summary.duplicates == 199
    assert counter.stat().st_size <= QUICK.workers, "only workers that met the text at the same moment code it twice"


def test_batch_makes_what_its_workers_share_before_they_start(
    extractor: batch.Pipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start_with_a_store(job: Job) -> None:
        assert job.reports.exists()  # two workers that make it at once find it locked, and do not wait
        start(job)

    monkeypatch.setattr("phenoextract.batch.run.start", start_with_a_store)
    assert code_lines(extractor, tmp_path, line("1"))[0].coded == 1


def test_batch_whose_workers_cannot_start_ends_and_says_so(
    extractor: batch.Pipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_to_start(_: Job) -> None:
        raise OSError

    monkeypatch.setattr("phenoextract.batch.run.start", refuse_to_start)
    with pytest.raises(ConfigError, match=r"out\.jsonl: the worker processes were stopped; the same command goes on"):
        code_lines(extractor, tmp_path, line("1"))


def test_batch_gives_the_same_for_any_number_of_workers(extractor: batch.Pipe, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"".join(line(str(n), f"text {n % 90}") for n in range(300)))
    outputs = []
    for workers in (1, 3):
        code(extractor, tmp_path / "in.jsonl", tmp_path / "out.jsonl", Options(workers=workers, part_rows=70))
        outputs.append((tmp_path / "out.jsonl").read_bytes())
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"\n") == 300


def test_batch_accepts_a_byte_order_mark(extractor: batch.Pipe, tmp_path: Path) -> None:
    assert code_lines(extractor, tmp_path, b"\xef\xbb\xbf" + line("a"))[1][0]["id"] == "a"


@pytest.mark.parametrize("form", [Form.JSONL, Form.CSV, Form.PARQUET, Form.OMOP, Form.OMOP_PARQUET, Form.FHIR])
def test_batch_of_nothing(extractor: batch.Pipe, tmp_path: Path, form: Form) -> None:
    (tmp_path / "in.jsonl").touch()
    assert code(extractor, tmp_path / "in.jsonl", tmp_path / "out.jsonl", form=form) == Summary()
    assert (tmp_path / "out.jsonl").is_file()


def test_batch_tells_how_far_it_is(extractor: batch.Pipe, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"".join(line(str(number)) for number in range(200)))
    told: list[tuple[int, int]] = []
    code(extractor, source, tmp_path / "out.jsonl", progress=lambda done, documents: told.append((done, documents)))
    assert told == sorted(told)
    assert told[-1] == (source.stat().st_size, 200)
    assert open_source(source).total == source.stat().st_size


def test_batch_retries_what_failed_alone(extractor: batch.Pipe, tmp_path: Path) -> None:
    _, lines = code_lines(extractor, tmp_path, line("a"), line("b", "too long"), b"{\n")
    assert len(lines) == 3
    from phenoextract.cli_batch import _named_in

    only = Options(workers=1, only=_named_in(tmp_path / "out.jsonl.failed.jsonl"))
    (tmp_path / "in.jsonl").write_bytes(line("a") + line("b", "shorter") + line("c"))
    summary = code(extractor, tmp_path / "in.jsonl", tmp_path / "again.jsonl", only)
    assert (summary.documents, summary.coded) == (1, 1)
    assert [json.loads(line)["id"] for line in (tmp_path / "again.jsonl").read_text().splitlines()] == ["b"]


def test_batch_without_failures_removes_the_names_of_old_ones(extractor: batch.Pipe, tmp_path: Path) -> None:
    code_lines(extractor, tmp_path, line("b", "too long"))
    assert (tmp_path / "out.jsonl.failed.jsonl").exists()
    code_lines(extractor, tmp_path, line("b", "short"))
    assert not (tmp_path / "out.jsonl.failed.jsonl").exists()


@pytest.mark.parametrize(
    ("source", "out"), [("missing.jsonl", "out.jsonl"), ("in.jsonl", "x.jsonl"), ("in.jsonl", "no/o")]
)
def test_batch_files_that_cannot_be(extractor: batch.Pipe, tmp_path: Path, source: str, out: str) -> None:
    (tmp_path / "in.jsonl").write_bytes(line("a"))
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(ConfigError):
        code(extractor, tmp_path / source, tmp_path / out)


@pytest.mark.parametrize("broken", [{"workers": 0}, {"workers": 1, "part_rows": 0}, {"workers": 1, "time_limit": 0}])
def test_batch_options_that_cannot_be(broken: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="greater than 0"):
        Options(**broken)
