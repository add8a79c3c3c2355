"""The figures of monitoring, on each database in turn."""

from __future__ import annotations

import csv
import io

import pytest

from phenoextract_api.monitoring.figures import By, Figures, Rate, Release, read_figures, to_csv
from phenoextract_api.monitoring.tallies import Measure, Outcome
from phenoextract_api.store.engine import Store
from tests.api.tallied import FIRST, SECOND, fill, fill_letters, fill_weeks, monday


def figures(store: Store, week: int, *, weeks: int = 12, **given: object) -> Figures:
    return read_figures(store, today=monday(week), weeks=weeks, **given)  # type: ignore[arg-type]


def test_rates_are_of_what_was_proposed_and_of_what_was_coded(store: Store) -> None:
    fill(store, 0, accepted=80, replaced=6, rejected=14, added=14)
    found = figures(store, 0)
    told = {rate: (share.events, share.total) for rate in Rate if (share := found.total.share(rate))}
    assert told == {
        Rate.ACCEPTED: (80, 100),
        Rate.EDITED: (6, 100),
        Rate.REJECTED: (14, 100),
        Rate.ADDED: (14, 100),
        Rate.PRECISION: (80, 100),
        Rate.RECALL: (80, 100),
    }
    assert found.total.unmatched == 20
    assert found.rates[Rate.ACCEPTED][-1].share == found.total.share(Rate.ACCEPTED)
    assert [week.share for week in found.rates[Rate.ACCEPTED][:-1]] == [None] * 11


def test_groups_tell_reviews_apart(store: Store) -> None:
    fill(store, 0, accepted=9, added=5)
    found = {(group.by, group.value): group.counts for group in figures(store, 0).groups}
    nine = {Outcome.ACCEPTED: 9}
    both = nine | {Outcome.ADDED_WORDS: 5}
    assert found == {
        (By.RELEASE, "0.1.0, HPO 2025-01-16, aaaaaaaa"): both,
        (By.BRANCH, "HP:0000707"): both,
        (By.LETTER_TYPE, "clinic_letter"): both,
        (By.BAND, "high"): nine,
        (By.METHOD, "label"): nine,
    }


def test_weekly_rates_can_be_of_one_group(store: Store) -> None:
    fill_weeks(store)
    every, eye = figures(store, 19), figures(store, 19, only=(By.BRANCH, "HP:0000478"))
    assert eye.total == every.total and eye.groups == every.groups and eye.drift == every.drift
    shares = [week.share for week in eye.rates[Rate.REJECTED] if week.share]
    told = [group.share(Rate.REJECTED) for _, group in every.weekly if group.value == "HP:0000478" and group.counts]
    assert shares == [share for share in told if share and share.total >= 5]
    told_by = {(row["by"], row["value"]) for row in csv.DictReader(io.StringIO(to_csv(eye))) if row["lower_limit"]}
    assert told_by == {("branch", "HP:0000478")}
    assert Rate.ADDED not in figures(store, 19, only=(By.BAND, "high")).rates


def test_few_cases_give_no_figure(store: Store) -> None:
    fill(store, 0, accepted=4)
    fill_letters(store, 0, [200] * 4)
    found = figures(store, 0)
    assert found.total.counts is None and found.total.unmatched is None
    assert all(group.counts is None and group.share(Rate.ACCEPTED) is None for group in found.groups)
    assert found.rates[Rate.ACCEPTED][-1].share is None
    assert found.drift[Measure.WORDS][-1].letters is None
    rows = csv.DictReader(io.StringIO(to_csv(found)))
    assert not any(row["events"] or row["total"] or row["share"] for row in rows)
    assert figures(store, 0, least=4).total.counts == {Outcome.ACCEPTED: 4}


