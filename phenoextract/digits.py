"""Fingers, toes and their bones told by number: "metacarpals II-V", "4th and 5th toes", "2,3 syndactyly of the feet".

HPO names one digit at a time ("Short 5th metacarpal") or, where digits are joined, a range ("2-3 toe
syndactyly"). An enumeration is therefore read once for each digit and once as a range: each reading is the
clause with the enumeration replaced, in which names are then looked up as in any other text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import NamedTuple

from phenoextract.text import Gap, Tokens, normalise

_ORDINALS = ("1st", "2nd", "3rd", "4th", "5th")
_WRITTEN = (("first", "I"), ("second", "II"), ("third", "III"), ("fourth", "IV"), ("fifth", "V"))
NUMBERS = {
    form: number
    for number, (word, roman) in enumerate(_WRITTEN, 1)
    for form in (str(number), _ORDINALS[number - 1], word, word.capitalize(), word.upper(), roman)
}
_STEMS = re.compile("finger|toe|digit|dactyl|metacarp|metatars|phalan")
_RAYS = frozenset({"ray", "rays"})
_RANGE_WORDS = frozenset({"to", "through", "thru"})
_LINKS = frozenset({"and", "the"}) | _RANGE_WORDS
_UNITS = {
    normalise(word): unit
    for unit, words in {
        "finger": ("finger", "fingers", "metacarpal", "metacarpals", "hand", "hands"),
        "toe": ("toe", "toes", "metatarsal", "metatarsals", "foot", "feet"),
    }.items()
    for word in words
}
_PARTS = frozenset(
    normalise(word)
    for word in ("finger", "toe", "toes", "digit", "metacarpal", "metatarsal", "phalanx", "ray", "clinodactyly",
                 "camptodactyly", "syndactyly", "synostosis", "polydactyly", "digital", "web")
)  # fmt: skip
_DIGIT = normalise("digit")
_REACH = 8  # words on either side that a name may take in
_BETWEEN = 2  # words from "between" to the numbers
_NEAR = 3  # words within which a bare number needs a part of the hand or foot


class Reading(NamedTuple):
    """A clause with its enumeration replaced by the words at `numbers`.

    `places[i]` is the word of the letter that word i stands for.
    """

    tokens: Tokens
    places: Sequence[int]
    numbers: frozenset[int]


class _Enumeration(NamedTuple):
    first: int
    last: int
    numbers: dict[int, int]  # digit -> the word that names it


def speaks_of_digits(word: str) -> bool:
    """Tell a folded word of fingers or toes, without one of which a text has nothing to be read digit by digit."""
    return word in _RAYS or _STEMS.search(word) is not None


def readings(text: str, tokens: Tokens) -> Iterator[Reading]:
    """Give each reading of each enumeration of digits in a text that speaks of digits."""
    for found in _enumerations(text, tokens):
        near = tokens.words[max(0, found.first - _NEAR) : found.first + 2 * _NEAR + 2]
        if _PARTS.isdisjoint(map(normalise, near)):  # most numbers count something else
            continue
        begin, end = _clause(tokens, found)
        around = [normalise(word) for word in tokens.words[begin:end]]
        unit = _unit(around, found.first - begin)
        if unit is None:
            continue
        for number, place in found.numbers.items():
            yield _reading(tokens, begin, end, found, [(_ORDINALS[number - 1], place)], unit, around)
        if len(found.numbers) > 1:
            low, high = min(found.numbers), max(found.numbers)
            pair = [(str(low), found.numbers[low]), (str(high), found.numbers[high])]
            yield _reading(tokens, begin, end, found, pair, unit, around)


def _enumerations(text: str, tokens: Tokens) -> Iterator[_Enumeration]:
    """Find numbers from one to five and the runs of them: "2-3", "2, 3 and 5", "second to fourth"."""
    words, count = tokens.words, len(tokens.words)
    done = 0
    for place in compress(range(count), map(NUMBERS.__contains__, words)):
        if place < done:
            continue
        number = NUMBERS[words[place]]
        first = last = place
        numbers = {number: place}
        at = place + 1
        span = False
        while at < count and tokens.gaps[at] <= Gap.SOFT:
            word = words[at].lower()
            between = text[tokens.ends[at - 1] : tokens.starts[at]]
            if word in _LINKS:
                span = span or word in _RANGE_WORDS
                at += 1
                continue
            following = NUMBERS.get(words[at])
            if following is None or (following <= number and not span and between == "."):
                break
            span = span or between.strip() in {"-", "–", "—", "‐", "‑"}
            if span and following > number:
                for between_number in range(number + 1, following):
                    numbers.setdefault(between_number, at)
            numbers.setdefault(following, at)
            number, last, span = following, at, False
            at += 1
        yield _Enumeration(first, last, numbers)
        done = last + 1


def _clause(tokens: Tokens, found: _Enumeration) -> tuple[int, int]:
    begin, end = found.first, found.last + 1
    while begin > 0 and found.first - begin < _REACH and tokens.gaps[begin] < Gap.HARD:
        begin -= 1
    while end < len(tokens.words) and end - found.last <= _REACH and tokens.gaps[end] < Gap.HARD:
        end += 1
    return begin, end


def _unit(around: Sequence[str], place: int) -> str | None:
    """Give "finger" or "toe", whichever the clause speaks of nearest to the numbers; None if of no digit."""
    near = around[max(0, place - _NEAR) : place + 2 * _NEAR + 2]
    if _PARTS.isdisjoint(near):
        return None
    named = [(abs(at - place), _UNITS[word]) for at, word in enumerate(around) if word in _UNITS]
    return min(named)[1] if named else "finger"


def _reading(
    tokens: Tokens,
    begin: int,
    end: int,
    found: _Enumeration,
    written: Sequence[tuple[str, int]],
    unit: str,
    around: Sequence[str],
) -> Reading:
    """Replace an enumeration by other words, naming the digit if the clause says only "digit" or nothing."""
    unnamed = unit not in {_UNITS.get(word) for word in around if word not in ("hand", "foot")} or _DIGIT in around
    words: list[str] = []
    places: list[int] = []
    at_number = 0
    for place in range(begin, end):
        if place == found.first:
            at_number = len(words)
            words += [word for word, _ in written]
            places += [at for _, at in written]
            if unnamed:
                words.append(unit)
                places.append(written[-1][1])
        else:
            counted = found.first < place <= found.last
            called_digit = unnamed and normalise(tokens.words[place]) == _DIGIT
            leads_in = 0 < found.first - place <= _BETWEEN and tokens.words[place] == "between"
            if not (counted or called_digit or leads_in):
                words.append(tokens.words[place])
                places.append(place)
    gaps = bytes(Gap.SPACE if at == begin or found.first <= at <= found.last else tokens.gaps[at] for at in places)
    replaced = Tokens(
        words, [tokens.starts[at] for at in places], [tokens.ends[at] for at in places], gaps, [(0, len(words))]
    )
    return Reading(replaced, places, frozenset(range(at_number, at_number + len(written))))
