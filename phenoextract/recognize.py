"""Find phrases that name a phenotype: lexicon scan, coordination, abbreviations defined in the letter.

The only importer of scispacy, and only when a letter defines an abbreviation.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import chain, compress, islice
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phenoextract.digits import readings
from phenoextract.index import Index, Name, is_letter, word_classes, word_hash
from phenoextract.likeness import Likeness
from phenoextract.link import MAX_CANDIDATES, Manner, rank
from phenoextract.rules import load_rules
from phenoextract.spelling import Spelling
from phenoextract.text import Gap, Tokens, fold, normalise, plain_form, tokenise
from phenoextract.types import Candidate, Mention, Method, NotCoded, Scope, Span

# The kinds of words, in steps of eight: with the gap before it, a word's kind makes one byte of a text's shape.
_UNKNOWN, _CONTENT, _NEGATION, _MODIFIER, _PLAIN, _ORDERED, _JOINING, _NOR = range(0, 64, 8)
_BREAKS = (Gap.HARD, Gap.SENTENCE)
_CLOSE = (Gap.SPACE, Gap.LABEL)


def _any_of(kinds: Iterable[int], gaps: Iterable[int]) -> bytes:
    """Give the pattern of one word of some kinds, behind one of some gaps, in a text's shape."""
    gaps = tuple(gaps)
    return b"[%b]" % b"".join(re.escape(bytes((kind | gap,))) for kind in kinds for gap in gaps)


# A list: conjuncts, and what separates them (a comma, a slash, "and", "or"); group 1 is there if there are two.
_CONJUNCT = _any_of((_CONTENT,), (*_CLOSE, Gap.SOFT, *_BREAKS)) + _any_of((_CONTENT, _MODIFIER, _PLAIN), _CLOSE) + b"*"
_SEPARATOR = (
    _any_of((_CONTENT, _MODIFIER, _PLAIN, _ORDERED, _JOINING), (Gap.SOFT,)) + b"|" + _any_of((_JOINING,), _CLOSE)
)
_LIST = re.compile(
    _CONJUNCT
    + b"((?:"
    + _SEPARATOR
    + b")(?:"
    + _SEPARATOR
    + b"|"
    + _any_of((_CONTENT, _MODIFIER, _PLAIN), _CLOSE)
    + b")*)?"
)
_CONJUNCTS = re.compile(_CONJUNCT)

# Prose in which a finding may be said in other words: no break, list or denial.
_PROSE = re.compile(
    _any_of((_UNKNOWN, _CONTENT, _MODIFIER), (*_CLOSE, Gap.SOFT, *_BREAKS))
    + _any_of((_UNKNOWN, _CONTENT, _MODIFIER, _PLAIN, _ORDERED), (Gap.SPACE,))
    + b"+"
)
_KIND = 0xF8  # the part of a shape that is the word's kind
# By shape: the words that count for names, those before which every name ends (an unknown one, one behind a break), and
# those that a paraphrase may begin and end with.
_COUNTS = bytes(shape & _KIND in (_CONTENT, _NEGATION, _MODIFIER) for shape in range(256))
_PARTS = bytes(shape & _KIND == _UNKNOWN or shape & ~_KIND in _BREAKS for shape in range(256))
_ENDS = bytes(shape & _KIND in (_UNKNOWN, _CONTENT, _MODIFIER) for shape in range(256))
_COUNTED = frozenset({_CONTENT, _MODIFIER, _UNKNOWN})
MAX_PHRASE = 8  # words in which two that stand together in some name begin a paraphrase
MAX_PIECE = 16  # words of a paraphrase with the name that it ends in
# Cosines from which a phrase is taken for a paraphrase of a name (docs/ablation.md): of one whose words are all in the
# phrase, of one that has words of its own and lacks some, and of one that says more than the phrase.
_HOLDS_NAME, _LEAST_ALIKE, _SAYS_LESS = 0.88, 0.92, 0.95
LEAST_LIKENESS = min(_HOLDS_NAME, _LEAST_ALIKE, _SAYS_LESS)
_FITS = 0.6  # cosine under which no term fits a phrase that is known to name one
_ALTERNATIVE = 0.3  # confidence of a term that is only like the one found
_LIKENESS = 0.6  # confidence of a phrase that equals a name in meaning alone
_NEXT = frozenset(kind | Gap.SPACE for kind in (_CONTENT, _MODIFIER))  # a word of a name with nothing before it
_FURTHER = 12  # sentences in which a word of context counts if none stands nearer
_PARAPHRASE = "no name says this, but one is like it"
_AMBIGUOUS = "the abbreviation has more than one meaning"
_MAX_MEMO = 200_000
_MAX_SOFT = 2  # commas that one name may run across
_MAX_WORDS = 20  # words of content and degree among which a name is looked for: names have fourteen at most
_NEGATORS = frozenset({"no", "not", "without", "never"})
_CONJUNCTIONS = frozenset({"and", "or", "nor"})
_MAX_LETTERS = 80
_MIN_PART = 3  # letters of either word in two that are written as one
_ABNORMAL = word_hash("=abnormal")
_MAX_SPLIT = 7  # words between the pieces of one mention
_NAMES_FUZZY_FROM = 9  # a capitalised word shorter than this may be a surname, not a misspelling
_TITLES = frozenset(
    {"dr", "mr", "mrs", "ms", "miss", "prof", "professor", "sister", "nurse", "sr", "rev", "sir", "lady"}
)
_DEFINES = re.compile(r"\(\s*([A-Za-z][\w.\-/]{1,9})\s*[),;]")

