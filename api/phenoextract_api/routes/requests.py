"""Test requests: from a letter through a person's decisions to what is exported."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field, RootModel
from starlette.concurrency import run_in_threadpool

from phenoextract import Document
from phenoextract.formats import json as report_json
from phenoextract.types import Status
from phenoextract_api import requests
from phenoextract_api.admission import ApiRoute
from phenoextract_api.auth import CurrentActor
from phenoextract_api.exports import MEDIA_TYPES, ExportFormat, export
from phenoextract_api.problems import Problem
from phenoextract_api.request_types import (
    Decided,
    Decision,
    Kind,
    Request,
    RequestSummary,
    RequestVersion,
    State,
    Suggestion,
)
from phenoextract_api.services import CurrentServices, CurrentStore

router = APIRouter(prefix="/v1/requests", tags=["requests"], route_class=ApiRoute)

_MAX_TOKEN = 200
IdempotencyKey = Annotated[
    str | None,
    Header(max_length=_MAX_TOKEN, description="A random name of this call: sent again, it is done once."),
]


class Report(RootModel[dict[str, Any]]):
    """A report; the description of the API has its schema in full under this name."""


class TestCode(BaseModel):
    """The code of the test that is asked for; nothing here suggests one."""

    __test__ = False  # for pytest
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    system: Annotated[
        str | None, Field(description="One of the installation's systems; needed where it has several.")
    ] = None
    code: Annotated[str, Field(max_length=64)]
    display: Annotated[str | None, Field(max_length=256)] = None


class NewRequest(BaseModel):
    """A letter to be coded for a test request."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {
                    "text": "He has a cleft palate. No seizures.",
                    "patient_ref": "P-0001",
                    "test": {
                        "system": "https://fhir.nhs.uk/CodeSystem/England-GenomicTestDirectory",
                        "code": "R29.1",
                    },
                    "letter_type": "clinic_letter",
                }
            ]
        },
    )

    id: Annotated[str, Field(min_length=1, max_length=_MAX_TOKEN, description="Comes back in the report.")] = "letter"
    text: Annotated[str, Field(description="The letter; offsets count its Unicode code points.")]
    patient_ref: Annotated[str, Field(description="A pseudonym: one word, and never an NHS number.")]
    test: TestCode | None = None
    letter_type: Annotated[str | None, Field(description="A short name in small letters, such as clinic_letter.")] = (
        None
    )


