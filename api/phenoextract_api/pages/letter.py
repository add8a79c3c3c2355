"""The letter on the page: cut where highlights and headings begin and end, each stretch with the cards it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from phenoextract.sections import find_sections
from phenoextract.types import Report, Span
from phenoextract_api.pages.cards import Card, printable


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the letter: `start` counts code points, `cards` cover it, `ending` are those that end with it.

    The first card is the one that the highlight leads to. `heading` marks the heading of a section.
    """

    start: int
    text: str = field(repr=False)
    heading: bool
    cards: tuple[Card, ...]
    ending: tuple[Card, ...]


def pieces(letter: str, report: Report, cards: Sequence[Card]) -> Iterator[Piece]:
    """Give the letter whole and in order; among the cards that cover a stretch, proposals come first."""
    order = sorted(cards, key=lambda card: card.suggestion.not_coded is not None)
    opens: dict[int, list[int]] = {}
    closes: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for place, card in enumerate(order):
        for spans in _places(report, card):
            ends.setdefault(spans[-1].end, []).append(place)
            for span in spans:
                opens.setdefault(span.start, []).append(place)
                closes.setdefault(span.end, []).append(place)
    headings = {section.start: section.heading_end for section in find_sections(letter)}
    covering: dict[int, int] = {}
    heading_end = 0
    for start, end in pairwise(sorted({0, len(letter), *opens, *closes, *headings, *headings.values()})):
        for place in closes.get(start, ()):
            covering[place] -= 1
        for place in opens.get(start, ()):
            covering[place] = covering.get(place, 0) + 1
        heading_end = headings.get(start, heading_end)
        yield Piece(
            start=start,
            text=printable(letter[start:end]),
            heading=start < heading_end,
            cards=tuple(order[place] for place, depth in sorted(covering.items()) if depth),
            ending=tuple(order[place] for place in sorted(set(ends.get(end, ())))),
        )


def _places(report: Report, card: Card) -> Iterator[tuple[Span, ...]]:
    """Give the places in the letter that a card stands for, each in one piece or more."""
    suggestion = card.suggestion
    for index in suggestion.evidence:
        yield report.annotations[index].spans
    if not suggestion.evidence and suggestion.start is not None and suggestion.end is not None:
        yield (Span(suggestion.start, suggestion.end),)