Piece = tuple[int, int]  # inclusive range of word positions


class Word(NamedTuple):
    """What recognition needs of a word as it is written, worked out once.

    `folded` is the word in lower case without accents. `strict`, `core` and `loose` are its hashes for the key of
    all words, the same for content only, and the key by classes: 0 where a word does not count. `longest` is the
    length of the longest name with the word, and `diseases` are the names of diseases that begin with it.
    """

    kind: int
    folded: str
    strict: int = 0
    core: int = 0
    loose: int = 0
    longest: int = 0
    fuzzy: bool = False
    diseases: tuple[tuple[str, ...], ...] = ()


_KIND_OF, _FOLDED_OF, _STRICT_OF, _CORE_OF, _LOOSE_OF = (
    itemgetter(Word._fields.index(field)) for field in ("kind", "folded", "strict", "core", "loose")
)


class _Sieve:
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


class _Vocabulary(dict[str, Word]):
    """What is known of each word met so far; forgotten when there are too many."""

    def __init__(self, classify: Callable[[str], Word]) -> None:
        self._classify = classify

    def __missing__(self, word: str) -> Word:
        if len(self) >= _MAX_MEMO:
            self.clear()
        found = self[word] = self._classify(word)
        return found


class _Reading(NamedTuple):
    """A text as recognition reads it: what is known of its words, and their kinds and gaps as one byte a word.

    `folded` are the folded words, and `around` gives those of a sentence and its neighbours up to some sentences away.
    """

    tokens: Tokens
    facts: Sequence[Word]
    folded: Sequence[str]
    shape: bytes
    around: Callable[[int, int], frozenset[str]]

    def content(self, first: int, last: int) -> list[int]:
        """Give the words from one to another that count for names."""
        return [place for place in range(first, last + 1) if self.facts[place].strict]


class _Hit(NamedTuple):
    """Names found for pieces of a text, and how many words they have."""

    pieces: tuple[Piece, ...]
    size: int
    candidates: tuple[Candidate, ...]
    diagnosis: bool = False


