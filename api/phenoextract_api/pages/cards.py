"""What the review page shows of each suggestion: a card with its evidence, its reasons and what else it could be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from phenoextract.formats.marks import MARKS, NOT_CODED_MARK
from phenoextract.ontology import Ontology, Term
from phenoextract.types import Annotation, Report, Status
from phenoextract_api.request_types import Decided, Kind, Suggestion, Tab, confidence_band
from phenoextract_api.services import Services

STATUS_WORDS = {
    Status.PRESENT: "Present",
    Status.ABSENT: "Absent",
    Status.FAMILY: "Family",
    Status.UNCERTAIN: "Uncertain",
}
MAX_ALTERNATIVES = 5
MAX_CHILDREN = 6
_CONTEXT_CHARS = 90
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


@dataclass(frozen=True, slots=True)
class Quote:
    """A mention in the line of the letter that holds it, and why it was read so."""

    before: str = field(repr=False)
    text: str = field(repr=False)
    after: str = field(repr=False)
    why: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Group:
    """The cards under one heading of the review page."""

    tab: Tab
    title: str
    hint: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A suggestion as the review page shows it.

    `sign` ties it to its highlights in the letter. `alternatives`, `parents` and `children` are terms to replace it
    with, `more_children` how many more children there are. `notes` are the notes on it, oldest first.
    """

    suggestion: Suggestion
    sign: str
    quotes: tuple[Quote, ...]
    term: Term | None
    alternatives: tuple[Term, ...]
    parents: tuple[Term, ...]
    children: tuple[Term, ...]
    more_children: int
    severity: str | None
    notes: tuple[Decided, ...]

    @property
    def id(self) -> str:
        """The suggestion's id, which is also the anchor of the card on the page."""
        return self.suggestion.id

    @property
    def name(self) -> str:
        """The term's label, or the phrase that has none."""
        return self.suggestion.label or (f"“{self.quotes[0].text}”" if self.quotes else "No term")

    @property
    def decision(self) -> str:
        """In a word, what has been decided."""
        if self.suggestion.accepted is None:
            return "To decide" if self.suggestion.required else "Not coded"
        if not self.suggestion.accepted:
            return "Rejected"
        kinds = {entry.decision.kind for entry in self.suggestion.decided}
        if Kind.ADD in kinds:
            return "Added"
        changed = (self.suggestion.hpo_id, self.suggestion.status) != (
            self.suggestion.proposed_hpo_id,
            self.suggestion.proposed_status,
        )
        return "Changed" if changed or (self.suggestion.severity and Kind.SEVERITY in kinds) else "Accepted"

    @property
    def confidence(self) -> str:
        """The confidence as a word."""
        return confidence_band(self.suggestion.confidence)


_GROUPS = (
    (Tab.CHECK, "Check", "Uncertain or ambiguous: read the letter before you decide."),
    (Tab.PRESENT, "Present", "The letter says the patient has it."),
    (Tab.ABSENT, "Absent", "The letter says the patient does not have it."),
    (Tab.FAMILY, "Family", "The letter says it of a relative, not of the patient."),
    (Tab.NOT_CODED, "Not coded", "Recognised but not proposed, with the reason. Accept one if the reason is wrong."),
)


def groups(cards: Sequence[Card]) -> tuple[Group, ...]:
    """Give the cards under their headings, those that need a closer look first."""
    return tuple(
        Group(tab, title, hint, tuple(card for card in cards if card.suggestion.tab is tab))
        for tab, title, hint in _GROUPS
    )


def make_cards(provided: Services, letter: str, report: Report, suggestions: Sequence[Suggestion]) -> list[Card]:
    """Give a card for each suggestion, in the order of the page."""
    order = [tab for tab, _, _ in _GROUPS]
    found = sorted(suggestions, key=lambda one: (order.index(one.tab), one.start is None, one.start or 0))
    return [_card(number, letter, report, one, provided) for number, one in enumerate(found, 1)]


