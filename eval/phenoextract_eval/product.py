"""The product as a system under test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from phenoextract import Extractor
from phenoextract.batch import Failure, code
from phenoextract.types import Assertion, Document, NotCoded, Span, Status
from phenoextract_eval.systems import Coded, System, coded_from_report

_BATCH = 64


def product(extractor: Extractor, name: str = "phenoextract") -> System:
    """Wrap an extractor; a document that fails has no answer."""

    def answers(documents: Iterable[Document]) -> Iterator[Coded]:
        waiting = iter(documents)
        while batch := list(islice(waiting, _BATCH)):
            for outcome in code(extractor, batch):
                if not isinstance(outcome, Failure):
                    yield coded_from_report(outcome)

    def statuses(document: Document, spans: Sequence[Span]) -> list[Status]:
        return [_status(assertion) for assertion in extractor.assert_spans(document, spans)]

    def link(texts: Sequence[str]) -> list[tuple[str, ...]]:
        return [tuple(candidate.hpo_id for candidate in found) for found in extractor.link(texts, top_k=5)]

    return System(name, extractor.provenance.version, answers, statuses, link)


def _status(assertion: Assertion) -> Status:
    """Give the status; a finding denied in a relative is negated, whoever's it is."""
    return Status.ABSENT if assertion.not_coded is NotCoded.RELATIVE_DENIED else assertion.status
