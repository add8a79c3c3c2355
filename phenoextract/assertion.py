"""Decide what a letter says of each mention: present, absent, family or uncertain, and by which words.

The process is that of ConText (Harkema et al., J Biomed Inform 2009): find cues, give each a scope, and let
the cues whose scope holds the mention decide. What differs: scope runs through lists by their form, the
subject of the clause decides the experiencer, and the section and the kind of document set the default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from phenoextract.rules import load_rules
from phenoextract.text import Gap, Tokens, fold
from phenoextract.types import Assertion, Cue, Mention, NotCoded, Section, Span, Status

_SCOPE = 30  # words a cue before the mention can reach
_SHORT_REACH = 4  # words that cues can reach which mostly deny something else, such as a bare "not"
_SHORT_MEMBER = 2  # words of a list member that is a bare name
_AFTER = 7  # words between a mention and a cue behind it


class _Found(NamedTuple):
    """A cue in a sentence: its kind and inclusive word positions."""

    kind: str
    first: int
    last: int


_PRESENT = Assertion(Status.PRESENT)
_UNQUALIFIED = (Status.PRESENT, Status.ABSENT)  # what a mention's own status overrules
_PRONOUN = {"he": "male", "his": "male", "him": "male", "she": "female", "her": "female"}
_MALE = re.compile(r"\b(?:male|boy|son|gentleman|man|mr|master|he|his)\b", re.IGNORECASE)
_FEMALE = re.compile(r"\b(?:female|girl|daughter|lady|woman|mrs|miss|ms|she|her)\b", re.IGNORECASE)
_INTRODUCTION = 800  # characters in which a letter says who it is about


# Lists in rules/context.toml that qualify cues and are none themselves.
_NOT_CUES = frozenset(
    [("kin", "male"), ("kin", "female"), ("kin", "telling"), ("negation", "short"), ("negation", "groups")]
)


@lru_cache(maxsize=1)
def _cue_table() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Give, for each first word, the cues that begin with it, longest first."""
    table: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for group, parts in load_rules("context").items():
        for part, phrases in parts.items():
            if (group, part) in _NOT_CUES:
                continue
            for phrase in phrases:
                words = tuple(phrase.replace("-", " ").split())
                table.setdefault(words[0], []).append((words, f"{group}.{part}"))
    for cues in table.values():
        cues.sort(key=lambda cue: -len(cue[0]))
    return table


def is_letter(text: str, sections: Sequence[Section]) -> bool:
    """Tell a letter or note about one person from prose about a disease, by its headings and address."""
    kinds = [section.kind for section in sections if section.heading_end > section.start]
    return len(kinds) > 1 or "administrative" in kinds or "closing" in kinds or text.lstrip()[:5].lower() == "dear "


_MANY_PEOPLE = re.compile(r"\b(?:families|individuals|patients|persons|kindreds?|cases|sibs|siblings|subjects|carriers|probands|we report)\b", re.I)


@lru_cache(maxsize=1)
def _gender_of_kin() -> dict[str, str]:
    kin = load_rules("context")["kin"]
    return {word: gender for gender in ("male", "female") for word in kin[gender]}


def patient_gender(text: str) -> str | None:
    """Tell from a letter's beginning whether it speaks of him or of her, where that is clear."""
    male = len(_MALE.findall(text, 0, _INTRODUCTION))
    female = len(_FEMALE.findall(text, 0, _INTRODUCTION))
    if male == female:
        return None
    return "male" if male > female else "female"


def about_one_person(text: str) -> bool:
    """Tell a note or case report from prose about families or cohorts, whose relatives are its subjects."""
    return _MANY_PEOPLE.search(text) is None


