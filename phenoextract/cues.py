"""The cues of a sentence: the words in rules/context.toml that bear on a finding, and how far each reaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from phenoextract.rules import load_rules
from phenoextract.text import Gap, Tokens, fold
from phenoextract.types import Cue, Section

_SCOPE = 30  # words a cue before a finding can reach
_AFTER = 7  # words between a finding and a cue behind it

# Lists in rules/context.toml that qualify cues and are none themselves.
_NOT_CUES = frozenset(
    [
        ("kin", "male"),
        ("kin", "female"),
        ("kin", "telling"),
        ("negation", "short"),
        ("negation", "missing"),
        ("negation", "groups"),
    ]
)


class CueHit(NamedTuple):
    """A cue in a text: its list in the rules ("negation.before") and its inclusive word positions."""

    kind: str
    first: int
    last: int


@lru_cache(maxsize=2)
def _cue_table(*, behind: bool) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Give, for each first word, the cues that begin with it, longest first: those that look back, or the others."""
    table: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for group, parts in load_rules("context").items():
        for part, phrases in parts.items():
            if (group, part) in _NOT_CUES or (part == "after") is not behind:
                continue
            for phrase in phrases:
                words = tuple(phrase.replace("-", " ").split())
                table.setdefault(words[0], []).append((words, f"{group}.{part}"))
    for cues in table.values():
        cues.sort(key=lambda cue: -len(cue[0]))
    return table


@lru_cache(maxsize=64)
def listed(group: str, part: str) -> frozenset[str]:
    """Give a list of rules/context.toml as a set."""
    return frozenset(load_rules("context")[group][part])


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a text, words `begin` to `end`, with its cues.

    `names` holds the word positions of recognised findings: a cue word inside one is no cue. All positions
    are positions in the whole text's words.
    """

    text: str
    tokens: Tokens
    begin: int
    end: int
    section: Section
    names: set[int]
    words: list[str]
    cues: list[CueHit]

    def word(self, place: int) -> str:
        """Give the folded word at a position."""
        return self.words[place - self.begin]

    def between(self, first: int, end: int) -> list[str]:
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
        for hit in reversed(self.cues):
            if hit.kind in kinds and hit.last < first and first - hit.last <= reach:
                yield hit

    def after(self, kinds: Iterable[str], last: int, reach: int = _AFTER) -> Iterator[CueHit]:
        """Give the cues of some kinds that stand within reach behind a position, nearest first."""
        for hit in self.cues:
            if hit.kind in kinds and last < hit.first <= last + reach:
                yield hit

    def is_run(self, last: int, first: int) -> bool:
        """Tell whether nothing but blanks and hyphens separates the words from one position to another."""
        return all(self.tokens.gaps[place] == Gap.SPACE for place in range(last + 1, first + 1))

    def terminated(self, start: int, end: int, *, lists: bool = True) -> bool:
        """Tell whether something between two positions (exclusive) ends a cue's scope.

        A word of rules/context.toml, a colon, a semicolon and the end of a bracket do; a comma does unless
        scope may run through lists.
        """
        for hit in self.cues:
            if hit.kind == "terminators.words" and start < hit.first and hit.last < end and hit.first not in self.names:
                return True
        gaps = self.tokens.gaps
        for place in range(start + 1, end + 1):
            if gaps[place] in (Gap.HARD, Gap.LABEL) or (gaps[place] == Gap.SOFT and self._leaves_bracket(start, place)):
                return True
        return not lists and any(gaps[place] == Gap.SOFT for place in range(start + 1, end + 1))

    def _leaves_bracket(self, start: int, place: int) -> bool:
        mark = self.gap(place)
        if ")" not in mark or "(" in mark:
            return False
        return "(" not in self.text[self.tokens.ends[start] : self.tokens.starts[place]]


def read_sentence(text: str, tokens: Tokens, begin: int, end: int, section: Section, names: set[int]) -> Sentence:
    """Find the cues of a sentence, left to right, longest first, none inside another of its direction.

    Cues that look back ("not seen") are found apart from all others, as they share words ("was not").
    """
    words = [fold(word) for word in tokens.words[begin:end]]
    ahead = _find(_cue_table(behind=False), words, begin, names)
    behind = _find(_cue_table(behind=True), words, begin, names)
    cues = sorted([*ahead, *behind], key=lambda hit: hit.first)
    return Sentence(text, tokens, begin, end, section, names, words, cues)


def _find(
    table: dict[str, list[tuple[tuple[str, ...], str]]], words: list[str], begin: int, names: set[int]
) -> list[CueHit]:
    cues: list[CueHit] = []
    free = 0
    for place in [place for place, word in enumerate(words) if word in table]:
        if place < free:
            continue
        step = 1
        for phrase, kind in table[words[place]]:
            if (step == 1 or len(phrase) == step) and tuple(words[place : place + len(phrase)]) == phrase:
                step = len(phrase)
                if begin + place not in names or begin + place + step - 1 not in names:
                    cues.append(CueHit(kind, begin + place, begin + place + step - 1))
        free = place + step
    return cues
