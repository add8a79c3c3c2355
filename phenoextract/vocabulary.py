"""What recognition knows of single words, and a text as it reads it: a row of numbers a word.

A word is looked up in the lexicon's words, corrected or taken apart only once. What is known of it then stands in a
table, so that a text is read by picking rows, in little memory.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from phenoextract.digits import speaks_of_digits
from phenoextract.index import Index, is_letter, word_classes, word_hash
from phenoextract.measure import first_words
from phenoextract.rules import load_rules
from phenoextract.spelling import Spelling
from phenoextract.text import Gap, Tokens, fold, normalise, plain_form, tokenise

_MAX_KNOWN = 200_000
_ROOM = 1024  # words for which there is room at first
_MAX_LETTERS = 80
_MAX_DIGITS = 4  # of a number that is remembered like any word
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


class Mark:
    """What a word is besides, a bit each.

    A name by itself; corrected; the first of a disease's name; one that some name needs near it; one that speaks of
    fingers or toes; one that may begin the name of a measure; the first of an idiom.
    """

    ALONE: Final = 1
    FUZZY: Final = 2
    DISEASE: Final = 4
    CONTEXT: Final = 8
    DIGIT: Final = 16
    MEASURE: Final = 32
    IDIOM: Final = 64


CLOSE = (Gap.SPACE, Gap.LABEL)  # gaps that a phrase runs on over
BREAKS = (Gap.HARD, Gap.SENTENCE)  # gaps that no name runs over
# Nouns behind a part of the body or a finding that say no more than it does: "knee joints", "hooked clavicular ends".
_ADD_NOTHING = frozenset(
    "bone bones joint joints suture sutures end ends body bodies ossification region regions area areas spells "
    "activity background".split()
)


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
    classes: 0 where a word does not count. `longest` is the length of the longest name with the word.
    """

    kind: int
    strict: int = 0
    core: int = 0
    loose: int = 0
    longest: int = 0
    fuzzy: bool = False


class Columns(NamedTuple):
    """The numbers of many words, one array for each kind of number.

    `marks` are bits of Mark, and `special` tells the words that are read by their neighbours.
    """

    strict: NDArray[np.uint64]
    core: NDArray[np.uint64]
    loose: NDArray[np.uint64]
    kind: NDArray[np.uint8]
    longest: NDArray[np.uint8]
    marks: NDArray[np.uint8]
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
    def _marks(self) -> NDArray[np.uint8]:
        return self.columns.marks[self.rows]

    def marked(self, mark: int) -> list[int]:
        """Give the words with a mark."""
        return (self._marks & mark).nonzero()[0].tolist()  # type: ignore[no-any-return]

    @cached_property
    def fuzzy(self) -> frozenset[int]:
        """The words that were corrected."""
        return frozenset(self.marked(Mark.FUZZY))

    @cached_property
    def _counted(self) -> list[int]:
        """The words that count for names."""
        return self.columns.strict[self.rows].nonzero()[0].tolist()  # type: ignore[no-any-return]

    @cached_property
    def _of_content(self) -> list[int]:
        """The words of content."""
        return self.columns.core[self.rows].nonzero()[0].tolist()  # type: ignore[no-any-return]

    @cached_property
    def _of_context(self) -> list[int]:
        """The words that some name needs near it."""
        return self.marked(Mark.CONTEXT)

    @cached_property
    def _context(self) -> Sequence[str]:
        """These words, folded."""
        return [fold(self.tokens.words[place]) for place in self._of_context]

    def around(self, number: int, reach: int) -> frozenset[str]:
        """Give the folded words of context in a sentence, and in some sentences before and behind it."""
        sentences = self.tokens.sentences
        begin = bisect_left(self._of_context, sentences[max(0, number - reach)][0])
        end = bisect_left(self._of_context, sentences[min(len(sentences) - 1, number + reach)][1], begin)
        return frozenset(self._context[begin:end])

    def kind(self, place: int) -> int:
        """Give the kind of a word."""
        return kind_of(self.shape[place])

    def goes_on(self, place: int) -> bool:
        """Tell whether a word of content follows a word without a break."""
        behind = place + 1
        if behind == len(self.shape) or self.tokens.gaps[behind] not in CLOSE:
            return False
        return self.kind(behind) in (Kind.CONTENT, Kind.NEGATION)

    def describes(self, place: int) -> bool:
        """Tell whether a word stands right before a noun of content that adds something to it."""
        if not self.goes_on(place) or self.kind(place + 1) != Kind.CONTENT:
            return False
        return _ADD_NOTHING.isdisjoint(self.tokens.fold(place + 1, place + 2))

    def content(self, first: int, last: int) -> list[int]:
        """Give the words from one to another that count for names."""
        return _within(self._counted, first, last)

    def core_places(self, first: int, last: int) -> list[int]:
        """Give the words of content from one to another."""
        return _within(self._of_content, first, last)

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


def _within(places: list[int], first: int, last: int) -> list[int]:
    """Give those of some places, in order, that lie from one to another."""
    return places[bisect_left(places, first) : bisect_right(places, last)]


