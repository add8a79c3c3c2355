"""Documents into outcomes: each a report or a failure with its code, whatever a document does."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from phenoextract.errors import DocumentError, describe_fault
from phenoextract.types import Document, Provenance, Report

BAD_JSON = "bad_json"
BAD_ROW = "bad_row"
NO_ID = "no_id"
NO_TEXT = "no_text"
DUPLICATE_ID = "duplicate_id"
TIMED_OUT = "timed_out"
CRASHED = "crashed"
OUT_OF_MEMORY = "out_of_memory"
INTERNAL_ERROR = "internal_error"
_log = logging.getLogger(__name__)


class Pipe(Protocol):
    """What codes documents: an `Extractor`."""

    provenance: Provenance

    def pipe(self, documents: Iterable[Document]) -> Iterator[Report]:
        """Give the reports in order; raises DocumentError for a document that cannot be processed."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """A document without a report, and why."""

    id: str | None
    code: str


def code(extractor: Pipe, parsed: Sequence[Document | Failure]) -> Iterator[Report | Failure]:
    """Give for each document its report, or why there is none; failures so far pass through, all in order."""
    documents = [item for item in parsed if isinstance(item, Document)]
    try:
        outcomes: Iterator[Report | Failure] = iter(list(extractor.pipe(documents)))
    except Exception:  # one of them; which one is found by taking them singly
        outcomes = (_code_one(extractor, document) for document in documents)
    for item in parsed:
        yield next(outcomes) if isinstance(item, Document) else item


def text_digest(text: str) -> str:
    """Give the sha256 of a text in UTF-8, lone surrogates as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _code_one(extractor: Pipe, document: Document) -> Report | Failure:
    try:
        return next(extractor.pipe([document]))
    except DocumentError as error:
        return Failure(document.id, error.code)
    except MemoryError:
        return Failure(document.id, OUT_OF_MEMORY)
    except Exception as error:  # a fault of ours must not lose the other documents
        _log.error("document %r: %s: %s", document.id, INTERNAL_ERROR, describe_fault(error))
        return Failure(document.id, INTERNAL_ERROR)
