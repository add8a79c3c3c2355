"""The app: the only file that wires settings, extractor, store, routes and middleware together."""

from __future__ import annotations

import importlib.metadata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import phenoextract
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract_api import problems
from phenoextract_api.coding import Coder
from phenoextract_api.routes import operations
from phenoextract_api.services import Services
from phenoextract_api.settings import Settings, read_settings
from phenoextract_api.startup import open_configured_store


def create_app(settings: Settings | None = None, *, extractor: phenoextract.Extractor | None = None) -> FastAPI:
    """Make the app; starting it loads the index and opens the store.

    `extractor` is one that is loaded already, for worker processes that share it and for tests. Starting raises
    ArtefactError or ConfigError, which say what mends it.
    """
    settings = settings or read_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        coder = Coder(
            extractor or phenoextract.load(settings.index),
            max_waiting=settings.max_waiting,
            max_chars=settings.max_text_chars,
        )
        store = open_configured_store(settings)
        app.state.services = Services(settings, coder, store)
        try:
            yield
        finally:
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
    problems.install(app)
    app.include_router(operations.router)
    return app
