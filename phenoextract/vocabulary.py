"""What recognition knows of single words, and a text as it reads it: a row of numbers a word.

A word is looked up in the lexicon's words, corrected or taken apart only once. What is known of it then stands in a
table, so that a text is read by picking rows, in little memory.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phenoextract.index import Index, is_letter, word_classes, word_hash
from phenoextract.rules import load_rules
from phenoextract.spelling import Spelling
from phenoextract.text import Gap, Tokens, fold, normalise, plain_form, tokenise

_MAX_KNOWN = 200_000
_ROOM = 1024  # words for which there is room at first
_MAX_LETTERS = 80
_MIN_PART = 3  # letters of either word in two that are written as one
_NAMES_FUZZY_FROM = 9  # a capitalised word shorter than this may be a surname, not a misspelling
_NEGATORS = frozenset({"no", "not", "without", "never"})
_MISREAD = (("1", "l"), ("0", "o"), ("5", "s"), ("rn", "m"), ("vv", "w"), ("1", "i"), ("c1", "d"))
_MIN_MISREAD = 6
_TO, _BE, _A = 1, 2, 3  # words whose kind depends on the one beside them
_SPECIAL = {"to": _TO, "be": _BE}
_TO_BE = bytes((_TO, _BE))


class Kind:
    """The kinds of words, in steps of eight: with the gap before it, a word's kind makes one byte of a text's shape."""

    UNKNOWN: Final = 0
    CONTENT: Final = 8
    NEGATION: Final = 16
    MODIFIER: Final = 24
    PLAIN: Final = 32
    ORDERED: Final = 40
    JOINING: Final = 48
    NOR: Final = 56


CLOSE = (Gap.SPACE, Gap.LABEL)  # gaps that a phrase runs on over
BREAKS = (Gap.HARD, Gap.SENTENCE)  # gaps that no name runs over


def kind_of(shape: int) -> int:
    """Give the kind of the word that has a shape."""
    return shape & ~7


def gap_of(shape: int) -> int:
    """Give the gap before the word that has a shape."""
    return shape & 7


def any_of(kinds: Iterable[int], gaps: Iterable[int]) -> bytes:
    """Give the pattern of one word of some kinds, behind one of some gaps, in a text's shape."""
    gaps = tuple(gaps)
    return b"[%b]" % b"".join(re.escape(bytes((kind | gap,))) for kind in kinds for gap in gaps)


class Word(NamedTuple):
    """What recognition needs of a word as it is written, worked out once.

    `strict`, `core` and `loose` are its hashes for the key of all words, the same for content only, and the key by
    classes: 0 where a word does not count. `longest` is the length of the longest name with the word, and `diseases`
    are the names of diseases that begin with it.
    """

    kind: int
    strict: int = 0
    core: int = 0
    loose: int = 0
    longest: int = 0
    fuzzy: bool = False
    diseases: tuple[tuple[str, ...], ...] = ()


class Columns(NamedTuple):
    """The numbers of many words, one array for each kind of number.

    `alone` tells the words that are a name by themselves, `special` those that are read by their neighbours.
    """

    strict: NDArray[np.uint64]
    core: NDArray[np.uint64]
    loose: NDArray[np.uint64]
    kind: NDArray[np.uint8]
    longest: NDArray[np.uint8]
    alone: NDArray[np.bool_]
    fuzzy: NDArray[np.bool_]
    diseased: NDArray[np.bool_]
    special: NDArray[np.uint8]


