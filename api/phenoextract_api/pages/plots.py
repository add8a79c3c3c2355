"""Plots as coordinates, which a template draws as SVG: rates and drift by week, and shares with their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from phenoextract_api.monitoring.figures import DriftWeek, Rate, RateWeek, Release, Share

WIDTH, HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 16, 24, 32
_MAX_LABELS = 8
_MAX_STEPS = 6
_MIN_SPAN = 0.05
_ROW = 26
_NAMES = 270  # room for names beside an interval plot


@dataclass(frozen=True, slots=True)
class Dot:
    """A value; `signal` ones are drawn in another shape."""

    x: float
    y: float
    signal: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A word on an axis, or at a line across the plot."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class WeekPlot:
    """A control chart: a line of values, its limits and centre, and where a release began."""

    dots: tuple[Dot, ...]
    line: tuple[str, ...]
    centre: tuple[str, ...]
    limits: tuple[str, ...]
    weeks: tuple[Mark, ...]
    values: tuple[Mark, ...]
    releases: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


@dataclass(frozen=True, slots=True)
class Bar:
    """A share with its interval, in a row of its own."""

    name: str
    y: float
    low: float
    x: float
    high: float


@dataclass(frozen=True, slots=True)
class IntervalPlot:
    """Shares one below the other, each with its interval."""

    bars: tuple[Bar, ...]
    values: tuple[Mark, ...]
    height: int
    width: int = WIDTH
    left: int = _NAMES


def rate_plot(weeks: Sequence[RateWeek], releases: Mapping[Release, date]) -> WeekPlot:
    """Plot a rate with its control limits, in per cent."""
    values = [week.share.value if week.share else None for week in weeks]
    signals = [week.signal for week in weeks]
    limits = [week.limits for week in weeks]
    lower = [one.lower if one else None for one in limits]
    centre = [one.centre if one else None for one in limits]
    upper = [one.upper if one else None for one in limits]
    days = [week.week for week in weeks]
    return _plot(days, values, signals, [lower, upper], centre, lambda value: f"{value:.0%}", releases)


def drift_plot(weeks: Sequence[DriftWeek], releases: Mapping[Release, date]) -> WeekPlot:
    """Plot the stability index of each week below its limit."""
    days = [week.week for week in weeks]
    values, limit = [week.index for week in weeks], [week.limit for week in weeks]
    signals = [week.signal for week in weeks]
    return _plot(days, values, signals, [limit], [0.0] * len(weeks), lambda value: f"{value:g}", releases)


def interval_plot(shares: Iterable[tuple[str, Share]]) -> IntervalPlot:
    """Plot shares with their 95 % intervals, from 0 to 100 %."""

    def x(value: float) -> float:
        return round(_NAMES + value * (WIDTH - _RIGHT - _NAMES), 1)

    bars = [
        Bar(name, (row + 0.5) * _ROW, x(share.interval[0]), x(share.value), x(share.interval[1]))
        for row, (name, share) in enumerate(shares)
    ]
    values = tuple(Mark(x(value / 4), f"{value / 4:.0%}") for value in range(5))
    return IntervalPlot(tuple(bars), values, len(bars) * _ROW + _BOTTOM)


def describe(rate: Rate, weeks: Sequence[RateWeek]) -> str:
    """Say what a plot of a rate shows."""
    told = [week for week in weeks if week.share]
    if not told:
        return "no week has enough cases."
    last = told[-1]
    limits = f", limits {last.limits.lower:.0%} to {last.limits.upper:.0%}" if last.limits else ", no limits yet"
    value = f"{last.share.value:.0%}" if last.share else ""
    return f"{rate.value} {value} in the week of {_day(last.week)}{limits}; {_signals(week.signal for week in weeks)}."


def _signals(signals: Iterable[bool]) -> str:
    count = sum(signals)
    return f"{count or 'no'} week{'' if count == 1 else 's'} beyond the limits"


def _plot(
    days: Sequence[date],
    values: Sequence[float | None],
    signals: Sequence[bool],
    limits: Sequence[Sequence[float | None]],
    centre: Sequence[float | None],
    write: Callable[[float], str],
    releases: Mapping[Release, date],
) -> WeekPlot:
    step, least, most = _extent(value for row in (values, centre, *limits) for value in row if value is not None)
    apart = (WIDTH - _LEFT - _RIGHT) / max(len(days) - 1, 1)
    xs = [round(_LEFT + place * apart, 1) for place in range(len(days))]

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (value - least) / (most - least) * (HEIGHT - _TOP - _BOTTOM), 1)

    every = math.ceil(len(days) / _MAX_LABELS)
    marks = [least + step * part for part in range(math.floor((most - least) / step + 1e-9) + 1)]
    where = dict(zip(days, xs, strict=True))
    return WeekPlot(
        dots=tuple(
            Dot(x, y(value), signal) for x, value, signal in zip(xs, values, signals, strict=True) if value is not None
        ),
        line=tuple(_lines(xs, values, y)),
        centre=tuple(_lines(xs, centre, y)),
        limits=tuple(line for row in limits for line in _lines(xs, row, y)),
        weeks=tuple(Mark(x, _day(day)) for x, day in list(zip(xs, days, strict=True))[::every]),
        values=tuple(Mark(y(value), write(value)) for value in marks),
        releases=tuple(
            Mark(where[week], release.product_version) for release, week in releases.items() if week in where
        ),
    )


def _extent(seen: Iterable[float]) -> tuple[float, float, float]:
    """Give a round step, and the least and greatest multiple of it that hold what is to be seen, not too near."""
    found = list(seen) or [0.0, 1.0]
    span = max(max(found) - min(found), _MIN_SPAN)
    power = 10 ** math.floor(math.log10(span))
    step = next(part * power for part in (0.2, 0.5, 1, 2) if span / (part * power) <= _MAX_STEPS)
    most = math.ceil(max(found) / step - 1e-9) * step
    least = min(math.floor(min(found) / step + 1e-9) * step, max(0.0, most - span))
    return step, least, max(most, least + span)


def _lines(xs: Sequence[float], values: Sequence[float | None], y: Callable[[float], float]) -> Iterator[str]:
    """Give the points of a line, in pieces where values are missing."""
    piece: list[str] = []
    for x, value in zip(xs, values, strict=True):
        if value is None:
            if len(piece) > 1:
                yield " ".join(piece)
            piece = []
        else:
            piece.append(f"{x},{y(value)}")
    if len(piece) > 1:
        yield " ".join(piece)


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
