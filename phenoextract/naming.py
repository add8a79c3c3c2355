"""Names found for pieces of a text, judged by what stands around them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phenoextract.index import Index
from phenoextract.link import Manner, rank
from phenoextract.text import fold
from phenoextract.types import Candidate
from phenoextract.vocabulary import Kind, Reading

_FURTHER = 12  # sentences in which a word of context counts if none stands nearer
_MAX_MEMO = 200_000
_TITLES = frozenset(
    {"dr", "mr", "mrs", "ms", "miss", "prof", "professor", "sister", "nurse", "sr", "rev", "sir", "lady"}
)

Piece = tuple[int, int]  # inclusive range of word positions


class Hit(NamedTuple):
    """Names found for pieces of a text, and how much they say: a hundred a word that counts.

    Without candidates it is a diagnosis or an idiom, in which nothing is to be found.
    """

    pieces: tuple[Piece, ...]
    size: int
    candidates: tuple[Candidate, ...]
    diagnosis: bool = False

    @property
    def places(self) -> list[int]:
        """The words of the pieces."""
        return [place for first, last in self.pieces for place in range(first, last + 1)]


class Sieve:
    """Tells of many keys at once which may be in a set: all that are, and at most one in sixteen of the others."""

    def __init__(self, keys: Iterable[int]) -> None:
        held = np.fromiter(keys, np.uint64)
        self._last = np.uint64((1 << (16 * len(held)).bit_length()) - 1)
        self._may_hold = np.zeros(int(self._last) + 1, np.bool_)
        self._may_hold[held & self._last] = True

    def __call__(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Give for each key whether it may be in the set."""
        found: NDArray[np.bool_] = self._may_hold[keys & self._last]
        return found


class Namer:
    """Turns names of an index, found by the words of pieces of a text, into hits; safe to share between threads."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.may_name = Sieve(index.strict)
        self.stand_together = Sieve(index.pairs)  # of two words, by the sum of their keys by class
        self._contexts = {
            position: frozenset(map(fold, name.context)) for position, name in enumerate(index.names) if name.context
        }
        self._ranked = lru_cache(maxsize=_MAX_MEMO)(self._rank)

    def __call__(
        self, reading: Reading, pieces: tuple[Piece, ...], found: tuple[int, ...], manner: Manner, *, whole: bool
    ) -> Hit | None:
        """Rank the names found for pieces of a text; None when context, case or order speak against all.

        `found` are positions in the index's names. Not `whole` are those that the words of content make alone.
        """
        words = reading.tokens.words
        first, last = pieces[0]
        if len(pieces) == 1:
            content = [first] if first == last else reading.content(first, last)
        else:
            content = [place for piece in pieces for place in reading.content(*piece)]
        if len(content) == 1 and first and fold(words[first - 1]) in _TITLES:
            return None
        far: tuple[int, ...] = ()
        if not self._contexts.keys().isdisjoint(found):
            found, far = self._in_context(reading, found, first)
        if not reading.fuzzy.isdisjoint(content):
            manner = manner._replace(fuzzy=True)
        candidates = self._ranked(found, far, tuple([words[place] for place in content]), manner)
        if not candidates:
            return None
        named = len(content) if whole else sum(reading.core[place] > 0 for place in content)
        # "no word blindness" denies word blindness, and names no lack of words
        denies = reading.kind(first) == Kind.NEGATION
        return Hit(pieces, named * 100 - (len(content) - named) - denies, candidates)

    def _in_context(
        self, reading: Reading, found: Sequence[int], place: int
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Give the names whose context, if they need one, stands near or further away, and those of the latter."""
        number = bisect_right(reading.tokens.begins, place) - 1
        near, far = [], []
        for name in found:
            context = self._contexts.get(name)
            if context is None or not context.isdisjoint(reading.around(number, 1)):
                near.append(name)
            elif not context.isdisjoint(reading.around(number, _FURTHER)):
                near.append(name)
                far.append(name)
        return tuple(near), tuple(far)

    def _rank(
        self, found: Sequence[int], far: Sequence[int], words: Sequence[str], manner: Manner
    ) -> tuple[Candidate, ...]:
        names = self.index.names
        return rank([names[name] for name in found], words, manner, self.index.ontology, [names[name] for name in far])
