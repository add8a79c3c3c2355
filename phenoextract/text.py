"""Words of a text, their normal forms and the breaks between them, in offsets of the original.

One tokenisation and one offset space: a text is split once into words and the gaps between them, and
every later stage works on word positions. `normalise` folds case, accents, ligatures, invisible
characters, UK spelling, plurals and common derivations of a single word; because it never looks at more
than one word, the map back to the original is the word's own start and end.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from typing import Final

from phenoextract.rules import load_rules

# A word: letters and digits, with the marks and invisible characters that typing systems put inside words.
_WORD = re.compile(r"([^\W_]+(?:[\u0300-\u036f\u00ad\u200b-\u200d\u2060]+[^\W_]*)*)")
# The same where there are no such marks, and where there are plain letters only, each in less time than the one before.
_UNMARKED_WORD = re.compile(r"([^\W_]+)")
_ASCII_WORD = re.compile(r"([A-Za-z0-9]+)")
# A hyphenated prefix belongs to its word ("pre-auricular"), so that both spellings are one.
_PREFIXES = frozenset(
    "anti bi co down hemi hyper hypo inter intra macro micro multi non over para peri poly post pre pseudo re retro "
    "semi sub supra trans tri un under up".split()
)
_INVISIBLE = re.compile(r"[\u0300-\u036f\u00ad\u200b-\u200d\u2060]")
_LONG_LINE = 25  # a line at least this long before a small letter was wrapped, not ended
_DICTATED = 3  # times that "full stop" is spoken in a dictated text
_LINE_REACH = 400  # code points back to the beginning of a line
_FULL_LINE = 60  # and one this long even before a capital, as it ends without a full stop


class Gap:
    """What stands between two words, from nothing that matters to the end of a sentence.

    Plain numbers, no enumeration: they are kept one a byte and compared in the innermost loops.
    """

    SPACE: Final = 0
    LABEL: Final = 1
    SOFT: Final = 2
    HARD: Final = 3
    SENTENCE: Final = 4


@dataclass(frozen=True)
class Tokens:
    """A text's words: `starts[i]`, `ends[i]` and `words[i]` (as written); `gaps[i]`, a Gap, stands before word i.

    `sentences` holds half-open ranges of word positions.
    """

    words: Sequence[str] = field(repr=False)
    starts: Sequence[int]
    ends: Sequence[int]
    gaps: bytes
    sentences: Sequence[tuple[int, int]]

    @cached_property
    def folded(self) -> Sequence[str]:
        """The words as `fold` gives them."""
        return self.fold(0, len(self.words))

    def fold(self, begin: int, end: int) -> Sequence[str]:
        """Give the words from one up to another as `fold` gives them; most of a long text is of no interest."""
        words = self.words[begin:end]
        together = " ".join(words)
        if together.isascii() and words:  # all at once, in a third of the time
            return together.lower().replace("-", "").split(" ")
        return list(map(fold, words))

    @cached_property
    def begins(self) -> Sequence[int]:
        """The first words of the sentences."""
        return [begin for begin, _ in self.sentences]


# a heading: "Face:" and what stands behind it, or "HEAD AND FACE" on a line of its own
_LABELLED = re.compile(r"[A-Z][A-Za-z/&]{1,20}(?: [A-Za-z/&]{1,15}){0,2}:(?=\s)|[A-Z][A-Z /&]{2,40}(?=\r?\n|$)")
_ABBREVIATED = frozenset(
    "dr mr mrs ms prof st vs eg ie e g i approx fig cf resp incl esp vol ca wt ht yr yrs mth mths wk wks hx rt "
    "lt".split()
)
_BREAK = re.compile(bytes((ord("["), Gap.HARD, Gap.SENTENCE, ord("]"))))
_MAX_GAPS = 4096
_MAX_JOINED = 60  # letters of a word that a prefix is joined to
_SPOKEN = frozenset({"new", "New", "full", "Full"})  # words with which dictated punctuation begins


class _Gaps(dict[str, int]):
    """The gaps met so far, each with its class; in a third of the time of a cached function."""

    def __missing__(self, gap: str) -> int:
        if len(self) == _MAX_GAPS:
            self.clear()
        self[gap] = found = _classify(gap)
        return found


def _classify(gap: str) -> int:
    """Class what stands between two words, by itself."""
    if "\n" in gap or "\r" in gap:
        stripped = gap.strip(" \t")
        if stripped in ("\n", "\r\n", "\r", "-\n", "-\r\n"):
            return Gap.HARD  # tokenise() softens the break of a wrapped line
        return Gap.SENTENCE
    if ";" in gap or "|" in gap or gap.count("\t") > 1:
        return Gap.HARD
    if "." in gap or "!" in gap or "?" in gap:
        ends = gap[-1].isspace() or gap[-1] in "\"'”’([" or (gap[0] == "." and gap.endswith(" ?"))  # ". ?Scoliosis"
        return Gap.SENTENCE if ends else Gap.HARD if "?" in gap else Gap.SOFT
    if ":" in gap:
        return Gap.LABEL
    if any(mark in gap for mark in ",()[]/&+—–") or " - " in gap:
        return Gap.SOFT
    if gap.isspace():
        return Gap.SPACE if len(gap) < 4 else Gap.HARD
    return Gap.SPACE if set(gap) <= set("-'’\"“”‘ \u00a0\u2010\u2011*") else Gap.SOFT


_class_of = _Gaps().__getitem__


def tokenise(text: str) -> Tokens:
    """Split a text into words and sentences.

    A line break ends a sentence unless the line was wrapped: the next line goes on in lower case after a
    line of ordinary length. Offsets are code points of `text`.
    """
    parts = (_ASCII_WORD if text.isascii() else _WORD if _INVISIBLE.search(text) else _UNMARKED_WORD).split(text)
    if "-" in parts:
        _join_prefixes(parts)
    bounds = list(accumulate(map(len, parts)))
    words = parts[1::2]
    starts, ends = bounds[0:-1:2], bounds[1::2]
    gaps = bytearray(map(_class_of, parts[0:-1:2]))
    sentences: list[tuple[int, int]] = []
    begin = 0
    for match in _BREAK.finditer(bytes(gaps), 1):
        position = match.start()
        gap = parts[2 * position]
        if "\n" in gap or "\r" in gap:
            if gaps[position] == Gap.HARD:
                gaps[position] = _soften_line_break(text, words[position], ends[position - 1], gap)
        elif gaps[position] == Gap.SENTENCE and not _ends_sentence(words[position - 1], words[position], gap):
            gaps[position] = Gap.SPACE
        if gaps[position] == Gap.SENTENCE:
            sentences.append((begin, position))
            begin = position
    if words:
        sentences.append((begin, len(words)))
        if not _SPOKEN.isdisjoint(words) and (len(sentences) < 3 or _stops(words) >= _DICTATED):
            sentences = _dictated_sentences(words, gaps, sentences)
    return Tokens(words, starts, ends, bytes(gaps), sentences)


def line_starts(text: str) -> Iterator[int]:
    """Give where each line of a text starts; a pattern that is tried there need not be looked for everywhere."""
    start = 0
    while start >= 0:
        yield start
        start = text.find("\n", start) + 1 or -1


def _join_prefixes(parts: list[str]) -> None:
    """Join a prefix, its hyphen and its word into one word, in a list of gaps and words in turn."""
    joined = False
    for place in [2 * number for number in _places(parts[::2], "-")][::-1]:
        if (
            0 < place < len(parts) - 1
            and parts[place - 1].lower() in _PREFIXES
            and parts[place + 1][0].islower()
            and len(parts[place + 1]) < _MAX_JOINED
        ):
            parts[place - 1] = f"{parts[place - 1]}-{parts[place + 1]}"
            parts[place] = parts[place + 1] = ""
            joined = True
    if joined:  # at one go: to take each out by itself costs the square of their number
        parts[1:-1] = filter(None, parts[1:-1])


def _places(held: Sequence[str], sought: str) -> Iterator[int]:
    """Give the places of an element, in order."""
    place = -1
    with suppress(ValueError):
        while True:
            place = held.index(sought, place + 1)
            yield place


def _stops(words: Sequence[str]) -> int:
    """Count how often "full stop" was spoken."""
    return sum(pair == ("full", "stop") for pair in pairwise(words))


def _dictated_sentences(
    words: Sequence[str], gaps: bytearray, sentences: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Split where punctuation was spoken ("full stop", "new paragraph", "new line"), and break at a spoken comma."""
    spoken = {("full", "stop"), ("new", "paragraph"), ("new", "line")}
    split: list[tuple[int, int]] = []
    for begin, end in sentences:
        for place in range(begin, end - 1):
            if words[place].lower() in ("comma", "colon"):
                gaps[place + 1] = max(gaps[place + 1], Gap.SOFT)
            if (words[place].lower(), words[place + 1].lower()) in spoken and place + 2 < end:
                gaps[place] = max(gaps[place], Gap.HARD)  # "eyebrows full stop" names no full eyebrows
                gaps[place + 2] = Gap.SENTENCE
                split.append((begin, place + 2))
                begin = place + 2
        split.append((begin, end))
    return split


