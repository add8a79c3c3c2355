"""Names that are like a phrase in meaning, by the cosine of their vectors.

A phrase's vector is the sum of its words'. Each piece of a text is compared only with the names that share a word, or
its equivalent, with it, and what was found for a phrase is remembered by a hash of it, so that no phrase is kept.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phenoextract.encoder import Encoder, unit
from phenoextract.index import Index, Vectors

COMMON = 150  # names with a word that is too common to look them up by
_MAX_WORDS = 100_000  # words whose vectors are kept
_MAX_PHRASES = 200_000  # phrases of which the nearest name is remembered
# Lengths of the names' vectors and of phrases', as whole numbers in each dimension: their sums stay below 2 ** 24, so
# that single precision holds them.
TABLE, _QUERY = 127, 1 << 16
_NEAREST = 60  # names looked at for the best terms


class Pieces(NamedTuple):
    """Pieces of a text, inclusive ranges of its words; `keys` are the words' loose keys, 0 for none."""

    words: Sequence[str]
    keys: Sequence[int]
    pieces: Sequence[tuple[int, int]]


class Near(NamedTuple):
    """A piece of a text (an inclusive range of words), the position of the name most like it, and their cosine."""

    piece: tuple[int, int]
    name: int
    cosine: float


class Likeness:
    """Compares phrases with the names of an index that was built with the same encoder; safe to share by threads."""

    def __init__(self, index: Index, vectors: Vectors, encoder: Encoder) -> None:
        self._index = index
        self._vectors = vectors
        self._encoder = encoder
        self._telling = {key: names for key, names in vectors.postings.items() if len(names) <= COMMON}
        self._terms = list(index.ontology.terms)
        self._numbers = {hpo_id: number for number, hpo_id in enumerate(self._terms)}
        self._learning = threading.Lock()
        self._rows: dict[str, int] = {}
        self._learnt = np.zeros((0, vectors.table.shape[1]), np.float32)  # the vectors of words, and room for more
        self._found: dict[int, tuple[int, float] | None] = {}  # hash of a phrase -> the nearest name and their cosine

    def learn(self, words: Iterable[str]) -> tuple[Mapping[str, int], NDArray[np.float32]]:
        """Encode the words that were not met before, at one go; give the rows of all these words, and their table."""
        with self._learning:
            new = [word for word in dict.fromkeys(words) if word not in self._rows]
            if len(self._rows) + len(new) > _MAX_WORDS:  # other threads go on with what they were given
                self._rows, self._learnt = {}, self._learnt[:0]
            if new:
                begin, end = len(self._rows), len(self._rows) + len(new)
                if end > len(self._learnt):
                    room = np.zeros((2 * end - begin, self._learnt.shape[1]), np.float32)
                    self._learnt = np.concatenate([self._learnt[:begin], room])
                self._learnt[begin:end] = self._encoder.encode(new)
                self._rows.update(zip(new, range(begin, end), strict=True))
            return self._rows, self._learnt

    def nearest(self, texts: Sequence[Pieces], least: float) -> list[list[Near]]:
        """Give the name most like each piece of some texts, if it is alike enough."""
        found = self._found
        if len(found) > _MAX_PHRASES:
            found = self._found = {}
        new: dict[int, tuple[Sequence[str], Sequence[int]]] = {}
        asked: list[list[int]] = []
        for words, keys, pieces in texts:
            asked.append([])
            for first, last in pieces:
                phrase = words[first : last + 1], keys[first : last + 1]
                number = hash((least, *phrase[0], *phrase[1]))
                asked[-1].append(number)
                if number not in found:
                    new[number] = phrase
        if new:
            new = dict(sorted(new.items(), key=lambda item: -len(item[1][0])))
            found.update(zip(new, self._compare([*new.values()], least), strict=True))
        return [
            [
                Near(piece, *answer)
                for piece, number in zip(text.pieces, numbers, strict=True)
                if (answer := found[number])
            ]
            for text, numbers in zip(texts, asked, strict=True)
        ]

    def _compare(
        self, phrases: Sequence[tuple[Sequence[str], Sequence[int]]], least: float
    ) -> list[tuple[int, float] | None]:
        """Compare phrases, the longest first, with names.

        They are compared in whole numbers, whose sums do not depend on what else is compared with them.
        """
        rows_of, table = self.learn(word for words, _ in phrases for word in words)
        sums = np.zeros((len(phrases), table.shape[1]), np.float32)
        for at_place in zip_longest(*(words for words, _ in phrases)):
            rows = [rows_of[word] for word in at_place if word is not None]
            sums[: len(rows)] += table.take(rows, axis=0)
        queries = np.rint(unit(sums) * np.float32(_QUERY))
        with_key: dict[int, list[int]] = defaultdict(list)
        for row, (_, keys) in enumerate(phrases):
            for key in keys:
                if key in self._telling:
                    with_key[key].append(row)
        enough = least * TABLE * _QUERY
        best: list[tuple[float, int] | None] = [None] * len(phrases)  # the cosine, and the name's position times -1
        for key, rows in with_key.items():
            names = self._telling[key]
            alike = queries.take(rows, axis=0) @ self._vectors.table.take(names, axis=0).astype(np.float32).T
            if alike.max() <= enough:
                continue
            for row, column, cosine in zip(rows, alike.argmax(1).tolist(), alike.max(1).tolist(), strict=True):
                if cosine > enough:
                    one = cosine, -int(names[column])
                    best[row] = max(best[row] or one, one)
        return [None if one is None else (-one[1], one[0] / (TABLE * _QUERY)) for one in best]

    def neighbours(self, hpo_id: str) -> list[tuple[str, float]]:
        """Give the terms most like a term, best first, with their cosine."""
        number = self._numbers.get(hpo_id)
        found = [] if number is None else self._vectors.neighbours[number].tolist()
        return [(self._terms[other], cosine / TABLE) for other, cosine in found if other >= 0]

    @cache  # noqa: B019  # as long as the process lives, like the index itself
    def _whole_table(self) -> NDArray[np.float32]:
        return self._vectors.table.astype(np.float32)

    def terms(self, phrase: str, count: int) -> list[tuple[str, int, float]]:
        """Give the terms most like a phrase among all: id, the position of the nearest name, and cosine."""
        query = unit(self._encoder.encode([phrase]))[0]
        cosines = self._whole_table() @ query / TABLE
        found: dict[str, tuple[str, int, float]] = {}
        nearest = np.argpartition(-cosines, min(_NEAREST, len(cosines) - 1))[:_NEAREST]
        for position in nearest[np.argsort(-cosines[nearest], kind="stable")].tolist():
            hpo_id = self._index.names[position].hpo_id
            found.setdefault(hpo_id, (hpo_id, position, float(cosines[position])))
        return list(found.values())[:count]
