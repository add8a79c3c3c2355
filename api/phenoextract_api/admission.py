"""What every request passes before its body is read: who asks, from where, how often, and in which media types.

Routers of the API take `route_class=ApiRoute`, those of pages `PageRoute`, that of signing in `OpenRoute`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from phenoextract_api import problems
from phenoextract_api.auth import Actor, is_local, local_actor, roles_named
from phenoextract_api.problems import Problem
from phenoextract_api.services import services
from phenoextract_api.sessions import FORM_FIELD, HEADER, Session, changes_something
from phenoextract_api.store.keys import find_key, get_key

SIGN_IN = "/sign-in"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_KEY_START = "phx_"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    """A route for programs: an API key or a token, or a session of the pages with its form token in a header."""

    def get_route_handler(self) -> Handler:
        """Give the route's handler behind these checks."""
        handle = super().get_route_handler()
        consumed, produced = _consumed(self), _produced(self)

        async def admit(request: Request) -> Response:
            await services(request).rate_limit.check(request)
            request.state.actor = await _identify(request)
            if not _accepts(request.headers.get("accept", "*/*"), produced):
                raise Problem(406, "not_acceptable", f"this address answers with {' or '.join(produced)}")
            media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if consumed and media_type not in consumed:
                raise Problem(415, "unsupported_media_type", f"this address takes {' or '.join(consumed)}")
            return await handle(request)

        return admit


class PageRoute(APIRoute):
    """A route for browsers: without a session it leads to the sign-in page; every form must carry its token."""

    def get_route_handler(self) -> Handler:
        """Give the route's handler behind these checks."""
        handle = super().get_route_handler()

        async def admit(request: Request) -> Response:
            provided = services(request)
            await provided.rate_limit.check(request)
            provided.sessions.refuse_cross_site(request)
            session = await _valid_session(request)
            started = session is None and is_local(request, provided.settings)
            if started:
                session = Session(local_actor())
            if session is None:
                if changes_something(request):
                    raise Problem(401, "not_authenticated", "sign in again, then repeat the step")
                return RedirectResponse(f"{SIGN_IN}?next={quote(request.url.path)}", 303)
            if changes_something(request):
                provided.sessions.check_token(session, await _form_token(request))
            request.state.actor, request.state.session = session.actor, session
            request.state.form_token = provided.sessions.form_token(session)
            response = await handle(request)
            if started:
                provided.sessions.start(response, session)
            return response

        return admit


class OpenRoute(APIRoute):
    """A route for browsers that are not signed in yet."""

    def get_route_handler(self) -> Handler:
        """Give the route's handler behind these checks."""
        handle = super().get_route_handler()

        async def admit(request: Request) -> Response:
            await services(request).rate_limit.check(request)
            services(request).sessions.refuse_cross_site(request)
            return await handle(request)

        return admit


async def actor_of_key(request: Request, presented: str) -> tuple[Actor, str] | None:
    """Give who holds an API key, and the key's id; None for what is no valid key."""
    store = services(request).store
    key = await run_in_threadpool(find_key, store, presented) if store else None
    return (Actor(key.name, roles_named(key.roles)), key.id) if key else None


async def _identify(request: Request) -> Actor:
    """Give who is asking; raises Problem 401 for wrong or no credentials, 403 for a session without its token."""
    provided = services(request)
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() == "bearer" and presented.startswith(_KEY_START):
            if found := await actor_of_key(request, presented.strip()):
                return found[0]
        elif scheme.lower() == "bearer" and provided.tokens:
            return await run_in_threadpool(provided.tokens.actor, presented.strip())
        raise _unauthorised("the credentials are not valid here, or no longer")
    provided.sessions.refuse_cross_site(request)
    if session := await _valid_session(request):
        if changes_something(request):
            provided.sessions.check_token(session, request.headers.get(HEADER))
        return session.actor
    if is_local(request, provided.settings):
        return local_actor()
    raise _unauthorised("send an API key or a token as: Authorization: Bearer …")


async def _valid_session(request: Request) -> Session | None:
    """Give the session of a request, unless the key that it was opened with is valid no longer."""
    provided = services(request)
    session = provided.sessions.read(request)
    if session is None or session.key_id is None:
        return session
    key = await run_in_threadpool(get_key, provided.store, session.key_id) if provided.store else None
    return session if key else None


async def _form_token(request: Request) -> str | None:
    if (given := request.headers.get(HEADER)) is not None:
        return given
    if not request.headers.get("content-type", "").startswith(_FORMS):
        return None
    field = (await request.form()).get(FORM_FIELD)
    return field if isinstance(field, str) else None


def _unauthorised(detail: str) -> Problem:
    return Problem(401, "not_authenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def _consumed(route: APIRoute) -> tuple[str, ...]:
    """Give the media types of the body that a route declares; none if it takes no body."""
    if declared := (route.openapi_extra or {}).get("requestBody"):
        return tuple(declared["content"])
    return (route.body_field.field_info.media_type,) if route.body_field else ()  # type: ignore[attr-defined]


def _produced(route: APIRoute) -> tuple[str, ...]:
    """Give the media types of a route's answer as it declares them, JSON by default."""
    answer: dict[str, Any] = route.responses.get(route.status_code or 200, {})
    return tuple(answer.get("content", ("application/json",)))


def _accepts(accept: str, produced: tuple[str, ...]) -> bool:
    """Tell whether an Accept header (RFC 9110, 12.5.1) allows one of the media types, or the type of errors."""
    for part in accept.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if any(parameter.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for parameter in parameters):
            continue
        for media_type in (*produced, problems.MEDIA_TYPE):
            if media_range in ("*/*", media_type, f"{media_type.partition('/')[0]}/*"):
                return True
    return False