class NewDecision(BaseModel):
    """One decision; which fields go with which kind is said under Decision. Any that accepts can be taken back."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"kind": "replace", "suggestion_id": "f0", "hpo_id": "HP:0001252"}]},
    )

    kind: Kind
    suggestion_id: Annotated[str | None, Field(max_length=_MAX_TOKEN)] = None
    hpo_id: Annotated[str | None, Field(max_length=_MAX_TOKEN)] = None
    status: Status | None = None
    start: int | None = None
    end: int | None = None
    note: str | None = None


class RequestPage(BaseModel):
    """A page of the queue; `next` is the `after` of the following one, null on the last."""

    items: list[RequestSummary]
    next: str | None


class FullRequest(BaseModel):
    """A version of a request: its letter, what is proposed, what has been decided, and what is coded so far."""

    summary: RequestSummary
    letter: Document
    report: Report
    suggestions: list[Suggestion]
    notes: list[Decided]
    coded: Report
    confirmed_version: int | None
    versions: list[RequestVersion]
    can_undo: bool


def if_match(
    if_match: Annotated[
        str | None, Header(max_length=_MAX_TOKEN, description="The ETag of the request as you read it.")
    ] = None,
) -> str:
    """Give the etag that a change is based on; raises Problem 428 without one."""
    if if_match is None:
        raise Problem(428, "if_match_needed", "send the ETag of the request as you read it in If-Match")
    return if_match.strip().removeprefix("W/").strip('"')


EtagGiven = Annotated[str, Depends(if_match)]


@router.post("", status_code=201, summary="Create a request")
async def create(
    given: NewRequest,
    response: Response,
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    idempotency_key: IdempotencyKey = None,
) -> FullRequest:
    """Code a letter and keep it as a draft. The same letter for the same patient and test is refused with 409."""
    code = given.test
    systems = provided.settings.test_code_systems
    test = requests.test_coding(systems, code.code, system=code.system, display=code.display) if code else None
    document = Document(given.id, given.text)
    report = await provided.coder.code(document)
    made = await run_in_threadpool(
        requests.create_request,
        store,
        actor,
        document,
        report,
        patient_ref=given.patient_ref,
        test=test,
        letter_type=given.letter_type,
        idempotency_key=idempotency_key,
        measures=provided.coder.measure(document, report),
    )
    response.headers["Location"] = f"{router.prefix}/{made.summary.id}"
    return _answer(made, response)


@router.get("", summary="Read the queue")
def queue(
    store: CurrentStore,
    actor: CurrentActor,
    state: Annotated[list[State], Query(description="States to list.")] = [State.DRAFT],  # noqa: B006  FastAPI copies it
    limit: Annotated[int, Query(ge=1, le=requests.MAX_PAGE)] = 50,
    after: Annotated[str | None, Query(max_length=_MAX_TOKEN, description="The `next` of the page before.")] = None,
) -> RequestPage:
    """Give the versions of requests in these states, oldest first."""
    page = requests.list_queue(store, actor, states=state, limit=limit, after=after)
    return RequestPage(items=list(page.items), next=page.next)


@router.get("/{request_id}", summary="Read a request")
def read(
    request_id: str,
    response: Response,
    store: CurrentStore,
    actor: CurrentActor,
    version: Annotated[int | None, Query(ge=1, description="An earlier version; by default the newest.")] = None,
) -> FullRequest:
    """Give a request; its ETag must be sent back in If-Match by whoever changes it."""
    return _answer(requests.get_request(store, actor, request_id, version=version), response)


@router.post("/{request_id}/decisions", summary="Decide")
def decide(
    request_id: str,
    given: NewDecision,
    response: Response,
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    etag: EtagGiven,
    idempotency_key: IdempotencyKey = None,
) -> FullRequest:
    """Accept, reject, replace or add a term, change its status or severity, or write a note."""
    decision = Decision(**given.model_dump())
    made = requests.decide(store, actor, provided.ontology, request_id, etag, decision, idempotency_key=idempotency_key)
    return _answer(made, response)


@router.post("/{request_id}/undo", summary="Take back the last decision")
def undo(request_id: str, response: Response, store: CurrentStore, actor: CurrentActor, etag: EtagGiven) -> FullRequest:
    """Take back the last decision of this version that stands."""
    return _answer(requests.undo(store, actor, request_id, etag), response)


@router.post("/{request_id}/confirm", summary="Confirm")
def confirm(
    request_id: str,
    response: Response,
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    etag: EtagGiven,
) -> FullRequest:
    """Confirm the draft, by a clerk, when every required suggestion is decided. It never changes again."""
    return _answer(requests.confirm(store, actor, provided.ontology, request_id, etag), response)


@router.post("/{request_id}/correct", status_code=201, summary="Correct a confirmed request")
def correct(
    request_id: str, response: Response, store: CurrentStore, actor: CurrentActor, etag: EtagGiven
) -> FullRequest:
    """Start a new version on top of the confirmed one, which stays as it is until the new one is confirmed."""
    return _answer(requests.correct(store, actor, request_id, etag), response)


@router.get(
    "/{request_id}/export",
    summary="Export what was confirmed",
    responses={200: {"description": "The file.", "content": {kind: {} for kind in sorted(set(MEDIA_TYPES.values()))}}},
)
def export_request(
    request_id: str,
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    format: Annotated[ExportFormat, Query()] = ExportFormat.FHIR,
    version: Annotated[
        int | None, Query(ge=1, description="A superseded version; by default the confirmed one.")
    ] = None,
    quote: Annotated[
        bool, Query(description="Quote the letter's words in csv, json and omop; by default only terms and places.")
    ] = False,
) -> Response:
    """Give the confirmed features in a format; what is not confirmed is never given."""
    made = export(store, actor, provided.ontology, provided.settings, request_id, format, version=version, quote=quote)
    return Response(
        made.content.encode("utf-8", "replace"),
        media_type=made.media_type,
        headers={"Content-Disposition": f'attachment; filename="{made.filename}"'},
    )


@router.delete("/{request_id}", status_code=204, summary="Erase a request")
def delete(request_id: str, store: CurrentStore, actor: CurrentActor) -> None:
    """Erase a request, its letter and decisions for good, by an admin. The audit keeps that it was there."""
    requests.delete_request(store, actor, request_id)


def _answer(request: Request, response: Response) -> FullRequest:
    response.headers["ETag"] = f'"{request.summary.etag}"'
    return FullRequest(
        summary=request.summary,
        letter=request.letter,
        report=Report(report_json.to_dict(request.report)),
        suggestions=list(request.suggestions),
        notes=list(request.notes),
        coded=Report(report_json.to_dict(request.coded)),
        confirmed_version=request.confirmed_version,
        versions=list(request.versions),
        can_undo=request.can_undo,
    )
