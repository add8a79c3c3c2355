"""Statements of normality on an examination form: "MOUTH: normal lips and tongue, palate intact".

A form goes through the body part by part, so that "normal lips" on it is an answer: no abnormality of the
lips. In the prose of a letter the same words negate nothing in particular, and nothing is read from them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from phenoextract.ontology import Ontology
from phenoextract.rules import load_rules
from phenoextract.text import Gap, Tokens, line_starts, normalise
from phenoextract.types import Candidate, Mention, Method, Span, Status

_HEADING = re.compile(r"^[ \t]*([A-Z][A-Za-z /&,]{1,30}):", re.MULTILINE)
_ABNORMALITY = (  # how the ontology names an abnormality of a part, the most general first
    re.compile(r"abnormality of (?:the )?(?P<part>.+)"),
    re.compile(r"abnormal (?P<part>.+?)(?: morphology| physiology| function)?"),
    re.compile(r"(?P<part>.+?) (?:abnormality|abnormalities|anomaly|anomalies)"),
)
_ASYMMETRY = (re.compile(r"(?P<part>.+) asymmetry"), re.compile(r"asymmetry of (?:the )?(?P<part>.+)"))
_DENIALS = frozenset({"no", "not", "without"})
_JOINING = frozenset({"and", "or"})
_SCORE = 0.9
_REVIEW = "a normal statement of an examination form"
_MAX_PART = 4  # words of a part's name
_REACH = 20  # words from a word of normality to the last part of its list

_Key = tuple[str, ...]
_Names = Mapping[_Key, str]


class _Line(NamedTuple):
    """A sentence on a form's line: its folded words from position `begin` on, and the words its heading lends."""

    begin: int
    words: Sequence[str]
    gaps: bytes
    lent: Sequence[str]


class NormalFindings:
    """Finds what the normal statements of an examination form deny; reads the ontology when first needed."""

    def __init__(self, ontology: Ontology, link: Callable[[str], tuple[Candidate, ...]]) -> None:
        self._ontology = ontology
        self._link = link

    def __call__(self, text: str, tokens: Tokens) -> list[Mention]:
        """Give the denied findings, in order of the text; none where no line has the heading of a form."""
        found: dict[tuple[str, int], Mention] = {}
        for line in _lines(text, tokens):
            for hpo_id, places in self._statements(line):
                label = self._ontology.label(hpo_id)
                candidate = Candidate(hpo_id, label, _SCORE, Method.VARIANT, label)
                spans = _spans(tokens, [line.begin + place for place in places])
                mention = Mention(spans, (candidate,), review=_REVIEW, status=Status.ABSENT)
                found.setdefault((hpo_id, mention.start), mention)
            for candidate, places in self._completed(line):
                spans = _spans(tokens, [line.begin + place for place in places])
                found.setdefault((candidate.hpo_id, spans[0].start), Mention(spans, (candidate,)))
        return sorted(found.values(), key=lambda mention: (mention.start, mention.end))

    def _statements(self, line: _Line) -> Iterator[tuple[str, list[int]]]:
        """Give the term and the word positions of each statement on a line."""
        rules = load_rules("normal_findings")["words"]
        for place, word in enumerate(line.words):
            if word in rules["normal"]:
                names = self._abnormal
            elif word in rules["symmetric"]:
                names = self._asymmetric
            elif word in rules["abnormal"] and not _DENIALS.isdisjoint(line.words[max(0, place - 4) : place]):
                names = self._abnormal
            else:
                continue
            if line.words[place - 1 : place] in (["not"], ["non"]) or "except" in line.words[place : place + 4]:
                continue
            parts = list(self._parts(line, names, place, 1)) or list(self._parts(line, names, place, -1))
            for hpo_id, places in parts:
                yield hpo_id, [place, *places]
        yield from self._whole(line)

    def _completed(self, line: _Line) -> Iterator[tuple[Candidate, list[int]]]:
        """Give findings behind a denial that only the line's heading completes: "NECK: no webbing"."""
        for place, word in enumerate(line.words):
            if word not in _DENIALS or not line.lent or line.words[place - 1 : place] == ["if"]:
                continue
            for item in _items(line, place, 1):
                said = [line.words[here] for here in item]
                if self._link(" ".join(said)):
                    continue
                for candidate in self._link(" ".join([line.lent[0], *said]))[:1]:
                    named = {normalise(word) for word in re.findall(r"\w+", candidate.synonym)}
                    if named.issuperset(map(normalise, said)):
                        yield candidate, item

    def _whole(self, line: _Line) -> Iterator[tuple[str, list[int]]]:
        """Give the statements that are known as a whole: "normocephalic", "two palmar creases"."""
        for phrase, hpo_id in load_rules("normal_findings")["statements"].items():
            words = phrase.split()
            for place in range(len(line.words) - len(words) + 1):
                if line.words[place : place + len(words)] == words and hpo_id in self._ontology:
                    yield hpo_id, list(range(place, place + len(words)))

    def _parts(self, line: _Line, names: _Names, place: int, step: int) -> Iterator[tuple[str, list[int]]]:
        """Read the list of parts before (step -1) or behind (1) a word of normality, as far as they are known."""
        items = list(_items(line, place, step))
        for number, item in enumerate(items):
            ways = [item]
            if len(items) > number + 1 and step > 0:
                ways.append([*item, items[-1][-1]])  # "normal position and touch sensation"
            hpo_id = next((found for way in ways if (found := self._look_up(line, names, way)) is not None), None)
            if hpo_id is None:
                return
            yield hpo_id, item

    def _look_up(self, line: _Line, names: _Names, places: Sequence[int]) -> str | None:
        """Find the abnormality of a part, first with the words that the line's heading lends."""
        words = [line.words[place] for place in places]
        heads_own = " ".join(words) in load_rules("normal_findings")["regions"]  # "Head: well. Nose: normal."
        for lent in () if heads_own else line.lent:
            found = names.get(_key([*words, *lent.split()]))
            if found is not None:
                return found
        return names.get(_key(words))

    @cached_property
    def _abnormal(self) -> _Names:
        given = {_key(name.split()): hpo_id for name, hpo_id in load_rules("normal_findings")["parts"].items()}
        known = {key: hpo_id for key, hpo_id in given.items() if hpo_id in self._ontology}
        return {**_part_names(self._ontology, _ABNORMALITY), **known}

    @cached_property
    def _asymmetric(self) -> _Names:
        return _part_names(self._ontology, _ASYMMETRY)


