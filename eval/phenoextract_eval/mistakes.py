"""Why: every miss and false hit of the document-level scores, with the likeliest reason for it.

The reason is the first of its list that holds. What a mistake costs is one gold id not found or one proposal
too many, so the commonest patterns are the dearest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum

from phenoextract.ontology import PHENOTYPIC_ABNORMALITY, Ontology
from phenoextract.sections import find_sections
from phenoextract.types import Section, Span, Status
from phenoextract_eval.figures import annotated_statuses, sprung
from phenoextract_eval.gold import GoldDocument
from phenoextract_eval.protocols import Protocol
from phenoextract_eval.systems import Coded, CodedMention
from phenoextract_eval.views import gold_status, proposed, scored, wanted


class Side(StrEnum):
    """Which way a mistake goes."""

    MISS = "miss"
    FALSE = "false hit"


class Reason(StrEnum):
    """What went wrong, most telling first."""

    STATUS = "right id, other status"
    LESS_SPECIFIC = "less specific id coded"
    MORE_SPECIFIC = "more specific id coded"
    NEAR_ID = "sibling id coded at the place"
    OTHER_ID = "unrelated id coded at the place"
    WITHHELD = "recognised and withheld"
    IN_LEXICON = "words are an HPO name, yet missed"
    NOT_IN_LEXICON = "words are no HPO name"
    NAMED = "an HPO name of it stands in the text"
    NOT_NAMED = "no HPO name of it stands in the text"
    TRAP = "trap"
    TRIGGER_WORD = "a single word the gold does not mark"
    UNMARKED = "a phrase the gold does not mark"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One miss or false hit; `detail` is the other id, status or trap, `surface` the words where there is a place."""

    document: str
    side: Side
    status: Status
    hpo_id: str
    label: str
    reason: Reason
    detail: str
    branches: tuple[str, ...]
    section: str
    span: Span | None
    surface: str | None = field(repr=False)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same mistake in another run."""
        return (self.document, self.side, self.status, self.hpo_id)


@dataclass(frozen=True, slots=True)
class Context:
    """What explaining one document needs: both sides, and the names of the ontology."""

    document: GoldDocument
    coded: Coded
    ontology: Ontology
    protocol: Protocol
    sections: Sequence[Section]

    @property
    def located(self) -> bool:
        """Whether the gold says where its ids come from."""
        return any(mention.spans for mention in self.document.mentions)


def mistakes(
    documents: Sequence[GoldDocument], answers: Mapping[str, Coded], ontology: Ontology, protocol: Protocol
) -> list[Mistake]:
    """Explain every miss and, unless the gold is known to be incomplete, every false hit, in document order."""
    statuses = annotated_statuses(documents, protocol)
    found: list[Mistake] = []
    for document in documents:
        coded = answers[document.id]
        context = Context(document, coded, ontology, protocol, find_sections(document.text))
        for status in statuses:
            gold = wanted(document, status, ontology, protocol)
            ids = proposed(coded, status, ontology, protocol)
            right = set(gold.ids).union(*gold.ids.values(), gold.neutral)
            missed = [hpo_id for hpo_id, others in gold.ids.items() if not ids & {hpo_id, *others}]
            found += [_miss(context, status, hpo_id, ids) for hpo_id in sorted(missed)]
            if protocol.precision:
                found += [_false(context, status, hpo_id, frozenset(gold.ids)) for hpo_id in sorted(ids - right)]
    return found


def branches(hpo_id: str, ontology: Ontology) -> tuple[str, ...]:
    """Give the labels of the branches directly below Phenotypic abnormality that hold a term."""
    above = ontology.ancestors(hpo_id) | {hpo_id}
    return tuple(sorted(ontology.label(top) for top in ontology.children(PHENOTYPIC_ABNORMALITY) if top in above))


def patterns(found: Sequence[Mistake]) -> list[tuple[Side, Reason, str, str, int]]:
    """Group mistakes that are alike (side, reason, label, detail) and count them, dearest first."""
    counts = Counter((m.side, m.reason, m.label, m.detail) for m in found)
    return [(*pattern, count) for pattern, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _miss(context: Context, status: Status, hpo_id: str, ids: frozenset[str]) -> Mistake:
    ontology = context.ontology
    gold = [
        m
        for m in context.document.mentions
        if scored(m.hpo_id, ontology, context.protocol) == hpo_id and gold_status(m.status, context.protocol) is status
    ]
    place = next((m.hull for m in gold if m.hull is not None), None)
    there = [m for m in context.coded.mentions if place is not None and _touches(m, place)]

    def explained() -> tuple[Reason, str]:
        others = sorted({t.status for t in context.coded.terms if ontology.current(t.hpo_id) == hpo_id} - {status})
        if others:
            return Reason.STATUS, ", ".join(others)
        coded = {m.hpo_id for m in there if m.proposed and m.hpo_id is not None} if place else ids
        kin = _nearest_kin(hpo_id, coded, ontology)
        if kin is not None:
            return kin
        if place is not None and coded:
            return _other(hpo_id, min(coded), ontology)
        for mention in there:
            if not mention.proposed:
                return Reason.WITHHELD, mention.why_not or ""
        names = _names(hpo_id, ontology)
        if place is None:
            named = any(f" {name} " in f" {_folded(context.document.text)} " for name in names)
            return (Reason.NAMED if named else Reason.NOT_NAMED), ""
        words = _folded(" ".join(context.document.text[s.start : s.end] for s in gold[0].spans))
        return (Reason.IN_LEXICON if words in names else Reason.NOT_IN_LEXICON), ""

    return _mistake(context, Side.MISS, status, hpo_id, explained(), place)


def _false(context: Context, status: Status, hpo_id: str, gold: frozenset[str]) -> Mistake:
    ontology = context.ontology
    behind = next(
        (
            m
            for m in context.coded.mentions
            if m.proposed and m.spans and m.status is status and m.hpo_id and ontology.current(m.hpo_id) == hpo_id
        ),
        None,
    )
    place = None if behind is None else Span(behind.spans[0].start, behind.spans[-1].end)
    marked = [
        m for m in context.document.mentions if behind is not None and m.spans and _overlap(m.spans, behind.spans)
    ]

    def explained() -> tuple[Reason, str]:
        others = sorted(
            s
            for s in Status
            if s is not status and hpo_id in wanted(context.document, s, ontology, context.protocol).ids
        )
        if others:
            return Reason.STATUS, ", ".join(others)
        traps = [context.document.traps[i] for i in sprung(context.document, Coded("", (behind,) if behind else ()))]
        if traps:
            return Reason.TRAP, traps[0].why
        beside = {m.hpo_id for m in marked if m.hpo_id is not None} if context.located else gold
        kin = _nearest_kin(hpo_id, beside, ontology)
        if kin is not None:
            reason = Reason.LESS_SPECIFIC if kin[0] is Reason.MORE_SPECIFIC else Reason.MORE_SPECIFIC
            return reason, kin[1]
        if context.located and beside:
            return _other(hpo_id, min(beside), ontology)
        if place is None:
            return Reason.UNMARKED, ""
        single = " " not in context.document.text[place.start : place.end].strip()
        return (Reason.TRIGGER_WORD if single else Reason.UNMARKED), ""

    return _mistake(context, Side.FALSE, status, hpo_id, explained(), place)


def _mistake(
    context: Context, side: Side, status: Status, hpo_id: str, why: tuple[Reason, str], place: Span | None
) -> Mistake:
    ontology = context.ontology
    reason, detail = why
    section = next(
        (s.kind for s in context.sections if place is not None and s.start <= place.start < s.end), "unknown"
    )
    return Mistake(
        document=context.document.id,
        side=side,
        status=status,
        hpo_id=hpo_id,
        label=ontology.label(hpo_id),
        reason=reason,
        detail=f"{detail} {ontology.label(detail)}" if detail in ontology else detail,
        branches=branches(hpo_id, ontology),
        section=section,
        span=place,
        surface=None if place is None else context.document.text[place.start : place.end],
    )


def _nearest_kin(hpo_id: str, ids: AbstractSet[str], ontology: Ontology) -> tuple[Reason, str] | None:
    """Find an ancestor among ids (the deepest), else a descendant."""
    above = ids & ontology.ancestors(hpo_id)
    if above:
        return Reason.LESS_SPECIFIC, max(above, key=lambda a: (len(ontology.ancestors(a)), a))
    below = [other for other in ids if hpo_id in ontology.ancestors(other)]
    return (Reason.MORE_SPECIFIC, min(below)) if below else None


def _other(wanted_id: str, coded_id: str, ontology: Ontology) -> tuple[Reason, str]:
    current = ontology.current(coded_id)
    if current is None:
        return Reason.OTHER_ID, coded_id
    near = set(ontology[wanted_id].parents) & set(ontology[current].parents) or ontology.are_kin(wanted_id, current)
    return (Reason.NEAR_ID if near else Reason.OTHER_ID), current


def _names(hpo_id: str, ontology: Ontology) -> set[str]:
    term = ontology[hpo_id]
    return {_folded(name) for name in (term.label, *(s.text for s in term.synonyms))}


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _touches(mention: CodedMention, place: Span) -> bool:
    return _overlap(mention.spans, (place,))


def _overlap(a: Sequence[Span], b: Sequence[Span]) -> bool:
    return any(x.start < y.end and y.start < x.end for x in a for y in b)
