"""Every figure of one corpus, as counts of each of its documents; averages and intervals come later.

The names: `document.STATUS.WAY` compares sets of ids per document (strict; lenient, where the gold names
acceptable ids or optional mentions; kin, where ancestors and descendants will do; similarity, by information
content); `mention.RULE` compares places (strict: same pieces, id and status; exact: same pieces; overlap: any
overlap, same id and status; detection: any overlap); `traps.coded` is the share of traps that were coded
present; `assertion.*` and `linking.*` are given the gold's own spans.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from phenoextract.ontology import Ontology
from phenoextract.types import Document, Span, Status
from phenoextract_eval.gold import GoldDocument
from phenoextract_eval.matching import RULES, Marked, overlap, pairs
from phenoextract_eval.metrics import (
    Counts,
    Similarity,
    id_counts,
    kin_counts,
    lenient_counts,
    rate,
    similarity_counts,
)
from phenoextract_eval.protocols import Protocol
from phenoextract_eval.systems import Coded, System
from phenoextract_eval.views import gold_status, items, proposed, scored, wanted

Figures = dict[str, list[Counts]]
Confusion = Counter[tuple[str, str]]
NOTHING = "nothing"


def annotated_statuses(documents: Sequence[GoldDocument], protocol: Protocol) -> tuple[Status, ...]:
    """Give the statuses that a corpus marks with ids, in the order of the enum."""
    found = {
        gold_status(item.status, protocol)
        for document in documents
        for item in items(document)
        if item.hpo_id is not None
    }
    return tuple(status for status in Status if status in found)


def document_figures(
    documents: Sequence[GoldDocument],
    answers: Mapping[str, Coded],
    ontology: Ontology,
    protocol: Protocol,
    similarity: Similarity | None = None,
) -> Figures:
    """Score the sets of ids, in each status the corpus annotates."""
    figures: Figures = defaultdict(list)
    is_lenient = _is_lenient(documents)
    for status in annotated_statuses(documents, protocol):
        for document in documents:
            gold = wanted(document, status, ontology, protocol)
            ids = gold.ids.keys()
            every = proposed(answers[document.id], status, ontology, protocol)
            found = every - (gold.neutral - ids)
            name = f"document.{status}"
            figures[f"{name}.strict"].append(id_counts(ids, found))
            if is_lenient:
                figures[f"{name}.lenient"].append(lenient_counts(gold.ids, every, gold.neutral))
            figures[f"{name}.kin"].append(kin_counts(ids, found, ontology.are_kin))
            if similarity is not None:
                figures[f"{name}.similarity"].append(similarity_counts(ids, found, similarity))
    return dict(figures)


def mention_figures(
    documents: Sequence[GoldDocument], answers: Mapping[str, Coded], ontology: Ontology, protocol: Protocol
) -> Figures:
    """Score located mentions by each rule of matching; nothing for a corpus that locates none."""
    statuses = annotated_statuses(documents, protocol)
    figures: Figures = defaultdict(list)
    if not any(m.spans and m.hpo_id for document in documents for m in document.mentions):
        return {}
    is_lenient = _is_lenient(documents)
    for document in documents:
        gold = gold_marks(document, ontology, protocol)
        every = predicted_marks(document, answers[document.id], ontology, protocol)
        within = [mark for mark in every if mark.status in statuses]
        for name, rule in RULES.items():
            found = every if name == "detection" else within
            same = len(pairs(gold, found, rule))
            figures[f"mention.{name}"].append(Counts(same, len(gold), same, len(found)))
        if is_lenient:
            for name in ("strict", "overlap"):
                same = len(pairs(gold_marks(document, ontology, protocol, lenient=True), within, RULES[name]))
                figures[f"mention.{name}.lenient"].append(Counts(same, len(gold), same, len(within)))
    return dict(figures)


def gold_marks(
    document: GoldDocument, ontology: Ontology, protocol: Protocol, *, lenient: bool = False
) -> list[Marked]:
    """Give a document's located mentions as they are compared, but for optional ones."""
    return [
        Marked(
            mention.spans,
            frozenset({hpo_id, *(mention.acceptable if lenient else ())}),
            gold_status(mention.status, protocol),
        )
        for mention in document.mentions
        if mention.spans and not mention.optional
        if (hpo_id := scored(mention.hpo_id, ontology, protocol)) is not None
    ]


