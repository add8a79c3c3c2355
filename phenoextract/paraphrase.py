"""Phrases that no name matches but one is like in meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from phenoextract.index import Index
from phenoextract.likeness import Likeness, Near, Pieces
from phenoextract.naming import Hit, Piece
from phenoextract.text import Gap, fold, tokenise
from phenoextract.types import Candidate, Method
from phenoextract.vocabulary import BREAKS, CLOSE, Kind, Reading, Vocabulary, any_of, kind_of

# Prose in which a finding may be said in other words: no break, list or denial.
_PROSE = re.compile(
    any_of((Kind.UNKNOWN, Kind.CONTENT, Kind.MODIFIER), (*CLOSE, Gap.SOFT, *BREAKS))
    + any_of((Kind.UNKNOWN, Kind.CONTENT, Kind.MODIFIER, Kind.PLAIN, Kind.ORDERED), (Gap.SPACE,))
    + b"+"
)
# The shapes of words that a paraphrase may begin and end with.
_ENDS = bytes(kind_of(shape) in (Kind.UNKNOWN, Kind.CONTENT, Kind.MODIFIER) for shape in range(256))
_TELLING = (Kind.MODIFIER, Kind.NEGATION)
# words of result or denial
_DECIDING = frozenset("positive positivity negative cannot unable inability never without".split())
_DENYING = frozenset("neg negative no not never without cannot unable normal".split())
MAX_PHRASE = 8  # words in which two that stand together in some name begin a paraphrase
MAX_PIECE = 16  # words of a paraphrase with the name that it ends in
# Cosines from which a phrase is taken for a paraphrase of a name (docs/ablation.md): of one whose words are all in the
# phrase, of one that has words of its own and lacks some, and of one that lacks some and has words that no name has.
_HOLDS_NAME, _LEAST_ALIKE, _OTHER_WORDS = 0.88, 0.92, 0.95
LEAST_LIKENESS = min(_HOLDS_NAME, _LEAST_ALIKE, _OTHER_WORDS)
_LIKENESS = 0.6  # confidence of a phrase that equals a name in meaning alone
_MAX_MEMO = 200_000


class Paraphraser:
    """Finds phrases of a text that are like a name of an index; safe to share between threads."""

    def __init__(self, index: Index, likeness: Likeness, vocabulary: Vocabulary) -> None:
        self._index = index
        self._likeness = likeness
        self._vocabulary = vocabulary
        self._keys_of = lru_cache(maxsize=_MAX_MEMO)(self._meanings_of_name)

    def __call__(self, readings: Sequence[Reading], hits: Sequence[list[Hit]]) -> list[list[Hit]]:
        """Add to the hits of texts the phrases that are like a name; all texts are compared with the names at once."""
        pieces = [
            Pieces(reading.tokens.folded, reading.loose, list(self._phrases(reading, found)))
            for reading, found in zip(readings, hits, strict=True)
        ]
        return list(map(self._with_alike, readings, hits, self._likeness.nearest(pieces, LEAST_LIKENESS)))

    def _with_alike(self, reading: Reading, hits: list[Hit], near: Sequence[Near]) -> list[Hit]:
        """Add phrases that are like a name; a longer phrase replaces the less specific hits in it."""
        at: dict[int, list[int]] = {}  # word -> the hits that have it
        for number, hit in enumerate(hits):
            for place in hit.places:
                at.setdefault(place, []).append(number)
        taken: set[int] = set()
        replaced: set[int] = set()
        added = []
        for found in sorted(near, key=lambda n: (-n.cosine, n.piece)):
            places = range(found.piece[0], found.piece[1] + 1)
            own, (of_name, telling) = reading.meanings(*found.piece), self._keys_of(found.name)
            if not telling <= own:
                continue  # "progressive failure to thrive" is no severe one, "menarche occurred" is not its lack
            said = _DENYING.intersection(reading.tokens.fold(found.piece[0], found.piece[1] + 1))
            if said and not said.issubset(map(fold, tokenise(self._index.names[found.name].text).words)):
                continue  # "dip negative for blood" is no "blood on the dip"
            less = own < of_name
            if less and Kind.UNKNOWN not in map(reading.kind, places):
                continue  # "biopsy-proven" says nothing of coeliac disease
            if found.cosine < (_HOLDS_NAME if of_name <= own else _OTHER_WORDS if less else _LEAST_ALIKE):
                continue
            candidate = by_likeness(self._index, found.name, found.cosine)
            above = self._index.ontology.ancestors(candidate.hpo_id)
            inside = {number for place in places for number in at.get(place, ())}
            general = all(hits[number].candidates and hits[number].candidates[0].hpo_id in above for number in inside)
            if general and taken.isdisjoint(places):
                taken.update(places)
                replaced.update(inside)
                added.append(Hit((found.piece,), 0, (candidate,)))
        kept = [hit for number, hit in enumerate(hits) if number not in replaced]
        return sorted(kept + added, key=lambda h: h.pieces[0][0])

    def _meanings_of_name(self, name: int) -> tuple[frozenset[int], frozenset[int]]:
        """Give the keys of a name's words that bear on meaning, and of those among them that nothing else implies.

        These are the words of degree, side, denial and result, and single letters and numbers.
        """
        reading = self._vocabulary.read(tokenise(self._index.names[name].text))
        words = reading.tokens.words
        telling = {
            key if reading.kind(place) in _TELLING else reading.loose[place]
            for place, key in enumerate(reading.strict)
            if reading.kind(place) in _TELLING
            or len(words[place]) == 1
            or words[place].isdigit()
            or fold(words[place]) in _DECIDING
        }
        return reading.meanings(0, len(words) - 1), frozenset(telling - {0})

    def _phrases(self, reading: Reading, hits: Sequence[Hit]) -> Iterator[Piece]:
        """Give the pieces of a text that may say a finding in other words.

        Two of their words stand together in some name, and hits lie inside them or outside.
        """
        shape, words = reading.shape, reading.tokens.words
        whole = {piece for hit in hits for piece in hit.pieces}
        ends = {place: last for first, last in whole for place in range(first, last + 1)}
        inner = ends.keys() - {first for first, _ in whole}
        may_end = shape.translate(_ENDS)
        for run in _PROSE.finditer(shape):
            linked = self._first_links(reading, *run.span())
            for first, link in zip(range(*run.span()), linked, strict=True):
                limit = min(run.end(), first + MAX_PHRASE)
                if link >= limit or first in inner or not may_end[first] or not words[first].isalpha():
                    continue
                while link < limit:
                    last = ends.get(link, link)
                    if may_end[last] and last < first + MAX_PIECE and (first, last) not in whole:
                        yield first, last
                    link = last + 1

    def _first_links(self, reading: Reading, begin: int, end: int) -> list[int]:
        """Give for each word of a run where the first two words from it on end that stand together in some name."""
        loose, pairs = reading.loose, self._index.pairs
        found, nearest = [], end
        for place in range(end - 1, begin - 1, -1):
            key = loose[place]
            if key:
                for other in range(place + 1, min(nearest, place + MAX_PHRASE)):
                    partner = loose[other]
                    if partner and key + partner in pairs:
                        nearest = other
                        break
            found.append(nearest)
        return found[::-1]


def by_likeness(index: Index, position: int, cosine: float) -> Candidate:
    """Give the term of the name at a position, as sure as its cosine with a phrase makes it."""
    name = index.names[position]
    score = round(max(0.0, min(1.0, cosine)) * _LIKENESS, 3)
    return Candidate(name.hpo_id, index.ontology.label(name.hpo_id), score, Method.ENCODER, name.text, name.scope)
