"""What is seen of each request: an id, a line in the log and the metrics, by route and never by address."""

from __future__ import annotations

import logging
import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phenoextract_api import metrics
from phenoextract_api.problems import answer

_log = logging.getLogger("phenoextract.access")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/live", "/ready", "/metrics"})


class Observe:
    """Gives each request an id, and logs and counts its answer; a failure that nobody caught becomes a bare 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and note it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            response = await answer(Request(scope), error)
            if not status:
                await response(scope, receive, noting)
        finally:
            _note(scope, status, time.perf_counter() - started, request_id)


def _note(scope: Scope, status: int, seconds: float, request_id: str) -> None:
    route = getattr(scope.get("route"), "path", "unmatched")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    metrics.requests.labels(method, route, status).inc()
    metrics.request_seconds.labels(route).observe(seconds)
    fields = {"request_id": request_id, "method": method, "route": route, "status": status}
    fields["milliseconds"] = round(seconds * 1000, 1)
    level = logging.DEBUG if route in _QUIET else logging.INFO
    _log.log(level, "answered" if status else "not answered", extra={"fields": fields})
