"""Figures for parts of a corpus, to see whether it works as well for everyone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from phenoextract_eval.bootstrap import Scores, scores
from phenoextract_eval.gold import GoldDocument
from phenoextract_eval.metrics import Counts

_MOST_GROUPS = 20
_AGE_BANDS = ((1, "under 1"), (5, "1 to 4"), (12, "5 to 11"), (18, "12 to 17"), (65, "18 to 64"))


@dataclass(frozen=True, slots=True)
class Subgroup:
    """The documents that share a value of a metadata column, and a figure's estimates on them."""

    column: str
    value: str
    documents: int
    figure: str
    scores: Scores


def subgroups(
    documents: Sequence[GoldDocument], figure: str, counts: Sequence[Counts], *, samples: int, seed: int
) -> Iterator[Subgroup]:
    """Split a figure by every metadata column with 2 to 20 values; ages are put into bands.

    `counts` has one entry a document, in the same order. Documents without a value are a group of their own.
    """
    for column in sorted({column for document in documents for column in document.metadata}):
        groups: dict[str, list[Counts]] = defaultdict(list)
        for document, count in zip(documents, counts, strict=True):
            groups[_value(column, document.metadata.get(column))].append(count)
        if 2 <= len(groups) <= _MOST_GROUPS:
            for value, members in sorted(groups.items()):
                estimate = scores({figure: members}, samples=samples, seed=seed)[figure]
                yield Subgroup(column, value, len(members), figure, estimate)


def _value(column: str, value: str | None) -> str:
    if value is None or not value.strip():
        return "not stated"
    if column.lower() not in {"age", "age_years"}:
        return value
    try:
        years = float(value)
    except ValueError:
        return value
    return next((band for limit, band in _AGE_BANDS if years < limit), "65 and over")
