"""Cuts a letter at the edges of its annotations, for the views that highlight it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from phenoextract.types import Annotation


class Segment(NamedTuple):
    """A stretch of the letter that the same annotations cover; `ends` are those whose last piece ends with it.

    Both hold indexes into the report's annotations, in order.
    """

    text: str
    covering: tuple[int, ...]
    ends: tuple[int, ...]


def segments(text: str, annotations: Sequence[Annotation]) -> Iterator[Segment]:
    """Give the letter in order and whole: the texts of the segments joined are the letter."""
    opens: dict[int, list[int]] = {}
    closes: dict[int, list[int]] = {}
    for index, annotation in enumerate(annotations):
        for span in annotation.spans:
            opens.setdefault(span.start, []).append(index)
            closes.setdefault(span.end, []).append(index)
    edges = sorted({0, len(text), *opens, *closes})
    covering: set[int] = set()
    for start, end in pairwise(edges):
        covering = (covering - set(closes.get(start, ()))) | set(opens.get(start, ()))
        ends = [index for index in closes.get(end, ()) if annotations[index].end == end]
        yield Segment(text[start:end], tuple(sorted(covering)), tuple(ends))
