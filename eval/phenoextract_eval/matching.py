"""Pairs of gold and predicted mentions: the largest one-to-one matching, so that order decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phenoextract.types import Span, Status


@dataclass(frozen=True, slots=True)
class Marked:
    """A located mention of either side, its status None where status is not compared."""

    spans: tuple[Span, ...]
    hpo_ids: frozenset[str]
    status: Status | None = None


Rule = Callable[[Marked, Marked], bool]


def overlap(a: Marked, b: Marked) -> bool:
    """Tell whether any piece of one shares a code point with a piece of the other."""
    return any(x.start < y.end and y.start < x.end for x in a.spans for y in b.spans)


def same_id(a: Marked, b: Marked) -> bool:
    """Tell whether both have an id in common and the same status."""
    return a.status is b.status and bool(a.hpo_ids & b.hpo_ids)


RULES: dict[str, Rule] = {
    "strict": lambda a, b: a.spans == b.spans and same_id(a, b),
    "exact": lambda a, b: a.spans == b.spans,
    "overlap": lambda a, b: overlap(a, b) and same_id(a, b),
    "detection": overlap,
}


def pairs(gold: Sequence[Marked], predicted: Sequence[Marked], rule: Rule) -> list[tuple[int, int]]:
    """Give a largest set of (gold, predicted) positions that satisfy a rule, each position used once.

    Augmenting paths (Kuhn 1955); the edges of each gold mention are tried in order of place, so the result is
    the same for the same input.
    """
    edges = [[j for j, other in enumerate(predicted) if rule(mention, other)] for mention in gold]
    partner: dict[int, int] = {}

    def augment(start: int, tried: set[int]) -> bool:
        for j in edges[start]:
            if j not in tried:
                tried.add(j)
                if j not in partner or augment(partner[j], tried):
                    partner[j] = start
                    return True
        return False

    for i in range(len(gold)):
        augment(i, set())
    return sorted((i, j) for j, i in partner.items())
