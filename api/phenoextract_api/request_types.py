"""The values of test requests and the errors of changing them; requests.py holds what can be done with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from phenoextract.errors import PhenoextractError
from phenoextract.types import Coding, Document, NotCoded, Report, Status


class RequestError(PhenoextractError):
    """A request that cannot be changed so; the message says why and what to do, and quotes nothing of the letter.

    RequestError
    ├── RequestNotFound       404
    ├── NotPermitted          403  the role may not do this
    ├── DuplicateRequest      409  the same letter, patient reference and test; `existing` is its id
    ├── WrongState            409  confirmed already, nothing to undo, undecided proposals, both present and absent
    ├── StaleRequest          412  somebody else changed it; `current` is the etag of now
    └── BadDecision           422  unknown proposal or term, a status the decision cannot have
    """

    status: ClassVar[int]
    code: ClassVar[str]


class RequestNotFound(RequestError):
    """There is no request with this id."""

    status = 404
    code = "request_not_found"


class NotPermitted(RequestError):
    """The actor's roles do not allow this."""

    status = 403
    code = "not_permitted"


class DuplicateRequest(RequestError):
    """The same letter was already sent in for the same patient reference and test."""

    status = 409
    code = "duplicate_request"

    def __init__(self, existing: str) -> None:
        self.existing = existing
        super().__init__(f"this letter is already request {existing}: open it, or correct it if it is confirmed")


class WrongState(RequestError):
    """The request is not in a state in which this can be done."""

    status = 409
    code = "wrong_state"


class StaleRequest(RequestError):
    """The request has changed since the caller read it."""

    status = 412
    code = "stale_request"

    def __init__(self, current: str) -> None:
        self.current = current
        super().__init__(f"the request has changed (its etag is now {current}): read it again, then decide")


class BadDecision(RequestError):
    """The decision does not fit the request, or names a term that cannot be used."""

    status = 422
    code = "bad_decision"


class State(StrEnum):
    """Where a version of a request stands."""

    DRAFT = "draft"
    CONFIRMED = "confirmed"
    SUPERSEDED = "superseded"


class Tab(StrEnum):
    """Under which heading a proposal is shown."""

    PRESENT = "present"
    ABSENT = "absent"
    FAMILY = "family"
    CHECK = "check"
    NOT_CODED = "not_coded"


class Kind(StrEnum):
    """What a person can decide."""

    ACCEPT = "accept"
    REJECT = "reject"
    REPLACE = "replace"
    STATUS = "status"
    SEVERITY = "severity"
    ADD = "add"
    NOTE = "note"
    UNDO = "undo"


def confidence_band(confidence: float) -> str:
    """Give a confidence as a word."""
    return "high" if confidence >= 0.8 else "medium" if confidence >= 0.5 else "low"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on one proposal, or an addition of a term that was missed.

    accept    suggestion_id; its term and status as they stand
    reject    suggestion_id; it is not coded
    replace   suggestion_id, hpo_id, and status where that changes too
    status    suggestion_id, status
    severity  suggestion_id, hpo_id of a severity (HP:0012824) or None for none
    add       hpo_id, status, and the half-open stretch start, end of the letter that says it, if it does
    note      note, and suggestion_id unless it is on the whole request
    undo      recorded by the function `undo` alone

    replace, status, severity and add also accept. An obsolete hpo_id is stored as its successor and
    `obsolete_id` says which was given. `label` and `obsolete_id` are filled in by `decide`: callers leave them out.
    """

    kind: Kind
    suggestion_id: str | None = None
    hpo_id: str | None = None
    status: Status | None = None
    start: int | None = None
    end: int | None = None
    note: str | None = field(default=None, repr=False)
    label: str | None = None
    obsolete_id: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that stands, with who made it and when."""

    sequence: int
    version: int
    decision: Decision
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is proposed or was added, and what has been decided of it.

    `id` stays the same for the life of the request: f0, f1… are the report's features, a0, a1… its annotations that
    were not coded, m1, m2… what people added. `evidence` indexes the report's annotations. `hpo_id`, `label`,
    `status` and `severity` are as they stand now, the `proposed_` ones as the report gave them (None for an addition).
    `accepted` is None until decided. `tab` is where the proposal was first shown, and does not move with decisions.
    `required` ones must be decided before the request can be confirmed. `why` tells in words for people, for each place
    of the evidence, how it was found and what decided its status; it quotes the letter.
    """

    id: str
    tab: Tab
    hpo_id: str | None
    label: str | None
    status: Status
    severity: str | None
    onset: str | None
    modifiers: tuple[str, ...]
    proposed_hpo_id: str | None
    proposed_label: str | None
    proposed_status: Status | None
    confidence: float
    reason: str | None
    not_coded: NotCoded | None
    evidence: tuple[int, ...]
    start: int | None
    end: int | None
    required: bool
    accepted: bool | None
    decided: tuple[Decided, ...]
    why: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """One line of the queue: a version of a request. `undecided` and `coded` count suggestions and features."""

    id: str
    version: int
    etag: str
    state: State
    patient_ref: str
    test: Coding | None
    letter_type: str | None
    created_by: str
    created_at: datetime
    changed_by: str
    changed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    undecided: int
    coded: int


@dataclass(frozen=True, slots=True)
class Request:
    """One version of a request with its letter, its proposals and what has been decided.

    `summary` says who, when, state and etag. `coded` is the report that confirming would give now (that was confirmed,
    for a confirmed version): accepted features alone, with evidence indexing its own annotations.
    `confirmed_version` is the version that an export would give, None if there is none yet. `can_undo` tells whether
    a decision of this version can be taken back.
    """

    summary: RequestSummary
    letter: Document
    report: Report
    suggestions: tuple[Suggestion, ...]
    notes: tuple[Decided, ...]
    coded: Report
    confirmed_version: int | None
    versions: tuple[RequestVersion, ...]
    can_undo: bool


@dataclass(frozen=True, slots=True)
class RequestVersion:
    """One line of a request's history of versions."""

    version: int
    state: State
    created_by: str
    created_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the queue; `next` is the argument `after` of the following page, None on the last."""

    items: tuple[RequestSummary, ...]
    next: str | None
