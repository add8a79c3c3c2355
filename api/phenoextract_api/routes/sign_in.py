"""Signing in at a browser with an API key, which stands for a named person, and signing out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from phenoextract_api.admission import SIGN_IN, OpenRoute, PageRoute, actor_of_key
from phenoextract_api.pages.templates import Message, page
from phenoextract_api.services import CurrentServices
from phenoextract_api.sessions import Session

router = APIRouter(route_class=OpenRoute, include_in_schema=False)
signed_in = APIRouter(route_class=PageRoute, include_in_schema=False)
_START = "/"


@router.get(SIGN_IN)
def ask(request: Request, next: Annotated[str, Query()] = _START) -> Response:
    """Show the form."""
    return page(request, "sign_in.html", next=_inside(next), messages=[])


@router.post(SIGN_IN)
async def sign_in(
    request: Request,
    provided: CurrentServices,
    key: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = _START,
) -> Response:
    """Begin a session for who holds the key."""
    found = await actor_of_key(request, key.strip())
    if found is None:
        wrong = Message("This key is not valid here, or no longer", "key")
        return page(request, "sign_in.html", status=401, next=_inside(next), messages=[wrong])
    response = RedirectResponse(_inside(next), 303)
    provided.sessions.start(response, Session(*found))
    return response


@signed_in.post("/sign-out")
def sign_out(provided: CurrentServices) -> Response:
    """End the session of this browser."""
    response = RedirectResponse(SIGN_IN, 303)
    provided.sessions.end(response)
    return response


def _inside(address: str) -> str:
    """Keep an address of this service; any other becomes the start page."""
    outside = not address.startswith("/") or address.startswith("//") or "\\" in address or not address.isprintable()
    return _START if outside else address
