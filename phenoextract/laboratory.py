"""Results of the laboratory, read against the range that stands beside them, by rules/laboratory.toml."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any, NamedTuple

from phenoextract.rules import load_rules

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.·]\d+)?)"
_NO_UNIT = r"(?!(?:days?|weeks?|months?|years?|yrs?|hours?|hrs?|tablets?)\b)"
_POWER = r"(?:[×x*]\s?10\s?\^?[\d⁰¹²³⁹]{0,2}\s?)?"
# units such as IU/l, × 10^9/L, mg / dl and %
_UNIT = rf"(?:{_NO_UNIT}{_POWER}(?:%|[A-Za-zµμ°][\w.%µμ°^²³·*-]{{0,15}})?(?:\s?/\s?[\w.^²³]{{1,12}}){{0,2}})"
_DASH = r"[-–—−]"
_SPREAD = 2  # standard deviations from the mean that are normal
_YEARS = range(1900, 2101)
_TIMES = {
    "twice": 2.0,
    "double": 2.0,
    "two": 2.0,
    "three": 3.0,
    "four": 4.0,
    "five": 5.0,
    "six": 6.0,
    "eight": 8.0,
    "ten": 10.0,
}


_ALONE = re.compile(
    r"\s*(?:[,;)\]\n|]|\.(?!\d)|$|(?:and|with|but|on|at|in|when|by)\b)", re.I
)  # what may follow a bare number


class Result(NamedTuple):
    """A result against its range, which ends, as a mark does, at `end`.

    `outside` is how far outside the range it lies, as a share of the range's width or of the limit, whichever is more:
    positive above, negative below, 0 inside, 1 or -1 where the text does not tell how far.
    """

    outside: float
    end: int


class _Patterns(NamedTuple):
    """What a result looks like, and what may stand behind it to tell its side."""

    result: re.Pattern[str]
    limits: re.Pattern[str]
    mark: re.Pattern[str]
    times: re.Pattern[str]


def _any_of(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    rules = load_rules("laboratory")
    word = rf"(?:(?:{_any_of(rules['range'])})(?![A-Za-z])[\s:=,.]{{0,3}})"
    limits = (
        rf"(?P<low>{_NUMBER})\s?{_UNIT}\s?(?:{_DASH}|to\b|and\b)\s?(?P<high>{_NUMBER})"
        rf"|(?P<mean>{_NUMBER})\s?±\s?(?P<sd>{_NUMBER})"
        rf"|(?:(?P<ceiling>upper\s(?:limit|normal)(?:\sof\snormal)?(?:\sis)?|uln)[:=]?|[<≤]\s?=?|less\sthan|under|below|up\s?to|to)"
        rf"\s?(?P<top>{_NUMBER})"
        rf"|(?:[>≥]\s?=?|greater\sthan|more\sthan|over|above)\s?(?P<bottom>{_NUMBER})"
    )
    before = r"(?:(?P<open>[(\[])\s?|(?P<comma>[,;]\s)|\s{2,12}|\t)"  # in brackets, behind a comma, in a column
    behind = rf"\s?{_UNIT}(?:\s(?:for|in)(?:\s[A-Za-z]{{2,12}}){{1,3}})?\s?"
    end = r"(?(open)[)\]]|(?(comma)(?=[\s),.;\]]|$)|(?=[ \t]*(?:\r?$|\*|[HL]\b))))"
    return _Patterns(
        result=re.compile(
            rf"(?P<sign>[<>≤≥]|(?:less|more|greater)\sthan|under|below|over|above)?=?\s?(?P<value>{_NUMBER})(?![\d.,]*\d)",
            re.I,
        ),
        limits=re.compile(
            rf"[^\S\r\n]{{0,8}}{_UNIT}\s{{0,2}}{before}(?P<said>{word}{{0,8}})(?:{limits}){behind}{end}",
            re.I | re.M,
        ),
        mark=re.compile(
            rf"\s?{_UNIT}\s?(?:(?P<up>↑+|[(\[]\s?(?:{_any_of(rules['marked_high'])}|↑+)\s?[)\]])"
            rf"|(?P<down>↓+|[(\[]\s?(?:{_any_of(rules['marked_low'])}|↓+)\s?[)\]]))",
            re.I,
        ),
        times=re.compile(
            rf"(?P<times>twice|double|(?:{_NUMBER}|{_any_of(_TIMES)})(?=\s?-?(?:x|×|times|fold)))(?:\s?-?(?:x|×|times|fold))?\s?"
            r"(?:(?:(?:higher|greater|more)\sthan|above|over|of|the)\s){0,3}"
            r"(?:upper\s(?:limits?|end|range)\sof\s(?:the\s)?(?:normal|reference)(?:\srange)?|ULN\b|normal\b(?:\s(?:value|range|level|limit)\b)?)",
            re.I,
        ),
    )


def read_result(text: str, pos: int) -> Result | None:
    """Read a result and how far it lies outside its range, from a position in a text; None without a range or mark.

    The range is printed behind it ("2,340 U/l (normal < 200)", "12 mU/L (0.3-5.5)", "0.47 (mean 0.3 ± 0.1)" takes two
    standard deviations), or the laboratory's mark is ("2340 (H)"); "five times the upper limit of normal" is above.
    """
    times = _patterns().times.match(text, pos)
    if times is not None:
        fold = _TIMES.get(times["times"].lower()) or _number(times["times"])
        return Result(1, times.end()) if fold > 1 else None
    result = _patterns().result.match(text, pos)
    if result is None:
        return None
    mark = _patterns().mark.match(text, result.end())
    if mark is not None:
        return Result(1 if mark["up"] else -1, mark.end())
    limits = _patterns().limits.match(text, result.end())
    if limits is None:
        return None
    low, high = _limits(limits)
    if low > high or not (limits["said"] or limits["ceiling"] or _may_be_bare(limits)):
        return None
    outside = _outside(_number(result["value"]), _sign(result), low, high)
    return None if outside is None else Result(outside, limits.end())


def read_alone(text: str, pos: int, analyte: str) -> Result | None:
    """Read a result that no range stands beside, if it lies where nobody's does at any age; None otherwise.

    What lies there is told per unit by `any_age` in rules/laboratory.toml; a number without a unit is read in the one
    unit in which it can be a result at all ("Hb 61" is in g/L), and only where it ends a clause.
    """
    result = _patterns().result.match(text, pos)
    if result is None:
        return None
    value = _number(result["value"])
    for unit, far in _far(analyte):
        told = unit.match(text, result.end())
        if told is None and not _stands_alone(text, result, far, value):
            continue
        end = told.end() if told else result.end()
        if _sign(result) != "<" and value > far.get("above", math.inf):
            return Result(1, end)
        if _sign(result) != ">" and value < far.get("below", -math.inf):
            return Result(-1, end)
    return None


@cache
def _far(analyte: str) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    return [(_unit_pattern(far["units"]), far) for far in load_rules("laboratory")["any_age"].get(analyte, ())]


def _unit_pattern(units: Iterable[str]) -> re.Pattern[str]:
    """Compile units as the rules write them: "u" is also a micro sign, "e9" also "× 10^9"."""
    power = r"(?:[×x*]\s?)?10\s?[\^*]?\s?(?:9|⁹)\s?"
    written = [
        re.escape(unit)
        .replace("umol", "[uµμ]mol")
        .replace("ug", "[uµμ]g")
        .replace("/", r"\s?/\s?")
        .replace("e9", power)
        for unit in units
    ]
    return re.compile(rf"\s?(?:{'|'.join(written)})(?![\w/²³*])", re.I)


def _stands_alone(text: str, result: re.Match[str], far: dict[str, Any], value: float) -> bool:
    """Tell whether a number without a unit is a result in the unit of `far`."""
    least, most = far.get("alone", (math.inf, -math.inf))
    year = value in _YEARS and result["value"].isdigit()
    return least <= value <= most and not year and _ALONE.match(text, result.end()) is not None


def _number(written: str) -> float:
    return float(written.replace(",", "").replace("·", "."))


def _sign(result: re.Match[str]) -> str:
    """Give "<" or ">" for a result of which only a limit is told, else nothing."""
    said = (result["sign"] or "").lower()
    return "<" if said.startswith(("<", "≤", "less", "under", "below")) else ">" if said else ""


def _limits(match: re.Match[str]) -> tuple[float, float]:
    """Give the lowest and highest normal result."""
    if match["mean"]:
        mean, spread = _number(match["mean"]), _SPREAD * _number(match["sd"])
        return mean - spread, mean + spread
    low, high = match["low"] or match["bottom"], match["high"] or match["top"]
    return _number(low) if low else -math.inf, _number(high) if high else math.inf


def _may_be_bare(match: re.Match[str]) -> bool:
    """Tell a range without a word for it, "(0.3-5.5)" or a column of its own, from years and from a list."""
    years = match["low"] and all(int(_number(match[end])) in _YEARS for end in ("low", "high"))
    return not (match["comma"] or match["mean"] or years)


def _outside(value: float, sign: str, low: float, high: float) -> float | None:
    """Give how far a value lies outside its range; None where "<5" or ">5" does not tell whether it does."""
    if sign == "<":
        return -1 if value <= low else 0 if value <= high and low <= 0 else None
    if sign == ">":
        return 1 if value >= high else None
    beyond, limit = (value - high, high) if value > high else (value - low, low)
    if low <= value <= high:
        return 0
    widths = [width for width in (high - low, abs(limit)) if width and math.isfinite(width)]
    return math.copysign(max((abs(beyond) / width for width in widths), default=1), beyond)
