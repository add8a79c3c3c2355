"""Test requests: a coded letter on its way from what the service proposes to what a named person confirms.

A request is a draft until a clerk has decided every proposal and confirmed it. A confirmed version never changes:
a correction is a new draft on top of it, and replaces it only when it is confirmed in its turn. Until then the
confirmed version is the one that is exported; a draft never is.

    create -> 1 draft -confirm-> 1 confirmed -correct-> 1 confirmed, 2 draft -confirm-> 1 superseded, 2 confirmed

Every change names the `etag` of the request it was made on and fails with StaleRequest if somebody else was faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from phenoextract.types import Coding, Confirmation, Document, Report
from phenoextract_api.request_types import Decision, Page, Request, State

if TYPE_CHECKING:
    from phenoextract.ontology import Ontology
    from phenoextract_api.auth import Actor
    from phenoextract_api.store.engine import Store


def create_request(
    store: Store,
    actor: Actor,
    document: Document,
    report: Report,
    *,
    patient_ref: str,
    test: Coding | None = None,
    letter_type: str | None = None,
    idempotency_key: str | None = None,
) -> Request:
    """Store a letter and its report as a draft.

    The same `idempotency_key` of the same actor gives the request made the first time. Raises DuplicateRequest, and
    BadDecision for a patient reference that is empty, holds spaces, or is an NHS number.
    """
    raise NotImplementedError


def list_queue(
    store: Store,
    actor: Actor,
    *,
    states: Sequence[State] = (State.DRAFT,),
    limit: int = 50,
    after: str | None = None,
) -> Page:
    """Give the newest versions of requests in these states, oldest first."""
    raise NotImplementedError


def get_request(
    store: Store, actor: Actor, ontology: Ontology, request_id: str, *, version: int | None = None
) -> Request:
    """Give the newest version of a request, or the one asked for. Raises RequestNotFound."""
    raise NotImplementedError


def decide(
    store: Store,
    actor: Actor,
    ontology: Ontology,
    request_id: str,
    etag: str,
    decision: Decision,
    *,
    idempotency_key: str | None = None,
) -> Request:
    """Record a decision and give the request as it stands after it.

    The same `idempotency_key` of the same actor does nothing the second time, whatever the etag.
    Raises RequestNotFound, NotPermitted, WrongState, StaleRequest, BadDecision.
    """
    raise NotImplementedError


def undo(store: Store, actor: Actor, ontology: Ontology, request_id: str, etag: str) -> Request:
    """Take back the last decision that stands in this version; raises as `decide`, WrongState if there is none."""
    raise NotImplementedError


def confirm(store: Store, actor: Actor, ontology: Ontology, request_id: str, etag: str) -> Request:
    """Confirm the draft: from now on it is what is exported, and it never changes again.

    Needs a decision on every required suggestion and a named user with the role clerk. Raises as `decide`.
    """
    raise NotImplementedError


def correct(store: Store, actor: Actor, ontology: Ontology, request_id: str, etag: str) -> Request:
    """Start a new version on top of a confirmed one, with its decisions; raises as `decide`."""
    raise NotImplementedError


def export_report(
    store: Store, actor: Actor, request_id: str, *, version: int | None = None
) -> tuple[Report, Confirmation]:
    """Give the confirmed features with their evidence, and who confirmed them; drafts are never given.

    Without `version` it is the one confirmed last; a superseded one must be asked for by number. Raises
    RequestNotFound, and WrongState if nothing is confirmed.
    """
    raise NotImplementedError


def delete_request(store: Store, actor: Actor, request_id: str) -> None:
    """Erase a request, its letter and its decisions for good; the audit keeps that it was there.

    Only an admin. Raises RequestNotFound, NotPermitted.
    """
    raise NotImplementedError
