"""The page for whoever runs the service: API keys, retention, the audit, versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from phenoextract.errors import ConfigError
from phenoextract_api.admission import PageRoute
from phenoextract_api.auth import Actor, Role, require
from phenoextract_api.pages.templates import Message, page, versions
from phenoextract_api.services import CurrentServices, CurrentStore, Services
from phenoextract_api.store import audit, keys, retention
from phenoextract_api.store.engine import Store

router = APIRouter(prefix="/admin", route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse)
Admin = Annotated[Actor, Depends(require(Role.ADMIN))]


@router.get("")
def administration(request: Request, provided: CurrentServices, store: CurrentStore, _: Admin) -> Response:
    """Show the keys, what retention would purge, and the versions."""
    return _page(request, provided, store)


@router.post("/keys")
def make_key(
    request: Request,
    provided: CurrentServices,
    store: CurrentStore,
    actor: Admin,
    name: Annotated[str, Form()] = "",
    roles: Annotated[list[Role], Form()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Make a key and show it, once."""
    try:
        made, secret = keys.make_key(store, actor.name, name.strip(), [role.value for role in roles])
    except ConfigError:
        wrong = Message("A key needs a name and at least one role.", "name")
        return _page(request, provided, store, status=422, messages=[wrong], given={"name": name})
    return _page(request, provided, store, made=made, secret=secret)


@router.post("/keys/{key_id}/revoke")
def revoke_key(store: CurrentStore, actor: Admin, key_id: str) -> Response:
    """End a key at once."""
    keys.revoke_key(store, actor.name, key_id)
    return RedirectResponse("/admin", 303)


@router.post("/purge")
def purge(request: Request, provided: CurrentServices, store: CurrentStore, actor: Admin) -> Response:
    """Erase what is older than the retention, and say what was erased."""
    erased = retention.purge(store, provided.settings.retention_days, actor=actor.name)
    return _page(request, provided, store, erased=erased)


@router.post("/audit")
def verify_audit(request: Request, provided: CurrentServices, store: CurrentStore, _: Admin) -> Response:
    """Recompute the whole audit and say whether it is whole."""
    return _page(request, provided, store, verified=audit.verify(store))


def _page(request: Request, provided: Services, store: Store, *, status: int = 200, **shown: Any) -> Response:
    nothing: dict[str, Any] = {"made": None, "erased": None, "verified": None, "messages": [], "given": {"name": ""}}
    return page(
        request,
        "admin.html",
        status=status,
        keys_made=keys.list_keys(store),
        now=datetime.now(UTC),
        roles=list(Role),
        retention_days=provided.settings.retention_days,
        expired=len(retention.expired_requests(store, provided.settings.retention_days)),
        versions=versions(provided.extractor.provenance),
        **nothing | shown,
    )
