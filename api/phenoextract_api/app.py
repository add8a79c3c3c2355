"""The app: the only file that wires settings, extractor, store, routes and middleware together."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import phenoextract
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.term_search import TermSearch
from phenoextract_api import problems, startup
from phenoextract_api.coding import Coder
from phenoextract_api.headers import SecurityHeaders
from phenoextract_api.housekeeping import purge_daily, watch_figures
from phenoextract_api.limits import BodyLimit, RateLimit
from phenoextract_api.monitoring.canaries import read_canaries, run_canaries, tell
from phenoextract_api.observe import Observe
from phenoextract_api.openapi import describe
from phenoextract_api.pages.static import StaticPages
from phenoextract_api.pages.templates import problem_page
from phenoextract_api.routes import (
    admin_pages,
    annotate,
    explain,
    fhir,
    monitoring,
    operations,
    pages,
    requests,
    review_pages,
    sign_in,
    terms,
)
from phenoextract_api.services import Services
from phenoextract_api.sessions import Sessions
from phenoextract_api.settings import Settings, read_settings


def create_app(settings: Settings | None = None, *, extractor: phenoextract.Extractor | None = None) -> FastAPI:
    """Make the app with its index loaded; starting it opens the store.

    `extractor` is one that is loaded already. What is made here is shared by worker processes that are forked later;
    what starting makes is not. Raises ArtefactError or ConfigError, which say what mends it, and so does starting.
    """
    settings = settings or read_settings()
    extractor = extractor or phenoextract.load(settings.index)
    search = TermSearch(extractor.ontology, extractor.names)
    sessions = Sessions(startup.session_secret(settings), hours=settings.session_hours, public_url=settings.public_url)
    tokens = startup.make_tokens(settings)
    canaries = run_canaries(extractor, read_canaries())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        coder = Coder(
            extractor,
            max_waiting=settings.max_waiting,
            max_chars=settings.max_text_chars,
            time_limit=settings.time_limit,
        )
        store = startup.open_configured_store(settings) if settings.keeps_store else None
        rate_limit = RateLimit(settings.rate_limit)
        app.state.services = Services(settings, coder, search, store, sessions, tokens, rate_limit, canaries)
        tell(canaries)
        chores = []
        if store is not None and settings.requests_enabled:
            chores.append(asyncio.create_task(purge_daily(store, settings.retention_days)))
            chores.append(asyncio.create_task(watch_figures(store, settings)))
        try:
            yield
        finally:
            for chore in chores:
                chore.cancel()
            if chores:
                await asyncio.wait(chores)
            coder.close()
            if store is not None:
                store.close()

    app = FastAPI(
        title="phenoextract",
        version=importlib.metadata.version("phenoextract"),
        description=INTENDED_PURPOSE,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # these pages load scripts from another host
        redoc_url=None,
        lifespan=lifespan,
    )
    problems.install(app, page=problem_page)
    for routes in (
        operations,
        annotate,
        explain,
        terms,
        fhir,
        requests,
        sign_in,
        pages,
        review_pages,
        admin_pages,
        monitoring,
    ):
        app.include_router(routes.router)
    app.include_router(operations.versioned)
    app.include_router(sign_in.signed_in)
    app.mount("/static", StaticPages())
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    # the last one added is the first that a request passes
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, streams=(annotate.STREAM,))
    app.add_middleware(Observe)
    app.add_middleware(SecurityHeaders, https=(settings.public_url or "").startswith("https:"))
    return app