def next_undecided(cards: Sequence[Card], after: str | None) -> str | None:
    """Give the id of the next card to decide after one, from the top again at the end; None if none is left."""
    ids = [card.id for card in cards]
    start = ids.index(after) + 1 if after in ids else 0
    waiting = [card for card in [*cards[start:], *cards[:start]] if card.suggestion.required]
    return next((card.id for card in waiting if card.suggestion.accepted is None), None)


def quote(letter: str, start: int, end: int, why: str = "") -> Quote:
    """Give a stretch of the letter with what stands around it in its paragraph, shortened."""
    first, last = max(0, start - _CONTEXT_CHARS), min(len(letter), end + _CONTEXT_CHARS)
    *cut_before, before = _BLANK_LINE.split(letter[first:start])
    after, *cut_after = _BLANK_LINE.split(letter[end:last])
    return Quote(
        before=printable(("… " if first and not cut_before else "") + before.lstrip()),
        text=printable(letter[start:end]),
        after=printable(after.rstrip() + (" …" if last < len(letter) and not cut_after else "")),
        why=printable(why),
    )


def printable(text: str) -> str:
    """Give text that can be sent: a lone surrogate, which UTF-8 does not have, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def terms(ontology: Ontology, ids: Iterable[str | None]) -> Iterator[Term]:
    """Give the phenotype terms of ids, obsolete ones as their successors, each once."""
    seen = set()
    for hpo_id in ids:
        current = ontology.current(hpo_id) if hpo_id else None
        if current and current not in seen and ontology.is_phenotype(current):
            seen.add(current)
            yield ontology[current]


def _card(number: int, letter: str, report: Report, suggestion: Suggestion, provided: Services) -> Card:
    ontology = provided.ontology
    annotations = [report.annotations[index] for index in suggestion.evidence]
    quotes = tuple(quote(letter, one.start, one.end, why) for one, why in zip(annotations, suggestion.why, strict=True))
    if not quotes and suggestion.start is not None and suggestion.end is not None:
        quotes = (quote(letter, suggestion.start, suggestion.end),)
    current = ontology.current(suggestion.hpo_id) if suggestion.hpo_id else None
    term = ontology[current] if current else None
    children = ontology.children(term.id) if term else ()
    severity = ontology.terms.get(suggestion.severity or "")
    return Card(
        suggestion=suggestion,
        sign=f"{_mark(suggestion)}{number}",
        quotes=quotes,
        term=term,
        alternatives=tuple(_alternatives(annotations, term, provided)),
        parents=tuple(terms(ontology, term.parents)) if term else (),
        children=tuple(terms(ontology, children[:MAX_CHILDREN])),
        more_children=max(0, len(children) - MAX_CHILDREN),
        severity=severity.label if severity else None,
        notes=tuple(entry for entry in suggestion.decided if entry.decision.kind is Kind.NOTE),
    )


def _mark(suggestion: Suggestion) -> str:
    """Give the sign of what stands now: a phrase that is not coded has the sign of its status once it is accepted."""
    coded = suggestion.accepted or suggestion.tab is not Tab.NOT_CODED
    return MARKS[suggestion.status] if coded else NOT_CODED_MARK


def _alternatives(annotations: Sequence[Annotation], term: Term | None, provided: Services) -> Iterator[Term]:
    """Give the other terms that the mentions may mean: those that were weighed, then those that a search finds."""

    def ids() -> Iterator[str]:
        for annotation in annotations:
            yield from (candidate.hpo_id for candidate in annotation.candidates)
        for text in dict.fromkeys(annotation.text.lower() for annotation in annotations):
            yield from (found.hpo_id for found in provided.terms(text, MAX_ALTERNATIVES + 1))

    given = 0
    for other in terms(provided.ontology, ids()):
        if term is None or other.id != term.id:
            yield other
            given += 1
            if given == MAX_ALTERNATIVES:
                return
