"""Names in contiguous words: the lexicon scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from phenoextract.index import ABNORMAL, OF_DEGREE
from phenoextract.link import Manner
from phenoextract.naming import Hit, Namer, Piece, Sieve
from phenoextract.text import Gap, fold, tokenise
from phenoextract.vocabulary import BREAKS, Kind, Mark, Reading, gap_of, kind_of

_PLAIN = Manner()
_MAX_SOFT = 3  # commas that one name may run across
_MAX_WORDS = 20  # words of content and degree among which a name is looked for: names have fourteen at most
_DENIED_INSTEAD = frozenset(
    "of change changes problem problems concern concerns difficulty difficulties issue issues".split()
)
_ADJECTIVE = ("al", "ar", "ic", "ous")
# By shape: the words that count for names, and those before which every name ends (an unknown one, one behind a break).
_COUNTS = bytes(kind_of(shape) in (Kind.CONTENT, Kind.NEGATION, Kind.MODIFIER) for shape in range(256))
_PARTS = bytes(kind_of(shape) == Kind.UNKNOWN or gap_of(shape) in BREAKS for shape in range(256))


class Scanner:
    """Finds the names of an index in the words of a text: the longest from each word on, or all."""

    def __init__(self, namer: Namer, *, nested: bool) -> None:
        index = namer.index
        self._namer = namer
        self._nested = nested
        self._strict, self._loose, self._pairs = index.strict, index.loose, index.pairs
        self._is_name, self._stand_together = namer.may_name, namer.stand_together
        self._is_loose_name = Sieve(index.loose)

    def __call__(self, reading: Reading) -> list[Hit]:
        """Give the names in the order of their first words; of one with `nested`, the longest first."""
        places = np.frombuffer(reading.shape.translate(_COUNTS), np.bool_).nonzero()[0]
        columns, rows = reading.columns, reading.rows[places]
        runs = np.frombuffer(reading.shape.translate(_PARTS), np.uint8).cumsum(dtype=np.int64)[places]
        strict, loose = columns.strict[rows], columns.loose[rows]
        longer = self._may_begin(strict, loose, runs)
        begins = (columns.marks[rows] & Mark.ALONE | longer).nonzero()[0]
        ends = runs.searchsorted(runs[begins], "right")
        counted, all_words = places.tolist(), strict.tolist()
        keys = all_words, columns.core[rows].tolist(), loose.tolist()
        hits: list[Hit] = []
        for start, end, goes_on in zip(begins.tolist(), ends.tolist(), longer[begins].tolist(), strict=True):
            names = self._strict.get(all_words[start])
            found = [] if names is None else [(0, names, False, True)]
            if goes_on:
                found += self._names_from(*keys, start, min(end, start + _MAX_WORDS))
            for reach, names, by_class, whole in reversed(found):
                piece = counted[start], counted[start + reach]
                hit = self._contiguous(reading, piece, names, loose=by_class, whole=whole)
                if hit is not None:
                    hits.append(hit)
                    if not self._nested:
                        break
        return hits

    def _may_begin(
        self, strict: NDArray[np.uint64], loose: NDArray[np.uint64], runs: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell of each word that counts, in runs with numbers, whether it may begin a name of several.

        It may if the next one stands in a name with it, and the two are a name or the one behind stands
        in a name with it too; a word of measurement (whose loose key is 0) stands in a name with any.
        """
        longer = np.zeros(len(strict), np.bool_)
        if len(strict) > 1:
            bare = loose == 0
            near, two = (runs[:-1] == runs[1:]), loose[:-1] + loose[1:]
            near &= bare[:-1] | bare[1:] | self._stand_together(two)
            goes_on = np.zeros(len(strict) - 1, np.bool_)
            goes_on[:-1] = runs[:-2] == runs[2:]
            goes_on[:-1] &= bare[:-2] | bare[1:-1] | bare[2:] | self._stand_together(loose[:-2] + loose[2:])
            longer[:-1] = near & (goes_on | self._is_name(strict[:-1] + strict[1:]) | self._is_loose_name(two))
        return longer

    def _names_from(
        self, strict: Sequence[int], core: Sequence[int], loose: Sequence[int], start: int, end: int
    ) -> list[tuple[int, tuple[int, ...], bool, bool]]:
        """Give (words behind the first, names, found by the loose key, all words count) for each name of several words.

        The keys are those of the words that count; those of one run go from `start` up to `end`. Modifiers in the
        middle may be left out, but not at the ends. The search ends at the first word that stands in no name with the
        first one.
        """
        strict_names, loose_names, pairs = self._strict.get, self._loose.get, self._pairs
        all_words, content, classes = strict[start], core[start], loose[start]
        found: list[tuple[int, tuple[int, ...], bool, bool]] = []
        from_content, whole, anchor = content != 0, True, classes
        with_degree = classes or all_words  # as by class, but words of degree as they are
        for place in range(start + 1, end):
            if own := loose[place]:  # a word of measurement neither limits nor counts
                if not anchor:
                    anchor = own
                elif anchor + own not in pairs:
                    break
                classes += own
            all_words += strict[place]
            content += core[place]
            with_degree += own or (0 if core[place] else strict[place])
            names = strict_names(all_words)
            if names is not None:
                found.append((place - start, names, False, True))
            elif with_degree != classes and (names := loose_names(with_degree + OF_DEGREE)) is not None:
                found.append((place - start, names, True, True))
            elif not core[place]:
                whole = False
            elif from_content:
                names = None if whole else strict_names(content)
                if names is not None:
                    found.append((place - start, names, False, False))
                elif classes != anchor and (names := loose_names(classes)) is not None:
                    found.append((place - start, names, True, whole))
        return found

    def _contiguous(
        self, reading: Reading, piece: Piece, names: tuple[int, ...], *, loose: bool, whole: bool
    ) -> Hit | None:
        """Rank names found in contiguous words by what stands between the words."""
        first, last = piece
        if first == last:
            return self._namer(reading, (piece,), names, _PLAIN, whole=True)
        gaps, shape = reading.tokens.gaps, reading.shape
        if reading.kind(first) == Kind.NEGATION and _denies_more(reading, last):
            return None  # "no vision changes" denies the changes, "no periods of apnoea" the apnoea
        soft = gaps.count(Gap.SOFT, first + 1, last + 1)
        if soft > _MAX_SOFT:
            return None
        if Gap.LABEL in gaps[first + 1 : last + 1]:
            if reading.goes_on(last) or reading.tokens.fold(last + 1, last + 2) == ["of"]:
                return None  # "Heart: large VSD" names no large heart, "Brain: atrophy of the vermis" no brain atrophy
            if first and gaps[first] == Gap.SPACE and reading.kind(first - 1) in (Kind.CONTENT, Kind.JOINING):
                if reading.core_sum(gaps.index(Gap.LABEL, first + 1), last) in self._strict:
                    return None  # "Hands and feet: clinodactyly" names no clinodactyly of the toes
        if soft and reading.goes_on(last):
            return None  # "short stature, mild deafness" names no mild short stature
        between = max(shape[first + 1 : last], default=0)
        joined = soft > 0 or between >= Kind.JOINING
        manner = Manner(keep_order=joined or between >= Kind.ORDERED, joined=joined, loose=loose)
        hit = self._namer(reading, (piece,), names, manner, whole=whole)
        return None if hit is not None and _describes_more(reading, piece, hit) else hit


def _denies_more(reading: Reading, last: int) -> bool:
    """Tell whether what a name's first word denies is only named behind it."""
    return (
        not _DENIED_INSTEAD.isdisjoint(reading.tokens.fold(last + 1, last + 2))
        and reading.tokens.gaps[last + 1] == Gap.SPACE
    )


def _describes_more(reading: Reading, piece: Piece, hit: Hit) -> bool:
    """Tell whether a hit ends in a word that only describes the noun behind it.

    That is so after "abnormal" ("an abnormal brain wave" is no abnormal brain), and for an adjective where the name
    has a noun ("a large nasal root" is no large nose).
    """
    first, last = piece
    if not reading.describes(last):
        return False
    if reading.loose[first] == ABNORMAL:
        return True
    adjective = fold(reading.tokens.words[last])
    return adjective.endswith(_ADJECTIVE) and adjective not in map(fold, tokenise(hit.candidates[0].synonym).words)
