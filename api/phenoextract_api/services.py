"""What the routes work with: made once when a worker process starts, kept at `app.state.services`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from phenoextract import Extractor
from phenoextract.ontology import Ontology
from phenoextract.term_search import TermSearch
from phenoextract_api.coding import Coder
from phenoextract_api.limits import RateLimit
from phenoextract_api.monitoring.canaries import CanaryRun
from phenoextract_api.oidc import Tokens
from phenoextract_api.problems import Problem
from phenoextract_api.sessions import Sessions
from phenoextract_api.settings import Settings
from phenoextract_api.store.engine import Store


@dataclass(frozen=True, slots=True)
class Services:
    """The extractor behind its queue, the search for terms, and what knows the callers.

    `store` is None where neither requests nor API keys are kept, `tokens` where there is no issuer. `canaries` tells
    whether the extractor gave known letters their known codes when the service started.
    """

    settings: Settings
    coder: Coder
    terms: TermSearch
    store: Store | None
    sessions: Sessions
    tokens: Tokens | None
    rate_limit: RateLimit
    canaries: CanaryRun

    @property
    def extractor(self) -> Extractor:
        """The extractor itself, for what is quick."""
        return self.coder.extractor

    @property
    def ontology(self) -> Ontology:
        """The ontology of the loaded index."""
        return self.coder.extractor.ontology


def services(request: Request) -> Services:
    """Give the services of the app that a request came to."""
    found: Services = request.app.state.services
    return found


def open_store_of(request: Request) -> Store:
    """Give the store; raises Problem 404 where the installation keeps no requests."""
    provided = services(request)
    store = provided.store
    if store is None or not provided.settings.requests_enabled:
        raise Problem(404, "requests_disabled", "this installation keeps no requests")
    return store


CurrentServices = Annotated[Services, Depends(services)]
CurrentStore = Annotated[Store, Depends(open_store_of)]