def decide(
    text: str, tokens: Tokens, sections: Sequence[Section], mentions: Sequence[Mention], *, letter: bool
) -> list[Assertion]:
    """Give one assertion for each mention, in their order.

    Precedence is family, uncertain, absent, present. A finding denied in a relative, or said of nobody in
    particular, carries a `not_coded` reason.
    """
    if not mentions:
        return []
    sentence_of = _sentence_finder(tokens)
    relatives = letter or about_one_person(text)
    by_sentence: dict[int, _Sentence] = {}
    taken = [_words(tokens, mention.spans) for mention in mentions]
    # a cue word inside a recognised name ("absent speech") is no cue; inside a span that a caller gives it is
    names = {
        place
        for mention, (first, last) in zip(mentions, taken, strict=True)
        if mention.candidates
        for place in range(first, last + 1)
    }
    gender = patient_gender(text) if relatives else None
    decisions = []
    for mention, (first, last) in zip(mentions, taken, strict=True):
        number = sentence_of(first)
        sentence = by_sentence.get(number)
        if sentence is None:
            begin, end = tokens.sentences[number]
            section = _section_at(sections, tokens.starts[begin], mention.start)
            sentence = by_sentence[number] = _Sentence(text, tokens, begin, end, section, letter, relatives, names)
            if relatives:
                sentence.gender = gender
                sentence.carried = _carried(text, tokens, number, section, sentence, gender)
        decision = sentence.decide(first, last, recognised=bool(mention.candidates))
        if mention.status is not None and decision.not_coded is None and decision.status in _UNQUALIFIED:
            cue = Cue("measurement", mention.start, mention.end, text[mention.start : mention.end])
            decision = Assertion(mention.status, (cue,) if mention.status is Status.UNCERTAIN else ())
        decisions.append(decision)
    return decisions


def _section_at(sections: Sequence[Section], *offsets: int) -> Section:
    offset = max(offsets)
    for section in sections:
        if section.start <= offset < section.end:
            return section
    return sections[-1]


def _sentence_finder(tokens: Tokens):  # type: ignore[no-untyped-def]
    from bisect import bisect_right

    begins = [begin for begin, _ in tokens.sentences]
    return lambda place: bisect_right(begins, place) - 1


def _words(tokens: Tokens, spans: Sequence[Span]) -> tuple[int, int]:
    """Give the first and last word of a mention."""
    from bisect import bisect_left, bisect_right

    first = max(0, bisect_right(tokens.ends, spans[0].start))
    last = max(first, bisect_left(tokens.starts, spans[-1].end) - 1)
    return min(first, len(tokens.words) - 1), min(last, len(tokens.words) - 1)


def _carried(
    text: str, tokens: Tokens, number: int, section: Section, sentence: _Sentence, gender: str | None
) -> Cue | None:
    """Find the relative whom a sentence that begins with a pronoun goes on about, a few sentences back.

    Only a pronoun that cannot mean the patient is followed, and only within the paragraph.
    """
    pronoun = _PRONOUN.get(sentence.words[0]) if sentence.words else None
    if pronoun is None or gender is None or pronoun == gender:
        return None
    start = tokens.starts[sentence.begin]
    for back in range(number - 1, max(-1, number - 6), -1):
        begin, end = tokens.sentences[back]
        if "\n\n" in text[tokens.starts[begin] : start]:
            return None
        for place in range(begin, end):
            word = fold(tokens.words[place])
            if _gender_of_kin().get(word) == pronoun:
                return Cue("family", tokens.starts[place], tokens.ends[place], tokens.words[place])
    return None


