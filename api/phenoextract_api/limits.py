"""How much one request may carry and one caller may ask."""

from __future__ import annotations

import math
import time
from collections.abc import Collection

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phenoextract_api.problems import Problem, respond


class BodyLimit:
    """Refuses a body that is larger than allowed, by what it announces or by what arrives."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, streams: Collection[str]) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._streams = streams  # addresses that read as they go and keep limits of their own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or let the request pass with its body counted."""
        if scope["type"] != "http" or scope["path"] in self._streams:
            await self._app(scope, receive, send)
            return
        too_large = Problem(413, "too_large", f"a request may have {self._max_bytes} bytes at most")
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            await respond(Request(scope), too_large)(scope, receive, send)
            return
        arrived = 0

        async def counting() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._max_bytes:
                raise too_large
            return message

        await self._app(scope, counting, send)


class RateLimit:
    """Counts the requests of each address in this process; a limit of 0 lets all pass."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def check(self, request: Request) -> None:
        """Count a request; raises Problem 429 if its address has asked too often."""
        if self._limit is None:
            return
        address = request.client.host if request.client else ""
        if not await self._limiter.hit(self._limit, address):
            window = await self._limiter.get_window_stats(self._limit, address)
            wait = max(1, math.ceil(window.reset_time - time.time()))
            raise Problem(
                429, "too_many_requests", "too many requests from this address", headers={"Retry-After": str(wait)}
            )
