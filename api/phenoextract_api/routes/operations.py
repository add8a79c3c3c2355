"""What watches over the service: whether it lives, whether it can work, how it does, and what it is."""

from __future__ import annotations

import contextlib
from dataclasses import asdict

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import text

from phenoextract.ontology import HPO_CITATION
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract_api import metrics
from phenoextract_api.admission import ApiRoute
from phenoextract_api.monitoring import exposition
from phenoextract_api.monitoring.figures import current_figures
from phenoextract_api.services import CurrentServices
from phenoextract_api.store.engine import StoreUnavailable

router = APIRouter(tags=["operations"])
versioned = APIRouter(prefix="/v1", tags=["operations"], route_class=ApiRoute)


class Health(BaseModel):
    """That the service lives, or can work."""

    status: str


class Version(BaseModel):
    """What answers: the versions and digests that every report carries too, and what the product is for."""

    version: str
    hpo_release: str
    index_sha256: str
    lexicon_sha256: str
    rules_sha256: str
    config_sha256: str
    encoder_sha256: str | None
    intended_purpose: str
    citation: str


@router.get("/live", summary="Does the process answer?")
async def live() -> Health:
    """Say that the process answers."""
    return Health(status="live")


@router.get("/ready", summary="Can it work?")
def ready(provided: CurrentServices) -> Health:
    """Say that index and store can be used; 503 if one cannot. `degraded` if a known letter did not get its codes."""
    if provided.store is not None:
        with provided.store.reading() as session:
            session.execute(text("SELECT 1"))
    return Health(status="degraded" if provided.canaries.failed else "ready")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus's text format.", "content": {"text/plain": {}}}},
    summary="Metrics",
)
def measured(provided: CurrentServices) -> Response:
    """Give counts and times in Prometheus's text format; nothing in them comes from a letter."""
    found = metrics.render()
    if provided.store is not None and provided.settings.requests_enabled:
        with contextlib.suppress(StoreUnavailable):  # the other metrics are needed most when the database is away
            found += exposition.render(current_figures(provided.store, provided.settings))
    return Response(found, media_type=metrics.MEDIA_TYPE)


@versioned.get("/version", summary="What answers?")
async def version(provided: CurrentServices) -> Version:
    """Give versions and digests, and the intended purpose."""
    provenance = provided.extractor.provenance
    citation = HPO_CITATION.format(release=provenance.hpo_release)
    return Version(**asdict(provenance), intended_purpose=INTENDED_PURPOSE, citation=citation)
