"""Clerks at work over HTTP who repeat whatever was not answered, and the book of what they were answered.

What the store holds in the end must be the book, no more and no less, whatever happened to the server meanwhile.
"""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx2

from phenoextract_api.auth import Actor, Role
from phenoextract_api.client import Client, ServiceProblem
from phenoextract_api.request_types import Decided, Decision, Kind, State
from phenoextract_api.requests import export_report, get_request, list_queue
from phenoextract_api.routes.requests import FullRequest
from phenoextract_api.store import audit
from phenoextract_api.store.engine import Store

LETTER = (
    "Clerk's synthetic letter. He has a cleft palate and seizures. No ptosis. ?microcephaly. His mother has ptosis."
)
READER = Actor("Reader", frozenset({Role.CLERK}))
_TIMEOUT_SECONDS = 60
_PAUSE_SECONDS = 0.02


@dataclass
class Book:
    """What was answered: the decisions of each request in order, the notes on the shared one, and the etags confirmed.

    `lost` counts calls that had no answer and `refused` the answers that asked to come again, each by moment.
    `answered` holds for each answered call the moment and the seconds from its first attempt on.
    """

    decided: dict[str, list[tuple[Kind, str]]] = field(default_factory=dict)
    confirmed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    refused: list[tuple[float, int]] = field(default_factory=list)
    answered: list[tuple[float, float]] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)

    def raise_faults(self) -> None:
        """Raise what went wrong first, if anything did."""
        if self.faults:
            raise self.faults[0]


@contextmanager
def clerks_at_work(url: str, count: int) -> Iterator[Book]:
    """Let clerks work while the block runs, then let each come to the end of its request; they need the server then.

    If the block or a clerk fails, all of them stop where they are.
    """
    book, leave = Book(), threading.Event()
    with Client(url, timeout=_TIMEOUT_SECONDS) as client:
        create = partial(client.create_request, LETTER, patient_ref="shared", idempotency_key="shared")
        shared = _persist(book, create)
    book.decided[shared.summary.id] = []

    def work(name: str) -> None:
        try:
            _work(url, name, shared.summary.id, book, leave)
        except Exception as error:
            book.faults.append(error)

    clerks = [threading.Thread(target=work, args=(f"clerk-{number}",)) for number in range(count)]
    for clerk in clerks:
        clerk.start()
    try:
        yield book
    except BaseException as error:
        book.faults.append(error)
    finally:
        leave.set()
        for clerk in clerks:
            clerk.join()
    book.raise_faults()


def check_book(store: Store, book: Book) -> None:
    """Hold a store against the book: every answered thing is in it once, nothing else is, and the audit is whole."""
    assert audit.verify(store).faults == ()
    drafts, confirmed = _ids(store, State.DRAFT), _ids(store, State.CONFIRMED)
    assert sorted(drafts + confirmed) == sorted(book.decided)
    assert sorted(confirmed) == sorted(book.confirmed)
    for request_id, decided in book.decided.items():
        request = get_request(store, READER, request_id)
        entries = [entry for one in request.suggestions for entry in one.decided]
        made = [(entry.decision.kind, entry.decision.suggestion_id) for entry in sorted(entries, key=_sequence)]
        assert made == decided
        assert [_sequence(entry) for entry in sorted((*entries, *request.notes), key=_sequence)] == list(
            range(1, len(entries) + len(request.notes) + 1)
        )
        if request_id in book.confirmed:
            assert request.summary.etag == book.confirmed[request_id]
            assert export_report(store, READER, request_id)[0] == request.coded
        elif request.notes:
            assert sorted(str(entry.decision.note) for entry in request.notes) == sorted(book.notes)
    with store.reading() as session:
        audited = Counter(entry.action for entry in audit.entries(session))
    kinds = Counter(kind.value for decided in book.decided.values() for kind, _ in decided)
    expected = kinds + Counter(create=len(book.decided), confirm=len(book.confirmed), note=len(book.notes))
    assert {action: audited[action] for action in expected} == expected


def _work(url: str, name: str, shared: str, book: Book, leave: threading.Event) -> None:
    """Create a request, decide all of it, write a note on the shared one, confirm; again and again."""
    with Client(url, timeout=_TIMEOUT_SECONDS) as client:
        for number in itertools.count():
            if leave.is_set():
                return
            patient, key = f"{name}-{number}", str(uuid.uuid4())
            create = partial(client.create_request, LETTER, patient_ref=patient, idempotency_key=key)
            read = _persist(book, create)
            request_id = read.summary.id
            book.decided[request_id] = []
            for index, suggestion in enumerate(one for one in read.suggestions if one.required):
                decision = Decision(Kind.REJECT if index == number % 4 else Kind.ACCEPT, suggestion.id)
                read = _decide(book, client, read, decision)
                book.decided[request_id].append((decision.kind, suggestion.id))
            _note(book, client, shared, f"{name} {number}")
            book.confirmed[request_id] = _persist(book, partial(_confirm, client, request_id)).summary.etag


def _decide(book: Book, client: Client, read: FullRequest, decision: Decision) -> FullRequest:
    key = str(uuid.uuid4())
    return _persist(book, partial(client.decide, read, decision, idempotency_key=key))


def _note(book: Book, client: Client, request_id: str, note: str) -> None:
    """Write on a request that others write on too: read it again and repeat when one of them was faster."""
    key, decision = str(uuid.uuid4()), Decision(Kind.NOTE, note=note)
    while True:
        read = _persist(book, partial(client.request, request_id))
        try:
            _persist(book, partial(client.decide, read, decision, idempotency_key=key))
        except ServiceProblem as problem:
            if problem.status != 412:
                raise
        else:
            book.notes.append(note)
            return


def _confirm(client: Client, request_id: str) -> FullRequest:
    """Confirm a request unless an attempt that was not answered did."""
    read = client.request(request_id)
    return read if read.summary.state is State.CONFIRMED else client.confirm(read)


def _persist(book: Book, call: Callable[[], FullRequest]) -> FullRequest:
    """Repeat a call until it is answered; 429 and 503 ask for it, and anything else that is refused is raised."""
    began = time.monotonic()
    while True:
        book.raise_faults()
        try:
            made = call()
        except httpx2.TransportError:
            book.lost.append(time.monotonic())
        except ServiceProblem as problem:
            if problem.status not in (429, 503):
                raise
            book.refused.append((time.monotonic(), problem.status))
        else:
            book.answered.append((time.monotonic(), time.monotonic() - began))
            return made
        time.sleep(_PAUSE_SECONDS)


def _ids(store: Store, state: State) -> list[str]:
    ids: list[str] = []
    after = None
    while True:
        page = list_queue(store, READER, states=[state], limit=500, after=after)
        ids += [summary.id for summary in page.items]
        if (after := page.next) is None:
            return ids


def _sequence(entry: Decided) -> int:
    return entry.sequence
