"""What a system under test answers, and how the extractor and stored predictions are made one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from phenoextract.types import Document, Report, Span, Status


@dataclass(frozen=True, slots=True)
class CodedMention:
    """A phrase a system coded; `proposed` tells whether it backs a proposed feature."""

    spans: tuple[Span, ...]
    hpo_id: str | None
    status: Status = Status.PRESENT
    confidence: float = 1.0
    proposed: bool = True
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class CodedTerm:
    """An id a system proposes for a document."""

    hpo_id: str
    status: Status = Status.PRESENT
    confidence: float = 1.0
    needs_review: bool = False


@dataclass(frozen=True, slots=True)
class Coded:
    """A system's whole answer for one document."""

    id: str
    mentions: tuple[CodedMention, ...] = ()
    terms: tuple[CodedTerm, ...] = ()


@dataclass(frozen=True, slots=True)
class System:
    """A system under test, as functions: the last two answer for stretches and phrases the gold names.

    `known` holds the documents of stored answers, so that answers nobody asked for can be reported.
    """

    name: str
    version: str
    code: Callable[[Iterable[Document]], Iterator[Coded]]
    assert_spans: Callable[[Document, Sequence[Span]], Sequence[Status]] | None = None
    link: Callable[[Sequence[str]], Sequence[Sequence[str]]] | None = None
    known: frozenset[str] = frozenset()


def coded_from_report(report: Report) -> Coded:
    """Restate a report of this product."""
    proposed = {position for feature in report.features for position in feature.evidence}
    return Coded(
        id=report.id,
        mentions=tuple(
            CodedMention(
                spans=annotation.spans,
                hpo_id=annotation.hpo_id,
                status=annotation.status,
                confidence=annotation.confidence,
                proposed=position in proposed,
                why_not=annotation.not_coded,
            )
            for position, annotation in enumerate(report.annotations)
        ),
        terms=tuple(CodedTerm(f.hpo_id, f.status, f.confidence, f.needs_review) for f in report.features),
    )


def coded_from_mentions(document_id: str, mentions: Sequence[CodedMention]) -> Coded:
    """Make the answer of a system that only marks phrases: each id and status it marks counts once."""
    terms = dict.fromkeys((m.hpo_id, m.status) for m in mentions if m.hpo_id is not None)
    return Coded(document_id, tuple(mentions), tuple(CodedTerm(hpo_id, status) for hpo_id, status in terms))
