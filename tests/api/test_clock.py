"""The clock is set while the service runs: nothing is erased, nobody is locked out, nobody stays signed in."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from phenoextract.types import Document, Report
from phenoextract_api.auth import Actor, Role
from phenoextract_api.housekeeping import purge_daily
from phenoextract_api.limits import RateLimit
from phenoextract_api.problems import Problem
from phenoextract_api.requests import create_request, list_queue
from phenoextract_api.serve import Worker
from phenoextract_api.sessions import Session, Sessions
from phenoextract_api.store.engine import Store

CLERK = Actor("Ada Clerk", frozenset({Role.CLERK}))
DAY = 24 * 3600.0
Jump = Callable[[float], None]


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Give what sets the clock so many seconds from the right time; other clocks go on."""
    right = time.time

    def set_clock(ahead: float) -> None:
        monkeypatch.setattr(time, "time", lambda: right() + ahead)

    return set_clock


@pytest.mark.parametrize("ahead", [400 * DAY, -400 * DAY])
def test_clock_that_was_set_erases_nothing(
    store: Store, letter: Document, report: Report, jump: Jump, caplog: pytest.LogCaptureFixture, ahead: float
) -> None:
    caplog.set_level(logging.INFO, "phenoextract.store")

    async def purge() -> None:
        purging = asyncio.create_task(purge_daily(store, 0, every=0.01))
        try:
            create_request(store, CLERK, letter, report, patient_ref="P-1")
            while list_queue(store, CLERK).items:  # what is older than no days at all
                await asyncio.sleep(0.01)
            jump(ahead)
            while "not purged" not in caplog.messages:
                await asyncio.sleep(0.01)
            create_request(store, CLERK, letter, report, patient_ref="P-2")
            caplog.clear()
            while caplog.messages.count("not purged") < 3:
                await asyncio.sleep(0.01)
        finally:
            purging.cancel()
            await asyncio.wait([purging])

    asyncio.run(asyncio.wait_for(purge(), 60))
    assert [summary.patient_ref for summary in list_queue(store, CLERK).items] == ["P-2"]
    assert {record.fields["fault"].partition(" ")[0] for record in caplog.records} == {"ClockSet"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("ahead", [DAY, -DAY])
def test_clock_that_was_set_locks_nobody_out(jump: Jump, ahead: float) -> None:
    limit = RateLimit(5)
    request = Request({"type": "http", "client": ("192.0.2.1", 1), "headers": []})

    async def ask() -> None:
        for _ in range(5):
            await limit.check(request)
        with pytest.raises(Problem, match="429"):
            await limit.check(request)
        jump(ahead)
        for _ in range(5):
            await limit.check(request)
        with pytest.raises(Problem, match="429"):
            await limit.check(request)

    asyncio.run(ask())


@pytest.mark.parametrize(("ahead", "signed_in"), [(0, True), (7 * 3600, True), (DAY, False), (-DAY, False)])
def test_clock_that_was_set_asks_to_sign_in_again(jump: Jump, ahead: float, signed_in: bool) -> None:
    sessions = Sessions(b"secret", hours=8, public_url=None)
    response = Response()
    sessions.start(response, Session(CLERK))
    cookie = response.headers["set-cookie"].partition(";")[0]
    jump(ahead)
    read = sessions.read(Request({"type": "http", "headers": [(b"cookie", cookie.encode())]}))
    assert (read is not None) == signed_in


@pytest.mark.parametrize("ahead", [DAY, -DAY])
def test_clock_that_was_set_silences_no_worker(jump: Jump, ahead: float) -> None:
    """Whoever watches over the workers kills one that does not say for a while that it lives."""
    said: list[float] = []

    async def say() -> None:
        said.append(time.monotonic())

    async def tick() -> None:
        server = uvicorn.Server(uvicorn.Config(FastAPI(), callback_notify=say, **Worker.CONFIG_KWARGS))
        await server.on_tick(0)
        jump(ahead)
        await server.on_tick(10)

    asyncio.run(tick())
    assert len(said) == 2
