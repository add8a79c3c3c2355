"""Monitoring as people and programs see it: the page, its downloads, the metrics, the log and the commands."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from phenoextract.cli import app
from phenoextract_api.housekeeping import watch_figures
from phenoextract_api.monitoring.tallies import week_of
from phenoextract_api.settings import Settings, read_settings
from phenoextract_api.store.engine import Store
from phenoextract_api.store.keys import make_key
from tests.api.tallied import fill_weeks

MakeClient = Callable[..., TestClient]
FIRST_WEEK = week_of(datetime.now(UTC)) - timedelta(weeks=19)


@pytest.fixture
def watched(client: TestClient) -> TestClient:
    """Give a client of a service that has worked for twenty weeks, the last two badly."""
    fill_weeks(store_of(client), first=FIRST_WEEK)
    return client


def store_of(client: TestClient) -> Store:
    store = client.app.state.services.store  # type: ignore[attr-defined]
    assert isinstance(store, Store)
    return store


def test_page_shows_rates_drift_groups_and_alerts(watched: TestClient) -> None:
    page = watched.get("/admin/monitoring").text
    assert "Look into this" in page
    assert re.search(r"Accepted as proposed: \d+% in the week of", page)
    assert "Length of letters: differs from the baseline" in page
    assert page.count("<svg") == 4 + 3 + 5
    assert page.count("<svg") <= page.count("<table"), "every plot has a table"
    assert page.count('class="plot__signal"') >= 4
    assert ">nervous system</th>" in page and ">gp referral</th>" in page and ">uk lexicon</th>" in page
    assert "0 not" in page and "left out because this HPO release lacks their terms: lay" in page
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script", page)


def test_page_without_any_figure_says_so(client: TestClient) -> None:
    page = client.get("/admin/monitoring").text
    assert "No figure of this week or the last lies beyond its limits." in page
    assert "No week has enough cases." in page and "Nothing has been confirmed yet." in page


def test_page_shows_one_release(watched: TestClient) -> None:
    release = f"0.2.0/2025-01-16/{'e' * 64}"
    page = watched.get("/admin/monitoring", params={"release": release, "weeks": 13})
    assert page.status_code == 200
    assert f'value="{release}" selected' in page.text
    for wrong in ("0.3.0/2025-01-16/x", "nonsense"):
        assert watched.get("/admin/monitoring", params={"release": wrong}).status_code == 404


def test_page_shows_the_weeks_of_one_group(watched: TestClient) -> None:
    page = watched.get("/admin/monitoring", params={"group": "branch/HP:0000478"}).text
    assert "Reviews by week: Branch of the HPO: eye" in page
    assert '<option value="branch/HP:0000478" selected>' in page
    assert "Added by hand by week" in page
    assert "Added by hand by week" not in watched.get("/admin/monitoring", params={"group": "band/high"}).text
    for wrong in ("branch/HP:0001626", "release/0.1.0", "week/x", "nonsense"):
        assert watched.get("/admin/monitoring", params={"group": wrong}).status_code == 404


def test_csv_download_has_the_figures_of_the_page(watched: TestClient) -> None:
    answer = watched.get("/admin/monitoring/figures.csv?weeks=20")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="monitoring.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    accepted = next(row for row in rows if row["figure"] == "accepted" and row["by"] == "all" and not row["week"])
    assert int(accepted["total"]) == 20 * 3 * 30
    assert float(accepted["low"]) < float(accepted["share"]) < float(accepted["high"])


def test_metrics_have_the_same_figures_and_no_few_cases(watched: TestClient) -> None:
    metrics = watched.get("/metrics").text
    alerts = dict(re.findall(r'^phenoextract_monitoring_alert\{figure="(\w+)"\} (\S+)$', metrics, re.MULTILINE))
    assert alerts["accepted"] == alerts["drift_words"] == "1.0"
    assert alerts["drift_proposals"] == "0.0"
    assert len(alerts) == 7
    accepted = 'phenoextract_reviewed{by="branch",outcome="accepted",value="HP:0000707"}'
    told = [line.removeprefix(accepted) for line in metrics.splitlines() if line.startswith(accepted)]
    rows = list(csv.DictReader(io.StringIO(watched.get("/admin/monitoring/figures.csv").text)))
    expected = next(row for row in rows if (row["figure"], row["value"]) == ("accepted", "HP:0000707"))
    assert [float(count) for count in told] == [float(expected["events"])]
    assert 'phenoextract_review_rate_limit{limit="lower",rate="accepted"}' in metrics
    assert re.search(r'phenoextract_unmatched_phrases\{by="all",value=""\} [1-9]', metrics)


def test_metrics_are_given_while_the_database_is_away(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from phenoextract_api.routes import operations
    from phenoextract_api.store.engine import StoreUnavailable

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(operations, "current_figures", away)
    answer = client.get("/metrics")
    assert answer.status_code == 200 and "phenoextract_letters_waiting" in answer.text


@pytest.mark.parametrize(
    ("role", "page", "phrases"), [("researcher", 200, 403), ("admin", 200, 200), ("clerk", 403, 403)]
)
def test_researchers_see_figures_and_only_admins_phrases(
    make_client: MakeClient, role: str, page: int, phrases: int
) -> None:
    client = make_client(authentication="required")
    _, key = make_key(store_of(client), "tests", "Rea Searcher", [role])
    assert client.get("/admin/monitoring", follow_redirects=False).status_code == 303
    form = client.get("/sign-in").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    client.post("/sign-in", data=fields | {"key": key})
    seen = client.get("/admin/monitoring", headers={"Accept": "text/html"})
    assert seen.status_code == page
    assert ("Candidates for the lexicon" in seen.text) == (phrases == 200)
    assert client.get("/admin/monitoring/figures.csv").status_code == page
    answer = client.get("/admin/monitoring/candidates.tsv")
    assert answer.status_code == phrases
    if phrases == 200:
        assert answer.text == "synonym\thpo_id\tscope\ttype\tcontext\trationale\n"


def test_there_is_nothing_to_watch_where_no_requests_are_kept(make_client: MakeClient) -> None:
    client = make_client(requests_enabled=False)
    assert client.get("/admin/monitoring").status_code == 404
    assert "phenoextract_reviewed" not in client.get("/metrics").text


def test_a_new_alert_is_logged_once(watched: TestClient, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    import asyncio

    async def watch() -> None:
        task = asyncio.create_task(watch_figures(store_of(watched), settings, every=0.01))
        for _ in range(500):
            await asyncio.sleep(0.01)
            if len(caplog.records) >= 4:
                break
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])

    caplog.set_level("WARNING", "phenoextract.monitoring")
    asyncio.run(watch())
    told = [record.fields for record in caplog.records]  # type: ignore[attr-defined]
    assert {one["figure"] for one in told} >= {"accepted", "drift_words"}
    assert len({(one["figure"], one["week"]) for one in told}) == len(told), "each is logged once"
    assert all(set(one) == {"figure", "week", "value", "lower", "upper"} for one in told)


@pytest.fixture
def configured(store_url: str, store_key: str, toy_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment as an operator does, on each database in turn."""
    monkeypatch.setenv("PHENOEXTRACT_DATABASE_URL", store_url)
    monkeypatch.setenv("PHENOEXTRACT_ENCRYPTION_KEY", store_key)
    monkeypatch.setenv("PHENOEXTRACT_INDEX", str(toy_path))