def _part_names(ontology: Ontology, patterns: Sequence[re.Pattern[str]]) -> _Names:
    """Give the terms whose names fit a pattern by the part that they name; labels and earlier patterns win."""
    found: dict[_Key, tuple[int, str]] = {}
    for term in ontology:
        if not ontology.is_phenotype(term.id):
            continue
        for is_synonym, name in enumerate((term.label, *(synonym.text for synonym in term.synonyms))):
            for order, pattern in enumerate(patterns):
                match = pattern.fullmatch(name.lower())
                if match is None:
                    continue
                key = _key(re.findall(r"\w+", match.group("part")))
                rank = order + (len(patterns) if is_synonym else 0)
                if len(key) <= _MAX_PART and (key not in found or rank < found[key][0]):
                    found[key] = (rank, term.id)
    return {key: hpo_id for key, (_, hpo_id) in found.items()}


def _key(words: Sequence[str]) -> _Key:
    return tuple(sorted(normalise(word) for word in words if word not in ("of", "the")))


def _spans(tokens: Tokens, places: Sequence[int]) -> tuple[Span, ...]:
    """Give a span for each run of word positions."""
    runs: list[list[int]] = []
    for place in sorted(places):
        if runs and place == runs[-1][1] + 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return tuple(Span(tokens.starts[first], tokens.ends[last]) for first, last in runs)


def _lines(text: str, tokens: Tokens) -> Iterator[_Line]:
    """Give the sentences that stand on a form's lines, without their headings."""
    regions = load_rules("normal_findings")["regions"]
    for match in filter(None, (_HEADING.match(text, start) for start in line_starts(text))):
        lent = regions.get(" ".join(re.findall(r"[a-z]+", match.group(1).lower())))
        if lent is None:
            continue
        line_end = text.find("\n", match.end())
        last = bisect_left(tokens.starts, line_end if line_end >= 0 else len(text))
        begin = bisect_left(tokens.starts, match.end())
        for place in range(begin + 1, last + 1):
            if place == last or tokens.gaps[place] >= Gap.HARD:
                words = tokens.fold(begin, place)
                yield _Line(begin, words, tokens.gaps[begin:place], lent)
                begin = place


def _items(line: _Line, place: int, step: int) -> Iterator[list[int]]:
    """Give the members of the list behind (step 1) or before (-1) a word of normality, as word positions."""
    rules = load_rules("normal_findings")["words"]
    item: list[int] = []
    begun = False
    end = min(len(line.words), place + _REACH) if step > 0 else max(-1, place - _REACH)
    for here in range(place + step, end, step):
        word = line.words[here]
        joins = word in _JOINING
        if joins or line.gaps[max(here, here - step)] >= Gap.SOFT:
            if not begun:
                return
            if item:
                yield sorted(item)
            item = []
        if word in rules["ends"] or word in rules["normal"] or (step > 0 and item and word in rules["belongs"]):
            break
        begun = True
        if not joins and word not in rules["filler"] and word not in rules["belongs"]:
            item.append(here)
    if item:
        yield sorted(item)
