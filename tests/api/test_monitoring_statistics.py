"""Intervals, control limits and drift, against published values and by simulation."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoextract_api.monitoring.statistics import (
    MAJOR_SHIFT,
    baseline,
    stability_index,
    stability_limit,
    wilson,
)


@pytest.mark.parametrize(  # Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3
    ("events", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(events: int, total: int, low: float, high: float) -> None:
    assert wilson(events, total) == pytest.approx((low, high), abs=0.0001)


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_holds_the_share_and_lies_within_nought_and_one(events: int, total: int) -> None:
    events = min(events, total)
    low, high = wilson(events, total)
    assert 0 <= low <= events / total + 1e-12
    assert events / total - 1e-12 <= high <= 1


def test_limits_are_those_of_a_p_chart_where_weeks_differ_by_chance_alone() -> None:
    limits = baseline([(10, 100), (11, 100), (10, 100), (9, 100)]).limits(100)
    assert limits.centre == 0.10
    assert limits.lower == pytest.approx(0.10 - 3 * 0.03, abs=0.002)
    assert limits.upper == pytest.approx(0.10 + 3 * 0.03, abs=0.002)


def test_limits_are_wider_where_weeks_differ_more_and_narrower_for_more_cases() -> None:
    calm, rough = baseline([(50, 100)] * 8), baseline([(30, 100), (70, 100)] * 4)
    assert rough.limits(100).upper - rough.limits(100).lower > 2 * (calm.limits(100).upper - calm.limits(100).lower)
    assert calm.limits(400).upper < calm.limits(100).upper


def test_limits_of_what_never_failed_leave_room_for_one_failure() -> None:
    limits = baseline([(100, 100)] * 8).limits(100)
    assert limits.upper == 1 and limits.hold(0.99) and not limits.hold(0.9)


def test_control_limits_seldom_cry_wolf_and_see_a_fall() -> None:
    dice = random.Random(7)

    def week(share: float) -> tuple[int, int]:
        total = dice.randint(80, 160)
        return sum(dice.random() < share for _ in range(total)), total

    def signals(share: float, tries: int) -> int:
        found = 0
        for _ in range(tries):
            base = baseline([week(0.85) for _ in range(8)])
            events, total = week(share)
            found += not base.limits(total).hold(events / total)
        return found

    assert signals(0.85, 400) <= 12, "false alarms in at most 3 % of weeks"
    assert signals(0.65, 100) >= 85


def test_stability_index_is_nought_for_the_same_and_grows_with_the_shift() -> None:
    same = stability_index([10, 20, 30, 40], [10, 20, 30, 40])
    slight = stability_index([10, 20, 30, 40], [12, 20, 30, 38])
    great = stability_index([10, 20, 30, 40], [40, 30, 20, 10])
    assert same == pytest.approx(0, abs=1e-9)
    assert same < slight < 0.1
    assert great > MAJOR_SHIFT


def test_stability_limit_is_about_the_quantile_of_chi_squared() -> None:
    chi_squared = 26.9  # 0.99865 quantile for 9 degrees
    assert stability_limit(10, 50, 20) == pytest.approx(chi_squared * (1 / 50 + 1 / 20), rel=0.02)
    assert stability_limit(10, 5000, 2000) == MAJOR_SHIFT


def test_drift_seldom_cries_wolf_for_few_letters_and_sees_a_shift() -> None:
    dice = random.Random(11)
    usual, other = [2, 5, 10, 20, 25, 20, 10, 5, 2, 1], [20, 25, 20, 15, 10, 5, 2, 1, 1, 1]

    def letters(weights: list[int], count: int) -> list[int]:
        drawn = dice.choices(range(10), weights, k=count)
        return [drawn.count(bin) for bin in range(10)]

    def signals(weights: list[int]) -> int:
        return sum(
            stability_index(letters(usual, 200), letters(weights, 50)) > stability_limit(10, 200, 50)
            for _ in range(200)
        )

    assert signals(usual) <= 6
    assert signals(other) >= 180
