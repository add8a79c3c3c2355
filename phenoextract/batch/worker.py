"""What one worker process does with a chunk of rows."""

from __future__ import annotations

import json
import resource
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from phenoextract import readers
from phenoextract.batch.coding import BAD_ROW, OUT_OF_MEMORY, Failure, Pipe, code, text_digest
from phenoextract.batch.journal import CHANGE, FAILURE, Summary
from phenoextract.batch.recode import Earlier
from phenoextract.batch.reports import Reports
from phenoextract.batch.sinks import Coded, Sink
from phenoextract.batch.sources import Row
from phenoextract.errors import DocumentError
from phenoextract.formats.deidentify import Evidence, deidentify
from phenoextract.types import Document, Report

_HEADROOM = 1 << 30  # bytes that a worker may take beyond those it starts with


@dataclass(frozen=True, slots=True)
class Job:
    """What every worker of a run needs. Workers get it by being forked, so that its memory is shared."""

    extractor: Pipe
    sink: Sink
    reports: Path
    earlier: Earlier | None = None
    evidence: Evidence = Evidence.QUOTED


class Result(NamedTuple):
    """What became of a chunk: bytes for the sink, counts, and lines to note as (kind, JSON)."""

    data: bytes
    summary: Summary
    notes: list[tuple[str, str]]


class _Worker(NamedTuple):
    job: Job
    reports: Reports


_worker: _Worker | None = None


def start(job: Job) -> None:
    """Make this process a worker: its memory has a limit, so that one document cannot take the machine's."""
    global _worker
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _HEADROOM, resource.RLIM_INFINITY))
    if job.earlier is not None:
        job.earlier.open()
    _worker = _Worker(job, Reports(job.reports))


def work(rows: Sequence[Row]) -> Result:
    """Code a chunk. A text that was coded before, by any worker of the run, is not coded again."""
    if _worker is None:
        raise RuntimeError("start() comes first")
    job, reports = _worker
    parsed = [(item, text_digest(item.text) if isinstance(item, Document) else "") for item in map(_document, rows)]
    texts = {digest: item for item, digest in parsed if isinstance(item, Document)}
    before = job.earlier.reports(texts) if job.earlier else {}
    reused = {
        digest: replace(taken, provenance=job.extractor.provenance)
        for digest, report in before.items()
        if job.earlier and (taken := job.earlier.take_over(texts[digest].text, report)) is not None
    }
    done = reports.get(texts) | reused
    todo = {digest: document for digest, document in texts.items() if digest not in done}
    made = dict(zip(todo, code(job.extractor, [*todo.values()]), strict=True))
    reports.put(reused | {digest: outcome for digest, outcome in made.items() if isinstance(outcome, Report)})
    outcomes: dict[str, Report | Failure] = {**done, **made}
    coded = [
        Coded(row, _given(outcomes[digest], item, job.evidence) if isinstance(item, Document) else item, digest)
        for row, (item, digest) in zip(rows, parsed, strict=True)
    ]
    changes = []
    if job.earlier:
        pairs = ((before[c.text_sha256], c.outcome) for c in coded if c.text_sha256 in before)
        changes = [job.earlier.change(was, now) for was, now in pairs if isinstance(now, Report)]
    result = collect(job.sink, coded)
    result.summary.reused = sum(digest in reused for _, digest in parsed)
    result.summary.changed = sum(change is not None for change in changes)
    result.notes.extend((CHANGE, json.dumps(change)) for change in changes if change is not None)
    return result


def collect(sink: Sink, coded: Sequence[Coded]) -> Result:
    """Encode results, count them, and note those that failed."""
    summary = Summary(documents=len(coded))
    notes = []
    for row, outcome, _ in coded:
        if isinstance(outcome, Report):
            summary.coded += bool(outcome.features)
            summary.empty += not outcome.features
            summary.terms += len(outcome.features)
            summary.places += sum(len(feature.evidence) for feature in outcome.features)
        else:
            summary.failed[outcome.code] += 1
            failed = {"id": outcome.id, "error": outcome.code, "file": row.file, "row": row.number}
            notes.append((FAILURE, json.dumps(failed)))
    return Result(sink.encode(coded), summary, notes)


def _document(row: Row) -> Document | Failure:
    if row.error is not None or row.id is None or row.content is None:
        return Failure(row.id, row.error or "")
    try:
        if isinstance(row.content, str):
            return Document(row.id, row.content)
        [document] = readers.documents(row.content, row.id)
        return replace(document, id=row.id)
    except ValueError:  # a resource or message that holds several
        return Failure(row.id, BAD_ROW)
    except DocumentError as error:
        return Failure(row.id, error.code)
    except MemoryError:
        return Failure(row.id, OUT_OF_MEMORY)


def _given(outcome: Report | Failure, document: Document, evidence: Evidence) -> Report | Failure:
    """Give what became of a text to a document that has it, with as much of its words as may leave."""
    own = replace(outcome, id=document.id)
    return deidentify(own, document.text, evidence) if isinstance(own, Report) else own
