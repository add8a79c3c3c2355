"""Weeks of made-up reviews and letters, counted as the service counts them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from phenoextract.types import Provenance
from phenoextract_api.monitoring.tallies import Kind, LetterMeasures, add_letter, add_review
from phenoextract_api.store.engine import Store

MONDAY = date(2026, 3, 2)
FIRST = Provenance("0.1.0", "2025-01-16", "a" * 64, "b" * 64, "c" * 64, "d" * 64, None)
SECOND = replace(FIRST, version="0.2.0", index_sha256="e" * 64)
_BRANCHES = ("HP:0000707", "HP:0000152", "HP:0000478")
_METHODS = ("label", "uk_lexicon", "fuzzy")


def monday(number: int) -> date:
    """Give the Monday of the week with a number, from 0."""
    return MONDAY + number * timedelta(weeks=1)


def fill(store: Store, week: int, *, accepted: int, replaced: int = 0, rejected: int = 0, added: int = 0) -> None:
    """Count a review with these outcomes, all of one kind."""
    kind = Kind("HP:0000707", "high", "label", "accepted")
    by_hand = Kind("HP:0000707", "", "", "added_words")
    counted = Counter(
        {
            kind: accepted,
            kind._replace(outcome="replaced"): replaced,
            kind._replace(outcome="rejected"): rejected,
            by_hand: added,
        }
    )
    with store.writing() as session:
        add_review(session, _noon(week), FIRST, "clinic_letter", +counted)


def fill_letters(store: Store, week: int, words: list[int], unknown_share: float = 0.04) -> None:
    """Count letters of so many words each."""
    with store.writing() as session:
        for count in words:
            add_letter(session, _noon(week), FIRST, "clinic_letter", LetterMeasures(count, unknown_share, 12))


def fill_weeks(store: Store, weeks: int = 20, *, first: date = MONDAY) -> None:
    """Count weeks of varied work: a new release after half of them, and worse acceptance in the last two."""
    dice = random.Random(20260302)
    for week in range(weeks):
        release = FIRST if week < weeks // 2 else SECOND
        bad = week >= weeks - 2
        with store.writing() as session:
            at = _noon(week) + (first - MONDAY)
            for letter_type in ("clinic_letter", "gp_referral", None):
                add_review(session, at, release, letter_type, Counter(_reviewed(dice, 30, bad=bad)))
            for _ in range(25):
                words = int(dice.lognormvariate(6, 0.4)) // (4 if bad else 1)
                unknown = dice.betavariate(3, 60)
                add_letter(session, at, release, None, LetterMeasures(words, unknown, dice.randint(2, 25)))


def _reviewed(dice: random.Random, count: int, *, bad: bool) -> Iterator[Kind]:
    weights = (55, 10, 15, 20) if bad else (85, 4, 5, 6)
    for _ in range(count):
        outcome = dice.choices(("accepted", "status", "replaced", "rejected"), weights)[0]
        band = dice.choices(("high", "medium", "low"), (80, 15, 5))[0]
        yield Kind(dice.choices(_BRANCHES, (5, 3, 1))[0], band, dice.choices(_METHODS, (6, 3, 1))[0], outcome)
    for outcome in dice.choices(("added_words", "added", "taken_in"), k=3):
        yield Kind(dice.choice(_BRANCHES), "", "", outcome)


def _noon(week: int) -> datetime:
    return datetime.combine(monday(week) + timedelta(days=2), datetime.min.time(), UTC) + timedelta(hours=12)
