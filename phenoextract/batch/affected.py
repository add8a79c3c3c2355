"""Which results a change of the index can affect, told from the text and the earlier report without coding again.

The scan tells on a text by what each word is to it, and by the names that its words make. Names never run across the
end of a sentence or a list item. So what the scan finds cannot change if both indexes say the same of each word, and no
clause holds all words of a name that they do not share; words aside that the rules let a text leave out, and a word
counts by itself, misspelt, run together with another, or for another word of its class.

The encoder compares pieces of a text with the names that share a word with them. So what it finds cannot change if the
same pieces are compared, and none of them is like a name that they do not share. What it offers as alternatives depends
on the term alone, so these are brought up to date without a look at the text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phenoextract.digits import NUMBERS
from phenoextract.encoder import Encoder
from phenoextract.index import Index, Name, content_words, word_classes, word_hash
from phenoextract.likeness import COMMON, TABLE, Likeness
from phenoextract.measure import first_words
from phenoextract.paraphrase import LEAST_LIKENESS, MAX_PHRASE, MAX_PIECE
from phenoextract.recognize import Recognizer
from phenoextract.rules import load_rules
from phenoextract.text import Gap, Tokens, fold, normalise, tokenise
from phenoextract.types import Annotation, Method, Report
from phenoextract.vocabulary import Vocabulary, Word

_HPO_ID = re.compile(r"HP:\d{7}")
# what stands in names but not beside the other words of them in a letter: "lips: normal"
_ABNORMAL = "abnormal abnormality abnormalities anomaly anomalies asymmetry function morphology physiology"
# what an enumeration of digits is read as: "metacarpals II-V"
_DIGITS = (
    "1 2 3 4 5 1st 2nd 3rd 4th 5th first second third fourth fifth finger toe digit hand foot metacarpal metatarsal"
)
_SLACK = 0.002  # in a cosine, for what rounding may do to it
_WORDS_KNOWN = 200_000
# The words around one, by their distance; and the pieces with it, by the places there of their last word and of the one
# before their first.
_AROUND = np.arange(-MAX_PIECE, MAX_PIECE)
_BEFORE, _LAST = np.array(
    [(before, before + words) for words in range(2, MAX_PIECE + 1) for before in range(MAX_PIECE - words, MAX_PIECE)]
).T
_BLOCK = 64  # words whose pieces are looked at together

TakeOver = Callable[[str, Report], Report | None]
_Learn = Callable[[Iterable[str]], tuple[Mapping[str, int], NDArray[np.float32]]]


class _Sense(NamedTuple):
    """What a word of a text is to the names that differ.

    `said` are the hashes of their words that it can stand for or lends to its clause, `lent` of those that it lends to
    the whole text; `key` is the word's loose key, 0 if the encoder compares no such name by it.
    """

    said: frozenset[int]
    lent: frozenset[int]
    key: int = 0


class _Side:
    """An index, and what codes with it."""

    def __init__(self, index: Index, encoder: Encoder | None) -> None:
        self.index = index
        self.vectors = None if encoder is None else index.vectors
        self.likeness = Likeness(index, self.vectors, encoder) if encoder and self.vectors else None
        self.recognizer = Recognizer(index, likeness=self.likeness)


def take_over(old: Index, new: Index, encoder: Encoder | None = None) -> TakeOver:
    """Give a function that makes the report of now from an earlier one; None where the text must be coded again."""
    before, after = _Side(old, encoder), _Side(new, encoder)
    affects = _affects(before, after)

    def taken(text: str, report: Report) -> Report | None:
        if affects(text):
            return None
        renewed = [_renewed(annotation, before.recognizer, after.recognizer) for annotation in report.annotations]
        annotations = tuple(annotation for annotation in renewed if annotation is not None)
        return replace(report, annotations=annotations) if len(annotations) == len(renewed) else None

    return taken


def _renewed(annotation: Annotation, before: Recognizer, after: Recognizer) -> Annotation | None:
    """Give an annotation with the alternatives of now; None where it does not tell whether it is offered any.

    Only what the recogniser has found is offered any, and what it was offered tells that it is such.
    """
    if not annotation.candidates:
        return annotation
    best, *others = annotation.candidates
    own = (best, *(candidate for candidate in others if candidate.method is not Method.ENCODER))
    was, now = before.with_alternatives(own), after.with_alternatives(own)
    if was == now or annotation.candidates == own != was:
        return annotation
    return annotation._replace(candidates=now) if annotation.candidates == was != own else None


def _affects(old: _Side, new: _Side) -> Callable[[str], bool]:
    """Give a function that tells whether the result of a text, alternatives aside, can differ between two indexes."""
    moved = {hpo_id for hpo_id in _rule_terms() if _term(old.index, hpo_id) != _term(new.index, hpo_id)}
    findings = load_rules("normal_findings")
    phrases = {name: hpo_id for part in ("parts", "statements") for name, hpo_id in findings[part].items()}
    if not all(map(first_words, ({hpo_id} for hpo_id in moved - {*phrases.values()}))):
        return lambda _text: True  # a term of some other rule, of which it is not known what it bears on
    measured = first_words(moved)
    differing = _differing(old.index, new.index) | {name for name, hpo_id in phrases.items() if hpo_id in moved}
    required = {words for name in differing for words in _required(name)}
    uses = Counter(word for words in required for word in words)
    by_rarest: dict[int, list[frozenset[int]]] = defaultdict(list)
    for words in required:
        by_rarest[min(words, key=lambda word: (uses[word], word))].append(words)
    wanted, rarest = frozenset(uses), frozenset(by_rarest)
    to_clause, to_text = _lent_to_clauses(), _lent_to_texts()
    none: frozenset[int] = frozenset()
    paraphrases = _Paraphrases(old, new, new.likeness.learn, differing) if new.likeness else None

    @lru_cache(maxsize=_WORDS_KNOWN)
    def sense(word: str) -> _Sense | None:
        if _reach(old.recognizer.vocabulary, word) != _reach(new.recognizer.vocabulary, word):
            return None
        found = new.recognizer.vocabulary.classify(word)
        said = _hashes(word, found) | to_clause.get(word, none) | to_clause.get(fold(word), none)
        lent = to_text.get(normalise(word), none)
        key = word_hash("a") if word == "A" else found.loose  # where it is a letter and no article
        return _Sense(said & wanted, lent & wanted, key if paraphrases and key in paraphrases.keys else 0)

    def may_name(tokens: Tokens, senses: Sequence[_Sense]) -> bool:
        """Tell whether a clause may say a name that differs."""
        lent = none.union(*(sense.lent for sense in senses if sense.lent))
        held = lent.union(*(sense.said for sense in senses if sense.said))
        names = [words for word in held & rarest for words in by_rarest[word] if words <= held]
        if not names:
            return False
        clauses = [set(lent)]
        for gap, sense in zip(tokens.gaps, senses, strict=True):
            if gap >= Gap.HARD:
                clauses.append(set(lent))
            clauses[-1] |= sense.said
        return any(words <= clause for clause in clauses for words in names)

    def judge(text: str) -> bool:
        tokens = tokenise(text)
        if not measured.isdisjoint(tokens.folded):
            return True
        senses = [found for word in tokens.words if (found := sense(word)) is not None]
        if len(senses) < len(tokens.words) or may_name(tokens, senses):
            return True
        keys = {place: sense.key for place, sense in enumerate(senses) if sense.key}
        return paraphrases is not None and paraphrases(tokens, keys)

    return judge


class _Compared(NamedTuple):
    """A name that pieces of a text are compared with, as far as coding can see it."""

    name: Name
    term: tuple[str, frozenset[str]] | None
    read: tuple[Word, ...]
    vector: bytes


class _Paraphrases:
    """Tells whether the encoder can find something else in a text by one index than by another.

    `keys` are the loose keys of words that bear on it.
    """

    def __init__(self, old: _Side, new: _Side, learn: _Learn, differing: Iterable[str]) -> None:
        self._learn = learn
        self._pairs = old.index.pairs ^ new.index.pairs
        was, now = _compared(old), _compared(new)
        vectors: dict[int, list[bytes]] = defaultdict(list)
        for name in was.keys() | now.keys():
            for key in was.get(name, frozenset()) ^ now.get(name, frozenset()):
                vectors[key].append(name.vector)
        self._vectors = {
            key: np.frombuffer(b"".join(rows), np.int8).reshape(len(rows), -1).T / TABLE
            for key, rows in vectors.items()
        }
        self.keys = self._vectors.keys() | {_key(root) for name in differing for root in _roots(name)}

    def __call__(self, tokens: Tokens, keys: Mapping[int, int]) -> bool:
        """Tell it of a text, by the keys of those of its words that bear on it."""
        if self._compares_others(tokens, keys):
            return True
        places = [place for place, key in keys.items() if key in self._vectors]
        if not places:
            return False
        words = tokens.folded
        numbers, table = self._learn(words)
        rows = np.array([numbers[word] for word in words])
        begins = np.append(np.frombuffer(tokens.gaps, np.uint8)[1:] == Gap.SPACE, [False])
        return any(
            self._are_alike(table, rows, begins, [(place, keys[place]) for place in places[start : start + _BLOCK]])
            for start in range(0, len(places), _BLOCK)
        )

    def _compares_others(self, tokens: Tokens, keys: Mapping[int, int]) -> bool:
        """Tell whether two words near each other stand together in a name of one index only."""
        return any(
            keys[place] + keys[other] in self._pairs and not any(tokens.gaps[place + 1 : other + 1])
            for place in keys
            for other in range(place + 1, place + MAX_PHRASE)
            if other in keys
        )

    def _are_alike(
        self,
        table: NDArray[np.float32],
        rows: NDArray[np.int64],
        begins: NDArray[np.bool_],
        words: Sequence[tuple[int, int]],
    ) -> bool:
        """Tell whether a piece with one of some words, each a place and its key, may be like a name with the key.

        `rows` are those of the text's words in the table, and `begins` tells with which of them a piece may begin.
        """
        places = np.array([place for place, _ in words])[:, None]
        sums = np.cumsum(table[rows[np.clip(places + _AROUND, 0, len(rows) - 1)]], axis=1, dtype=np.float64)
        products = sums @ sums.transpose(0, 2, 1)
        squares = np.diagonal(products, axis1=1, axis2=2)
        lengths = squares[:, _LAST] + squares[:, _BEFORE] - 2 * products[:, _BEFORE, _LAST]
        least = (LEAST_LIKENESS - _SLACK) * np.sqrt(np.maximum(lengths, 0))
        first, last = places + _AROUND[_BEFORE] + 1, places + _AROUND[_LAST]
        least[(first < 0) | (last >= len(rows)) | ~begins[np.maximum(first, 0)]] = np.inf
        for own, enough, (_, key) in zip(sums, least, words, strict=True):
            along = own @ self._vectors[key]
            if (along[_LAST] - along[_BEFORE] > enough[:, None]).any():
                return True
        return False


def _compared(side: _Side) -> dict[_Compared, frozenset[int]]:
    """Give the names that pieces of a text are compared with, and the keys by which they are looked up."""
    if side.vectors is None:
        return {}
    every: dict[int, set[int]] = defaultdict(set)
    for key, names in side.vectors.postings.items():
        for name in names.tolist():
            every[name].add(key)
    common = {key for key, names in side.vectors.postings.items() if len(names) > COMMON}
    known = {_key(root) for root in side.index.words}
    found = {}
    for position, keys in every.items():
        name = side.index.names[position]
        # words of names that the scan does not look for may be unknown, and then it depends on others what they are
        read = (
            ()
            if keys <= known
            else tuple(_reach(side.recognizer.vocabulary, word) for word in tokenise(name.text).words)
        )
        compared = _Compared(name, _term(side.index, name.hpo_id), read, side.vectors.table[position].tobytes())
        found[compared] = frozenset(keys - common)
    return found


def _reach(vocabulary: Vocabulary, word: str) -> Word:
    """Give what a word is, less how long a name with it can be: that ends a search which would find nothing more."""
    found = vocabulary.classify(word)
    return found._replace(longest=min(found.longest, 2))


def _hashes(word: str, found: Word) -> frozenset[int]:
    """Give the hashes of the words that a word can stand for: itself, its correction, or two that it runs together."""
    own = word_hash(normalise(word))
    hashes = {own, _key(normalise(word)), found.strict, found.loose}
    if found.strict not in (0, own):
        hashes.update(_key(normalise(part)) for at in range(1, len(word)) for part in (word[:at], word[at:]))
    return frozenset(hashes)


def _differing(old: Index, new: Index) -> set[str]:
    """Give the names that only one of two indexes has, or that mean something else in the other."""
    return {text for text, *_ in _names(old) ^ _names(new)}


def _names(index: Index) -> set[tuple[Any, ...]]:
    compiled = {(name.text, name, _term(index, name.hpo_id)) for name in index.names}
    return compiled | {
        (text, term.id, _term(index, term.id))
        for term in index.ontology
        for text in (term.label, *(synonym.text for synonym in term.synonyms))
    }


def _term(index: Index, hpo_id: str) -> tuple[str, frozenset[str]] | None:
    """Give what the coding of a text can see of a term."""
    if hpo_id not in index.ontology:
        return None
    return index.ontology.label(hpo_id), index.ontology.ancestors(hpo_id)


def _roots(text: str) -> set[str]:
    return set(map(normalise, content_words(tokenise(text).words)))


def _required(name: str) -> list[frozenset[int]]:
    """Give the sets of words by which a name is looked up; a text that says the name holds one of them whole."""
    roots = [*map(normalise, content_words(tokenise(name).words))]
    ways = [roots, *([root for root in roots if root not in words] for words in _left_out())]
    return [frozenset(map(_key, way)) for way in ways if len(way) > 1 or (way and way is roots)]


def _key(root: str) -> int:
    """Give the hash of a word, one for all words that stand for each other."""
    return word_hash(_classes().get(root, root))


@lru_cache(maxsize=1)
def _classes() -> dict[str, str]:
    return word_classes()


@lru_cache(maxsize=1)
def _left_out() -> list[frozenset[str]]:
    """Give the words that names of several others are looked up without, kind by kind."""
    lexicon = load_rules("lexicon")
    return [frozenset(map(normalise, lexicon[kind]["words"])) for kind in ("neutral", "narrowing")]


def _lent_to_clauses() -> dict[str, frozenset[int]]:
    """Give, by a word, folded or a number as written, the words of names that a clause with it need not say."""
    normality = load_rules("normal_findings")["words"]
    lent = {word: _ABNORMAL for kind in ("normal", "symmetric", "abnormal") for word in normality[kind]}
    lent |= dict.fromkeys(NUMBERS, _DIGITS)
    return {word: frozenset(map(_key, _roots(names))) for word, names in lent.items()}


def _lent_to_texts() -> dict[str, frozenset[int]]:
    """Give, by a word of a form's heading in normal form, the words that the heading lends to what stands under it."""
    lent: dict[str, frozenset[int]] = defaultdict(frozenset)
    for heading, words in load_rules("normal_findings")["regions"].items():
        for root in _roots(heading):
            lent[root] |= frozenset(_key(own) for text in words for own in _roots(text))
    return dict(lent)


def _rule_terms() -> set[str]:
    """Give the ids of terms that any rule names."""
    rules = (file for file in files("phenoextract.rules").iterdir() if file.name.endswith(".toml"))
    return {found for file in rules for found in _HPO_ID.findall(file.read_text("utf-8"))}
