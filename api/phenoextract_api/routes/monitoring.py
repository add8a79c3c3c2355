"""The page of monitoring, for researchers and admins, and what can be downloaded from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from phenoextract.ontology import Ontology
from phenoextract_api.admission import PageRoute
from phenoextract_api.auth import Actor, Role, require
from phenoextract_api.monitoring.candidates import find_candidates, to_tsv
from phenoextract_api.monitoring.figures import (
    SHOWN_WEEKS,
    By,
    Figures,
    Group,
    Rate,
    Release,
    current_figures,
    to_csv,
)
from phenoextract_api.monitoring.tallies import NOT_GIVEN, Measure
from phenoextract_api.pages import plots
from phenoextract_api.pages.templates import MONITORING_ROLES, page
from phenoextract_api.problems import Problem
from phenoextract_api.services import CurrentServices, CurrentStore

router = APIRouter(
    prefix="/admin/monitoring", route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse
)
Watcher = Annotated[Actor, Depends(require(*MONITORING_ROLES))]
Admin = Annotated[Actor, Depends(require(Role.ADMIN))]

_RATES = {
    Rate.ACCEPTED: "Accepted as proposed",
    Rate.EDITED: "Changed",
    Rate.REJECTED: "Rejected",
    Rate.ADDED: "Added by hand",
    Rate.PRECISION: "Right term",
    Rate.RECALL: "Found",
}
_MEASURES = {
    Measure.WORDS: "Length of letters",
    Measure.UNKNOWN: "Unknown words",
    Measure.PROPOSALS: "Terms proposed for a letter",
}
_GROUPS = {
    By.RELEASE: "Release",
    By.BRANCH: "Branch of the HPO",
    By.LETTER_TYPE: "Type of letter",
    By.BAND: "Confidence",
    By.METHOD: "Way in which the term was found",
}
_CHOICES = tuple(by for by in _GROUPS if by is not By.RELEASE)


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The groups of one kind, by name, and a plot of how much of each was accepted."""

    title: str
    rows: tuple[tuple[str, Group], ...]
    plot: plots.IntervalPlot


@dataclass(frozen=True, slots=True)
class Asked:
    """The figures of the period and release that somebody asked for."""

    figures: Figures
    weeks: int
    release: str
    group: str


def asked(
    provided: CurrentServices,
    store: CurrentStore,
    weeks: Annotated[int, Query(ge=1, le=520)] = SHOWN_WEEKS,
    release: Annotated[str, Query(max_length=200)] = "",
    group: Annotated[str, Query(max_length=100)] = "",
) -> Asked:
    """Read the figures; raises Problem 404 for a release or a group of which there are none."""
    chosen = Release(*release.split("/")) if release.count("/") == 2 else None
    by, _, value = group.partition("/")
    only = (By(by), value) if by in _CHOICES else None
    figures = current_figures(store, provided.settings, weeks=weeks, release=chosen, only=only)
    if release and chosen not in figures.releases:
        raise Problem(404, "unknown_release", "nothing is counted of this release")
    if group and only not in {(one.by, one.value) for one in figures.groups}:
        raise Problem(404, "unknown_group", "nothing is counted of this group in these weeks")
    return Asked(figures, weeks, release, group)


AskedFor = Annotated[Asked, Depends(asked)]


@router.get("")
def monitoring(request: Request, provided: CurrentServices, actor: Watcher, given: AskedFor) -> Response:
    """Show what becomes of proposals and what letters are like, week by week and by kind."""
    figures = given.figures
    return page(
        request,
        "monitoring.html",
        figures=figures,
        given=given,
        rates=_RATES,
        measures=_MEASURES,
        watched={rate: (weeks, plots.rate_plot(weeks, figures.releases)) for rate, weeks in figures.rates.items()},
        drift={measure: (weeks, plots.drift_plot(weeks, figures.releases)) for measure, weeks in figures.drift.items()},
        choices=[
            (f"{one.by}/{one.value}", f"{_GROUPS[one.by]}: {_name(one, provided.ontology)}")
            for one in figures.groups
            if one.by in _CHOICES and one.counts is not None
        ],
        tables=[_table(by, title, figures, provided.ontology) for by, title in _GROUPS.items()],
        describe=plots.describe,
        canaries=provided.canaries,
        least=figures.least,
        may_read_phrases=Role.ADMIN in actor.roles,
    )


@router.get("/figures.csv")
def figures_csv(_: Watcher, given: AskedFor) -> Response:
    """Give the same figures as a table."""
    return _download(to_csv(given.figures), "text/csv", "monitoring.csv")


@router.get("/candidates.tsv")
def candidates_tsv(provided: CurrentServices, store: CurrentStore, actor: Admin) -> Response:
    """Give phrases that reviewers gave a term, as rows of a lexicon to sign off."""
    found = find_candidates(store, actor, provided.extractor, patients=provided.settings.monitoring_least)
    return _download(to_tsv(found), "text/tab-separated-values", "candidates.tsv")


def _download(text: str, media_type: str, name: str) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=media_type, headers=disposition)


def _table(by: By, title: str, figures: Figures, ontology: Ontology) -> GroupTable:
    rows = [(_name(group, ontology), group) for group in figures.groups if group.by is by]
    accepted = [(name, share) for name, group in rows if (share := group.share(Rate.ACCEPTED)) and share.total]
    return GroupTable(title, tuple(rows), plots.interval_plot(accepted))


def _name(group: Group, ontology: Ontology) -> str:
    if group.by is By.BRANCH:
        current = ontology.current(group.value)
        return ontology.label(current).removeprefix("Abnormality of ").removeprefix("the ") if current else "Elsewhere"
    return group.value.replace("_", " ") if group.value != NOT_GIVEN else "Not given"
