"""The cues of a sentence: the words in rules/context.toml that bear on a finding, and how far each reaches."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import compress, pairwise
from typing import NamedTuple

from phenoextract.rules import load_rules
from phenoextract.text import Gap, Tokens
from phenoextract.types import Cue, Section

_SCOPE = 30  # words a cue before a finding can reach
_AFTER = 7  # words between a finding and a cue behind it
_MAX_CUE = 8  # words of the longest cue
_JOINING = frozenset({"and", "or", "nor", "any"})
_LISTING = (Gap.SPACE, Gap.SOFT)
_SUBJECT = frozenset({"he", "she", "they", "it", "there", "his", "her", "their"})  # of a new clause, behind "and"
_ASKED = frozenset({"about", "of", "for", "re"})

# Lists in rules/context.toml that qualify cues and are none themselves.
_NOT_CUES = frozenset(
    [
        ("kin", "male"),
        ("kin", "female"),
        ("kin", "telling"),
        ("kin", "linking"),
        ("kin", "counting"),
        ("kin", "had"),
        ("kin", "doing"),
        ("past", "since"),
        ("past", "never"),
        ("past", "units"),
        ("negation", "short"),
        ("negation", "missing"),
        ("negation", "groups"),
        ("answers", "yes"),
        ("answers", "no"),
        ("answers", "unknown"),
    ]
)


class CueHit(NamedTuple):
    """A cue in a text: its list in the rules ("negation.before") and its inclusive word positions."""

    kind: str
    first: int
    last: int


class _Phrase(NamedTuple):
    """A cue as the rules have it: whether it looks back, its words and its kinds."""

    behind: bool
    words: tuple[str, ...]
    kinds: list[str]


class _Beginning(NamedTuple):
    """The cues that begin with a word, by the second word of a text; those that look ahead first, then the longest."""

    by_second: dict[str, list[_Phrase]]
    alone: list[_Phrase]


@lru_cache(maxsize=1)
def _cue_table() -> dict[str, _Beginning]:
    """Give the cues by their first word."""
    found: dict[tuple[bool, tuple[str, ...]], list[str]] = {}
    for group, parts in load_rules("context").items():
        for part, phrases in parts.items():
            for phrase in phrases if (group, part) not in _NOT_CUES else ():
                words = tuple(phrase.replace("-", " ").split())
                found.setdefault((part == "after", words), []).append(f"{group}.{part}")
    cues = sorted((_Phrase(behind, words, kinds) for (behind, words), kinds in found.items()), key=_search_order)
    by_first: dict[str, list[_Phrase]] = {}
    for cue in cues:
        by_first.setdefault(cue.words[0], []).append(cue)
    return {first: _beginning(begun) for first, begun in by_first.items()}


def _beginning(cues: Sequence[_Phrase]) -> _Beginning:
    seconds = {cue.words[1] for cue in cues if len(cue.words) > 1}
    by_second = {second: [cue for cue in cues if cue.words[1:2] in ((), (second,))] for second in seconds}
    return _Beginning(by_second, [cue for cue in cues if len(cue.words) == 1])


def _search_order(cue: _Phrase) -> tuple[bool, int]:
    return cue.behind, -len(cue.words)


@lru_cache(maxsize=64)
def listed(group: str, part: str) -> frozenset[str]:
    """Give a list of rules/context.toml as a set."""
    return frozenset(load_rules("context")[group][part])


class Sentence(NamedTuple):
    """One sentence of a text, words `begin` to `end`, with its cues.

    `firsts` are the cues' first words, in order, `kinds` their kinds, and `names` holds the word positions of
    recognised findings: a cue word inside one is no cue. All positions are positions in the whole text's words.
    """

    text: str
    tokens: Tokens
    begin: int
    end: int
    section: Section
    names: set[int]
    words: Sequence[str]
    cues: list[CueHit]
    firsts: list[int]
    kinds: frozenset[str]
    explanation: CueHit | None

    def word(self, place: int) -> str:
        """Give the folded word at a position."""
        return self.words[place - self.begin]

    def between(self, first: int, end: int) -> Sequence[str]:
        """Give the folded words from one position up to another."""
        return self.words[max(0, first - self.begin) : max(0, end - self.begin)]

    def phrase(self, hit: CueHit) -> str:
        """Give the words of a cue."""
        return " ".join(self.between(hit.first, hit.last + 1))

    def gap(self, place: int) -> str:
        """Give the characters between a word and the one before it."""
        return self.text[self.tokens.ends[place - 1] if place else 0 : self.tokens.starts[place]]

    def cue(self, kind: str, hit: CueHit) -> Cue:
        """Restate a cue in offsets of the text."""
        start, end = self.tokens.starts[hit.first], self.tokens.ends[hit.last]
        return Cue(kind, start, end, self.text[start:end])

    def section_cue(self) -> tuple[Cue, ...]:
        """Give the heading of the sentence's section as a cue; nothing where the section has none."""
        start, end = self.section.start, self.section.heading_end
        return (Cue("section", start, end, self.text[start:end].strip()),) if end > start else ()

    def before(self, kinds: Iterable[str], first: int, reach: int = _SCOPE) -> Iterator[CueHit]:
        """Give the cues of some kinds that stand within reach before a position, nearest first."""
        return iter(()) if self.kinds.isdisjoint(kinds) else self._before(kinds, first, reach)

    def _before(self, kinds: Iterable[str], first: int, reach: int) -> Iterator[CueHit]:
        for number in range(self._cue_from(first) - 1, -1, -1):
            hit = self.cues[number]
            if first - hit.first > reach + _MAX_CUE:
                return
            if hit.kind in kinds and hit.last < first and first - hit.last <= reach:
                yield hit

    def after(self, kinds: Iterable[str], last: int, reach: int = _AFTER) -> Iterator[CueHit]:
        """Give the cues of some kinds that stand within reach behind a position, nearest first."""
        return iter(()) if self.kinds.isdisjoint(kinds) else self._after(kinds, last, reach)

    def _after(self, kinds: Iterable[str], last: int, reach: int) -> Iterator[CueHit]:
        for number in range(self._cue_from(last + 1), len(self.cues)):
            hit = self.cues[number]
            if hit.first > last + reach:
                return
            if hit.kind in kinds:
                yield hit

    def _cue_from(self, place: int) -> int:
        """Give the number of the first cue that begins at a position or behind it."""
        return bisect_left(self.firsts, place)

    def list_to(self, place: int) -> int:
        """Give the last word of the list of findings that goes on from a word, over commas, "and" and "or"."""
        return self._list_end(place, 1)

    def heads_list(self, place: int) -> bool:
        """Tell whether the list of findings that a word belongs to begins a clause, or what was asked about."""
        first = self._list_end(place, -1)
        if first == self.begin or self.tokens.gaps[first] in (Gap.LABEL, Gap.HARD):
            return True
        return self.word(first - 1) in _ASKED

    def _list_end(self, place: int, step: int) -> int:
        end = here = place
        while (
            abs(here - place) < _SCOPE
            and self.begin <= here + step < self.end
            and self.tokens.gaps[max(here, here + step)] in _LISTING
        ):
            here += step
            if here in self.names:
                end = here
            elif self.word(here) not in _JOINING:
                break
        return end

    def is_run(self, last: int, first: int) -> bool:
        """Tell whether nothing but blanks and hyphens separates the words from one position to another."""
        return self.tokens.gaps.count(Gap.SPACE, last + 1, first + 1) == max(0, first - last)

    def terminated(self, start: int, end: int, *, lists: bool = True) -> bool:
        """Tell whether something between two positions (exclusive) ends a cue's scope.

        A word of rules/context.toml, a colon, a semicolon and the end of a bracket do; a comma does unless
        scope may run through lists.
        """
        for number in range(self._cue_from(start + 1), self._cue_from(end)):
            hit = self.cues[number]
            if hit.kind == "terminators.words" and hit.last < end and hit.first not in self.names:
                return True
        between = self.between(start + 1, end)
        if any(pair[0] == "and" and pair[1] in _SUBJECT for pair in pairwise(between)):
            return True  # "he passed no meconium and his abdomen was distended"
        if self.is_run(start, end):
            return False
        gaps = self.tokens.gaps
        for place in range(start + 1, end + 1):
            if gaps[place] == Gap.LABEL and {place - 1, place} <= self.names:
                continue  # inside a name: "EEG: generalised slow activity"
            if gaps[place] in (Gap.HARD, Gap.LABEL) or (gaps[place] == Gap.SOFT and self._leaves_bracket(start, place)):
                return True
        return not lists and any(gaps[place] == Gap.SOFT for place in range(start + 1, end + 1))

    def _leaves_bracket(self, start: int, place: int) -> bool:
        mark = self.gap(place)
        if ")" not in mark or "(" in mark:
            return False
        return "(" not in self.text[self.tokens.ends[start] : self.tokens.starts[place]]