class Recognizer:
    """Finds the mentions of a text; safe to share between threads, as its memos are only caches.

    `nested` keeps mentions inside longer ones (the convention of some corpora) instead of the longest.
    """

    def __init__(self, index: Index, *, nested: bool = False, likeness: Likeness | None = None) -> None:
        rules = load_rules("lexicon")
        self._index = index
        self._nested = nested
        self._likeness = likeness
        self._plain = frozenset(rules["function"]["plain"])
        self._ordered = frozenset(rules["function"]["ordered"])
        self._modifiers = frozenset(rules["modifier"]["words"]) | {normalise(w) for w in rules["modifier"]["words"]}
        self._neutral = frozenset(normalise(word) for word in rules["neutral"]["words"])
        self._of_the_whole = frozenset(normalise(word) for word in rules["whole"]["words"])
        self._classes = word_classes()
        self._body = frozenset(word_hash(f"={part}") for part in rules["body"])
        self._spelling = Spelling(index.surfaces, index.known)
        self._diseases = _disease_keys()
        self._contexts = {
            position: frozenset(map(fold, name.context)) for position, name in enumerate(index.names) if name.context
        }
        self._vocabulary = _Vocabulary(self.classify)
        self._letter_a = self._content("a", fuzzy=False)._replace(folded="a")
        self._keys_of = lru_cache(maxsize=_MAX_MEMO)(self._meanings_of_name)
        self._neighbours = lru_cache(maxsize=_MAX_MEMO)(self._alternatives)
        self._ranked = lru_cache(maxsize=_MAX_MEMO)(self._rank)
        self._sieves = _Sieve(index.strict), _Sieve(index.loose), _Sieve(index.pairs)

    def __call__(self, text: str, tokens: Tokens, *, letter: bool = False) -> list[Mention]:
        """Give the mentions of a text, in order of their start; in letters, names of diseases hide their parts."""
        reading = self._read(tokens)
        hits = self._scan(reading)
        hits += self._coordinate(reading, hits)
        hits += self._stack(reading, hits)
        hits = self._number_digits(text, tokens, hits)
        hits += self._abbreviations(text, tokens, hits)
        if letter:
            hits += self._disease_names(reading)
        chosen = self._choose(hits)
        if self._likeness is not None:
            chosen = self._paraphrases(reading, chosen, self._likeness)
        return [self._mention(tokens, hit) for hit in chosen]

    def link(self, text: str) -> tuple[Candidate, ...]:
        """Give the terms that a phrase known to name a phenotype may mean.

        Names of the whole come first, then those that are like it, then names of its parts.
        """
        reading, hits = self._hits_of(text)
        counted = sum(fact.kind in _COUNTED for fact in reading.facts)
        whole = [hit for hit in hits if hit.size > (counted - 1) * 100]
        alike = self._neighbours(whole[0].candidates[0].hpo_id) if whole else self._alike(text)
        named = (candidate for hit in hits for candidate in hit.candidates)
        return _once(chain(*(hit.candidates for hit in whole), alike, named))

    def named(self, text: str) -> tuple[Candidate, ...]:
        """Give the terms that the lexicon has for a phrase: names of the whole, then of its parts."""
        return _once(candidate for hit in self._hits_of(text)[1] for candidate in hit.candidates)

    def names_of(self, phrase: str) -> list[Name]:
        """Give the names that have just the words of a phrase, whatever their order, case and context."""
        reading = self._read(tokenise(phrase))
        places = self._index.strict.get(sum(fact.strict for fact in reading.facts), ())
        return [self._index.names[place] for place in places]

    def nearest(self, phrase: str) -> tuple[Candidate, ...]:
        """Give the terms nearest to a phrase, however far: by meaning, the score a cosine; without encoder by parts."""
        if self._likeness is None:
            return self.named(phrase)
        found = self._likeness.terms(phrase, MAX_CANDIDATES)
        return tuple(
            replace(self._by_likeness(position, cosine), score=round(max(0.0, min(1.0, cosine)), 3))
            for _, position, cosine in found
        )

    def _hits_of(self, phrase: str) -> tuple[_Reading, list[_Hit]]:
        """Give all names found in a phrase, the longest first."""
        reading = self._read(tokenise(phrase))
        hits = self._scan(reading)
        hits += self._coordinate(reading, hits)
        return reading, sorted(hits, key=lambda h: -h.size)

    def _alike(self, phrase: str) -> list[Candidate]:
        """Give the terms whose names are most like a phrase, if there is an encoder and any of them fits."""
        found = self._likeness.terms(phrase, MAX_CANDIDATES) if self._likeness else []
        return [self._by_likeness(position, cosine) for _, position, cosine in found if cosine >= _FITS]

    def _by_likeness(self, position: int, cosine: float) -> Candidate:
        name = self._index.names[position]
        score = round(max(0.0, min(1.0, cosine)) * _LIKENESS, 3)
        label = self._index.ontology.label(name.hpo_id)
        return Candidate(name.hpo_id, label, score, Method.ENCODER, name.text, name.scope)

    def _paraphrases(self, reading: _Reading, hits: list[_Hit], likeness: Likeness) -> list[_Hit]:
        """Add phrases that no name matches but one is like; a longer phrase replaces the less specific hits in it."""
        pieces = list(self._phrases(reading, hits))
        near = likeness.nearest(reading.folded, list(map(_LOOSE_OF, reading.facts)), pieces, _HOLDS_NAME)
        at: dict[int, list[int]] = {}  # word -> the hits that have it
        for number, hit in enumerate(hits):
            for place in _places(hit):
                at.setdefault(place, []).append(number)
        taken: set[int] = set()
        replaced: set[int] = set()
        added = []
        for found in sorted(near, key=lambda n: (-n.cosine, n.piece)):
            places = range(found.piece[0], found.piece[1] + 1)
            own, of_name = _meanings(reading.facts[found.piece[0] : found.piece[1] + 1]), self._keys_of(found.name)
            if found.cosine < (_HOLDS_NAME if of_name <= own else _SAYS_LESS if own < of_name else _LEAST_ALIKE):
                continue
            candidate = self._by_likeness(found.name, found.cosine)
            above = self._index.ontology.ancestors(candidate.hpo_id)
            inside = {number for place in places for number in at.get(place, ())}
            general = all(hits[number].candidates and hits[number].candidates[0].hpo_id in above for number in inside)
            if general and taken.isdisjoint(places):
                taken.update(places)
                replaced.update(inside)
                added.append(_Hit((found.piece,), 0, (candidate,)))
        kept = [hit for number, hit in enumerate(hits) if number not in replaced]
        return sorted(kept + added, key=lambda h: h.pieces[0][0])

    def _meanings_of_name(self, name: int) -> frozenset[int]:
        written = tokenise(self._index.names[name].text).words
        return _meanings([self._vocabulary[word] for word in written])

    def _phrases(self, reading: _Reading, hits: Sequence[_Hit]) -> Iterator[Piece]:
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

    def _first_links(self, reading: _Reading, begin: int, end: int) -> list[int]:
        """Give for each word of a run where the first two words from it on end that stand together in some name."""
        facts, pairs = reading.facts, self._index.pairs
        found, nearest = [], end
        for place in range(end - 1, begin - 1, -1):
            key = facts[place].loose
            if key:
                for other in range(place + 1, min(nearest, place + MAX_PHRASE)):
                    partner = facts[other].loose
                    if partner and key + partner in pairs:
                        nearest = other
                        break
            found.append(nearest)
        return found[::-1]

    def _read(self, tokens: Tokens) -> _Reading:
        facts = list(map(self._vocabulary.__getitem__, tokens.words))
        folded = list(map(_FOLDED_OF, facts))
        for place in [place for place, word in enumerate(folded) if word == "be"]:
            if place and folded[place - 1] == "to":  # "were noted to be brittle"
                facts[place - 1] = facts[place]
        for place in [place for place, word in enumerate(tokens.words) if word == "A"]:
            if is_letter(tokens.words, place):
                facts[place] = self._letter_a
        kinds = np.frombuffer(bytes(map(_KIND_OF, facts)), np.uint8)
        shape = (kinds | np.frombuffer(tokens.gaps, np.uint8)).tobytes()
        return _Reading(tokens, facts, folded, shape, lru_cache(maxsize=4)(partial(_around, tokens, folded)))

    def classify(self, word: str) -> Word:
        """Give what a word is to recognition, by itself."""
        folded = fold(word)
        if len(word) > _MAX_LETTERS:  # no name has such a word, and reading it would take long
            return Word(_UNKNOWN, folded)
        diseases = self._diseases.get(normalise(word), ())
        if folded in self._plain:
            return Word(_PLAIN, folded, diseases=diseases)
        if folded in self._ordered:
            kind = {"and": _JOINING, "or": _JOINING, "nor": _NOR}.get(folded, _ORDERED)
            return Word(kind, folded, diseases=diseases)
        return self._classify_content(word, folded)._replace(folded=folded, diseases=diseases)

    def _classify_content(self, word: str, folded: str) -> Word:
        root = normalise(word)
        modifier = folded in self._modifiers or root in self._modifiers
        longest = self._index.words.get(root)
        if longest is None and not modifier:
            capitalised = word[0].isupper() and not word.isupper()
            read = _misread(folded, self._index.words)
            if read is not None:
                return self._content(read, fuzzy=True)
            if not folded.isalpha() or (capitalised and len(word) < _NAMES_FUZZY_FROM):
                return Word(_UNKNOWN, folded)
            if (run_together := self._run_together(folded)) is not None:
                return run_together
            corrected = self._spelling.correct(plain_form(word)) or self._spelling.correct(folded)
            return Word(_UNKNOWN, folded) if corrected is None else self._content(normalise(corrected), fuzzy=True)
        if modifier:
            return Word(_MODIFIER, folded, word_hash(root), longest=longest or 0)
        found = self._content(root, fuzzy=False)
        return found._replace(kind=_NEGATION) if folded in _NEGATORS else found

    def _run_together(self, word: str) -> Word | None:
        """Read an unknown word as two that stand in one name ("widespaced"): as keys are sums, it has those of both."""
        for at in range(_MIN_PART, len(word) - _MIN_PART + 1):
            left = normalise(word[:at])
            if left in self._index.words and (right := normalise(word[at:])) in self._index.words:
                parts = self._content(left, fuzzy=False), self._content(right, fuzzy=False)
                if parts[0].loose + parts[1].loose in self._index.pairs:
                    key = parts[0].strict + parts[1].strict
                    return Word(_CONTENT, word, key, key, longest=min(part.longest for part in parts))
        return None

    def _content(self, root: str, *, fuzzy: bool) -> Word:
        key = word_hash(root)
        loose = 0 if root in self._neutral else word_hash(self._classes.get(root, root))
        return Word(_CONTENT, root, key, key, loose, self._index.words.get(root, 0), fuzzy)

    def _scan(self, reading: _Reading) -> list[_Hit]:
        """Find names in contiguous words: the longest from each word on (with `nested`, all)."""
        shape = reading.shape
        counted = list(compress(reading.facts, shape.translate(_COUNTS)))
        places = list(compress(range(len(shape)), shape.translate(_COUNTS)))
        runs = np.cumsum(np.frombuffer(shape.translate(_PARTS), np.uint8), dtype=np.int64)[places]
        alone, longer = self._may_begin(counted, runs)
        ends = np.searchsorted(runs, runs, "right")
        begins = np.flatnonzero(alone | longer)
        hits: list[_Hit] = []
        for start, end in zip(begins.tolist(), ends[begins].tolist(), strict=True):
            names = self._index.strict.get(counted[start].strict)
            found = [] if names is None else [(0, names, False, True)]
            if longer[start]:
                found += self._names_from(counted[start : min(end, start + _MAX_WORDS)])
            for reach, names, loose, whole in reversed(found):
                piece = places[start], places[start + reach]
                hit = self._contiguous(reading, piece, names, loose=loose, whole=whole)
                if hit is not None:
                    hits.append(hit)
                    if not self._nested:
                        break
        return hits

    def _may_begin(self, words: Sequence[Word], runs: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell of each word that counts, in runs with numbers, whether it may be a name and whether it may begin one.

        It may begin one if the next one stands in a name with it, and the two are a name or the one behind stands
        in a name with it too; a word of measurement (whose loose key is 0) stands in a name with any.
        """
        is_name, is_loose_name, stand_together = self._sieves
        strict = np.fromiter(map(_STRICT_OF, words), np.uint64, len(words))
        loose = np.fromiter(map(_LOOSE_OF, words), np.uint64, len(words))
        longer = np.zeros(len(words), np.bool_)
        if len(words) > 1:
            bare = loose == 0
            near, two = (runs[:-1] == runs[1:]), loose[:-1] + loose[1:]
            near &= bare[:-1] | bare[1:] | stand_together(two)
            goes_on = np.zeros(len(words) - 1, np.bool_)
            goes_on[:-1] = runs[:-2] == runs[2:]
            goes_on[:-1] &= bare[:-2] | bare[1:-1] | bare[2:] | stand_together(loose[:-2] + loose[2:])
            longer[:-1] = near & (goes_on | is_name(strict[:-1] + strict[1:]) | is_loose_name(two))
        return is_name(strict), longer

    def _names_from(self, words: Sequence[Word]) -> list[tuple[int, tuple[int, ...], bool, bool]]:
        """Give (words behind the first, names, found by the loose key, all words count) for each name of several words.

        `words` are those of a run that count, from the first on. Modifiers in the middle may be left out, but not at
        the ends. The search ends at the first word that stands in no name with the first one.
        """
        strict_names, loose_names, pairs = self._index.strict.get, self._index.loose.get, self._index.pairs
        strict, core, loose = words[0].strict, words[0].core, words[0].loose
        found: list[tuple[int, tuple[int, ...], bool, bool]] = []
        from_content, whole, anchor = core != 0, True, loose
        for reach, word in enumerate(words[1:], 1):
            if word.loose:  # a word of measurement neither limits nor counts
                if not anchor:
                    anchor = word.loose
                elif anchor + word.loose not in pairs:
                    break
                loose += word.loose
            strict += word.strict
            core += word.core
            names = strict_names(strict)
            if names is not None:
                found.append((reach, names, False, True))
            elif not word.core:
                whole = False
            elif from_content:
                names = None if whole else strict_names(core)
                if names is not None:
                    found.append((reach, names, False, False))
                elif loose != anchor and (names := loose_names(loose)) is not None:
                    found.append((reach, names, True, whole))
        return found

    def _contiguous(
        self, reading: _Reading, piece: Piece, names: tuple[int, ...], *, loose: bool, whole: bool
    ) -> _Hit | None:
        """Rank names found in contiguous words by what stands between the words."""
        first, last = piece
        if first == last:
            return self._hit(reading, (piece,), names, Manner(), whole=True)
        gaps, shape = reading.tokens.gaps, reading.shape
        soft = gaps.count(Gap.SOFT, first + 1, last + 1)
        if soft > _MAX_SOFT:
            return None
        if Gap.LABEL in gaps[first + 1 : last + 1] and last + 1 < len(shape):
            kind = reading.facts[last + 1].kind
            if gaps[last + 1] in _CLOSE and kind in (_CONTENT, _NEGATION):
                return None  # "Heart: large VSD" names no large heart
        between = max(shape[first + 1 : last], default=0)
        manner = Manner(keep_order=soft > 0 or between >= _ORDERED, joined=soft > 0 or between >= _JOINING, loose=loose)
        return self._hit(reading, (piece,), names, manner, whole=whole)

    def _hit(
        self, reading: _Reading, pieces: tuple[Piece, ...], found: tuple[int, ...], manner: Manner, *, whole: bool
    ) -> _Hit | None:
        """Rank the names found for pieces of the text; None when context, case or order speak against all."""
        facts, words = reading.facts, reading.tokens.words
        content = [place for first, last in pieces for place in reading.content(first, last)]
        first = pieces[0][0]
        if len(content) == 1 and first and fold(words[first - 1]) in _TITLES:
            return None
        far: tuple[int, ...] = ()
        if not self._contexts.keys().isdisjoint(found):
            found, far = self._in_context(reading, found, first)
        if any(facts[place].fuzzy for place in content):
            manner = manner._replace(fuzzy=True)
        candidates = self._ranked(found, far, tuple([words[place] for place in content]), manner)
        if not candidates:
            return None
        named = len(content) if whole else sum(facts[place].core > 0 for place in content)
        return _Hit(pieces, named * 100 - (len(content) - named), candidates)

    def _in_context(
        self, reading: _Reading, found: Sequence[int], place: int
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Give the names whose context, if they need one, stands near or further away, and those of the latter."""
        number = bisect_right(reading.tokens.sentences, place, key=lambda sentence: sentence[0]) - 1
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
        names = self._index.names
        return rank([names[name] for name in found], words, manner, self._index.ontology, [names[name] for name in far])

    def _coordinate(self, reading: _Reading, hits: Sequence[_Hit]) -> list[_Hit]:
        """Find names that conjuncts share: "axial and appendicular hypotonia", "short hands and feet"."""
        lists = list(_lists(reading))
        if not lists:
            return []
        covered: dict[int, _Hit] = {}
        for hit in hits:
            for place in range(hit.pieces[0][0], hit.pieces[0][1] + 1):
                if place not in covered or covered[place].size < hit.size:
                    covered[place] = hit
        found: list[_Hit | None] = []
        for conjuncts in lists:
            last = len(conjuncts) - 1
            for number in range(1, last + 1):
                right = conjuncts[number]
                starts_name = len(right) > 1 and right[0] in covered and reading.facts[right[1]].longest > 1
                for left in (conjuncts[before] for before in {number - 1, 0}):
                    if len(left) > 1 and right[0] - left[-1] < _MAX_SPLIT:
                        inner = left[-_MAX_WORDS:]
                        if near := self._partners(reading, right[0], inner[:-1]):
                            pairs = _heads(inner, right, near, least=2 if starts_name else 1)
                            found.append(self._share(reading, covered, pairs, shares_head=True))
            for number in range(last):
                left = conjuncts[number]
                for right in (conjuncts[behind] for behind in {number + 1, last}):
                    if len(right) > 1 and right[0] - left[-1] < _MAX_SPLIT:
                        if near := self._partners(reading, left[-1], right[1:5]):
                            pairs = _tails(left, right[:_MAX_WORDS], near)
                            found.append(self._share(reading, covered, pairs, shares_head=False))
        return [hit for hit in found if hit is not None]

    def _stack(self, reading: _Reading, hits: Sequence[_Hit]) -> list[_Hit]:
        """Find names that an adjective makes with a noun behind another one: "small low-set ears"."""
        facts, shape = reading.facts, reading.shape
        covered = {place for hit in hits for place in _places(hit)}
        found = []
        for hit in hits:
            first, last = hit.pieces[0]
            place = first - 1
            if len(hit.pieces) > 1 or first == last or place < 0 or place in covered:
                continue
            if facts[place].kind != _CONTENT or shape[first] not in _NEXT or last - place > _MAX_SPLIT:
                continue
            if normalise(reading.tokens.words[place]) in self._of_the_whole:
                continue
            for noun in range(last, first, -1):
                if not facts[noun].core:
                    break
                names = self._index.strict.get(facts[place].core + sum(fact.core for fact in facts[noun : last + 1]))
                own = names and self._hit(
                    reading, ((place, place), (noun, last)), names, Manner(keep_order=True, split=True), whole=False
                )
                if own and own.candidates[0].scope is Scope.EXACT:
                    found.append(own)
                    break
        return found

    def _partners(self, reading: _Reading, place: int, others: Sequence[int]) -> Sequence[int]:
        """Give those of some words that may stand in one name with a word."""
        facts, pairs = reading.facts, self._index.pairs
        own = facts[place].loose
        if not own:
            return others
        return [other for other in others if not (key := facts[other].loose) or own + key in pairs]

    def _share(
        self,
        reading: _Reading,
        covered: Mapping[int, _Hit],
        pairs: Iterable[tuple[Piece, Piece]],
        *,
        shares_head: bool,
    ) -> _Hit | None:
        """Give the first name that one of some pairs of pieces makes; one piece is shared with another mention.

        `covered` is the longest hit at a word.
        """
        facts = reading.facts
        for left, right in pairs:
            said = [*facts[left[0] : left[1] + 1], *facts[right[0] : right[1] + 1]]
            names = self._index.strict.get(sum(map(_CORE_OF, said)))
            own, shared = (right, left) if shares_head else (left, right)
            loose = False
            if names is None and (
                (shared[0] == shared[1] and facts[shared[0]].loose == _ABNORMAL)
                or (own[0] == own[1] and facts[own[0]].loose in self._body)
            ):
                names, loose = self._index.loose.get(sum(fact.loose for fact in said if fact.core)), True
            if names is None:
                continue
            content = [place for place in range(own[0], own[1] + 1) if facts[place].core]
            if not any(facts[place].loose for place in content):
                continue
            manner = Manner(keep_order=not shares_head and not loose, split=True, loose=loose)
            hit = self._hit(reading, (left, right), names, manner, whole=False)
            if hit is None or hit.candidates[0].scope is not Scope.EXACT or self._contradicts(hit, content, covered):
                continue
            joined = any(fold(word) in _CONJUNCTIONS for word in reading.tokens.words[left[1] + 1 : right[0]])
            if not shares_head or joined or not _in_order(hit, reading.tokens):  # a comma seldom shares a head
                return hit
        return None

    def _number_digits(self, text: str, tokens: Tokens, hits: list[_Hit]) -> list[_Hit]:
        """Add the names found by reading enumerations of fingers and toes digit by digit, for less specific ones."""
        numbered: list[_Hit] = []
        for clause in readings(text, tokens):
            reading = self._read(clause.tokens)
            found = self._scan(reading)
            for hit in self._choose(found + self._coordinate(reading, found)):
                read = set(_places(hit))
                if clause.numbers <= read:
                    numbered.append(hit._replace(pieces=_runs(sorted({clause.places[place] for place in read}))))
        if not numbered:
            return hits
        said: dict[int, set[str]] = {}  # word -> the terms read there, and all above them
        for hit in numbered:
            term = hit.candidates[0].hpo_id
            for place in _places(hit):
                said.setdefault(place, set()).update((term, *self._index.ontology.ancestors(term)))
        return [
            hit for hit in hits if not any(hit.candidates[0].hpo_id in said.get(place, ()) for place in _places(hit))
        ] + numbered

    def _contradicts(self, hit: _Hit, own: Sequence[int], covered: Mapping[int, _Hit]) -> bool:
        """Tell whether words that a hit does not share belong to a wider hit, or to one of an unrelated term."""
        for other in (covered[place] for place in own if place in covered):
            wider = other.pieces[0][0] < own[0] or other.pieces[0][1] > own[-1]
            if wider or not self._index.ontology.are_kin(other.candidates[0].hpo_id, hit.candidates[0].hpo_id):
                return True
        return False

    def _abbreviations(self, text: str, tokens: Tokens, hits: list[_Hit]) -> list[_Hit]:
        """Give the meaning of abbreviations that the letter defines to their other uses.

        Definitions that no hit could gain or lose a meaning by are not looked at.
        """
        brackets = list(_bracketed(text, tokens)) if "(" in text else []
        if not brackets:
            return []
        by_end = {hit.pieces[-1][1]: hit for hit in sorted(hits, key=lambda h: h.size) if len(hit.pieces) == 1}
        single = {hit.pieces[0][0] for hit in hits if hit.pieces[0][0] == hit.pieces[-1][1]}
        uses: dict[str, list[int]] = {form: [] for short, _, _ in brackets for form in (short, short + "s")}
        for place, word in enumerate(tokens.words):
            if word in uses:
                uses[word].append(place)
        used = {short: sorted(uses[short] + uses[short + "s"]) for short in {short for short, _, _ in brackets}}
        concerned = {short for short, places in used.items() if not single.isdisjoint(places)}
        concerned |= {short for short, begin, place in brackets if not by_end.keys().isdisjoint(range(begin, place))}
        added: list[_Hit] = []
        redefined: set[int] = set()
        for short, begin, place in brackets:
            long_first = _long_form(tokens.words[begin:place], short) if short in concerned else None
            if long_first is None:
                continue
            concerned.discard(short)  # the first definition counts
            redefined.update(used[short])
            hit = by_end.get(place - 1)
            if hit is not None and abs(hit.pieces[0][0] - begin - long_first) <= 1:
                best = hit.candidates[0]
                candidate = Candidate(
                    best.hpo_id, best.label, min(best.score, 0.9), Method.ABBREVIATION, best.synonym, best.scope
                )
                added += [_Hit(((use, use),), 101, (candidate,)) for use in used[short] if use != place]
        hits[:] = [h for h in hits if h.pieces[0][0] != h.pieces[-1][1] or h.pieces[0][0] not in redefined]
        return added

    def _disease_names(self, reading: _Reading) -> list[_Hit]:
        """Find diseases whose names hold the name of a phenotype, so that the part is not coded."""
        words = reading.tokens.words
        found = []
        for place, fact in enumerate(reading.facts):
            for name in fact.diseases:
                if tuple(map(normalise, words[place : place + len(name)])) == name:
                    found.append(_Hit(((place, place + len(name) - 1),), 1000 + len(name), (), diagnosis=True))
        return found

    def _choose(self, hits: list[_Hit]) -> list[_Hit]:
        """Keep the longest of overlapping hits, the earliest of equals; parts of coordinations may share words."""
        kept: list[_Hit] = []
        taken: set[int] = set()
        split: set[tuple[tuple[Piece, ...], str]] = set()
        for hit in sorted(hits, key=lambda h: (-h.size, h.pieces[0][0], h.pieces[-1][1])):
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
        whole = {(hit.pieces[0], hit.candidates[0].hpo_id) for hit in kept if len(hit.pieces) == 1 and hit.candidates}
        return sorted((hit for hit in kept if not _repeats(hit, whole)), key=lambda h: h.pieces[0][0])

    def _mention(self, tokens: Tokens, hit: _Hit) -> Mention:
        spans = tuple(Span(tokens.starts[first], tokens.ends[last]) for first, last in hit.pieces)
        if hit.diagnosis:
            return Mention(spans, (), not_coded=NotCoded.DIAGNOSIS)
        review = _PARAPHRASE if hit.candidates[0].method is Method.ENCODER else None
        if self._is_tie(hit.candidates):
            review = _AMBIGUOUS
        return Mention(spans, self.with_alternatives(hit.candidates), review=review)

    def with_alternatives(self, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """Fill candidates up with the terms most like the first one, for a reviewer to choose from."""
        if len(candidates) >= MAX_CANDIDATES:
            return candidates
        known = {candidate.hpo_id for candidate in candidates}
        others = (other for other in self._neighbours(candidates[0].hpo_id) if other.hpo_id not in known)
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


@lru_cache(maxsize=1)
def _disease_keys() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Give the disease names by their first word, in normal form, longest first."""
    keys: dict[str, tuple[tuple[str, ...], ...]] = {}
    for name in load_rules("lexicon")["diagnoses"]["names"]:
        words = tuple(map(normalise, tokenise(name).words))
        keys[words[0]] = tuple(sorted((*keys.get(words[0], ()), words), key=len, reverse=True))
    return keys


_MISREAD = (("1", "l"), ("0", "o"), ("5", "s"), ("rn", "m"), ("vv", "w"), ("1", "i"), ("c1", "d"))
_MIN_MISREAD = 6


def _misread(word: str, known: Mapping[str, int]) -> str | None:
    """Give the normal form of a word that optical character recognition has misread ("sco1iosis")."""
    if len(word) < _MIN_MISREAD or not any(wrong in word for wrong, _ in _MISREAD):
        return None
    for wrong, right in _MISREAD:
        if wrong in word:
            root = normalise(word.replace(wrong, right))
            if root in known and len(root) >= _MIN_MISREAD - 1:
                return root
    return None


def _meanings(facts: Iterable[Word]) -> frozenset[int]:
    """Give the keys of the words that bear on meaning: of content by their class, of degree and side as they are."""
    return frozenset(fact.loose or (fact.strict if fact.kind == _MODIFIER else 0) for fact in facts) - {0}


def _places(hit: _Hit) -> list[int]:
    """Give the words of a hit's pieces."""
    return [place for first, last in hit.pieces for place in range(first, last + 1)]


def _once(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Keep the first candidate of each term."""
    chosen: dict[str, Candidate] = {}
    for candidate in candidates:
        chosen.setdefault(candidate.hpo_id, candidate)
    return tuple(chosen.values())


def _repeats(hit: _Hit, whole: set[tuple[Piece, str]]) -> bool:
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


def _in_order(hit: _Hit, tokens: Tokens) -> bool:
    """Tell whether the pieces of a coordinated hit stand in the order of the name that they make."""
    own = [normalise(word) for word in tokenise(hit.candidates[0].synonym).words]
    written = [normalise(tokens.words[place]) for place in _places(hit)]
    places = [own.index(word) for word in written if word in own]
    return places == sorted(places)


def _lists(reading: _Reading) -> Iterator[list[list[int]]]:
    """Give the lists of a text: for each, two conjuncts or more, each as the places of its words of content.

    Lists of single words are left out, as these share nothing.
    """
    shape, facts = reading.shape, reading.facts
    for match in _LIST.finditer(shape):
        if match.lastindex is None:
            continue
        spans = [conjunct.span() for conjunct in _CONJUNCTS.finditer(shape, *match.span())]
        if len(spans) > 1 and any(end - start > 1 for start, end in spans):
            yield [[place for place in range(*span) if facts[place].core] for span in spans]


def _heads(
    left: Sequence[int], right: Sequence[int], near: Sequence[int], *, least: int
) -> Iterator[tuple[Piece, Piece]]:
    """Pair parts of the left conjunct, from a word `near` on, with beginnings of the right, of `least` words on."""
    for end in range(min(4, len(right)), least - 1, -1):
        for length in range(min(3, len(left) - 1), 0, -1):
            for start in range(len(left) - 1 - length, -1, -1):
                if left[start] in near and right[0] - left[start + length - 1] <= _MAX_SPLIT:
                    yield (left[start], left[start + length - 1]), (right[0], right[end - 1])


def _tails(left: Sequence[int], right: Sequence[int], near: Sequence[int]) -> Iterator[tuple[Piece, Piece]]:
    """Pair ends of the left conjunct with later parts of the right one, from a word `near`."""
    for length in range(min(3, len(left)), 0, -1):
        for start in range(1, min(5, len(right))):
            if right[start] in near and right[start] - left[-1] <= _MAX_SPLIT:
                for end in range(len(right), start, -1):
                    yield (left[-length], left[-1]), (right[start], right[end - 1])


def _around(tokens: Tokens, folded: Sequence[str], number: int, reach: int) -> frozenset[str]:
    """Give the folded words of a sentence, and of some sentences before and behind it."""
    begin = tokens.sentences[max(0, number - reach)][0]
    end = tokens.sentences[min(len(tokens.sentences) - 1, number + reach)][1]
    return frozenset(folded[begin:end])


def _bracketed(text: str, tokens: Tokens) -> Iterator[tuple[str, int, int]]:
    """Give (short form, first word that its long form may begin with, own word) for what may define an abbreviation."""
    for match in _DEFINES.finditer(text):
        short = match.group(1)
        place = bisect_left(tokens.starts, match.start(1))
        if place and tokens.words[place] == short and any(letter.isupper() for letter in short):
            yield short, max(0, place - min(len(short) + 5, 2 * len(short))), place


class _Token(NamedTuple):
    """As much of a spaCy token as scispacy's function looks at, without the making of a Doc."""

    text: str
    text_with_ws: str


@lru_cache(maxsize=1)
def _schwartz_hearst() -> Any:
    """Import scispacy's implementation (Schwartz & Hearst 2003) when a letter first needs it."""
    from scispacy.abbreviation import find_abbreviation

    return find_abbreviation


def _long_form(words: Sequence[str], short: str) -> int | None:
    """Give the first of the words before a bracket that spell out the short form in it; None if none do."""
    before = [_Token(word, word + " ") for word in words]
    _, long_form = _schwartz_hearst()(before, [_Token(short, short)])
    return None if long_form is None else len(words) - len(long_form)