def _ends_sentence(before: str, after: str, gap: str) -> bool:
    """Tell a full stop from the dot of an abbreviation, an initial or a number."""
    if "!" in gap or "?" in gap:
        return "?" not in gap or not gap.startswith(" ")
    if before.lower() == "no":
        return not after[0].isdigit()  # "no. 3", but "seizures: no. Ptosis: yes."
    return not (before.lower() in _ABBREVIATED or (len(before) == 1 and before.isalpha() and after[0].isupper()))


def _soften_line_break(text: str, word: str, end: int, gap: str) -> int:
    """Tell a wrapped line, which ends at `end` and goes on with `word`, from one that ends a sentence or list item."""
    if word[0].isupper() and _LABELLED.match(text, end + len(gap)):
        return Gap.SENTENCE  # "... is enlarged\nFace: chin small"
    if word[0].isupper() and _LABELLED.match(text, text.rfind("\n", max(0, end - _LINE_REACH), end) + 1):
        return Gap.SENTENCE  # "Eyes: no corneal erosions\nGout in 2023"
    full = _FULL_LINE if word[0].isupper() else _LONG_LINE
    line = text[max(0, end - full) : end]
    wrapped = gap[0] == "-" or (len(line) == full and "\n" not in line and "\r" not in line)
    return Gap.SPACE if wrapped else Gap.SENTENCE


