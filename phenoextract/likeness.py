"""Names that are like a phrase in meaning, by the cosine of their vectors.

A phrase's vector is the sum of its words', so the vectors of all pieces of a sentence come from one running sum. Each
piece is compared only with the names that share a word, or its equivalent, with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phenoextract.encoder import Encoder, unit
from phenoextract.index import Index, Vectors

_COMMON = 150  # names with a word that is too common to look them up by
_MAX_WORDS = 100_000  # words whose vectors are kept
_NEAREST = 60  # names looked at for the best terms


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
        self._terms = list(index.ontology.terms)
        self._numbers = {hpo_id: number for number, hpo_id in enumerate(self._terms)}
        # the rows of words in a table of their vectors: one value, so that threads see both or neither
        self._learnt: tuple[dict[str, int], NDArray[np.float32]] = {}, np.zeros((0, vectors.table.shape[1]), np.float32)

    def learn(self, words: Iterable[str]) -> None:
        """Encode the words that were not met before, at one go."""
        rows, table = self._learnt
        new = [word for word in dict.fromkeys(words) if word not in rows]
        if new:
            kept = {} if len(rows) + len(new) > _MAX_WORDS else rows
            added = {word: len(kept) + number for number, word in enumerate(new)}
            self._learnt = kept | added, np.concatenate([table[: len(kept)], self._encoder.encode(new)])

    def nearest(
        self, words: Sequence[str], keys: Sequence[int], pieces: Sequence[tuple[int, int]], least: float
    ) -> list[Near]:
        """Give the name most like each piece, if it is alike enough; `keys` are the words' loose keys, 0 for none.

        Pieces of the same words are looked at once, so that a text of much repetition costs little more than its parts.
        """
        same: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
        for first, last in pieces:
            same[tuple(words[first : last + 1])].append((first, last))
        found = self._nearest(words, keys, [alike[0] for alike in same.values()], least) if same else []
        return [
            near._replace(piece=piece)
            for near in found
            for piece in same[tuple(words[near.piece[0] : near.piece[1] + 1])]
        ]

    def _nearest(
        self, words: Sequence[str], keys: Sequence[int], pieces: Sequence[tuple[int, int]], least: float
    ) -> list[Near]:
        flat = [word for first, last in pieces for word in words[first : last + 1]]
        self.learn(flat)
        rows_of, table = self._learnt
        starts = [0, *accumulate(last - first + 1 for first, last in pieces)][:-1]
        queries = unit(np.add.reduceat(table[[rows_of[word] for word in flat]], starts))
        with_key: dict[int, list[int]] = defaultdict(list)
        for row, (first, last) in enumerate(pieces):
            for key in keys[first : last + 1]:
                if key:
                    with_key[key].append(row)
        best = np.full(len(pieces), least * 127, np.float32)  # the table holds unit vectors times 127
        name = np.full(len(pieces), -1)
        for key, rows in with_key.items():
            names = self._vectors.postings.get(key)
            if names is None or len(names) > _COMMON:
                continue
            alike = queries[rows] @ self._vectors.table[names].astype(np.float32).T
            cosines = alike.max(1)
            if (cosines > best[rows]).any():
                for row, column, cosine in zip(rows, alike.argmax(1).tolist(), cosines.tolist(), strict=True):
                    if cosine > best[row]:
                        best[row], name[row] = cosine, names[column]
        return [Near(pieces[row], int(name[row]), float(best[row]) / 127) for row in np.flatnonzero(name >= 0)]

    def neighbours(self, hpo_id: str) -> list[tuple[str, float]]:
        """Give the terms most like a term, best first, with their cosine."""
        number = self._numbers.get(hpo_id)
        found = [] if number is None else self._vectors.neighbours[number].tolist()
        return [(self._terms[other], cosine / 127) for other, cosine in found if other >= 0]

    @cache  # noqa: B019  # as long as the process lives, like the index itself
    def _whole_table(self) -> NDArray[np.float32]:
        return self._vectors.table.astype(np.float32)

    def terms(self, phrase: str, count: int) -> list[tuple[str, int, float]]:
        """Give the terms most like a phrase among all: id, the position of the nearest name, and cosine."""
        query = unit(self._encoder.encode([phrase]))[0]
        cosines = self._whole_table() @ query / 127
        found: dict[str, tuple[str, int, float]] = {}
        nearest = np.argpartition(-cosines, min(_NEAREST, len(cosines) - 1))[:_NEAREST]
        for position in nearest[np.argsort(-cosines[nearest], kind="stable")].tolist():
            hpo_id = self._index.names[position].hpo_id
            found.setdefault(hpo_id, (hpo_id, position, float(cosines[position])))
        return list(found.values())[:count]