def read_sentence(text: str, tokens: Tokens, begin: int, end: int, section: Section, names: set[int]) -> Sentence:
    """Find the cues of a sentence, the longest at each word, none inside another of its direction.

    Cues that look back ("not seen") are found apart from all others, as they share words ("was not").
    """
    words = tokens.fold(begin, end)
    cues = _find(words, begin, names)
    kinds = frozenset([hit.kind for hit in cues])
    explanation = None
    if "explanation.anywhere" in kinds:
        explanation = next(hit for hit in cues if hit.kind == "explanation.anywhere")
    firsts = [hit.first for hit in cues]
    return Sentence(text, tokens, begin, end, section, names, words, cues, firsts, kinds, explanation)


def _find(words: Sequence[str], begin: int, names: set[int]) -> list[CueHit]:
    table = _cue_table()
    cues: list[CueHit] = []
    last = len(words) - 1
    free = [0, 0]  # the ends of the last cue that looks ahead, and of the last one that looks back
    for place in compress(range(len(words)), map(table.__contains__, words)):
        by_second, alone = table[words[place]]
        for behind, cue, kinds in by_second.get(words[place + 1], alone) if place < last else alone:
            end = place + len(cue)
            if end > free[behind] and (len(cue) <= 2 or tuple(words[place:end]) == cue):
                inside = begin + place in names
                if not inside and begin + end - 1 in names and len(cue) > 1:
                    continue  # in "no abnormal gait" only "no" is no part of the finding
                if not inside or begin + end - 1 not in names:
                    for kind in kinds:
                        cues.append(CueHit(kind, begin + place, begin + end - 1))
                free[behind] = end
    return cues
