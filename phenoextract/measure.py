"""Growth measurements, centiles, milestones, results and other numbers as findings, by rules/measurements.toml.

A measure's name is looked up among the words of the text; from there its number is read piece by piece, over
filler words only, so that a number never attaches to a name across anything that might be a measure of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from phenoextract.laboratory import read_alone, read_result
from phenoextract.ontology import Ontology
from phenoextract.rules import load_rules
from phenoextract.text import Tokens
from phenoextract.types import Candidate, Mention, Method, NotCoded, Span, Status

_SURE, _BORDERLINE = 0.95, 0.6
_OPEN = 0.01  # how far inside its end an open interval stops: "<2nd" does not hold the 2nd
_MAX_STEPS = 24  # words and numbers between a name and the last of its values
_LOOK_BACK = 70  # code points before a name in which its value or its context may stand
_MAX_LINE = 400  # code points of a table's line
_MAX_COLUMNS = 12  # of a table
_LETTER = 5000  # code points around a name that belong to the same letter
_MAX_NAMES = 4  # names that can share a value: "height, weight and OFC on the 0.4th"
_GROWTH = frozenset(("centile", "sds"))
_RANGE_TOLD = "range"  # the scale of results: how far outside the range that the text gives, as a share of it
_ANY_AGE = "any age"  # the scale of results without a range that lie where nobody's does: 1 above, -1 below
_NO_RANGE = "no range in the text: a result far outside that of any age"
_JUST = 0.1  # so far outside is borderline
_AT_ALL = math.ulp(0.0)


class _Value(NamedTuple):
    """A number with its scale, as an interval (a point if low == high), and its offsets."""

    scale: str
    low: float
    high: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Band:
    """Values of one scale that are one finding; see rules/measurements.toml."""

    of: str
    hpo: str
    rule: str
    below: tuple[float, float] | None = None
    above: tuple[float, float] | None = None
    low: float = -math.inf
    high: float = math.inf
    review: str | None = None
    uncertain_unless: str | None = None

    def holds(self, value: _Value) -> Status | None:
        """Give PRESENT if the value lies in the band, UNCERTAIN on its border, else None."""
        if value.scale != self.of or value.low < self.low or value.high > self.high:
            return None
        point = value.low == value.high
        if self.below is not None:
            sure, line = self.below
            if value.high > line:
                return None
            return Status.UNCERTAIN if point and value.low >= sure else Status.PRESENT
        if self.above is not None:
            sure, line = self.above
            if value.low < line:
                return None
            return Status.UNCERTAIN if point and value.high <= sure else Status.PRESENT
        return Status.PRESENT


@dataclass(frozen=True, slots=True)
class _Measure:
    """A thing that is measured."""

    bands: tuple[_Band, ...]
    scales: frozenset[str]
    units: frozenset[str]
    filler: frozenset[str]
    at_birth: str | None
    reading: bool
    analyte: str = ""  # its name in rules/laboratory.toml, if it is one


class _Name(NamedTuple):
    """A measure's name in the text."""

    measure: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules of measurements and laboratory, ready to look up: `names` by the first word as written."""

    measures: dict[str, _Measure]
    names: dict[str, re.Pattern[str]]
    meaning: dict[str, str]  # key of a name -> measure
    not_after: frozenset[str]
    numbers: dict[str, float]
    gestation: dict[str, Any]
    bare: dict[str, Any]


_GESTATION, _BARE, _OTHER = "gestation", "bare", "other"
_UNITS = ("cm", "kg")
_BARE_NUMBER = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d+)? ?$")


@lru_cache(maxsize=1)
def _rules() -> _Rules:
    data, laboratory = load_rules("measurements"), load_rules("laboratory")
    filler = frozenset(data["filler"]["words"])
    measures = {name: _measure(measure, filler) for name, measure in data["measure"].items()}
    filler = frozenset((*(word for word in filler if len(word) > 1), *laboratory["filler"]))  # not "C3-C4"
    measures |= {name: _analyte(name, analyte, filler) for name, analyte in laboratory["analytes"].items()}
    described = data["measure"] | laboratory["analytes"]
    words = {word: name for name, measure in described.items() for word in measure["words"]}
    words |= dict.fromkeys(data["gestation"]["words"], _GESTATION) | dict.fromkeys(_UNITS, _BARE)
    by_first: dict[str, list[str]] = {}
    for word in words:
        first = re.split(r"[ -]", word)[0]
        cased = _key(word) == word.upper()
        for written in {first} if cased else {first, first.lower(), first.capitalize(), first.upper()}:
            by_first.setdefault(written, []).append(_key(word))
    return _Rules(
        measures=measures,
        names={first: _name_pattern(words) for first, words in by_first.items()},
        meaning={_key(word): name for word, name in words.items()},
        not_after=frozenset((*data["not_after"]["words"], *laboratory["not_after"])),
        numbers={word: float(number) for word, number in data["numbers"].items()},
        gestation=data["gestation"],
        bare=data["bare"],
    )


def _key(word: str) -> str:
    """Give the form of a name in the look-up: one or two capitals stay as written, all else is lower case."""
    return word if len(word) <= 2 and word.isupper() else word.lower().replace("-", " ")


def _name_pattern(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:{_any_of(words)})(?![A-Za-z])", re.I)


def _any_of(phrases: Iterable[str]) -> str:
    """Give a pattern of phrases, longest first, their words apart by a space, a hyphen or a line break."""
    return "|".join(sorted(phrases, key=len, reverse=True)).replace(" ", r"[\s-]{1,2}")


def _analyte(name: str, data: dict[str, Any], filler: frozenset[str]) -> _Measure:
    """Give what the laboratory measures; high or low by the range in the text, or by that of any age."""
    bands = []
    if "high" in data:
        told, alone = f"{name} above the range given", f"{name} higher than at any age"
        bands.append(_Band(of=_RANGE_TOLD, hpo=data["high"], rule=told, above=(_JUST, _AT_ALL)))
        bands.append(_Band(of=_ANY_AGE, hpo=data["high"], rule=alone, low=1, review=_NO_RANGE))
    if "low" in data:
        told, alone = f"{name} below the range given", f"{name} lower than at any age"
        bands.append(_Band(of=_RANGE_TOLD, hpo=data["low"], rule=told, below=(-_JUST, -_AT_ALL)))
        bands.append(_Band(of=_ANY_AGE, hpo=data["low"], rule=alone, high=-1, review=_NO_RANGE))
    scales = frozenset((_RANGE_TOLD, _ANY_AGE))
    return _Measure(tuple(bands), scales, frozenset(), filler, at_birth=None, reading=False, analyte=name)


def _measure(data: dict[str, Any], filler: frozenset[str]) -> _Measure:
    bands = tuple(
        _Band(
            of=band["of"],
            hpo=band["hpo"],
            rule=band["rule"],
            below=tuple(band["below"]) if "below" in band else None,
            above=tuple(band["above"]) if "above" in band else None,
            low=band.get("from", -math.inf),
            high=band.get("to", math.inf),
            review=band.get("review"),
            uncertain_unless=band.get("uncertain_unless"),
        )
        for band in data["bands"]
    )
    return _Measure(
        bands=bands,
        scales=frozenset(band.of for band in bands),
        units=frozenset(data.get("units", ())),
        filler=filler,
        at_birth=data.get("at_birth"),
        reading=data.get("reading", False),
    )


def first_words(of: Collection[str] | None = None) -> frozenset[str]:
    """Give the words, in small letters, with which the name of a measure may begin; `of` some terms, if given."""
    rules = _rules()
    if of is None:
        return frozenset(map(str.lower, rules.names))
    giving = {name for name, measure in rules.measures.items() if any(band.hpo in of for band in measure.bands)}
    giving |= {name for name, measure in rules.measures.items() if measure.at_birth in giving}
    giving |= {_BARE for measure in rules.bare.values() if measure in giving}
    giving |= {_GESTATION} if rules.gestation["hpo"] in of else set()
    return frozenset(re.split(r"[ -]", key)[0].lower() for key, measure in rules.meaning.items() if measure in giving)


def find_measurements(text: str, tokens: Tokens, places: Iterable[int], ontology: Ontology) -> list[Mention]:
    """Give the mentions that a text states as numbers, in order; a measure's name may begin at one of `places`.

    A centile, SDS or result in the normal range gives a mention without candidates that says so; other numbers that
    meet no rule give none. A span runs from the measure's name through its value; it is in two pieces where
    names share a value or the name heads a table's column. Offsets are code points of `text`.
    Source: rules/measurements.toml and rules/laboratory.toml.
    """
    names = _find_names(text, tokens, places)
    found: list[Mention] = []
    done = 0  # end of what has been read: a number belongs to one name only
    place = 0
    while place < len(names):
        name = names[place]
        place += 1
        if name.start < done or name.measure == _OTHER:
            continue
        if name.measure == _GESTATION:
            found.extend(_premature(text, name, ontology))
            continue
        table = _table(text, names[place - 1 : place + _MAX_COLUMNS])
        if table is not None:
            cells, done = table
            for head, group in cells:
                spans = [Span(head.start, head.end), Span(group[0].start, group[-1].end)]
                found.extend(_finding(text, spans, head, group, ontology))
            continue
        shared = [name, *_joined(text, names, place)]
        place += len(shared) - 1
        groups = _value_before(text, shared[0], done) or _values_after(text, shared[-1], shared)
        for number, group in enumerate(groups):
            one_each = len(groups) == len(shared)
            for owner in [shared[number]] if one_each else shared:
                spans = _spans(text, owner, group, whole=owner is shared[-1] and number == 0)
                at_birth = _in_birth_words(text, owner.start, group[-1].end)
                found.extend(_finding(text, spans, _of_birth(owner) if at_birth else owner, group, ontology))
            done = max(done, group[-1].end)
    return sorted(dict.fromkeys(found), key=lambda mention: mention.spans)  # "born by section at 29/40" is found twice


def _find_names(text: str, tokens: Tokens, places: Iterable[int]) -> list[_Name]:
    rules = _rules()
    names: list[_Name] = []
    done = 0
    for place in places:
        pattern = rules.names.get(tokens.words[place])
        if pattern is None or tokens.starts[place] < done:
            continue
        match = pattern.match(text, tokens.starts[place])
        if match is None:
            continue
        written = re.sub(r"[\s-]+", " ", match.group())
        measure = rules.meaning.get(written) or rules.meaning[written.lower()]
        start = match.start()
        if place and tokens.words[place - 1].lower() in rules.not_after:
            measure = _OTHER
        elif written.lower().startswith(_UNITS):
            number = _BARE_NUMBER.search(text, max(0, start - 8), start)
            if number is None:
                continue
            start = number.start()
            if measure == _BARE:
                if not _carries_centile(text, names, start, match.end(), written.lower(), float(number.group())):
                    continue
                measure = rules.bare[written.lower()]
        done = match.end()
        if names and names[-1].measure == measure and text[names[-1].end : start] in (" (", " ["):
            names[-1] = names[-1]._replace(end=done + (text[done : done + 1] in (")", "]")))  # "height (Ht)"
        else:
            names.append(_Name(measure, start, done))
    return names


def _carries_centile(text: str, names: Sequence[_Name], start: int, end: int, unit: str, number: float) -> bool:
    """Tell whether a quantity without a name is a measure: "172 cm (50th)", but not "height 172 cm (50th)"."""
    if not text[end : end + 2].lstrip().startswith("(") or (unit == "cm" and number < _rules().bare["cm_from"]):
        return False
    return not names or start - names[-1].end > _LOOK_BACK or ")" in text[names[-1].end : start]


_JOIN = re.compile(r"\s*(?:,|/|&|,?\s*\b(?:and|or)\b)\s*(?:(?:his|her|the|a|both)\s+)?", re.I)


def _joined(text: str, names: Sequence[_Name], place: int) -> list[_Name]:
    """Give the names that share their value with the one before `place`: "height, weight and OFC"."""
    joined: list[_Name] = []
    for before, name in pairwise(names[place - 1 : place + _MAX_NAMES]):
        if name.measure in (_GESTATION, _OTHER) or not _JOIN.fullmatch(text, before.end, name.start):
            break
        scales = _rules().measures[name.measure].scales
        if scales.isdisjoint(_rules().measures[before.measure].scales) or _RANGE_TOLD in scales:
            break
        joined.append(name)
    return joined


# --- reading one value ---

_NUMBER = r"(?<![\d.])\d{1,3}(?:[.·]\d{1,2})?(?![\d])"
_RANGE = r"\s?(?(between)(?:and|to|[-–—])|(?:to|[-–—/]))\s?(?:the\s)?"
_CENTILE_WORD = r"(?:per)?centiles?|%[\s-]?t?iles?|%"
# "2nd" needs no "centile" where it ends a clause; "2nd child" is no centile
_CLAUSE_END = re.compile(
    r"\s*(?:$|[),.;:|\]/\n–—-]|(?:and|on|for|at|to|today|now|but|with|lines?|respectively)\b)", re.I
)


_OPENERS = "between twice double the p z sd sds standard centile centiles percentile percentiles".split()


class _Patterns(NamedTuple):
    """What values look like."""

    centile: re.Pattern[str]
    sds: re.Pattern[str]
    age: re.Pattern[str]
    reading: re.Pattern[str]
    start: re.Pattern[str]
    openers: frozenset[str]  # words that a value can begin with


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    """Compile the patterns of values with the words for numbers and comparisons that the rules name."""
    number = rf"(?:{_NUMBER}|\b(?:{_any_of(_rules().numbers)})\b)"
    words = load_rules("measurements")["compare"]
    adverb = rf"(?:(?:{_any_of(words['adverbs'])})\s)?"
    less = rf"<{{1,2}}=?|≤|{adverb}\b(?:{_any_of(words['less'])})\b"
    more = rf">{{1,2}}=?|≥|{adverb}\b(?:{_any_of(words['more'])})\b"
    compare = rf"(?:(?P<less>{less})|(?P<more>{more}))?\s?(?:the\s)?"
    ordinal = r"(?:\s?(?:st|nd|rd|th)\b)?"
    centile = (
        rf"(?P<between>between\s)?{compare}(?P<prefix>(?:per)?centiles?\s?[:=]?\s?|[pP](?=[<>\s]?\d))?"
        rf"(?P<inner>[<>])?\s?(?P<a>{number})(?P<ath>{ordinal})"
        rf"(?:\s?(?:{_CENTILE_WORD})?{_RANGE}[pP]?(?P<b>{number})(?P<bth>{ordinal}))?"
        rf"\s{{0,3}}(?P<unit>{_CENTILE_WORD})?"
    )
    sds = (
        rf"(?P<between>between\s)?{compare}(?P<prefix>(?:SDS?|SD\sscore|z[\s-]?score|z|standard\sdeviation\sscore)"
        rf"(?:\s?(?:score|of|was|is|[=:(]))*\s?)?(?P<inner>[<>])?\s?"
        rf"(?P<asign>[+−–—-]\s?)?(?P<a>{number})"
        rf"(?:(?:\s?SDS?)?{_RANGE}(?P<bsign>[+−–—-]\s?)?(?P<b>{number}))?"
        r"\s?(?P<unit>SDS?\b|S\.D\.?|standard\sdeviations?(?:\s\(SDS?\))?|z\b)?(?:[\s-]score)?"
        r"(?P<side>\s(?P<under>below|under|beneath)|\s(?:above|over))?(?(side)(?:\s(?:the\s)?(?:mean|average|median|normal))?)"
    )
    age = (
        rf"(?P<more>>\s?)?(?P<a>{number})(?P<half>\s?(?:½|1/2)|\sand\sa\shalf)?"
        rf"(?:\s?(?:[-–—]|to)\s?(?P<b>{number}))?"
        r"\s?[-–]?(?P<unit>/12|(?:months?|mths?|mos?|m|years?|yrs?|y)\b)?"
        r"(?:\s?(?:and\s)?(?P<months>\d{1,2})\s?(?:/12|(?:months?|mths?|m)\b))?"
    )
    reading = (
        rf"{compare}(?P<inner>)(?<![\d./])(?P<a>\d{{1,3}}(?:\.\d+)?)(?:\s?(?:[-–—]|to)\s?(?P<b>\d{{1,3}}(?:\.\d+)?))?"
        r"(?:\s?(?P<unit>[+−-]?\s?/\s?5(?![\d/])|kg\s?/?\s?m\^?[2²]|mm|%|ms(?:ec)?|°\s?c|º\s?c|[°º]|deg(?:rees)?(?:\s?c\b)?|c\b))?"
        r"(?![\w/]|\.\d|\s?(?:SDS?|st|nd|rd|th)\b)"
    )
    start = rf"between|{less}|{more}|[+−–-]\s?\d|(?<![\d.])\d|\bz\b|\bp(?=[\s<>]?\d)"
    phrases = [*_rules().numbers, *words["adverbs"], *words["less"], *words["more"], *_OPENERS]
    openers = frozenset(phrase.split()[0] for phrase in phrases)
    return _Patterns(
        centile=re.compile(centile, re.I),
        sds=re.compile(sds, re.I),
        age=re.compile(age, re.I),
        reading=re.compile(reading, re.I),
        start=re.compile(start, re.I),
        openers=openers,
    )


def _number(word: str) -> float:
    """Give the number that digits or a number word stand for."""
    if word[0].isdigit():
        return float(word.replace("·", "."))
    return _rules().numbers[re.sub(r"[\s-]+", " ", word.lower())]


def _interval(match: re.Match[str], a: float, b: float | None, *, after_from: bool) -> tuple[float, float]:
    """Give the interval of one or two numbers with the comparison before them."""
    if b is not None:
        return (b, b) if after_from else (min(a, b), max(a, b))
    sign = match["inner"] or ""
    if match["less"] or sign == "<":
        return -math.inf, a if match["less"] in ("≤", "<=") else a - _OPEN
    if match["more"] or sign == ">":
        return a if match["more"] in ("≥", ">=") else a + _OPEN, math.inf
    return a, a


def _extent(match: re.Match[str]) -> tuple[int, int]:
    return match.start(), match.start() + len(match.group().rstrip())


def _centile(text: str, pos: int, *, after_from: bool = False) -> _Value | None:
    """Read a centile ("<0.4th", "0.4th-2nd", "just under the 2nd", "25th centile", "P3") at a position."""
    match = _patterns().centile.match(text, pos)
    if match is None:
        return None
    unit, ordinal = match["unit"], match["bth"] if match["b"] else match["ath"]
    if not (unit or match["prefix"]):
        if not (ordinal and match["a"][0].isdigit()) or not _CLAUSE_END.match(text, match.end()):
            return None
    if unit == "%" and not _CLAUSE_END.match(text, match.end()):
        return None
    a, b = _number(match["a"]), _number(match["b"]) if match["b"] else None
    if max(a, b or 0) > 100:
        return None
    low, high = _interval(match, a, b, after_from=after_from)
    return _Value("centile", low, high, *_extent(match))


def _sds(text: str, pos: int, *, after_from: bool = False) -> _Value | None:
    """Read a standard deviation score ("-3.2 SDS", "+4.1 SD", "Z score -2.5", "2 SD below the mean")."""
    match = _patterns().sds.match(text, pos)
    if match is None or not (match["unit"] or match["prefix"]):
        return None
    below = bool(match["under"])
    signed = match["asign"] or match["side"] or match["prefix"]
    if not signed and not (match["more"] and match["a"][0].isdigit()):
        return None  # "2 SD" alone does not say on which side
    a = _number(match["a"]) * (-1 if below or (match["asign"] or "+")[0] != "+" else 1)
    b = None
    if match["b"]:
        # "-2 to -3", and "-2-3" or "2-3 SD below", where one sign serves both
        negative = a < 0 or (match["bsign"] or "+")[0] != "+"
        b = _number(match["b"]) * (-1 if negative and (match["bsign"] or "-")[0] != "+" else 1)
    low, high = _interval(match, a, b, after_from=after_from)
    if below and b is None and low != high:  # "more than 2 SD below" goes down, not up
        low, high = (-math.inf, a - _OPEN) if match["more"] else (a + _OPEN, 0.0)
    return _Value("sds", low, high, *_extent(match))


_AGED = re.compile(r"\bage(?:d|\sof)?\s$", re.I)
_LASTING = re.compile(r"\b(?:for|of)\s$", re.I)  # "walking for 2 years" is no milestone


def _age(text: str, pos: int) -> _Value | None:
    """Read an age in months ("23 months", "20/12", "2½ years", "two and a half", "2 years 3 months")."""
    match = _patterns().age.match(text, pos)
    if match is None:
        return None
    unit = (match["unit"] or "").lower()
    before = text[max(0, pos - 8) : pos]
    said_age = _AGED.search(before)
    if not (unit or match["half"] or said_age) or (_LASTING.search(before) and not said_age):
        return None
    scale = 1 if unit.startswith(("m", "/")) else 12
    low = _number(match["a"]) + (0.5 if match["half"] else 0)
    high = _number(match["b"]) if match["b"] else low
    extra = float(match["months"]) if match["months"] and scale == 12 else 0.0
    low, high = low * scale + extra, high * scale + extra
    if match["more"]:
        low, high = low + _OPEN, high + _OPEN
    return _Value("months", low, high, *_extent(match))


def _reading(text: str, pos: int, measure: _Measure) -> _Value | None:
    """Read a plain number with a unit that the measure knows ("31", "34%", "4.8 mm", "38.9 °C")."""
    match = _patterns().reading.match(text, pos)
    if match is None:
        return None
    compared = match["less"] or match["more"]
    if (match["unit"] or "").lower().replace(" ", "") not in {u.replace(" ", "") for u in measure.units}:
        return None
    if compared and measure.reading:
        return None
    b = float(match["b"]) if match["b"] else None
    low, high = _interval(match, float(match["a"]), b, after_from=False)
    return _Value("value", low, high, *_extent(match))


def _value(text: str, pos: int, measure: _Measure, *, after_from: bool = False) -> _Value | None:
    if "sds" in measure.scales and (value := _sds(text, pos, after_from=after_from)):
        return value
    if "centile" in measure.scales and (value := _centile(text, pos, after_from=after_from)):
        return value
    if "months" in measure.scales and (value := _age(text, pos)):
        return value
    if _RANGE_TOLD in measure.scales and (result := read_result(text, pos)):
        return _Value(_RANGE_TOLD, result.outside, result.outside, pos, result.end)
    if _ANY_AGE in measure.scales and (result := read_alone(text, pos, measure.analyte)):
        return _Value(_ANY_AGE, result.outside, result.outside, pos, result.end)
    return _reading(text, pos, measure) if "value" in measure.scales else None


# --- from a name to its values ---

_SPACE = re.compile(r"[ \t\u00a0\u2009]*")
_LINE = re.compile(r"[ \t]*\r?\n[ \t]*(?=\S)")
_WORD = re.compile(r"[A-Za-z]+")
_MARK = re.compile(r"[:;,=(\[)\]~|*_–—-]")
_RAW = re.compile(
    r"(?<![\d.])\d{1,4}(?:[.,·]\d{1,3})*(?:/\d{1,4}){0,2}"
    r"(?:\s?(?:kg\s?/\s?m\^?[2²]|cm/(?:yr|year|y)|mm\s?Hg|cms?|crn|mm|kgs?|gms?|grams?|g|lbs?|oz|inches|in|ft|m))?(?![A-Za-z0-9])",
    re.I,
)
_PLAIN = frozenset(",.:;=()[]/|\n\r")  # no value begins with one of these
_DOT = re.compile(r"\.")
_DOTTED = ("t", "x", "c")  # ht. wt. approx. circ.


def _values_after(text: str, name: _Name, shared: Sequence[_Name]) -> list[list[_Value]]:
    """Give the values behind a name, a centile and the SDS beside it as one."""
    measure = _rules().measures[name.measure]
    groups: list[list[_Value]] = []
    pos, line_breaks, word = name.end, 0, ""
    for _ in range(_MAX_STEPS):
        space = _SPACE.match(text, pos)
        pos = space.end() if space else pos
        step = _WORD.match(text, pos)
        word_before, word = word, step.group().lower() if step is not None else ""
        opens = word in _patterns().openers if word else text[pos : pos + 1] not in _PLAIN
        value = _value(text, pos, measure, after_from=word_before == "from") if opens else None
        if value is not None:
            if measure.scales.isdisjoint(_GROWTH) or value.scale == "value":
                return [*groups, [value]] if not groups or len(shared) > 1 else groups
            last = groups[-1] if groups else None
            beside = last is not None and last[-1].scale != value.scale and len(last) == 1
            if beside and value.start - groups[-1][-1].end < 16 and "and" not in text[groups[-1][-1].end : value.start]:
                groups[-1].append(value)
            else:
                groups.append([value])
            pos, word = value.end, ""
            continue
        if step is not None and word not in measure.filler:
            break
        step = step or _RAW.match(text, pos) or _MARK.match(text, pos)
        if step is not None and not word and groups and len(shared) == 1 and step.group()[-1].isalpha():
            break  # a second quantity is a second measure
        if step is None and text[pos : pos + 1] == "." and text[pos - 1].lower() in _DOTTED:
            step = _DOT.match(text, pos)
        if step is None and not groups and line_breaks < 2 and not measure.scales.isdisjoint(_GROWTH):
            step = _LINE.match(text, pos)
            line_breaks += 1
        if step is None:
            break
        pos = step.end()
    return groups


_LINK = re.compile(r"[ ]{1,2}|[ ]?[(\[]|[ ](?:for|in)[ ](?:(?:his|her|their|the|both)[ ])?", re.I)


_VALUE_ENDS = re.compile(
    rf"(?:\d(?=\s(?:for|in)\s)|st|nd|rd|th|centiles?|%|sds?|s\.d\.|deviations?|score|mean|average|median)(?:{_LINK.pattern})$",
    re.I,
)


def _value_before(text: str, name: _Name, done: int) -> list[list[_Value]]:
    """Give the value that stands right before its name: "3rd centile for height", "-2.5 SD (OFC)"."""
    measure = _rules().measures[name.measure]
    if measure.scales.isdisjoint(_GROWTH) or not _VALUE_ENDS.search(text, max(done, name.start - 24), name.start):
        return []
    window = max(done, name.start - _LOOK_BACK)
    for start in _patterns().start.finditer(text, window, name.start):
        value = _value(text, start.start(), measure)
        if value is not None and value.scale in _GROWTH and _LINK.fullmatch(text, value.end, name.start):
            return [[value]]
    return []


def _table(text: str, names: Sequence[_Name]) -> tuple[list[tuple[_Name, list[_Value]]], int] | None:
    """Read the table whose columns a line of names heads, and give its values and its end; None if there is none.

    A head has two names or more, cells and no digits. Cells are counted, and a column headed "centile" or "SDS"
    belongs to the measure before it.
    """
    begin, end = _line(text, names[0].start)
    head = text[begin:end]
    if not ("|" in head or "\t" in head or "  " in head.strip()) or re.search(r"\d", head):
        return None
    heads = [one for one in names if one.start < end and one.measure not in (_GESTATION, _OTHER)]
    if len(heads) < 2:
        return None
    columns: list[_Name | None] = []
    for start, stop in _cells(text, begin, end):
        own = next((one for one in heads if start <= one.start < stop), None)
        if own is None and columns and re.search(r"centile|\bSDS?\b|%|\bz\b", text[start:stop], re.I):
            own = columns[-1]
        columns.append(own)
    found: list[tuple[_Name, list[_Value]]] = []
    done = end
    while end < len(text):
        begin, end = _line(text, end + 1)
        row = text[begin:end]
        if "-" in row and not row.strip(" |:-\t\r"):
            continue  # the rule below a head
        cells = _cells(text, begin, end)
        if len(cells) < 2 or not re.search(r"\d", row):
            break
        done = end
        at_birth = _BIRTH.search(text, *cells[0]) or _BIRTH.search(text, *cells[1])
        for column, (start, stop) in zip(columns, cells, strict=False):
            if column is None:
                continue
            own = _of_birth(column) if at_birth else column
            for group in _values_after(text[start:stop], own._replace(start=0, end=0), [own]):
                found.append(
                    (own, [value._replace(start=value.start + start, end=value.end + start) for value in group])
                )
    return (found, done) if found else None


def _line(text: str, pos: int) -> tuple[int, int]:
    """Give the line around a position, or as much of it as a table's line can be long."""
    begin, end = text.rfind("\n", max(0, pos - _MAX_LINE), pos) + 1, text.find("\n", pos, pos + _MAX_LINE)
    return begin or max(0, pos - _MAX_LINE), end if end >= 0 else min(len(text), pos + _MAX_LINE)


