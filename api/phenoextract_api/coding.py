"""Coding letters beside the event loop: one at a time, because Python runs one thread at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from phenoextract import Document, Extractor, Report
from phenoextract.errors import DocumentError, DocumentTimedOut, DocumentTooLong
from phenoextract_api import metrics
from phenoextract_api.monitoring.tallies import LetterMeasures, branch_of, measure_letter
from phenoextract_api.problems import Problem
from phenoextract_api.request_types import confidence_band

T = TypeVar("T")


class Coder:
    """An extractor with a queue of limited length, so that the service answers even while letters are coded."""

    def __init__(self, extractor: Extractor, *, max_waiting: int, max_chars: int, time_limit: float) -> None:
        self.extractor = extractor
        self._time_limit = time_limit
        self._max_waiting = max_waiting
        self._max_chars = max_chars
        self._waiting = 0
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="coding")

    async def code(self, document: Document, *, in_turn: bool = False) -> Report:
        """Code one document. Raises DocumentTooLong, what `run` raises, and Problem 503 if too many wait already.

        `in_turn` waits however many there are: for one of many letters that are sent one after the other.
        """
        if len(document.text) > self._max_chars:
            metrics.letters.labels(DocumentTooLong.code).inc()
            raise DocumentTooLong(document.id)
        if not in_turn:
            self.refuse_if_busy()
        return await self.run(self._code, document)

    def measure(self, document: Document, report: Report) -> LetterMeasures:
        """Give a coded letter in numbers, for monitoring."""
        return measure_letter(document.text, report, self.extractor.knows)

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Do other heavy work in the same queue, such as reading a file.

        Raises DocumentTimedOut for work that takes longer than the limit (it cannot be stopped, but its caller need not
        wait for it), and Problem 503 for work that has waited so long behind other work.
        """
        self._waiting += 1
        metrics.waiting.inc()
        begun = threading.Event()

        def begin() -> T:
            begun.set()
            return work(*arguments)

        try:
            done = asyncio.get_running_loop().run_in_executor(self._executor, begin)
            return await asyncio.wait_for(done, self._time_limit)
        except TimeoutError:
            if begun.is_set():
                metrics.letters.labels(DocumentTimedOut.code).inc()
                raise DocumentTimedOut("document") from None
            raise _busy() from None
        finally:
            self._waiting -= 1
            metrics.waiting.dec()

    def refuse_if_busy(self) -> None:
        """Raise Problem 503 if as many letters wait as may."""
        if self._waiting >= self._max_waiting:
            raise _busy()

    def close(self) -> None:
        """Finish the letter being coded and drop those that wait."""
        self._executor.shutdown(cancel_futures=True)

    def _code(self, document: Document) -> Report:
        started = time.perf_counter()
        try:
            report = self.extractor(document)
        except Exception as error:
            metrics.letters.labels(error.code if isinstance(error, DocumentError) else "internal_error").inc()
            raise
        metrics.letters.labels("coded").inc()
        metrics.coding_seconds.observe(time.perf_counter() - started)
        self._observe(document, report)
        return report

    def _observe(self, document: Document, report: Report) -> None:
        measures, ontology = self.measure(document, report), self.extractor.ontology
        metrics.letter_words.observe(measures.words)
        metrics.letter_unknown_share.observe(measures.unknown_share)
        metrics.letter_proposals.observe(measures.proposals)
        for feature in report.features:
            band = confidence_band(feature.confidence)
            metrics.proposals.labels(branch_of(ontology, feature.hpo_id), feature.status.value, band).inc()


def _busy() -> Problem:
    return Problem(503, "busy", "too many letters are waiting; try again", headers={"Retry-After": "1"})