class _Sentence:
    """The cues of one sentence, found once and asked for each of its mentions."""

    def __init__(
        self, text: str, tokens: Tokens, begin: int, end: int, section: Section, letter: bool, relatives: bool, names: set[int]
    ) -> None:
        self.text, self.tokens, self.begin, self.end = text, tokens, begin, end
        self.section, self.letter, self.relatives, self.names = section, letter, relatives, names
        self.words = [fold(word) for word in tokens.words[begin:end]]
        self.cues = list(self._find_cues())
        self.gender: str | None = None
        self.carried: Cue | None = None

    def _find_cues(self) -> Iterator[_Found]:
        """Find cues left to right, longest first, none inside another."""
        table = _cue_table()
        words = self.words
        place = 0
        while place < len(words):
            step = 1
            for phrase, kind in table.get(words[place], ()):
                if tuple(words[place : place + len(phrase)]) == phrase:
                    if step == 1 or len(phrase) == step:
                        step = len(phrase)
                        if self.begin + place not in self.names or self.begin + place + step - 1 not in self.names:
                            yield _Found(kind, self.begin + place, self.begin + place + step - 1)
            place += step

    def _cue(self, kind: str, found: _Found) -> Cue:
        start, end = self.tokens.starts[found.first], self.tokens.ends[found.last]
        return Cue(kind, start, end, self.text[start:end])

    def decide(self, first: int, last: int, *, recognised: bool) -> Assertion:
        """Decide for a mention that covers words first to last."""
        section_rule = load_rules("sections")["not_coded"].get(self.section.kind)
        if section_rule is not None:
            return Assertion(Status.PRESENT, self._section_cue(), NotCoded[section_rule])
        negation = self._negated(first, last) or self._normal(first, last, recognised=recognised)
        family = self._family(first, last)
        uncertain = self._uncertain(first, last)
        if family is not None:
            if negation is not None:
                return Assertion(Status.FAMILY, (family, negation), NotCoded.RELATIVE_DENIED)
            return Assertion(Status.FAMILY, (family,) if uncertain is None else (family, uncertain))
        reason = self._not_coded(first, last)
        if reason is not None:
            return Assertion(Status.UNCERTAIN, (reason[1],), reason[0])
        if uncertain is not None:
            return Assertion(Status.UNCERTAIN, (uncertain,))
        if self.section.kind == "differential":
            return Assertion(Status.UNCERTAIN, self._section_cue())
        if negation is not None:
            return Assertion(Status.ABSENT, (negation,))
        return _PRESENT

    def _section_cue(self) -> tuple[Cue, ...]:
        start, end = self.section.start, self.section.heading_end
        return (Cue("section", start, end, self.text[start:end].strip()),) if end > start else ()

    def _before(self, kinds: Iterable[str], first: int, reach: int = _SCOPE) -> Iterator[_Found]:
        """Give cues of some kinds before a mention, nearest first."""
        for found in reversed(self.cues):
            if found.kind in kinds and found.last < first and first - found.last <= reach:
                yield found

    def _after(self, kinds: Iterable[str], last: int, reach: int = _AFTER) -> Iterator[_Found]:
        for found in self.cues:
            if found.kind in kinds and found.first > last and found.first - last <= reach:
                yield found

    def _terminated(self, start: int, end: int, *, lists: bool = True) -> bool:
        """Tell whether something between two words (exclusive) ends a cue's scope."""
        for found in self.cues:
            if found.kind == "terminators.words" and start < found.first and found.last < end:
                if found.first in self.names:
                    continue
                return True
        gaps = self.tokens.gaps
        for place in range(start + 1, end + 1):
            if gaps[place] in (Gap.HARD, Gap.LABEL):
                return True
            if gaps[place] == Gap.SOFT and ")" in (mark := self._gap_text(place)) and "(" not in mark:
                if "(" not in self.text[self.tokens.ends[start] : self.tokens.starts[place]]:
                    return True
        return not lists and any(gaps[place] == Gap.SOFT for place in range(start + 1, end + 1))

    def _negated(self, first: int, last: int) -> Cue | None:
        for found in self._before(("negation.before", "negation.pseudo"), first):
            if found.kind == "negation.pseudo":
                if not self._terminated(found.last, first):
                    return None
                continue
            if first - found.last > _SHORT_REACH and self._phrase(found) in _short_cues():
                continue
            if not self.letter and self._divides_groups(found):
                continue
            if not self._terminated(found.last, first) and self._list_holds(found.last, first):
                return self._cue("negation", found)
        for found in self._after(("negation.after",), last):
            between = self.words[last + 1 - self.begin : found.first - self.begin]
            gap = self.tokens.gaps[found.first]
            single = found.last == found.first and self.words[found.first - self.begin] in (
                "no",
                "nil",
                "none",
                "neg",
                "negative",
                "ve",
                "0",
            )
            if single:
                end_of_clause = found.last + 1 >= self.end or self.tokens.gaps[found.last + 1] >= Gap.SOFT
                if (
                    not between
                    and end_of_clause
                    and (gap in (Gap.LABEL, Gap.SOFT) or "-" in self._gap_text(found.first))
                ):
                    return self._cue("negation", found)
                if between and set(between) <= {"is", "are", "was", "were"} and end_of_clause:
                    return self._cue("negation", found)
                continue
            if set(between) <= _LINKING and not any(
                self.tokens.gaps[place] >= Gap.SOFT for place in range(last + 1, found.first + 1)
            ):
                return self._cue("negation", found)
        return None

    def _normal(self, first: int, last: int, *, recognised: bool) -> Cue | None:
        """Find a word of normality right at a recognised finding, or a word of negation that begins a given span.

        Of a span that a caller gives, normality denies nothing: it may name the part, not the finding.
        """
        gaps = self.tokens.gaps
        for found in self.cues:
            if not recognised:
                if found.kind == "negation.before" and found.first == first and found.last < last:
                    return self._cue("negation", found)
            elif found.kind == "normality.words":
                if found.last == first - 1 and gaps[first] == Gap.SPACE:
                    return self._cue("normality", found)
                between = self.words[last + 1 - self.begin : found.first - self.begin]
                if last < found.first <= last + _AFTER and between and set(between) <= _LINKING:
                    if all(gaps[place] == Gap.SPACE for place in range(last + 1, found.first + 1)):
                        return self._cue("normality", found)
        return None

    def _phrase(self, found: _Found) -> str:
        return " ".join(self.words[found.first - self.begin : found.last + 1 - self.begin])

    def _divides_groups(self, found: _Found) -> bool:
        """Tell "patients without" in a study from "he was without"."""
        before = self.words[max(0, found.first - 3 - self.begin) : found.first - self.begin]
        return self._phrase(found) == "without" and not _groups().isdisjoint(before)

    def _gap_text(self, place: int) -> str:
        return self.text[self.tokens.ends[place - 1] if place else 0 : self.tokens.starts[place]]

    def _list_holds(self, cue: int, first: int) -> bool:
        """Tell whether a negation goes on through the list between it and a mention.

        A list goes on while its members are short; it is held to be one list when it ends in "or" or "nor",
        or when every member before the mention is itself a recognised finding.
        """
        gaps = self.tokens.gaps
        breaks = [place for place in range(cue + 2, first + 1) if gaps[place] == Gap.SOFT]
        if not breaks:
            return True
        edges = [cue + 1, *breaks]
        for begin, end in zip(edges, [*breaks, first], strict=True):
            if end - begin > 8:
                return False
        later = self.words[breaks[0] - self.begin :]
        if "or" in later or "nor" in later:
            return True
        return all(
            any(place in self.names for place in range(b, e)) for b, e in zip(edges[:-1], edges[1:], strict=True)
        )

    def _uncertain(self, first: int, last: int) -> Cue | None:
        mark = self._gap_text(first)
        if "?" in mark:
            start = self.tokens.starts[first] - len(mark) + mark.rindex("?")
            return Cue("uncertainty", start, start + 1, "?")
        gaps = self.tokens.gaps
        for place in range(first - 1, max(self.begin, first - 12) - 1, -1):
            if gaps[place + 1] >= Gap.HARD:
                break
            gap = self._gap_text(place)
            if "?" in gap and not self._terminated(place, first, lists=False):
                start = self.tokens.starts[place] - len(gap) + gap.rindex("?")
                return Cue("uncertainty", start, start + 1, "?")
        before = ("uncertain.before", "uncertain.modal") if self.letter else ("uncertain.before",)
        for found in self._before(before, first, 12):
            if not self._terminated(found.last, first, lists="or" in self.words):
                return self._cue("uncertainty", found)
        if self.letter:
            for found in self._before(("risk.before",), first, 12):
                if not self._terminated(found.last, first):
                    return self._cue("risk", found)
        for found in self._after(("uncertain.after",), last, 6):
            between = self.words[last + 1 - self.begin : found.first - self.begin]
            if set(between) <= _LINKING and not any(gaps[p] >= Gap.SOFT for p in range(last + 1, found.first + 1)):
                return self._cue("uncertainty", found)
        tail = self.text[self.tokens.ends[last] : self.tokens.ends[last] + 2]
        if tail[:1] == "?" and tail[1:] in ("", ",", ";", ")"):
            return Cue("uncertainty", self.tokens.ends[last], self.tokens.ends[last] + 1, "?")
        return None

    def _family(self, first: int, last: int) -> Cue | None:
        kin = self._kin(first, last) if self.relatives else None
        if kin is not None:
            return kin
        if self.section.kind == "family":
            own = {"himself", "herself", "patient", "proband"}
            if own.isdisjoint(self.words):
                cue = self._section_cue()
                return cue[0] if cue else None
        return None

    def _kin(self, first: int, last: int) -> Cue | None:
        """Find the relative that a mention belongs to: the subject before it, or "in his mother" behind it."""
        for found in reversed(self.cues):
            if not found.kind.startswith("kin.") or found.first > last:
                continue
            if found.last >= first:
                continue
            if found.kind == "kin.patient":
                word = self.words[found.first - self.begin]
                if found.first == self.begin and self.carried is not None:
                    return self.carried
                if found.first == self.begin or word in ("patient", "proband", "you", "i", "himself", "herself"):
                    return None
                before = self.words[found.first - 1 - self.begin]
                if (
                    before in ("and", "but", "who", "that", "because", "while", "whereas")
                    or self.tokens.gaps[found.first] >= Gap.SOFT
                ):
                    return None
                continue
            if found.kind == "kin.children" and not self._owned(found):
                continue
            if self._is_teller(found, first) or self._is_companion(found):
                continue
            if self.letter or self._owned(found) or found.last > found.first or found.first == self.begin:
                return self._cue("family", found)
        if self.carried is not None:
            return self.carried
        for found in self._after(("kin.words",), last, 6):
            between = self.words[last + 1 - self.begin : found.first - self.begin]
            if between[:1] in (["in"], ["on"], ["of"]) and "and" not in between and self.letter:
                return self._cue("family", found)
        return None

    def _asks(self, found: _Found) -> bool:
        """Tell "asked if he has" from "if he has"."""
        return found.first > self.begin and self.words[found.first - 1 - self.begin] in _ASKING

    def _goes_on_about_kin(self, pronoun: _Found) -> bool:
        """Tell whether a pronoun inside a sentence means the relative named before it, not the patient."""
        gender = _PRONOUN.get(self.words[pronoun.first - self.begin])
        for found in reversed(self.cues):
            if found.kind.startswith("kin.") and found.kind != "kin.patient" and found.last < pronoun.first:
                kin = _gender_of_kin().get(self.words[found.last - self.begin])
                return kin is not None and kin == gender and self.gender is not None and gender != self.gender
        return False

    def _owned(self, found: _Found) -> bool:
        before = self.words[max(0, found.first - 3 - self.begin) : found.first - self.begin]
        return any(word in ("his", "her", "your", "their", "my", "s", "one", "maternal", "paternal") for word in before)

    def _is_teller(self, found: _Found, first: int) -> bool:
        behind = self.words[found.last + 1 - self.begin : first - self.begin]
        telling = {phrase[0] for phrase in _telling()}
        return any(word in telling for word in behind[:5])

    def _is_companion(self, found: _Found) -> bool:
        """Tell kin who are only there: "attended with his mother", "lives with", "according to"."""
        before = self.words[max(0, found.first - 4 - self.begin) : found.first - self.begin]
        return any(word in ("with", "by", "to", "according", "from", "unlike", "lives") for word in before[-3:])

    def _not_coded(self, first: int, last: int) -> tuple[NotCoded, Cue] | None:
        for found in self._after(("plan.after",), last, 1):
            if self.tokens.gaps[found.first] == Gap.SPACE:
                return NotCoded.PLAN, self._cue("plan", found)
        if not self.letter:
            return None
        for found in self._before(("plan.before",), first, 8):
            if not self._terminated(found.last, first, lists=False):
                return NotCoded.PLAN, self._cue("plan", found)
        for found in self._after(("conditional.after",), last, 25):
            return NotCoded.CONDITIONAL, self._cue("condition", found)
        for found in self._before(("conditional.before",), first, 25):
            if self._asks(found):
                continue
            return NotCoded.CONDITIONAL, self._cue("condition", found)
        for found in self.cues:
            if found.kind == "explanation.anywhere":
                return NotCoded.EXPLANATION, self._cue("explanation", found)
        for found in self._before(("risk.before",), first, 12):
            about = {"he", "she", "you", "him", "his", "her", "your", "patient"}
            if about.isdisjoint(self.words) and not self._terminated(found.last, first):
                return NotCoded.FUTURE_RISK, self._cue("risk", found)
        return None


_ASKING = frozenset(
    ["wonder", "wonders", "wondered", "wondering", "ask", "asked", "see", "sure", "know", "clear", "certain", "check"]
)
_LINKING = frozenset(
    ["is", "are", "was", "were", "has", "have", "had", "been", "be", "also", "both", "all", "currently", "completely",
     "entirely", "specifically", "clearly", "of", "on", "in", "the", "at", "either", "side", "sides", "examination", "to"]
)  # fmt: skip


@lru_cache(maxsize=1)
def _short_cues() -> frozenset[str]:
    return frozenset(load_rules("context")["negation"]["short"])


@lru_cache(maxsize=1)
def _groups() -> frozenset[str]:
    return frozenset(load_rules("context")["negation"]["groups"])


@lru_cache(maxsize=1)
def _telling() -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(phrase.split()) for phrase in load_rules("context")["kin"]["telling"])