def test_a_fall_below_the_limits_is_an_alert_for_two_weeks(store: Store) -> None:
    for week in range(8):
        fill(store, week, accepted=88 + week % 3, rejected=12 - week % 3)
    fill(store, 8, accepted=89, rejected=11)
    assert figures(store, 8).alerts == ()
    fill(store, 9, accepted=60, rejected=40)
    for week in (9, 10):
        alerts = figures(store, week).alerts
        assert [alert.name for alert in alerts] == ["accepted", "rejected"]
        assert alerts[0].week == monday(9) and alerts[0].value == 0.6 < alerts[0].lower
    assert figures(store, 11).alerts == ()
    assert figures(store, 11).rates[Rate.ACCEPTED][-3].signal, "the plot still shows it"


def test_there_are_no_limits_without_a_baseline_nor_within_it(store: Store) -> None:
    for week in (0, 2, 3):
        fill(store, week, accepted=50, rejected=50)
    fill(store, 4, accepted=100)
    assert all(week.limits is None for week in figures(store, 4).rates[Rate.ACCEPTED])
    fill(store, 1, accepted=50, rejected=50)
    weeks = figures(store, 4).rates[Rate.ACCEPTED]
    assert [week.limits is not None for week in weeks[-5:]] == [False] * 4 + [True]
    assert weeks[-1].signal
    late = figures(store, 4, baseline_from=monday(1))
    assert late.alerts == (), "a baseline that begins later has too few weeks"


def test_drift_of_length_and_of_words_are_alerts(store: Store) -> None:
    for week in range(8):
        fill_letters(store, week, [120, 180, 250, 320, 400, 500] * 5)
    fill_letters(store, 8, [120, 180, 250, 320, 400, 500] * 5)
    assert figures(store, 8).alerts == ()
    fill_letters(store, 9, [20] * 30, unknown_share=0.2)
    assert [alert.name for alert in figures(store, 9).alerts] == ["drift_words", "drift_unknown_share"]
    assert all(alert.value > alert.upper for alert in figures(store, 9).alerts)


def test_a_release_has_figures_of_its_own(store: Store) -> None:
    fill_weeks(store)
    both = figures(store, 19, weeks=20)
    first, second = (Release(one.version, one.hpo_release, one.index_sha256) for one in (FIRST, SECOND))
    assert dict(both.releases) == {first: monday(0), second: monday(10)}
    alone = figures(store, 19, weeks=20, release=second)
    assert [week.share is not None for week in alone.rates[Rate.ACCEPTED]] == [False] * 10 + [True] * 10
    assert {alert.name for alert in both.alerts} >= {"accepted", "drift_words"}
    assert {group.value for group in alone.groups if group.by is By.RELEASE} == {str(second)}


def test_csv_has_a_row_for_every_figure(store: Store) -> None:
    fill_weeks(store)
    found = figures(store, 19, weeks=20)
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    weekly = [row for row in rows if row["week"] and row["by"] == "all"]
    assert len(weekly) == 20 * (4 + 3)
    assert all(len(row) == 13 and None not in row for row in rows)
    assert {row["by"] for row in rows} == set(By)
    signals = {row["figure"] for row in weekly if row["signal"] == "1"}
    assert {"accepted", "drift_words"} <= signals
    nervous = [row for row in rows if (row["figure"], row["value"]) == ("rejected", "HP:0000707")]
    assert [bool(row["week"]) for row in nervous] == [False] + [True] * 20
    assert int(nervous[0]["total"]) == sum(int(row["total"]) for row in nervous[1:])
    share = found.total.share(Rate.RECALL)
    assert share is not None
    told = next(row for row in rows if row["figure"] == "recall" and row["by"] == "all")
    assert (told["events"], told["total"], told["share"]) == (str(share.events), str(share.total), f"{share.value:.4f}")


@pytest.mark.parametrize("weeks", [1, 104])
def test_an_empty_store_has_figures_too(store: Store, weeks: int) -> None:
    found = figures(store, 0, weeks=weeks)
    assert found.alerts == () and found.groups == () and found.total.counts is None
    assert len(found.rates[Rate.ACCEPTED]) == len(found.drift[Measure.WORDS]) == weeks
