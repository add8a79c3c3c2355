"""What every corpus is checked for once it is read, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from phenoextract.ontology import Ontology
from phenoextract_eval.gold import GoldDocument, GoldMention, GoldTerm, Kind, Problem

Note = Callable[[Kind, str], None]


def checked(documents: Iterable[GoldDocument], ontology: Ontology, problems: list[Problem]) -> list[GoldDocument]:
    """Check documents and bring their ids to the ontology's release; every finding is added to `problems`.

    A mention whose offsets fail keeps its id for document scores and loses its place; one whose id is unknown
    keeps its place and loses its id; an exact repetition and a second document of one id are left out.
    """
    seen: dict[str, int] = {}
    kept = []
    for document in documents:
        if document.id in seen:
            problems.append(Problem(Kind.SAME_ID, document.id, document.line, f"first on line {seen[document.id]}"))
            continue
        seen[document.id] = document.line
        kept.append(_document(document, ontology, problems))
    return kept


def _document(document: GoldDocument, ontology: Ontology, problems: list[Problem]) -> GoldDocument:
    def note(kind: Kind, detail: str = "") -> None:
        problems.append(Problem(kind, document.id, document.line, detail))

    mentions = [_coded(_located(mention, document.text, note), ontology, note) for mention in document.mentions]
    terms = []
    for term in document.terms:
        current = _current(term.hpo_id, ontology, note)
        if current is not None:
            terms.append(GoldTerm(current, term.status))
    return replace(
        document,
        mentions=tuple(_ordered(mentions, note)),
        terms=tuple(terms),
        traps=tuple(trap for trap in document.traps if _inside(trap.span.end, document.text, note)),
    )


def _located(mention: GoldMention, text: str, note: Note) -> GoldMention:
    if not mention.spans:
        return mention
    if not _inside(mention.spans[-1].end, text, note):
        return replace(mention, spans=())
    pieces = [text[span.start : span.end] for span in mention.spans]
    if mention.surface is not None and mention.surface.split() != " ".join(pieces).split():
        note(Kind.MISMATCH, f"{mention.spans[0].start}-{mention.spans[-1].end}")
        return replace(mention, spans=())
    return mention


def _inside(end: int, text: str, note: Note) -> bool:
    if end > len(text):
        note(Kind.OUTSIDE, f"{end} of {len(text)}")
    return end <= len(text)


def _coded(mention: GoldMention, ontology: Ontology, note: Note) -> GoldMention:
    if mention.hpo_id is None:
        return mention
    acceptable = {_current(hpo_id, ontology, note) for hpo_id in mention.acceptable}
    return replace(
        mention,
        hpo_id=_current(mention.hpo_id, ontology, note),
        acceptable=frozenset(hpo_id for hpo_id in acceptable if hpo_id is not None),
    )


def _current(hpo_id: str, ontology: Ontology, note: Note) -> str | None:
    current = ontology.current(hpo_id)
    if current is None:
        note(Kind.UNKNOWN_ID, hpo_id)
    elif current != hpo_id:
        note(Kind.MIGRATED, f"{hpo_id} to {current}")
    return current


def _ordered(mentions: list[GoldMention], note: Note) -> list[GoldMention]:
    """Drop exact repetitions, report disorder and partial overlap (nesting is sound), and sort by place."""
    kept = list(dict.fromkeys(mentions))
    placed = [mention for mention in kept if mention.spans]
    for _ in range(len(mentions) - len(kept)):
        note(Kind.DUPLICATE, "")
    starts = [mention.spans[0].start for mention in placed]
    if starts != sorted(starts):
        note(Kind.UNSORTED, "")
    placed.sort(key=lambda mention: (mention.spans[0].start, -mention.spans[-1].end))
    reach = 0
    for mention in placed:
        start, end = mention.spans[0].start, mention.spans[-1].end
        if len(mention.spans) == 1 and start < reach < end:
            note(Kind.OVERLAP, f"{start}-{end}")
        if len(mention.spans) == 1:
            reach = max(reach, end)
    return placed + [mention for mention in kept if not mention.spans]