def predicted_marks(document: GoldDocument, coded: Coded, ontology: Ontology, protocol: Protocol) -> list[Marked]:
    """Give the located mentions behind an answer's proposals, but for those that touch only optional gold."""
    wanted_there = [Marked(m.spans, frozenset()) for m in document.mentions if not m.optional]
    neutral_there = [Marked(m.spans, frozenset()) for m in document.mentions if m.optional]
    found = [
        Marked(mention.spans, frozenset({hpo_id}), gold_status(mention.status, protocol))
        for mention in coded.mentions
        if mention.proposed and mention.spans
        if (hpo_id := scored(mention.hpo_id, ontology, protocol)) is not None
    ]
    return [
        mark
        for mark in found
        if not any(overlap(mark, other) for other in neutral_there) or any(overlap(mark, o) for o in wanted_there)
    ]


def _is_lenient(documents: Sequence[GoldDocument]) -> bool:
    return any(m.acceptable or m.optional for document in documents for m in document.mentions)


def trap_figures(documents: Sequence[GoldDocument], answers: Mapping[str, Coded]) -> Figures:
    """Count the traps that overlap a mention behind a present feature; nothing for a corpus without traps."""
    if not any(document.traps for document in documents):
        return {}
    return {"traps.coded": [rate(len(sprung(d, answers[d.id])), len(d.traps)) for d in documents]}


def sprung(document: GoldDocument, coded: Coded) -> list[int]:
    """Give the positions of the traps that were coded present."""
    present = [
        Marked(mention.spans, frozenset())
        for mention in coded.mentions
        if mention.proposed and mention.status is Status.PRESENT
    ]
    return [
        position
        for position, trap in enumerate(document.traps)
        if any(overlap(Marked((trap.span,), frozenset()), mark) for mark in present)
    ]


def assertion_figures(documents: Sequence[GoldDocument], system: System) -> tuple[Figures, Confusion]:
    """Score the status a system gives to the gold's own spans, and count gold status against it."""
    figures: Figures = defaultdict(list)
    confusion: Confusion = Counter()
    statuses = {status for document in documents for _, status in _asserted(document)}
    if system.assert_spans is None or len(statuses) < 2:
        return {}, confusion
    for document in documents:
        placed = _asserted(document)
        spans = [hull for hull, _ in placed]
        told = system.assert_spans(Document(document.id, document.text), spans) if spans else []
        both = list(zip([status for _, status in placed], told, strict=True))
        confusion.update((str(gold), str(found)) for gold, found in both)
        for status in (status for status in Status if status in statuses):
            same = sum(gold is found is status for gold, found in both)
            gold_count = sum(gold is status for gold, _ in both)
            figures[f"assertion.{status}"].append(
                Counts(same, gold_count, same, sum(found is status for _, found in both))
            )
        figures["assertion.accuracy"].append(rate(sum(gold is found for gold, found in both), len(both)))
    return dict(figures), confusion


def _asserted(document: GoldDocument) -> list[tuple[Span, Status]]:
    return [
        (m.hull, m.status) for m in document.mentions if m.hull is not None and m.status is not None and not m.optional
    ]


def linking_figures(
    documents: Sequence[GoldDocument], system: System, ontology: Ontology, protocol: Protocol
) -> Figures:
    """Score the ids a system gives to the gold's own phrases: the first, and the first five."""
    phrases = [
        [
            (" ".join(document.text[s.start : s.end] for s in m.spans), hpo_id)
            for m in document.mentions
            if m.spans and not m.optional and (hpo_id := scored(m.hpo_id, ontology, protocol)) is not None
        ]
        for document in documents
    ]
    texts = sorted({text for document in phrases for text, _ in document})
    if system.link is None or not texts:
        return {}
    ranked = dict(zip(texts, system.link(texts), strict=True))
    return {
        f"linking.top{k}": [
            rate(sum(hpo_id in ranked[text][:k] for text, hpo_id in document), len(document)) for document in phrases
        ]
        for k in (1, 5)
    }


def status_confusion(
    documents: Sequence[GoldDocument], answers: Mapping[str, Coded], ontology: Ontology, protocol: Protocol
) -> Confusion:
    """Count gold status against the status coded, over mentions that overlap and share an id; NOTHING for the rest."""
    confusion: Confusion = Counter()
    for document in documents:
        gold = gold_marks(document, ontology, protocol)
        found = predicted_marks(document, answers[document.id], ontology, protocol)
        matched = pairs(gold, found, lambda a, b: overlap(a, b) and bool(a.hpo_ids & b.hpo_ids))
        confusion.update((str(gold[i].status), str(found[j].status)) for i, j in matched)
        confusion.update((str(gold[i].status), NOTHING) for i in set(range(len(gold))) - {i for i, _ in matched})
        confusion.update((NOTHING, str(found[j].status)) for j in set(range(len(found))) - {j for _, j in matched})
    return confusion