@lru_cache(maxsize=200_000)
def fold(word: str) -> str:
    """Fold case, accents, ligatures and invisible characters of one word."""
    if word.isascii():
        return word.lower() if word.isalnum() else word.lower().replace("-", "")
    return _INVISIBLE.sub("", unicodedata.normalize("NFKD", word)).replace("ß", "ss").replace("-", "").lower()


_SPELLINGS = (
    (re.compile(r"(?<=[a-z])isation"), "ization"),
    (re.compile(r"(?<=[a-z]{3})is(?=e$|ed$|ing$|es$)"), "iz"),
    (re.compile(r"ys(?=e$|ed$|ing$|es$)"), "yz"),
    (re.compile(r"our(?=$|s$|ed$|less$|ing$|al$)"), "or"),
    (re.compile(r"(?<=[a-z])ae(?=[a-z]{2})|^ae(?=[a-z]{3})"), "e"),
    (re.compile(r"(?<=[a-z])oe(?=[dmnst])(?!s$)|^oe"), "e"),  # not in "toes"
    (re.compile(r"coel(?=e)"), "cel"),
    (re.compile(r"rrhoea"), "rrhea"),
    (re.compile(r"(?<=[bt])re$"), "er"),
    (re.compile(r"sulph"), "sulf"),
    (re.compile(r"grey"), "gray"),
    (re.compile(r"leuc(?=o)"), "leuk"),
    (re.compile(r"lachrym"), "lacrim"),
)
_RESPELT = re.compile("is|ys|our|ae|oe|rrhoea|[bt]re|sulph|grey|leuc|lachrym")  # every word that one of these changes
_SUFFIXES = (
    ("plastic", "plas"), ("plasia", "plas"), ("plasic", "plas"), ("plasty", "plasty"),
    ("trophied", "troph"), ("trophic", "troph"), ("trophy", "troph"),
    ("cephalic", "cephal"), ("cephaly", "cephal"), ("cephalous", "cephal"), ("cephalus", "cephal"),
    ("dactylous", "dactyl"), ("dactyly", "dactyl"), ("dactylism", "dactyl"), ("dactylic", "dactyl"),
    ("megaly", "megal"), ("megalic", "megal"), ("melia", "mel"), ("melic", "mel"),
    ("ifications", "ifi"), ("ification", "ifi"), ("ified", "ifi"),
    ("otic", "os"), ("osis", "os"), ("oses", "os"), ("itic", "it"), ("itis", "it"), ("itides", "it"),
    ("etic", "es"), ("esis", "es"), ("eses", "es"),
    ("phagia", "phag"), ("phasia", "phas"), ("phasic", "phas"), ("plegic", "pleg"), ("plegia", "pleg"),
    ("pathic", "path"), ("pathy", "path"),
    ("rrheic", "rrhe"), ("rrhea", "rrhe"), ("philic", "phil"), ("philia", "phil"),
    ("omatous", "oma"), ("omata", "oma"), ("istic", "ist"), ("ism", "ist"), ("ments", ""), ("ment", ""),
    ("ically", ""), ("ical", ""), ("iency", "i"), ("ience", "i"), ("ient", "i"), ("ency", ""), ("ence", ""),
    ("ent", ""), ("ancy", ""), ("ance", ""), ("ant", ""), ("ities", ""), ("ity", ""),
    ("ness", ""), ("ious", "i"), ("ing", ""), ("ied", "y"), ("ed", ""), ("ions", ""), ("ion", ""),
    ("ias", ""), ("ia", ""), ("ic", ""), ("ly", ""), ("y", ""), ("is", ""), ("e", ""),
)  # fmt: skip
_SUFFIXES_BY_END = {end: [row for row in _SUFFIXES if row[0][-1] == end] for end in {row[0][-1] for row in _SUFFIXES}}
_MIN_DERIVED = 5
_MIN_ROOT = 4


