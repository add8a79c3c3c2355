"""Documents in, reports out, one JSON object a line and in the same order; a document that fails loses no other."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from phenoextract.errors import ConfigError, DocumentError, describe_fault
from phenoextract.formats import json as report_json
from phenoextract.types import Document, Report

BAD_JSON = "bad_json"
INTERNAL_ERROR = "internal_error"
_CHUNK = 64
_log = logging.getLogger(__name__)


class Pipe(Protocol):
    """What codes documents: an `Extractor`."""

    def pipe(self, documents: Iterable[Document]) -> Iterator[Report]:
        """Give the reports in order; raises DocumentError for a document that cannot be processed."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """A document without a report and why; `line` says which line it was where that gave no id."""

    id: str | None
    code: str
    line: int | None = None


@dataclass(slots=True)
class Summary:
    """How many documents were read, and how many of them failed by error code."""

    documents: int = 0
    failed: Counter[str] = field(default_factory=Counter)


def run(extractor: Pipe, source: Path, out: Path, *, progress: Callable[[int], None] | None = None) -> Summary:
    """Code every document of a file of `{"id", "text"}` lines; blank lines do not count.

    `out` appears whole at the end or not at all. A document that failed has the line `{"id", "error": code}`.
    `progress` is called with the bytes read since the last call. Raises ConfigError if a file cannot be read
    or written.
    """
    if out.is_dir():
        raise ConfigError(f"{out}: is a folder, not a file to write")
    summary = Summary()
    part = out.with_name(f".{out.name}.part")
    try:
        with source.open("rb") as lines, part.open("w", encoding="ascii", newline="\n") as results:
            numbered = enumerate(lines, 1)
            while chunk := list(islice(numbered, _CHUNK)):
                parsed = [parse_line(line, number) for number, line in chunk if line.strip()]
                for outcome in code(extractor, parsed):
                    results.write(render(outcome) + "\n")
                    summary.documents += 1
                    if isinstance(outcome, Failure):
                        summary.failed[outcome.code] += 1
                if progress:
                    progress(sum(len(line) for _, line in chunk))
        part.replace(out)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink()
    return summary


def parse_line(line: bytes, number: int) -> Document | Failure:
    """Make a document of a JSON line, whose `id` is a string or a whole number."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return Failure(None, BAD_JSON, number)
    match record:
        case {"id": str() | int() as document_id, "text": str() as text} if not isinstance(document_id, bool):
            return Document(str(document_id), text)
        case {"id": str() as document_id}:
            return Failure(document_id, BAD_JSON)
        case _:
            return Failure(None, BAD_JSON, number)


def code(extractor: Pipe, parsed: Sequence[Document | Failure]) -> Iterator[Report | Failure]:
    """Give for each document its report, or why there is none; failures so far pass through, all in order."""
    documents = [item for item in parsed if isinstance(item, Document)]
    try:
        outcomes: Iterator[Report | Failure] = iter(list(extractor.pipe(documents)))
    except Exception:  # one of them; which one is found by taking them singly
        outcomes = (_code_one(extractor, document) for document in documents)
    for item in parsed:
        yield next(outcomes) if isinstance(item, Document) else item


def render(outcome: Report | Failure) -> str:
    """Give the line that stands for a document in the output."""
    if isinstance(outcome, Report):
        return report_json.render(outcome)
    place = {} if outcome.line is None else {"line": outcome.line}
    return json.dumps({"id": outcome.id, **place, "error": outcome.code})


def _code_one(extractor: Pipe, document: Document) -> Report | Failure:
    try:
        return next(extractor.pipe([document]))
    except DocumentError as error:
        return Failure(document.id, error.code)
    except Exception as error:  # a fault of ours must not lose the other documents
        _log.error("document %r: %s: %s", document.id, INTERNAL_ERROR, describe_fault(error))
        return Failure(document.id, INTERNAL_ERROR)