@dataclass(frozen=True)
class Reading:
    """A text as recognition reads it.

    `rows` gives each word's place in `columns`. `shape` is a byte a word: its kind and the gap before it.
    """

    tokens: Tokens
    rows: NDArray[np.intp]
    columns: Columns
    shape: bytes
    _near: dict[tuple[int, int], frozenset[str]] = field(default_factory=dict, repr=False)  # what `around` has given

    @cached_property
    def strict(self) -> list[int]:
        """The words' hashes for the key of all words."""
        return self.columns.strict[self.rows].tolist()  # type: ignore[no-any-return]

    @cached_property
    def core(self) -> list[int]:
        """The words' hashes for the key of content."""
        return self.columns.core[self.rows].tolist()  # type: ignore[no-any-return]

    @cached_property
    def loose(self) -> list[int]:
        """The words' hashes for the key by classes."""
        return self.columns.loose[self.rows].tolist()  # type: ignore[no-any-return]

    @cached_property
    def fuzzy(self) -> bytes:
        """For each word whether it was corrected."""
        return self.columns.fuzzy[self.rows].tobytes()

    def around(self, number: int, reach: int) -> frozenset[str]:
        """Give the folded words of a sentence, and of some sentences before and behind it."""
        found = self._near.get((number, reach))
        if found is None:
            sentences = self.tokens.sentences
            begin = sentences[max(0, number - reach)][0]
            end = sentences[min(len(sentences) - 1, number + reach)][1]
            found = self._near[number, reach] = frozenset(self.tokens.folded[begin:end])
        return found

    def kind(self, place: int) -> int:
        """Give the kind of a word."""
        return kind_of(self.shape[place])

    def goes_on(self, place: int) -> bool:
        """Tell whether a word of content follows a word without a break."""
        behind = place + 1
        if behind == len(self.shape) or self.tokens.gaps[behind] not in CLOSE:
            return False
        return self.kind(behind) in (Kind.CONTENT, Kind.NEGATION)

    def content(self, first: int, last: int) -> list[int]:
        """Give the words from one to another that count for names."""
        return list(compress(range(first, last + 1), self.strict[first : last + 1]))

    def core_places(self, first: int, last: int) -> list[int]:
        """Give the words of content from one to another."""
        return list(compress(range(first, last + 1), self.core[first : last + 1]))

    def core_sum(self, first: int, last: int) -> int:
        """Give the key of content of the words from one to another."""
        return sum(self.core[first : last + 1])

    def meanings(self, first: int, last: int) -> frozenset[int]:
        """Give the keys of words that bear on meaning: of content by their class, of degree and side as they are."""
        found = {
            self.loose[place] or (self.strict[place] if self.kind(place) == Kind.MODIFIER else 0)
            for place in range(first, last + 1)
        }
        return frozenset(found - {0})


class _Known(dict[str, int]):
    """The words met so far, each with its row in `columns`; safe to share between threads, as rows never change."""

    def __init__(self, classify: Callable[[str], Word], names: Container[int]) -> None:
        self._classify = classify
        self._names = names
        self._growing = threading.Lock()
        self._used = 0
        keys, small, flags = np.zeros(_ROOM, np.uint64), np.zeros(_ROOM, np.uint8), np.zeros(_ROOM, np.bool_)
        self.columns = Columns(
            keys, keys.copy(), keys.copy(), small, small.copy(), flags, flags.copy(), flags.copy(), small.copy()
        )

    def __missing__(self, word: str) -> int:
        small = self.get(word.lower()) if word.isascii() and len(word) > 1 else None
        if small is not None and self._is_itself(small):
            self[word] = small
            return small
        found = self._classify(word)
        with self._growing:
            self[word] = row = self.add(found, _A if word == "A" else _SPECIAL.get(fold(word), 0))
        return row

    def _is_itself(self, row: int) -> bool:
        """Tell a word that is no other one misspelt or run together: only of such capitals tell anything."""
        columns = self.columns
        return not columns.fuzzy[row] and (columns.loose[row] > 0 or columns.core[row] == 0)

    def add(self, word: Word, special: int = 0) -> int:
        """Write a word into the columns; give its row."""
        row = self._used
        if row == len(self.columns.kind):  # readers go on with the columns that they have
            self.columns = Columns(*(np.concatenate([column, np.zeros_like(column)]) for column in self.columns))
        longest, alone, diseased = min(word.longest, 255), word.strict in self._names, bool(word.diseases)
        numbers = (word.strict, word.core, word.loose, word.kind, longest, alone, word.fuzzy, diseased, special)
        columns: Iterable[NDArray[Any]] = self.columns
        for column, number in zip(columns, numbers, strict=True):
            column[row] = number
        self._used += 1
        return row