class _Known(dict[str, int]):
    """The words met so far, each with its row in `columns`; safe to share between threads, as rows never change."""

    def __init__(
        self, classify: Callable[[str], Word], marks: Callable[[str, Word], int], means: Callable[[str], bool]
    ) -> None:
        self._classify = classify
        self._marks = marks
        self._means = means
        self._growing = threading.Lock()
        self._written = 0
        self._waiting: list[tuple[int, ...]] = []  # rows not yet written
        self._is_itself: list[bool] = []  # of each row: no other word misspelt or run together
        keys, small = np.zeros((3, _ROOM), np.uint64), np.zeros((4, _ROOM), np.uint8)
        self._columns = Columns(*keys, *small)
        self.number = self.add(Word(Kind.UNKNOWN), 0)

    def __missing__(self, word: str) -> int:
        if len(word) > _MAX_DIGITS and word.isdecimal() and not self._means(word):
            return self.number  # numbers have no end, and need not be remembered
        small = self.get(word.lower()) if word.isascii() and len(word) > 1 else None
        if small is not None and self._is_itself[small]:  # only of such words capitals tell nothing
            self[word] = small
            return small
        found = self._classify(word)
        marks, special = self._marks(word, found), _A if word == "A" else _SPECIAL.get(fold(word), 0)
        with self._growing:
            self[word] = row = self.add(found, marks, special)
        return row

    def add(self, word: Word, marks: int, special: int = 0) -> int:
        """Give a word a row."""
        self._waiting.append((word.strict, word.core, word.loose, word.kind, min(word.longest, 255), marks, special))
        self._is_itself.append(not word.fuzzy and (word.loose > 0 or word.core == 0))
        return len(self._is_itself) - 1

    @property
    def columns(self) -> Columns:
        """The columns with every row given so far."""
        with self._growing:
            if self._waiting:
                self._write()
            return self._columns

    def _write(self) -> None:
        """Write the rows that wait, many at once, as that is faster; readers go on with the columns that they have."""
        end = self._written + len(self._waiting)
        while end > len(self._columns.kind):
            self._columns = Columns(*(np.concatenate([column, np.zeros_like(column)]) for column in self._columns))
        columns: Iterable[NDArray[Any]] = self._columns
        for column, numbers in zip(columns, zip(*self._waiting, strict=True), strict=True):
            column[self._written : end] = numbers
        self._waiting.clear()
        self._written = end


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
        self._surfaces = frozenset(index.surfaces)
        self._spelling = Spelling(index.surfaces, index.known)
        self._everywhere = _phrase_keys(rules["diagnoses"]["everywhere"], normalise)
        self._diseases = _phrase_keys((*rules["diagnoses"]["everywhere"], *rules["diagnoses"]["names"]), normalise)
        self._idioms = _phrase_keys(rules["idioms"]["phrases"], fold)
        self._contexts = frozenset(fold(word) for name in index.names for word in name.context)
        self._measures = first_words()
        self._forget()

    def _forget(self) -> None:
        known = _Known(self.classify, self._marks, self._means)
        letter = self._content("a", fuzzy=False)
        self._letter_a = known.add(letter, self._marks("a", letter))
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
        return _phrases(reading, Mark.DISEASE, self._diseases if letter else self._everywhere, normalise)

    def idioms(self, reading: Reading) -> Iterator[tuple[int, int]]:
        """Give the first and last word of each phrase that holds a name and means something else."""
        return _phrases(reading, Mark.IDIOM, self._idioms, fold)

    def _means(self, number: str) -> bool:
        """Tell a number that stands in a name, or that some name needs near it."""
        return fold(number) in self._index.words or fold(number) in self._contexts

    def _marks(self, word: str, found: Word) -> int:
        folded = fold(word)
        return (
            Mark.ALONE * (found.strict in self._index.strict)
            | Mark.FUZZY * found.fuzzy
            | Mark.DISEASE * (normalise(word) in self._diseases)
            | Mark.CONTEXT * (folded in self._contexts)
            | Mark.DIGIT * speaks_of_digits(folded)
            | Mark.MEASURE * (folded in self._measures)
            | Mark.IDIOM * (folded in self._idioms)
        )

    def classify(self, word: str) -> Word:
        """Give what a word is to recognition, by itself."""
        folded = fold(word)
        if len(word) > _MAX_LETTERS:  # no name has such a word, and reading it would take long
            return Word(Kind.UNKNOWN)
        if folded in self._plain:
            return Word(Kind.PLAIN)
        if folded in self._ordered:
            return Word({"and": Kind.JOINING, "or": Kind.JOINING, "nor": Kind.NOR}.get(folded, Kind.ORDERED))
        return self._classify_content(word, folded)

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
            if word[:at] in self._surfaces and (right := normalise(word[at:])) in self._index.words:
                parts = self._content(normalise(word[:at]), fuzzy=False), self._content(right, fuzzy=False)
                if parts[0].loose + parts[1].loose in self._index.pairs:
                    key = parts[0].strict + parts[1].strict
                    return Word(Kind.CONTENT, key, key, longest=min(part.longest for part in parts))
        return None

    def _content(self, root: str, *, fuzzy: bool) -> Word:
        key = word_hash(root)
        kind = self._classes.get(root)
        loose = 0 if root in self._neutral else key if kind is None else word_hash(kind)
        return Word(Kind.CONTENT, key, key, loose, self._index.words.get(root, 0), fuzzy)


_Phrases = dict[str, tuple[tuple[str, ...], ...]]  # phrases by their first word, the longest first


def _phrases(reading: Reading, mark: int, phrases: _Phrases, form: Callable[[str], str]) -> Iterator[tuple[int, int]]:
    """Give the first and last word of each phrase in a text: its first word has a mark, all its words have a form."""
    words = reading.tokens.words
    for place in reading.marked(mark):
        for phrase in phrases.get(form(words[place]), ()):
            if tuple(map(form, words[place : place + len(phrase)])) == phrase:
                yield place, place + len(phrase) - 1


def _phrase_keys(names: Sequence[str], form: Callable[[str], str]) -> _Phrases:
    keys: _Phrases = {}
    for name in names:
        words = tuple(map(form, tokenise(name).words))
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