def _cells(text: str, begin: int, end: int) -> list[tuple[int, int]]:
    line = text[begin:end]
    gap = re.compile(r"[|\t]" if "|" in line or "\t" in line else r" {2,}")
    edges = [(begin, begin), *((begin + m.start(), begin + m.end()) for m in gap.finditer(line)), (end, end)]
    return [(left[1], right[0]) for left, right in pairwise(edges)]


# --- from a value to a finding ---

_BIRTH = re.compile(r"\b(?:birth|born|newborn|delivered)\b", re.I)
_LATER = re.compile(
    r"\b(?:now|today|current(?:ly)?|at present|on examination"
    r"|(?:at|aged?|by)\s(?:the\sage\sof\s)?(?:\d[\d.½]{0,4}\s?(?:months?|mths?|years?|yrs?|/12|y|m)|\w{1,9}\s(?:months|years))\b)",
    re.I,
)
_STOP = re.compile(r"[.;](?=\s)|\n\s*\n")


def _in_birth_words(text: str, start: int, end: int) -> bool:
    """Tell whether a sentence speaks of birth, and of nothing later, up to a value."""
    window = text[max(0, start - 2 * _LOOK_BACK) : end]
    said = window[max((stop.end() for stop in _STOP.finditer(window[: min(start, 2 * _LOOK_BACK)])), default=0) :]
    births = list(_BIRTH.finditer(said))
    return bool(births) and not _LATER.search(said, births[-1].end())


