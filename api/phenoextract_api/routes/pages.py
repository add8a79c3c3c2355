"""The pages around the review: a letter goes in, the queue, a letter coded once, terms, and what the service is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from phenoextract import Document
from phenoextract.errors import DocumentError
from phenoextract.readers import from_bytes
from phenoextract_api.admission import PageRoute
from phenoextract_api.auth import CurrentActor
from phenoextract_api.pages.cards import groups, make_cards, terms
from phenoextract_api.pages.letter import pieces
from phenoextract_api.pages.templates import QUEUE_ROLES, Message, page, sentence, versions
from phenoextract_api.problems import Problem
from phenoextract_api.request_types import BadDecision, DuplicateRequest, State
from phenoextract_api.requests import create_request, list_queue, test_coding
from phenoextract_api.services import CurrentServices, CurrentStore, Services
from phenoextract_api.suggestions import suggestions

router = APIRouter(route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse)
PAGE_SIZE = 25
EXAMPLE_PATIENT = "EXAMPLE"
_SUFFIXES = (".txt", ".docx", ".pdf")
_YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class LetterForm:
    """What somebody filled in to send a letter in."""

    text: Annotated[str, Form()] = field(default="", repr=False)
    patient_ref: Annotated[str, Form()] = ""
    test_system: Annotated[str, Form()] = ""
    test_code: Annotated[str, Form()] = ""
    file: Annotated[UploadFile | None, File()] = field(default=None, repr=False)


FilledIn = Annotated[LetterForm, Depends()]


def shortcuts_on(provided: CurrentServices, shortcuts: Annotated[str | None, Cookie()] = None) -> bool:
    """Tell whether single-letter keys work on the review page: as the user chose, else as the settings say."""
    return provided.settings.shortcuts if shortcuts is None else shortcuts == "on"


@router.get("/")
def home(provided: CurrentServices, actor: CurrentActor) -> Response:
    """Lead to the example letter at first, and to the queue once there is one; to the form where none is kept."""
    if provided.store is None or not provided.settings.requests_enabled or actor.roles.isdisjoint(QUEUE_ROLES):
        return RedirectResponse("/letters/new", 303)
    sent_in = list_queue(provided.store, actor, states=list(State), limit=1)
    return RedirectResponse("/queue" if sent_in.items else "/example", 303)


@router.get("/letters/new")
def start(request: Request, provided: CurrentServices) -> Response:
    """Show the form for a letter."""
    return _start(request, provided, LetterForm())


@router.post("/letters")
async def send_in(
    request: Request, provided: CurrentServices, store: CurrentStore, actor: CurrentActor, form: FilledIn
) -> Response:
    """Code a letter and keep it as a request to review."""
    try:
        document = await _document(form, provided)
        report = await provided.coder.code(document)
        test = None
        if form.test_code.strip():
            test = test_coding(
                provided.settings.test_code_systems, form.test_code.strip(), system=form.test_system or None
            )
        made = await run_in_threadpool(
            create_request,
            store,
            actor,
            document,
            report,
            patient_ref=form.patient_ref.strip(),
            test=test,
            measures=provided.coder.measure(document, report),
        )
    except DuplicateRequest as error:
        detail = "this letter was sent in before for the same patient and test"
        raise Problem(409, error.code, detail, extra={"existing": error.existing}) from None
    except (DocumentError, BadDecision) as error:
        return _start(request, provided, form, _message(error))
    return RedirectResponse(f"/requests/{made.summary.id}", 303)


@router.post("/coded")
async def code_once(
    request: Request,
    provided: CurrentServices,
    form: FilledIn,
) -> Response:
    """Show what a letter names, and store nothing."""
    try:
        document = await _document(form, provided)
        return await _coded(request, provided, document, "Proposed terms")
    except DocumentError as error:
        return _start(request, provided, form, _message(error))


@router.get("/example")
async def example(request: Request, provided: CurrentServices) -> Response:
    """Show a synthetic letter, coded."""
    return await _coded(request, provided, Document("example", example_letter()), "An example letter")


@router.post("/example")
async def review_example(provided: CurrentServices, store: CurrentStore, actor: CurrentActor) -> Response:
    """Send the synthetic letter in, unless it is in the queue already, and review it."""
    document = Document("example", example_letter())
    report = await provided.coder.code(document)
    try:
        made = await run_in_threadpool(create_request, store, actor, document, report, patient_ref=EXAMPLE_PATIENT)
    except DuplicateRequest as error:
        return RedirectResponse(f"/requests/{error.existing}", 303)
    return RedirectResponse(f"/requests/{made.summary.id}", 303)


@router.get("/queue")
def queue(
    request: Request,
    store: CurrentStore,
    actor: CurrentActor,
    state: State = State.DRAFT,
    after: Annotated[str | None, Query()] = None,
) -> Response:
    """Show the requests in one state, the oldest first."""
    found = list_queue(store, actor, states=[state], limit=PAGE_SIZE, after=after)
    return page(request, "queue.html", page=found, state=state, states=list(State))


@router.get("/terms/{hpo_id}")
def term(request: Request, provided: CurrentServices, hpo_id: str) -> Response:
    """Show a term in full; an obsolete id as the term that replaced it."""
    ontology = provided.ontology
    current = ontology.current(hpo_id)
    if current is None:
        raise Problem(404, "unknown_term", f"HPO {ontology.release} has no term with this id")
    return page(
        request,
        "term.html",
        term=ontology[current],
        replaced=hpo_id if hpo_id != current else None,
        parents=list(terms(ontology, ontology[current].parents)),
        children=list(terms(ontology, ontology.children(current))),
    )


@router.get("/about")
def about(request: Request, provided: CurrentServices) -> Response:
    """Show what the service is for, its versions, licences and keys."""
    return page(request, "about.html", versions=versions(provided.extractor.provenance))


@router.post("/shortcuts")
def choose_shortcuts(on: Annotated[str, Form()], next: Annotated[str, Form()] = "/") -> Response:
    """Remember in this browser whether single-letter keys work on the review page."""
    local = next.startswith("/") and not next.startswith(("//", "/\\"))
    response = RedirectResponse(f"{next if local else '/'}#shortcuts", 303)
    response.set_cookie(
        "shortcuts", "on" if on == "yes" else "off", max_age=_YEAR_SECONDS, httponly=True, samesite="lax"
    )
    return response


@lru_cache(maxsize=1)
def example_letter() -> str:
    """Give the text of the synthetic letter that the package carries."""
    return resources.files("phenoextract_api.pages").joinpath("example_letter.txt").read_text("utf-8")


def _start(request: Request, provided: Services, form: LetterForm, *messages: Message) -> Response:
    return page(
        request,
        "start.html",
        status=422 if messages else 200,
        given=form,
        messages=messages,
        systems=provided.settings.test_code_systems,
    )


async def _document(form: LetterForm, provided: Services) -> Document:
    """Give the letter that was pasted or chosen; its id keeps nothing of the file's name, which may name a patient."""
    if form.file is not None and form.file.filename:
        suffix = PurePath(form.file.filename).suffix.lower()
        name = f"letter{suffix if suffix in _SUFFIXES else ''}"
        return await provided.coder.run(from_bytes, await form.file.read(), name)  # beside the event loop
    if not form.text.strip():
        raise _NoLetter("letter")
    return Document("letter", form.text.replace("\r\n", "\n"))  # a browser sends every line end as CR LF


class _NoLetter(DocumentError):
    code = "no_letter"
    advice = "paste the text of a letter, or choose a file"


def _message(error: DocumentError | BadDecision) -> Message:
    """Give what is wrong with a letter that was sent in, at the field it is about."""
    if isinstance(error, DocumentError):
        return Message(sentence(error.advice), "text" if isinstance(error, _NoLetter) else "file")
    text = str(error)
    if "patient_ref" in text:
        return Message(sentence(text.replace("patient_ref", "the patient reference")), "patient_ref")
    return Message(sentence(text), "test_code")


async def _coded(request: Request, provided: Services, document: Document, title: str) -> Response:
    report = await provided.coder.code(document)
    found = await run_in_threadpool(make_cards, provided, document.text, report, suggestions(report, ()))
    return page(
        request,
        "coded.html",
        title=title,
        is_example=document.id == "example",
        groups=groups(found),
        pieces=pieces(document.text, report, found),
        href=lambda card: f"#{card.id}",
        can_decide=False,
    )