class Vocabulary:
    """Reads texts word by word with the lexicon of an index; safe to share between threads."""

    def __init__(self, index: Index) -> None:
        rules = load_rules("lexicon")
        self._index = index
        self._plain = frozenset(rules["function"]["plain"])
        self._ordered = frozenset(rules["function"]["ordered"])
        self._modifiers = frozenset(rules["modifier"]["words"]) | {normalise(w) for w in rules["modifier"]["words"]}
        self._neutral = frozenset(normalise(word) for word in rules["neutral"]["words"])
        self._classes = word_classes()
        self._spelling = Spelling(index.surfaces, index.known)
        self._everywhere = _disease_keys(rules["diagnoses"]["everywhere"])
        self._diseases = _disease_keys((*rules["diagnoses"]["everywhere"], *rules["diagnoses"]["names"]))
        self._forget()

    def _forget(self) -> None:
        known = _Known(self.classify, self._index.strict)
        self._letter_a = known.add(self._content("a", fuzzy=False))
        self._known = known

    def read(self, tokens: Tokens) -> Reading:
        """Give what is known of each word of a text."""
        if len(self._known) > _MAX_KNOWN:  # other threads go on with what they have
            self._forget()
        known = self._known
        rows = np.fromiter(map(known.__getitem__, tokens.words), np.intp, len(tokens.words))
        columns = known.columns
        special = columns.special[rows].tobytes()
        for place in _all(special, _TO_BE):  # "were noted to be brittle"
            rows[place] = rows[place + 1]
        for place in _all(special, bytes((_A,))):
            if is_letter(tokens.words, place):
                rows[place] = self._letter_a
        shape = (columns.kind[rows] | np.frombuffer(tokens.gaps, np.uint8)).tobytes()
        return Reading(tokens, rows, columns, shape)

    def diseases(self, reading: Reading, *, letter: bool) -> Iterator[tuple[int, int]]:
        """Give the first and last word of each disease whose name hides that of a finding: fewer outside letters."""
        words, names = reading.tokens.words, self._diseases if letter else self._everywhere
        for place in reading.columns.diseased[reading.rows].nonzero()[0].tolist():
            for name in names.get(normalise(words[place]), ()):
                if tuple(map(normalise, words[place : place + len(name)])) == name:
                    yield place, place + len(name) - 1

    def classify(self, word: str) -> Word:
        """Give what a word is to recognition, by itself."""
        folded = fold(word)
        if len(word) > _MAX_LETTERS:  # no name has such a word, and reading it would take long
            return Word(Kind.UNKNOWN)
        diseases = self._diseases.get(normalise(word), ())
        if folded in self._plain:
            return Word(Kind.PLAIN, diseases=diseases)
        if folded in self._ordered:
            kind = {"and": Kind.JOINING, "or": Kind.JOINING, "nor": Kind.NOR}.get(folded, Kind.ORDERED)
            return Word(kind, diseases=diseases)
        return self._classify_content(word, folded)._replace(diseases=diseases)

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
                return Word(Kind.UNKNOWN)
            if (run_together := self._run_together(folded)) is not None:
                return run_together
            corrected = self._spelling.correct(plain_form(word)) or self._spelling.correct(folded)
            return Word(Kind.UNKNOWN) if corrected is None else self._content(normalise(corrected), fuzzy=True)
        if modifier:
            return Word(Kind.MODIFIER, word_hash(root), longest=longest or 0)
        found = self._content(root, fuzzy=False)
        return found._replace(kind=Kind.NEGATION) if folded in _NEGATORS else found

    def _run_together(self, word: str) -> Word | None:
        """Read an unknown word as two that stand in one name ("widespaced"): as keys are sums, it has those of both."""
        for at in range(_MIN_PART, len(word) - _MIN_PART + 1):
            left = normalise(word[:at])
            if left in self._index.words and (right := normalise(word[at:])) in self._index.words:
                parts = self._content(left, fuzzy=False), self._content(right, fuzzy=False)
                if parts[0].loose + parts[1].loose in self._index.pairs:
                    key = parts[0].strict + parts[1].strict
                    return Word(Kind.CONTENT, key, key, longest=min(part.longest for part in parts))
        return None

    def _content(self, root: str, *, fuzzy: bool) -> Word:
        key = word_hash(root)
        loose = 0 if root in self._neutral else word_hash(self._classes.get(root, root))
        return Word(Kind.CONTENT, key, key, loose, self._index.words.get(root, 0), fuzzy)


def _disease_keys(names: Sequence[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Give the disease names by their first word, in normal form, longest first."""
    keys: dict[str, tuple[tuple[str, ...], ...]] = {}
    for name in names:
        words = tuple(map(normalise, tokenise(name).words))
        keys[words[0]] = tuple(sorted((*keys.get(words[0], ()), words), key=len, reverse=True))
    return keys


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


def _all(text: bytes, part: bytes) -> Iterator[int]:
    """Give the places of all occurrences of a part in a text."""
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)