def _of_birth(name: _Name) -> _Name:
    """Give a name as that of the same measure at birth, if birth changes what it means."""
    return name._replace(measure=_rules().measures[name.measure].at_birth or name.measure)


def _finding(
    text: str, spans: Sequence[Span], name: _Name, group: Sequence[_Value], ontology: Ontology
) -> Iterator[Mention]:
    """Give the mention that a measure's value makes, if any."""
    measure = _rules().measures[name.measure]
    value = next((value for value in group if value.scale == "sds"), group[0])
    for band in measure.bands:
        status = band.holds(value)
        if status is None or band.hpo not in ontology:  # another release may lack the term
            continue
        review = band.review
        if status is Status.UNCERTAIN:
            review = review or f"borderline: {'just outside the range' if band.of == _RANGE_TOLD else 'on the line'}"
        if band.uncertain_unless is not None:
            around = text[max(0, name.start - _LETTER) : name.start + _LETTER].lower()
            status = status if band.uncertain_unless in around else Status.UNCERTAIN
        score = _SURE if review is None else _BORDERLINE
        candidate = Candidate(band.hpo, ontology.label(band.hpo), score, Method.MEASUREMENT, band.rule)
        yield Mention(tuple(spans), (candidate,), review, status=status)
        return
    if value.scale in _GROWTH or (value.scale == _RANGE_TOLD and value.low == 0):
        yield Mention(tuple(spans), (), not_coded=NotCoded.NORMAL)


