"""Misspelt words of names; the only importer of rapidfuzz."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

_MIN_LENGTH = 6
_TWO_ERRORS_FROM = 12
_MOST = 2  # typing errors in one word
# Prefixes that turn a finding into another: no correction changes one into the other.
_PREFIXES = (
    "hyper hypo macro micro brady tachy poly oligo inter intra ecto endo ante anti post pre eso exo tri uni bi an en "
    "ex in"
).split()


def _prefix(word: str) -> str | None:
    return next((prefix for prefix in _PREFIXES if word.startswith(prefix)), None)


def _errors(length: int) -> int:
    """Give how many typing errors a word of some letters may have."""
    return _MOST if length >= _TWO_ERRORS_FROM else 1


def _kept(length: int) -> int:
    """Give how many letters at its beginning, or at its end, no error of a word of some letters has touched.

    One error, be it two letters that have changed places, leaves a part before the middle as it is, or one behind it.
    """
    return 2 if _errors(length) > 1 else max(2, (length - 1) // 2)


class Spelling:
    """Corrects a word to the one word of the lexicon it can be meant for.

    A word is corrected only when it is no correct word itself (`known`), is at least six letters long,
    keeps its first or its last two letters, and is one typing error (two from twelve letters on) away from a
    single best word by optimal string alignment distance.
    """

    def __init__(self, words: Iterable[str], known: frozenset[str]) -> None:
        self._known = known
        self._by_start: dict[tuple[str, int], list[str]] = defaultdict(list)
        self._by_end: dict[tuple[str, int], list[str]] = defaultdict(list)
        for word in words:
            if len(word) >= _MIN_LENGTH - 1:
                meant = range(len(word) - _MOST, len(word) + _MOST + 1)
                for kept in {_kept(length) for length in meant if abs(length - len(word)) <= _errors(length)}:
                    self._by_start[word[:kept], len(word)].append(word)
                    self._by_end[word[-kept:], len(word)].append(word)

    def correct(self, word: str) -> str | None:
        """Give the word that a folded, alphabetic `word` misspells, or None."""
        if len(word) < _MIN_LENGTH or word in self._known:
            return None
        limit, kept = _errors(len(word)), _kept(len(word))
        near: list[str] = []
        for length in range(len(word) - limit, len(word) + limit + 1):
            near += self._by_start.get((word[:kept], length), ())
            near += self._by_end.get((word[-kept:], length), ())
        found = process.extract(word, list(dict.fromkeys(near)), scorer=OSA.distance, score_cutoff=limit, limit=3)
        if not found:
            return None
        best = found[0]
        if _prefix(found[0][0]) and _prefix(word) and _prefix(found[0][0]) != _prefix(word):
            return None
        if len(found) > 1 and found[1][1] == best[1] and found[1][0] != best[0]:
            return None
        return str(best[0])


def nearest(word: str, words: Sequence[str]) -> list[int]:
    """Give the places of the words that begin with the fewest typing errors from `word`, as it is being typed.

    One error is allowed from four letters on and two from eight, by optimal string alignment distance; f counts
    as ph. A word one letter longer than what was typed may be meant as a whole.
    """
    typed = word.replace("ph", "f")
    limit = min(len(typed) // 4, 2)
    if limit == 0:
        return []
    written = [other.replace("ph", "f") for other in words]
    distances = np.minimum(
        *(
            process.cdist(
                [typed], [other[:length] for other in written], scorer=OSA.distance, score_cutoff=limit, dtype=np.uint8
            )[0]
            for length in (len(typed), len(typed) + 1)
        )
    )
    best = int(distances.min(initial=limit + 1))
    return [] if best > limit else [int(place) for place in np.flatnonzero(distances == best)]