def run(*arguments: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == expect, result.output
    return result


@pytest.mark.usefixtures("configured")
def test_cli_monitor_check_exits_with_one_for_an_alert(store: Store) -> None:
    assert run("monitor", "check").stdout == "no alert; 11 canaries passed\n"
    fill_weeks(store, first=FIRST_WEEK)
    told = run("monitor", "check", expect=1).stderr.splitlines()
    assert any(line.startswith("accepted: 0.") for line in told)
    assert any(line.startswith("drift_words: ") for line in told)


@pytest.mark.usefixtures("configured")
def test_cli_monitor_check_exits_with_one_for_a_failed_canary(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from phenoextract_api.monitoring import canaries

    (first, *others) = canaries.read_canaries()
    wrong: Any = canaries.Canary(first.id, "He has ataxia.", first.expected)
    monkeypatch.setattr(canaries, "read_canaries", lambda: (wrong, *others))
    assert run("monitor", "check", expect=1).stderr == "canary negation: other codes than expected\n"


@pytest.mark.usefixtures("configured")
def test_cli_monitor_report_gives_the_local_evaluation(store: Store, tmp_path: Path) -> None:
    fill_weeks(store, first=FIRST_WEEK)
    table = run("monitor", "report").stdout
    (release,) = [line for line in table.splitlines() if line.startswith("release 0.2.0")]
    assert len(re.findall(r"\d+\.\d% \(\d+\.\d%-\d+\.\d%\)", release)) == 6
    run("monitor", "report", "--format", "csv", "--weeks", "20", "--out", str(tmp_path / "figures.csv"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "figures.csv").read_text("utf-8"))))
    assert {row["figure"] for row in rows} >= {"accepted", "term_precision", "recall", "drift_words"}


@pytest.mark.usefixtures("configured")
def test_cli_monitor_candidates_are_written_as_a_lexicon(store: Store) -> None:
    assert run("monitor", "candidates").stdout == "synonym\thpo_id\tscope\ttype\tcontext\trationale\n"
    entries = [json.loads(line) for line in run("audit", "export", "--format", "json").stdout.splitlines()]
    assert entries[-1]["action"] == "monitor.candidates"
    assert entries[-1]["after"]["patients"] == read_settings().monitoring_least