def _spans(text: str, name: _Name, group: Sequence[_Value], *, whole: bool) -> list[Span]:
    """Give the pieces of a mention: name through value if they stand together, else the two."""
    first, last = sorted(((name.start, name.end), (group[0].start, group[-1].end)))
    if not whole:
        return [Span(*first), Span(*last)]
    opened = text.count("(", first[0], last[1]) - text.count(")", first[0], last[1])
    return [Span(first[0], last[1] + (opened > 0 and text[last[1] : last[1] + 1] == ")"))]


_WEEKS = re.compile(
    r"(?<![\d./+])(?P<weeks>\d{2})(?:\s?\+\s?[0-6](?:/7|\s?/40|\s?(?:weeks|wks?))?|/40(?:\s?\+\s?\d)?"
    r"|(?:\s[0-6]/7)?(?:st|nd|rd|th)?[\s-]?(?:weeks?|weekers?|wks?|wk)\b)"
    r"(?!\s(?:old|of\s(?:age|life)|later|ago|early|earlier|after|post|before))",
    re.I,
)


def _premature(text: str, name: _Name, ontology: Ontology) -> Iterator[Mention]:
    """Give a birth before term, where the words say that the weeks are those at birth."""
    rules = _rules().gestation
    stop = _STOP.search(text, name.end, name.end + 2 * _LOOK_BACK)
    end = stop.start() if stop else name.end + 2 * _LOOK_BACK
    match = _WEEKS.search(text, name.end, end)
    if match is None or not rules["earliest"] <= int(match["weeks"]) < rules["term"] or rules["hpo"] not in ontology:
        return
    if text[name.start : name.end].lower() in rules["with_weight"]:
        line = text[match.end() : match.end() + _LOOK_BACK].split("\n")[0]
        if set(rules["weight"]).isdisjoint(word.lower() for word in _WORD.findall(line)):
            return
    between = _WORD.findall(text[name.end : match.start()])
    before, behind = text[max(0, name.start - 25) : name.start], text[match.end() : match.end() + 20]
    around = _WORD.findall(before) + _WORD.findall(behind)
    if not set(rules["not_born"]).isdisjoint(word.lower() for word in [*between[:-1], *around]):
        return
    candidate = Candidate(rules["hpo"], ontology.label(rules["hpo"]), _SURE, Method.MEASUREMENT, rules["rule"])
    yield Mention((Span(match.start(), match.end()),), (candidate,), status=Status.PRESENT)
