"""What the service does of itself: it erases each day what is older than the days of retention."""

from __future__ import annotations

import asyncio
import logging

from starlette.concurrency import run_in_threadpool

from phenoextract.errors import describe_fault
from phenoextract_api.store import retention
from phenoextract_api.store.engine import Store

DAY_SECONDS = 24 * 3600
_log = logging.getLogger("phenoextract.store")


async def purge_daily(store: Store, days: int, *, every: float = DAY_SECONDS) -> None:
    """Purge now and then once a day, until cancelled; what goes wrong is logged and tried again the next day."""
    while True:
        try:
            erased = await run_in_threadpool(retention.purge, store, days)
            if erased.requests:
                _log.info("purged", extra={"fields": {"requests": erased.requests}})
        except Exception as error:
            _log.error("not purged", extra={"fields": {"fault": describe_fault(error)}})
        await asyncio.sleep(every)
