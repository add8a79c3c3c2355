"""Find phrases that name a phenotype: what the lexicon, its lists, digits, abbreviations and paraphrases give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, islice

from phenoextract.abbreviations import expand
from phenoextract.coordination import Coordination
from phenoextract.digits import readings
from phenoextract.index import Index, Name
from phenoextract.inversion import turn_round
from phenoextract.likeness import Likeness
from phenoextract.link import MAX_CANDIDATES
from phenoextract.naming import Hit, Namer, Piece
from phenoextract.omission import leave_out
from phenoextract.paraphrase import Paraphraser, by_likeness
from phenoextract.scan import Scanner
from phenoextract.text import Tokens, tokenise
from phenoextract.types import Candidate, Mention, Method, NotCoded, Span
from phenoextract.vocabulary import Kind, Mark, Reading, Vocabulary, kind_of

_COUNTED = frozenset({Kind.CONTENT, Kind.MODIFIER, Kind.UNKNOWN})
_FITS = 0.6  # cosine under which no term fits a phrase that is known to name one
_ALTERNATIVE = 0.3  # confidence of a term that is only like the one found
_PARAPHRASE = "no name says this, but one is like it"
_AMBIGUOUS = "the abbreviation has more than one meaning"
_MAX_MEMO = 200_000
_DISEASE = 1000  # size of a hit that is before all others


class Recognizer:
    """Finds the mentions of a text; safe to share between threads, as its memos are only caches.

    `nested` keeps mentions inside longer ones (the convention of some corpora) instead of the longest.
    """

    def __init__(self, index: Index, *, nested: bool = False, likeness: Likeness | None = None) -> None:
        self._namer = namer = Namer(index)
        self._index = index
        self._nested = nested
        self._likeness = likeness
        self.vocabulary = Vocabulary(index)
        self._scan = Scanner(namer, nested=nested)
        self._coordination = Coordination(namer)
        self._paraphrases = Paraphraser(index, likeness, self.vocabulary) if likeness else None
        self._neighbours = lru_cache(maxsize=_MAX_MEMO)(self._alternatives)

    def __call__(
        self, texts: Sequence[str], readings: Sequence[Reading], letters: Sequence[bool]
    ) -> list[list[Mention]]:
        """Give the mentions of texts, in order of their start; in letters, names of diseases hide their parts."""
        hits = list(map(self._named, texts, readings, letters))
        if self._paraphrases is not None:
            hits = self._paraphrases(readings, hits)
        return [
            [self._mention(reading.tokens, hit) for hit in found if hit.candidates or hit.diagnosis]
            for reading, found in zip(readings, hits, strict=True)
        ]

    def _named(self, text: str, reading: Reading, letter: bool) -> list[Hit]:
        """Give what the lexicon has for a text."""
        tokens = reading.tokens
        hits = turn_round(self._namer, reading, self._scan(reading))
        hits += self._coordination.in_lists(reading, hits)
        hits += self._coordination.of_adjectives(reading, hits)
        if reading.marked(Mark.DIGIT):
            hits = self._number_digits(text, tokens, hits)
        hits = leave_out(self._namer, reading, hits)
        hits = expand(text, tokens, hits)
        for first, last in self.vocabulary.idioms(reading):
            hits = [hit for hit in hits if hit.pieces[0][0] < first or last < hit.pieces[-1][1]]
            hits.append(Hit(((first, last),), 100 * (last - first + 1), ()))
        diseases = self.vocabulary.diseases(reading, letter=letter)
        hits += [Hit((piece,), _DISEASE + piece[1] - piece[0] + 1, (), diagnosis=True) for piece in diseases]
        return self._choose(hits)

    def link(self, text: str) -> tuple[Candidate, ...]:
        """Give the terms that a phrase known to name a phenotype may mean.

        Names of the whole come first, then those that are like it, then names of its parts.
        """
        reading, hits = self._hits_of(text)
        counted = sum(kind_of(shape) in _COUNTED for shape in reading.shape)
        whole = [hit for hit in hits if hit.size > (counted - 1) * 100]
        alike = self._neighbours(whole[0].candidates[0].hpo_id) if whole else self._alike(text)
        named = (candidate for hit in hits for candidate in hit.candidates)
        return _once(chain(*(hit.candidates for hit in whole), alike, named))

    def named(self, text: str) -> tuple[Candidate, ...]:
        """Give the terms that the lexicon has for a phrase: names of the whole, then of its parts."""
        return _once(candidate for hit in self._hits_of(text)[1] for candidate in hit.candidates)

    def names_of(self, phrase: str) -> list[Name]:
        """Give the names that have just the words of a phrase, whatever their order, case and context."""
        reading = self.vocabulary.read(tokenise(phrase))
        return [self._index.names[place] for place in self._index.strict.get(sum(reading.strict), ())]

    def nearest(self, phrase: str) -> tuple[Candidate, ...]:
        """Give the terms nearest to a phrase, however far: by meaning, the score a cosine; without encoder by parts."""
        if self._likeness is None:
            return self.named(phrase)
        found = self._likeness.terms(phrase, MAX_CANDIDATES)
        return tuple(
            replace(by_likeness(self._index, position, cosine), score=round(max(0.0, min(1.0, cosine)), 3))
            for _, position, cosine in found
        )

    def _hits_of(self, phrase: str) -> tuple[Reading, list[Hit]]:
        """Give all names found in a phrase, the longest first."""
        reading = self.vocabulary.read(tokenise(phrase))
        hits = self._scan(reading)
        hits += self._coordination.in_lists(reading, hits)
        return reading, sorted(hits, key=lambda h: -h.size)

    def _alike(self, phrase: str) -> list[Candidate]:
        """Give the terms whose names are most like a phrase, if there is an encoder and any of them fits."""
        found = self._likeness.terms(phrase, MAX_CANDIDATES) if self._likeness else []
        return [by_likeness(self._index, position, cosine) for _, position, cosine in found if cosine >= _FITS]

    def _number_digits(self, text: str, tokens: Tokens, hits: list[Hit]) -> list[Hit]:
        """Add the names found by reading enumerations of fingers and toes digit by digit, for less specific ones."""
        numbered: list[Hit] = []
        for clause in readings(text, tokens):
            reading = self.vocabulary.read(clause.tokens)
            found = self._scan(reading)
            for hit in self._choose(found + self._coordination.in_lists(reading, found)):
                read = set(hit.places)
                if clause.numbers <= read:
                    numbered.append(hit._replace(pieces=_runs(sorted({clause.places[place] for place in read}))))
        if not numbered:
            return hits
        said: dict[int, set[str]] = {}  # word -> the terms read there, and all above them
        for hit in numbered:
            term = hit.candidates[0].hpo_id
            for place in hit.places:
                said.setdefault(place, set()).update((term, *self._index.ontology.ancestors(term)))
        return [
            hit for hit in hits if not any(hit.candidates[0].hpo_id in said.get(place, ()) for place in hit.places)
        ] + numbered

    def _choose(self, hits: list[Hit]) -> list[Hit]:
        """Keep the longest of overlapping hits; parts of coordinations may share words.

        Of equals it is the last, as the head of an English phrase stands behind: "soft skin nodules" are no soft skin.
        """
        kept: list[Hit] = []
        taken: set[int] = set()
        split: set[tuple[tuple[Piece, ...], str]] = set()
        for hit in sorted(hits, key=lambda h: (-h.size, -h.pieces[0][0], h.pieces[-1][1])):
            if len(hit.pieces) > 1:
                said = hit.pieces, hit.candidates[0].hpo_id
                if said not in split:
                    split.add(said)
                    kept.append(hit)
                continue
            places = range(hit.pieces[0][0], hit.pieces[0][1] + 1)
            if self._nested or taken.isdisjoint(places):
                kept.append(hit)
                taken.update(places)
        if split:
            whole = {
                (hit.pieces[0], hit.candidates[0].hpo_id) for hit in kept if len(hit.pieces) == 1 and hit.candidates
            }
            kept = [hit for hit in kept if not _repeats(hit, whole)]
        return sorted(kept, key=lambda h: h.pieces[0][0])

    def _mention(self, tokens: Tokens, hit: Hit) -> Mention:
        spans = tuple([Span(tokens.starts[first], tokens.ends[last]) for first, last in hit.pieces])
        if hit.diagnosis:
            return Mention(spans, (), not_coded=NotCoded.DIAGNOSIS)
        review = _PARAPHRASE if hit.candidates[0].method is Method.ENCODER else None
        if self._is_tie(hit.candidates):
            review = _AMBIGUOUS
        return Mention(spans, self.with_alternatives(hit.candidates), review=review)

    def with_alternatives(self, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """Fill candidates up with the terms most like the first one, for a reviewer to choose from."""
        alike = self._neighbours(candidates[0].hpo_id)
        if not alike or len(candidates) >= MAX_CANDIDATES:
            return candidates
        known = {candidate.hpo_id for candidate in candidates}
        others = (other for other in alike if other.hpo_id not in known)
        return (*candidates, *islice(others, MAX_CANDIDATES - len(candidates)))

    def _alternatives(self, hpo_id: str) -> tuple[Candidate, ...]:
        label = self._index.ontology.label
        return tuple(
            Candidate(other, label(other), round(cosine * _ALTERNATIVE, 3), Method.ENCODER, label(other))
            for other, cosine in (self._likeness.neighbours(hpo_id) if self._likeness else ())
            if self._index.ontology.is_phenotype(other)
        )

    def _is_tie(self, candidates: Sequence[Candidate]) -> bool:
        """Tell whether two unrelated terms own the words equally."""
        if len(candidates) < 2 or candidates[0].score != candidates[1].score:
            return False
        first, second = candidates[:2]
        tied = first.method is second.method is Method.ABBREVIATION
        return tied and not self._index.ontology.are_kin(first.hpo_id, second.hpo_id)


def _once(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Keep the first candidate of each term."""
    chosen: dict[str, Candidate] = {}
    for candidate in candidates:
        chosen.setdefault(candidate.hpo_id, candidate)
    return tuple(chosen.values())


def _repeats(hit: Hit, whole: set[tuple[Piece, str]]) -> bool:
    """Tell whether a coordinated hit says what one of its pieces says by itself."""
    return len(hit.pieces) > 1 and any((piece, hit.candidates[0].hpo_id) in whole for piece in hit.pieces)


def _runs(places: Sequence[int]) -> tuple[Piece, ...]:
    """Give the runs of neighbours among places in order."""
    starts = [
        place for before, place in zip((None, *places), places, strict=False) if before is None or place > before + 1
    ]
    ends = [
        place for place, after in zip(places, (*places[1:], None), strict=False) if after is None or after > place + 1
    ]
    return tuple(zip(starts, ends, strict=True))
