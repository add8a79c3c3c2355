"""A process that forks others to work on a store, for tests that run several at once or kill them."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from phenoextract.formats import json as report_json
from phenoextract.index import load_index
from phenoextract.types import Document
from phenoextract_api.auth import Actor, Role
from phenoextract_api.request_types import Decision, Kind, StaleRequest
from phenoextract_api.requests import confirm, create_request, decide, get_request
from phenoextract_api.store.engine import Store, open_store

url, given_path = sys.argv[1:]
given = json.loads(Path(given_path).read_text("utf-8"))
ontology = load_index(Path(given["index"])).ontology
report = report_json.parse(given["report"])


def say(*words: str) -> None:
    """Write a line at once and whole, whoever else writes to the same pipe."""
    os.write(1, (" ".join(words) + "\n").encode())


def note(store: Store, request_id: str, name: str, times: str) -> None:
    """Write notes, each again and again until it is in."""
    me = Actor(name, frozenset({Role.CLERK}))
    for number in range(int(times)):
        while True:
            etag = get_request(store, me, request_id).summary.etag
            try:
                decide(store, me, ontology, request_id, etag, Decision(Kind.NOTE, note=f"{name} {number}"))
                break
            except StaleRequest:
                pass


def confirm_one_after_the_other(store: Store, prefix: str) -> None:
    """Create, decide and confirm requests for ever, saying each thing once it is done."""
    me = Actor("Ada Clerk", frozenset({Role.CLERK}))
    say("working", str(os.getpid()))
    for number in itertools.count():
        letter = Document("letter", given["letter"])
        request = create_request(store, me, letter, report, patient_ref=f"{prefix}-{number}")
        key = request.summary.id
        for one in request.suggestions:
            if one.required:
                request = decide(store, me, ontology, key, request.summary.etag, Decision(Kind.ACCEPT, one.id))
                say("decided", key)
        request = confirm(store, me, ontology, key, request.summary.etag)
        say("confirmed", key, request.summary.etag)


JOBS: dict[str, Callable[..., None]] = {"note": note, "confirm": confirm_one_after_the_other}
children: list[int] = []
for line in sys.stdin:
    job, *arguments = line.split()
    if job == "wait":
        statuses = [os.waitpid(child, 0)[1] for child in children]
        children.clear()
        say("over", *map(str, statuses))
    elif child := os.fork():
        children.append(child)
    else:
        JOBS[job](open_store(url, [os.environ["STORE_KEY"]]), *arguments)
        os._exit(0)
