"""What the service does of itself: it erases what is older than the days of retention, and watches its own figures."""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.concurrency import run_in_threadpool

from phenoextract.errors import PhenoextractError, describe_fault
from phenoextract_api.monitoring.figures import current_figures
from phenoextract_api.settings import Settings
from phenoextract_api.store import retention
from phenoextract_api.store.engine import Store

DAY_SECONDS = 24 * 3600
HOUR_SECONDS = 3600
_log = logging.getLogger("phenoextract.store")
_watch_log = logging.getLogger("phenoextract.monitoring")


class ClockSet(PhenoextractError):
    """The machine's clock was set by more than an hour since the service started: nothing is erased by it."""


async def purge_daily(store: Store, days: int, *, every: float = DAY_SECONDS) -> None:
    """Purge now and then once a day, until cancelled; what goes wrong is logged and tried again the next day.

    A clock that jumped could erase everything: once it was set by more than an hour, only a restart goes by it again.
    """
    ahead = _clock_ahead()
    while True:
        try:
            if abs(_clock_ahead() - ahead) > HOUR_SECONDS:
                raise ClockSet("the clock was set while the service ran: check it, then start the service again")
            erased = await run_in_threadpool(retention.purge, store, days)
            if erased.requests:
                _log.info("purged", extra={"fields": {"requests": erased.requests}})
        except Exception as error:
            _log.error("not purged", extra={"fields": {"fault": describe_fault(error)}})
        await asyncio.sleep(every)


def _clock_ahead() -> float:
    """Give the seconds from the clock that nobody can set, which runs on while the machine sleeps, to the other."""
    return time.time() - time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


async def watch_figures(store: Store, settings: Settings, *, every: float = HOUR_SECONDS) -> None:
    """Log each new alert of monitoring, until cancelled; what goes wrong is logged and tried again."""
    known: set[tuple[str, str]] = set()
    while True:
        try:
            figures = await run_in_threadpool(current_figures, store, settings)
            raised = {(alert.name, alert.week.isoformat()): alert for alert in figures.alerts}
            for key in raised.keys() - known:
                alert = raised[key]
                fields = {"figure": alert.name, "week": key[1], "value": round(alert.value, 4)}
                fields |= {"lower": round(alert.lower, 4), "upper": round(alert.upper, 4)}
                _watch_log.warning("figure beyond its limits", extra={"fields": fields})
            known = set(raised)
        except Exception as error:
            _watch_log.error("figures not read", extra={"fields": {"fault": describe_fault(error)}})
        await asyncio.sleep(every)
