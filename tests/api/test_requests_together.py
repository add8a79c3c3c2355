"""Many at once on one store: nothing lost, nothing doubled, and nothing half done when a process is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from phenoextract.formats import json as report_json
from phenoextract.pipeline import Extractor
from phenoextract.types import Document, Report, Status
from phenoextract_api.auth import Actor, Role
from phenoextract_api.request_types import Decision, DuplicateRequest, Kind, StaleRequest, State
from phenoextract_api.requests import create_request, decide, export_report, get_request, list_queue
from phenoextract_api.store import audit
from phenoextract_api.store.engine import Store, open_store

CLERK = Actor("Ada Clerk", frozenset({Role.CLERK}))
WORKER = Path(__file__).with_name("store_worker.py")
REQUIRED = 6
KILLS = 50


@pytest.fixture
def given(tmp_path: Path, letter: Document, report: Report, toy_path: Path) -> Path:
    """Write down what the processes of these tests work on."""
    path = tmp_path / "given.json"
    path.write_text(
        json.dumps({"letter": letter.text, "report": report_json.render(report), "index": str(toy_path)}), "utf-8"
    )
    return path


@pytest.fixture
def workers(store_url: str, store_key: str, given: Path) -> Iterator[Workers]:
    with subprocess.Popen(
        [sys.executable, str(WORKER), store_url, str(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"STORE_KEY": store_key},
    ) as process:
        yield Workers(process)


class Workers:
    """Processes that work on the store, forked from one that has loaded everything."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout

    def say(self, *words: object) -> None:
        self._in.write(" ".join(map(str, words)) + "\n")
        self._in.flush()

    def next(self) -> list[str]:
        return self._out.readline().split()


def test_requests_lose_no_decision_of_many_threads(
    store: Store, toy_extractor: Extractor, letter: Document, report: Report
) -> None:
    request_id = create_request(store, CLERK, letter, report, patient_ref="P-1").summary.id
    notes = [f"note {number}" for number in range(40)]

    def write(note: str) -> int:
        """Try until it is in, as a client does that reads again after 412."""
        refused = 0
        while True:
            etag = get_request(store, CLERK, request_id).summary.etag
            try:
                decide(store, CLERK, toy_extractor.ontology, request_id, etag, Decision(Kind.NOTE, note=note))
            except StaleRequest:
                refused += 1
            else:
                return refused

    with ThreadPoolExecutor(8) as pool:
        refused = sum(pool.map(write, notes))
    request = get_request(store, CLERK, request_id)
    assert sorted(str(entry.decision.note) for entry in request.notes) == sorted(notes)
    assert [entry.sequence for entry in request.notes] == list(range(1, 41))
    assert request.summary.etag == "1.41"
    assert refused > 0, "the threads never met"
    assert audit.verify(store).faults == ()


def test_requests_record_a_repeated_decision_once_however_many_send_it(
    store: Store, toy_extractor: Extractor, letter: Document, report: Report
) -> None:
    request = create_request(store, CLERK, letter, report, patient_ref="P-1")
    decision = Decision(Kind.ADD, hpo_id="HP:0001250", status=Status.PRESENT)

    def send(_: int) -> int:
        after = decide(
            store,
            CLERK,
            toy_extractor.ontology,
            request.summary.id,
            request.summary.etag,
            decision,
            idempotency_key="one",
        )
        return len(after.suggestions)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(16))) == {len(request.suggestions) + 1}


def test_requests_are_created_once_however_many_send_them(store: Store, letter: Document, report: Report) -> None:
    def send(number: int) -> str:
        key = f"key {number % 2}"
        try:
            return create_request(store, CLERK, letter, report, patient_ref="P-1", idempotency_key=key).summary.id
        except DuplicateRequest as error:
            return f"duplicate of {error.existing}"

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(send, range(16)))
    (request,) = list_queue(store, CLERK).items
    assert answers == {request.id: 8, f"duplicate of {request.id}": 8}


def test_requests_lose_nothing_to_many_processes(
    store: Store, workers: Workers, letter: Document, report: Report
) -> None:
    request_id = create_request(store, CLERK, letter, report, patient_ref="P-1").summary.id
    for number in range(4):
        workers.say("note", request_id, f"worker-{number}", 10)
    workers.say("wait")
    assert workers.next() == ["over", "0", "0", "0", "0"]
    request = get_request(store, CLERK, request_id)
    assert Counter(entry.by for entry in request.notes) == {f"worker-{n}": 10 for n in range(4)}
    assert [entry.sequence for entry in request.notes] == list(range(1, 41))
    verified = audit.verify(store)
    assert (verified.entries, verified.faults) == (1 + 1 + 40, ())


@pytest.mark.slow
def test_requests_survive_fifty_kills_in_the_middle_of_writing(
    store_url: str, store_key: str, workers: Workers
) -> None:
    acknowledged: dict[str, str] = {}
    decided: Counter[str] = Counter()
    for number in range(KILLS):
        workers.say("confirm", f"P-{number}")
        what, pid = workers.next()
        assert what == "working"
        said = [workers.next() for _ in range(number % 9)]  # kills fall at every step of a request
        time.sleep(random.uniform(0, 0.03))  # and at any moment of a write
        os.kill(int(pid), signal.SIGKILL)
        workers.say("wait")
        while (line := workers.next())[0] != "over":
            said.append(line)
        for event, request_id, *rest in said:
            if event == "decided":
                decided[request_id] += 1
            else:
                acknowledged[request_id] = rest[0]
        assert line == ["over", str(int(signal.SIGKILL))]
    assert decided
    assert acknowledged

    store = open_store(store_url, [store_key])
    try:
        assert audit.verify(store).faults == ()
        for request_id, count in decided.items():
            entries = [entry for one in get_request(store, CLERK, request_id).suggestions for entry in one.decided]
            assert count <= len(entries) <= count + 1, "what was killed before its answer may be there or not"
        for request_id, etag in acknowledged.items():
            request = get_request(store, CLERK, request_id)
            assert (request.summary.state, request.summary.etag) == (State.CONFIRMED, etag)
            assert export_report(store, CLERK, request_id)[0] == request.coded
        with store.reading() as session:
            audited = Counter(entry.action for entry in audit.entries(session))
        drafts = list_queue(store, CLERK, limit=500).items
        confirmed = list_queue(store, CLERK, states=[State.CONFIRMED], limit=500).items
        assert audited["create"] == len(drafts) + len(confirmed)
        assert audited["confirm"] == len(confirmed) >= len(acknowledged)
        assert audited["accept"] == sum(REQUIRED - one.undecided for one in (*drafts, *confirmed))
    finally:
        store.close()
