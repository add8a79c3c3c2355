"""The commands that tell how the service does. Heavy modules are imported inside them."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenoextract_api.cli_store import configured_store

if TYPE_CHECKING:
    from phenoextract_api.monitoring.figures import Figures, Share

ALERT = 1
Weeks = Annotated[int, typer.Option(min=1, max=520, help="Weeks to look at, this one included.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write there, not to the screen.")]


class FigureFormat(StrEnum):
    """The forms in which figures are written."""

    TABLE = "table"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the commands to an application."""
    monitor = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Tell how the service does.")
    monitor.command("check")(check)
    monitor.command("report")(report)
    monitor.command("candidates")(candidates)
    app.add_typer(monitor, name="monitor")


def check() -> None:
    """Look for alerts, and code the letters with known codes; exit 1 and say which if anything is wrong.

    Meant to be run by a timer, such as cron, which sends what is said to somebody.
    """
    from phenoextract import load
    from phenoextract_api.monitoring.canaries import read_canaries, run_canaries
    from phenoextract_api.monitoring.figures import current_figures
    from phenoextract_api.settings import read_settings

    settings = read_settings()
    with configured_store() as store:
        alerts = current_figures(store, settings).alerts
    run = run_canaries(load(settings.index), read_canaries())
    for alert in alerts:
        value, lower, upper = (f"{number:.3f}" for number in (alert.value, alert.lower, alert.upper))
        typer.echo(f"{alert.name}: {value} in the week of {alert.week}, usual is {lower} to {upper}", err=True)
    for canary in run.failed:
        typer.echo(f"canary {canary}: other codes than expected", err=True)
    if alerts or run.failed:
        raise typer.Exit(ALERT)
    typer.echo(f"no alert; {len(run.passed)} canaries passed")


def report(
    weeks: Weeks = 26,
    form: Annotated[FigureFormat, typer.Option("--format", "-f", help="For reading, or every figure.")] = (
        FigureFormat.TABLE
    ),
    out: Out = None,
) -> None:
    """Write how good the proposals were, against what reviewers confirmed, by release and kind."""
    from phenoextract_api.monitoring.figures import current_figures, to_csv
    from phenoextract_api.settings import read_settings

    with configured_store() as store:
        figures = current_figures(store, read_settings(), weeks=weeks)
    _write(to_csv(figures) if form is FigureFormat.CSV else _table(figures), out)


def candidates(
    patients: Annotated[
        int | None,
        typer.Option(min=1, help="Fewest patients behind a phrase; without, PHENOEXTRACT_MONITORING_LEAST."),
    ] = None,
    out: Out = None,
) -> None:
    """Write phrases that reviewers gave a term, as rows of a lexicon for a person to sign off.

    They are words of letters. With few patients behind each, they may tell who somebody is.
    """
    from phenoextract import load
    from phenoextract_api.auth import local_actor
    from phenoextract_api.monitoring.candidates import find_candidates, to_tsv
    from phenoextract_api.settings import read_settings

    settings = read_settings()
    with configured_store() as store:
        least = patients or settings.monitoring_least
        found = find_candidates(store, local_actor(), load(settings.index), patients=least)
    _write(to_tsv(found), out)


def _table(figures: Figures) -> str:
    from phenoextract_api.monitoring.figures import Rate

    rates = (Rate.ACCEPTED, Rate.EDITED, Rate.REJECTED, Rate.ADDED, Rate.PRECISION, Rate.RECALL)
    lines = [f"{'':<44}" + "".join(f"{rate.value.replace('_', ' '):>24}" for rate in rates)]
    for group in (figures.total, *figures.groups):
        name = f"{group.by.value} {group.value or ('' if group.by.value == 'all' else 'not given')}".strip()
        cells = "".join(f"{_cell(group.share(rate)):>24}" for rate in rates)
        lines.append(f"{name:<44}" + (cells if group.counts is not None else f"fewer than {figures.least}"))
    return "\n".join(lines) + "\n"


def _cell(share: Share | None) -> str:
    if share is None or not share.total:
        return "-"
    low, high = share.interval
    return f"{share.value:.1%} ({low:.1%}-{high:.1%})"


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, "utf-8", newline="")
