"""The figures of monitoring, read from the counts: rates by week and kind, drift of the letters, and alerts.

A rate or count of fewer cases than `least` is not given, so that no figure tells of one patient. Weeks begin on Monday
(UTC). The baseline is the first weeks with enough cases; later ones are held against it.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from phenoextract_api.monitoring.statistics import Limits, baseline, stability_index, stability_limit, wilson
from phenoextract_api.monitoring.tallies import EDGES, NOT_GIVEN, Measure, Outcome, week_of
from phenoextract_api.settings import Settings
from phenoextract_api.store.engine import Store
from phenoextract_api.store.tables import LetterTallyRow, ReviewTallyRow

WEEK = timedelta(weeks=1)
MIN_BASELINE_WEEKS = 4
SHOWN_WEEKS = 26
ALERT_WEEKS = 2  # this one and the one before: what went wrong on Sunday is still said on Monday
_PROPOSED = frozenset({Outcome.ACCEPTED, Outcome.STATUS, Outcome.REPLACED, Outcome.REJECTED})
_CODED = frozenset(Outcome) - {Outcome.REJECTED}
UNMATCHED = frozenset({Outcome.ADDED_WORDS, Outcome.REPLACED})


_Weekly = dict[date, Counter[Outcome]]


class Rate(StrEnum):
    """What is told of reviews; `PRECISION` counts a right term with a wrong status, `RECALL` a right one with both."""

    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"
    ADDED = "added"
    PRECISION = "term_precision"
    RECALL = "recall"


WATCHED = (Rate.ACCEPTED, Rate.EDITED, Rate.REJECTED, Rate.ADDED)
_PARTS: Mapping[Rate, tuple[frozenset[Outcome], frozenset[Outcome]]] = {
    Rate.ACCEPTED: (frozenset({Outcome.ACCEPTED}), _PROPOSED),
    Rate.EDITED: (frozenset({Outcome.STATUS, Outcome.REPLACED}), _PROPOSED),
    Rate.REJECTED: (frozenset({Outcome.REJECTED}), _PROPOSED),
    Rate.ADDED: (_CODED - _PROPOSED, _CODED),
    Rate.PRECISION: (frozenset({Outcome.ACCEPTED, Outcome.STATUS}), _PROPOSED),
    Rate.RECALL: (frozenset({Outcome.ACCEPTED}), _CODED),
}


class By(StrEnum):
    """What reviews are told apart by."""

    ALL = "all"
    RELEASE = "release"
    BRANCH = "branch"
    LETTER_TYPE = "letter_type"
    BAND = "band"
    METHOD = "method"


_OF_PROPOSALS = (By.BAND, By.METHOD)  # an addition has neither


class Release(NamedTuple):
    """What made proposals."""

    product_version: str
    hpo_release: str
    index_sha256: str

    def __str__(self) -> str:
        return f"{self.product_version}, HPO {self.hpo_release}, {self.index_sha256[:8]}"


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the 95 % interval."""

    events: int
    total: int

    @property
    def value(self) -> float:
        """The share; 0 of nothing is 0."""
        return self.events / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval, by Wilson."""
        return wilson(self.events, self.total)


@dataclass(frozen=True, slots=True)
class RateWeek:
    """A rate in a week: no `share` for too few cases, no `limits` without a baseline or within it."""

    week: date
    share: Share | None
    limits: Limits | None

    @property
    def signal(self) -> bool:
        """Tell whether the rate lies beyond its control limits."""
        return self.share is not None and self.limits is not None and not self.limits.hold(self.share.value)


@dataclass(frozen=True, slots=True)
class DriftWeek:
    """How far the letters of a week differ from those of the baseline in a measure, and how far they may."""

    week: date
    letters: int | None
    index: float | None
    limit: float | None

    @property
    def signal(self) -> bool:
        """Tell whether they differ by more."""
        return self.index is not None and self.limit is not None and self.index > self.limit


@dataclass(frozen=True, slots=True)
class Group:
    """The reviews of one kind, such as one branch of the HPO; `counts` is None for too few."""

    by: By
    value: str
    counts: Mapping[Outcome, int] | None

    def share(self, rate: Rate) -> Share | None:
        """Give a rate, if there are enough cases; of what was added by hand only where additions are told apart too."""
        if self.counts is None or (self.by in _OF_PROPOSALS and rate in (Rate.ADDED, Rate.RECALL)):
            return None
        return _share(self.counts, rate)

    @property
    def unmatched(self) -> int | None:
        """How many phrases were given a term, or another term, by hand."""
        return sum(self.counts[one] for one in UNMATCHED) if self.counts is not None else None


@dataclass(frozen=True, slots=True)
class Alert:
    """A rate or measure of letters that left its limits in this week or the last."""

    name: str
    week: date
    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a period: of `release`, and the weekly rates of `only`, where these are not None.

    `total` is the group of all reviews in it, `weekly` has each group in each week, `releases` the first week of each.
    """

    since: date
    until: date
    least: int
    release: Release | None
    only: tuple[By, str] | None
    releases: Mapping[Release, date]
    rates: Mapping[Rate, tuple[RateWeek, ...]]
    drift: Mapping[Measure, tuple[DriftWeek, ...]]
    total: Group
    groups: tuple[Group, ...]
    weekly: tuple[tuple[date, Group], ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What needs a look now."""
        return tuple(self._alerts())

    def _alerts(self) -> Iterator[Alert]:
        for rate, weeks in self.rates.items():
            for one in weeks[-ALERT_WEEKS:]:
                if one.signal and one.share and one.limits:
                    yield Alert(rate.value, one.week, one.share.value, one.limits.lower, one.limits.upper)
        for measure, found in self.drift.items():
            for week in found[-ALERT_WEEKS:]:
                if week.signal and week.index is not None and week.limit is not None:
                    yield Alert(f"drift_{measure.value}", week.week, week.index, 0.0, week.limit)


def current_figures(
    store: Store,
    settings: Settings,
    *,
    weeks: int = SHOWN_WEEKS,
    release: Release | None = None,
    only: tuple[By, str] | None = None,
) -> Figures:
    """Read the figures of the weeks up to now, as the settings say."""
    return read_figures(
        store,
        today=datetime.now(UTC).date(),
        weeks=weeks,
        release=release,
        only=only,
        baseline_from=settings.monitoring_baseline_from,
        baseline_weeks=settings.monitoring_baseline_weeks,
        least=settings.monitoring_least,
    )


def read_figures(
    store: Store,
    *,
    today: date,
    weeks: int,
    release: Release | None = None,
    only: tuple[By, str] | None = None,
    baseline_from: date | None = None,
    baseline_weeks: int = 8,
    least: int = 5,
) -> Figures:
    """Read the figures of the last weeks, this one included, of one release or of all.

    `only` names a group by branch, type of letter, confidence or method, of which alone the weekly rates are.
    """
    until = week_of(today)
    since = until - (weeks - 1) * WEEK
    period = [since + number * WEEK for number in range(weeks)]
    with store.reading() as session:
        reviews = _weekly_outcomes(session, release, only)
        letters = _weekly_bins(session, release)
        grouped = list(_groups(session, since, release))
        releases = _releases(session)
    start = week_of(baseline_from) if baseline_from else date.min

    def first(enough: Iterable[date]) -> list[date]:
        found = sorted(week for week in enough if start <= week < until)[:baseline_weeks]
        return found if len(found) >= MIN_BASELINE_WEEKS else []

    return Figures(
        since=since,
        until=until,
        least=least,
        release=release,
        only=only,
        releases=releases,
        rates={
            rate: _rate_weeks(
                period, reviews, rate, first(week for week, of in reviews.items() if _enough(of, rate, least)), least
            )
            for rate in WATCHED
            if rate is not Rate.ADDED or only is None or only[0] not in _OF_PROPOSALS
        },
        drift={
            measure: _drift_weeks(
                period, found, first(week for week, bins in found.items() if sum(bins) >= least), least
            )
            for measure, found in letters.items()
        },
        total=_group(By.ALL, "", _sum(_sum(weekly.values()) for by, _, weekly in grouped if by is By.RELEASE), least),
        groups=tuple(_group(by, value, _sum(weekly.values()), least) for by, value, weekly in grouped),
        weekly=tuple(
            (week, _group(by, value, counts, least))
            for by, value, weekly in grouped
            for week, counts in sorted(weekly.items())
        ),
    )


def to_csv(figures: Figures) -> str:
    """Write every figure as a row of its own; what is left out for too few cases has empty fields."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow("figure by value week events total share low high lower_limit centre upper_limit signal".split())
    by, value = figures.only or (By.ALL, "")
    for rate, weeks in figures.rates.items():
        for one in weeks:
            limits = [one.limits.lower, one.limits.centre, one.limits.upper] if one.limits else [None] * 3
            table.writerow([rate, by, value, one.week, *_cells(one.share), *map(_plain, limits), int(one.signal)])
    for measure, found in figures.drift.items():
        for week in found:
            values = [_plain(week.index), "", "", "", "", _plain(week.limit), int(week.signal)]
            table.writerow([f"drift_{measure}", "all", "", week.week, "", week.letters, *values])
    of_period = ((None, group) for group in (figures.total, *figures.groups))
    for week_of_group, group in (*of_period, *figures.weekly):
        for rate in Rate:
            table.writerow([rate, group.by, group.value, week_of_group, *_cells(group.share(rate)), "", "", "", ""])
        table.writerow(["unmatched_phrases", group.by, group.value, week_of_group, group.unmatched, *[""] * 8])
    return text.getvalue()


def _rate_weeks(
    period: Sequence[date], reviews: Mapping[date, Counter[Outcome]], rate: Rate, first: Sequence[date], least: int
) -> tuple[RateWeek, ...]:
    shares = {week: _share(counts, rate) for week, counts in reviews.items()}
    base = baseline([(shares[week].events, shares[week].total) for week in first]) if first else None
    found = []
    for week in period:
        share = shares.get(week)
        if share is None or share.total < least:
            found.append(RateWeek(week, None, None))
        else:
            held = base is not None and week > first[-1]
            found.append(RateWeek(week, share, base.limits(share.total) if base and held else None))
    return tuple(found)


def _drift_weeks(
    period: Sequence[date], letters: Mapping[date, Sequence[int]], first: Sequence[date], least: int
) -> tuple[DriftWeek, ...]:
    expected = [sum(bins) for bins in zip(*(letters[week] for week in first), strict=True)]
    found = []
    for week in period:
        bins = letters.get(week, ())
        count = sum(bins)
        if count < least:
            found.append(DriftWeek(week, None, None, None))
        elif not first or week <= first[-1]:
            found.append(DriftWeek(week, count, None, None))
        else:
            limit = stability_limit(len(bins), sum(expected), count)
            found.append(DriftWeek(week, count, stability_index(expected, bins), limit))
    return tuple(found)


def _sum(counts: Iterable[Counter[Outcome]]) -> Counter[Outcome]:
    return sum(counts, Counter[Outcome]())


def _share(counts: Mapping[Outcome, int], rate: Rate) -> Share:
    events, among = _PARTS[rate]
    return Share(sum(counts.get(one, 0) for one in events), sum(counts.get(one, 0) for one in among))


def _enough(counts: Mapping[Outcome, int], rate: Rate, least: int) -> bool:
    return _share(counts, rate).total >= max(least, 1)


def _weekly_outcomes(session: Session, release: Release | None, only: tuple[By, str] | None) -> _Weekly:
    chosen = [getattr(ReviewTallyRow, only[0].value) == only[1]] if only else []
    query = select(ReviewTallyRow.week, ReviewTallyRow.outcome, func.sum(ReviewTallyRow.count))
    found: _Weekly = {}
    for week, outcome, count in session.execute(
        query.where(*_of(ReviewTallyRow, release), *chosen).group_by(ReviewTallyRow.week, ReviewTallyRow.outcome)
    ):
        found.setdefault(week, Counter())[Outcome(outcome)] += int(count)
    return found


def _weekly_bins(session: Session, release: Release | None) -> dict[Measure, dict[date, list[int]]]:
    row = LetterTallyRow
    found: dict[Measure, dict[date, list[int]]] = {measure: {} for measure in Measure}
    query = select(row.week, row.measure, row.bin, func.sum(row.count)).where(*_of(row, release))
    for week, name, bin, count in session.execute(query.group_by(row.week, row.measure, row.bin)):
        measure = Measure(name)
        found[measure].setdefault(week, [0] * (len(EDGES[measure]) + 1))[bin] += int(count)
    return found


def _groups(session: Session, since: date, release: Release | None) -> Iterator[tuple[By, str, _Weekly]]:
    """Give the outcomes of each group in each week from one on."""
    row = ReviewTallyRow
    columns: dict[By, Sequence[Any]] = {
        By.RELEASE: (row.product_version, row.hpo_release, row.index_sha256),
        By.BRANCH: (row.branch,),
        By.LETTER_TYPE: (row.letter_type,),
        By.BAND: (row.band,),
        By.METHOD: (row.method,),
    }
    for by, keys in columns.items():
        query = select(*keys, row.week, row.outcome, func.sum(row.count)).where(row.week >= since, *_of(row, release))
        counted: dict[str, _Weekly] = {}
        for *key, week, outcome, count in session.execute(query.group_by(*keys, row.week, row.outcome).order_by(*keys)):
            value = str(Release(*key)) if by is By.RELEASE else key[0]
            if by not in _OF_PROPOSALS or value != NOT_GIVEN:
                weekly = counted.setdefault(value, {})
                weekly.setdefault(week, Counter())[Outcome(outcome)] += int(count)
        for value, weekly in counted.items():
            yield by, value, weekly


def _group(by: By, value: str, counts: Mapping[Outcome, int], least: int) -> Group:
    return Group(by, value, counts if sum(counts.values()) >= least else None)


def _releases(session: Session) -> dict[Release, date]:
    found: dict[Release, date] = {}
    for row in (LetterTallyRow, ReviewTallyRow):
        key = (row.product_version, row.hpo_release, row.index_sha256)
        for *made_by, week in session.execute(select(*key, func.min(row.week)).group_by(*key)):
            release = Release(*made_by)
            found[release] = min(week, found.get(release, week))
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))


def _of(row: type[ReviewTallyRow | LetterTallyRow], release: Release | None) -> list[ColumnElement[bool]]:
    return [getattr(row, name) == value for name, value in release._asdict().items()] if release else []


def _cells(share: Share | None) -> list[Any]:
    if share is None:
        return [None] * 5
    return [share.events, share.total, *map(_plain, (share.value, *share.interval))]


def _plain(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"
