"""Abbreviations that a letter defines in brackets, and what they mean there."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from phenoextract.naming import Hit
from phenoextract.text import Tokens
from phenoextract.types import Candidate, Method

_DEFINES = re.compile(r"\(\s*([A-Za-z][\w.\-/]{1,9})\s*[),;]")
_MOST_SURE = 0.9  # score of a term by its abbreviation
_SIZE = 101  # of a hit: before a single word by itself


def expand(text: str, tokens: Tokens, hits: list[Hit]) -> list[Hit]:
    """Give abbreviations that the text defines the meaning of their long form, at all their uses.

    Hits that the abbreviation would be by itself go. Definitions that no hit could gain or lose a meaning by are not
    looked at.
    """
    brackets = list(_bracketed(text, tokens)) if "(" in text else []
    if not brackets:
        return hits
    by_end = {hit.pieces[-1][1]: hit for hit in sorted(hits, key=lambda h: h.size) if len(hit.pieces) == 1}
    single = {hit.pieces[0][0] for hit in hits if hit.pieces[0][0] == hit.pieces[-1][1]}
    uses: dict[str, list[int]] = {form: [] for short, _, _ in brackets for form in (short, short + "s")}
    for place, word in enumerate(tokens.words):
        if word in uses:
            uses[word].append(place)
    used = {short: sorted(uses[short] + uses[short + "s"]) for short in {short for short, _, _ in brackets}}
    concerned = {short for short, places in used.items() if not single.isdisjoint(places)}
    concerned |= {short for short, begin, place in brackets if not by_end.keys().isdisjoint(range(begin, place))}
    added: list[Hit] = []
    redefined: set[int] = set()
    for short, begin, place in brackets:
        start = long_form(tokens.words[begin:place], short) if short in concerned else None
        if start is None:
            continue
        concerned.discard(short)  # the first definition counts
        redefined.update(used[short])
        hit = by_end.get(place - 1)
        if hit is not None and abs(hit.pieces[0][0] - begin - start) <= 1:
            best = hit.candidates[0]
            score = min(best.score, _MOST_SURE)
            candidate = Candidate(best.hpo_id, best.label, score, Method.ABBREVIATION, best.synonym, best.scope)
            added += [Hit(((use, use),), _SIZE, (candidate,)) for use in used[short] if use != place]
    kept = [hit for hit in hits if hit.pieces[0][0] != hit.pieces[-1][1] or hit.pieces[0][0] not in redefined]
    return kept + added


def long_form(words: Sequence[str], short: str) -> int | None:
    """Give the first of the words before a bracket that spell out the short form in it; None if none do.

    Its letters and digits are looked for from the last to the first, each before the one found already, the first one
    at the beginning of a word (Schwartz & Hearst 2003).
    """
    written = " ".join(words).lower()
    first, *others = [letter for letter in short.lower() if letter.isalnum()]
    place = len(written)
    for letter in reversed(others):
        place = written.rfind(letter, 0, place)
        if place < 0:
            return None
    while (place := written.rfind(first, 0, place)) > 0 and written[place - 1].isalnum():
        pass
    return None if place < 0 else written.count(" ", 0, place)


def _bracketed(text: str, tokens: Tokens) -> Iterator[tuple[str, int, int]]:
    """Give (short form, first word that its long form may begin with, own word) for what may define an abbreviation."""
    for match in _DEFINES.finditer(text):
        short = match.group(1)
        place = bisect_left(tokens.starts, match.start(1))
        if place and tokens.words[place] == short and any(letter.isupper() for letter in short):
            yield short, max(0, place - min(len(short) + 5, 2 * len(short))), place
