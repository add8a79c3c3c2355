"""Coding letters beside the event loop: one at a time, because Python runs one thread at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from phenoextract import Document, Extractor, Report
from phenoextract.errors import DocumentTooLong
from phenoextract_api.problems import Problem


class Coder:
    """An extractor with a queue of limited length, so that the service answers even while letters are coded."""

    def __init__(self, extractor: Extractor, *, max_waiting: int, max_chars: int) -> None:
        self.extractor = extractor
        self._max_waiting = max_waiting
        self._max_chars = max_chars
        self._waiting = 0
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="coding")

    @property
    def waiting(self) -> int:
        """How many letters wait or are being coded."""
        return self._waiting

    async def code(self, document: Document) -> Report:
        """Code one document. Raises DocumentTooLong, and Problem 503 if too many wait already."""
        if len(document.text) > self._max_chars:
            raise DocumentTooLong(document.id)
        if self._waiting >= self._max_waiting:
            raise Problem(503, "busy", "too many letters are waiting; try again", headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self.extractor, document)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Finish the letter being coded and drop those that wait."""
        self._executor.shutdown(cancel_futures=True)
