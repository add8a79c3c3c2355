"""Plots of monitoring: every coordinate lies within its plot."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoextract_api.monitoring.figures import DriftWeek, RateWeek, Release, Share
from phenoextract_api.monitoring.statistics import baseline
from phenoextract_api.pages.plots import WIDTH, WeekPlot, drift_plot, interval_plot, rate_plot
from tests.api.tallied import monday

RELEASE = Release("0.1.0", "2025-01-16", "a" * 64)


def check(plot: WeekPlot) -> None:
    """Fail for anything that is drawn outside the axes."""
    lines = [point.split(",") for line in (*plot.line, *plot.centre, *plot.limits) for point in line.split()]
    points = [(dot.x, dot.y) for dot in plot.dots] + [(float(x), float(y)) for x, y in lines]
    assert all(plot.left <= x <= plot.right and plot.top - 0.1 <= y <= plot.bottom + 0.1 for x, y in points)
    assert all(plot.top - 0.1 <= mark.at <= plot.bottom + 0.1 for mark in plot.values)
    assert 2 <= len(plot.values) <= 8 and len({mark.text for mark in plot.values}) == len(plot.values)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300)), min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(0, 50), st.just(50)), min_size=1, max_size=8),
)
def test_rates_and_limits_are_drawn_within_the_axes(cases: list[tuple[int, int]], first: list[tuple[int, int]]) -> None:
    base = baseline(first)
    weeks = [
        RateWeek(monday(number), Share(min(events, total), total), base.limits(total))
        if events % 7
        else RateWeek(monday(number), None, None)
        for number, (events, total) in enumerate(cases)
    ]
    plot = rate_plot(weeks, {RELEASE: monday(0)})
    check(plot)
    assert len(plot.dots) == sum(week.share is not None for week in weeks)
    assert [dot.signal for dot in plot.dots] == [week.signal for week in weeks if week.share]


@given(st.lists(st.one_of(st.none(), st.floats(0, 30)), min_size=1, max_size=60))
def test_drift_is_drawn_within_the_axes(found: list[float | None]) -> None:
    weeks = [DriftWeek(monday(number), 20, value, None if value is None else 0.9) for number, value in enumerate(found)]
    check(drift_plot(weeks, {}))


@pytest.mark.parametrize("share", [0.0, 0.86, 1.0])
def test_a_rate_that_never_changes_has_axes_too(share: float) -> None:
    plot = rate_plot([RateWeek(monday(n), Share(round(100 * share), 100), None) for n in range(4)], {})
    check(plot)
    assert all(math.isfinite(dot.y) for dot in plot.dots)
    assert all(0 <= int(mark.text.removesuffix("%")) <= 105 for mark in plot.values)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 99)), max_size=30))
def test_intervals_hold_their_share(cases: list[tuple[int, int]]) -> None:
    plot = interval_plot((str(n), Share(min(events, total), total)) for n, (events, total) in enumerate(cases))
    assert all(plot.left <= bar.low <= bar.x <= bar.high <= WIDTH for bar in plot.bars)
    assert all(bar.y < plot.height for bar in plot.bars)