@lru_cache(maxsize=1)
def _irregular() -> dict[str, str]:
    return dict(load_rules("lexicon")["irregular"])


@lru_cache(maxsize=200_000)
def normalise(word: str) -> str:
    """Give the form under which a word is looked up; a digit string or a very short word stays as it is.

    Idempotent on its own results only through the lexicon, which is normalised by the same function.
    """
    word = fold(word)
    irregular = _irregular()
    if word in irregular:
        return _irregular_root(word)
    if len(word) < 4 or not word.isalpha():
        return word
    word = _american(word)
    singular = _singular(irregular.get(word, word))
    return _irregular_root(singular) if singular in irregular else _root(singular)


def _american(word: str) -> str:
    if _RESPELT.search(word) is not None:
        for pattern, replacement in _SPELLINGS:
            word = pattern.sub(replacement, word)
    return word


def _irregular_root(word: str) -> str:
    """Give the root of a listed word: as listed, or the root of the regular word that it is listed for."""
    listed = _irregular()[word]
    return listed if listed in _irregular() or len(listed) < _MIN_DERIVED else _root(listed)


def _root(singular: str) -> str:
    if len(singular) >= _MIN_DERIVED:
        for suffix, root in _SUFFIXES_BY_END.get(singular[-1], ()):
            if singular.endswith(suffix) and len(singular) - len(suffix) + len(root) >= _MIN_ROOT:
                return singular[: len(singular) - len(suffix)] + root
    return singular


@lru_cache(maxsize=200_000)
def plain_form(word: str) -> str:
    """Give a word's folded US-spelt singular, without derivations: what a reader would call the same word."""
    word = _american(fold(word))
    return _singular(word) if len(word) > 3 else word


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    if word.endswith("ae") and len(word) > 5:
        return word[:-1]
    if word.endswith("s") and not word.endswith(("ss", "us", "is", "ous")):
        return word[:-1]
    return word
