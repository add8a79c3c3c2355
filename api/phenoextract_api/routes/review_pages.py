"""The review of a letter: its proposals, the decisions on them, the summary, and what was confirmed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict

from phenoextract.errors import ConfigError
from phenoextract.explain import explain, find_words
from phenoextract.ontology import Term
from phenoextract.types import Status
from phenoextract_api import requests
from phenoextract_api.admission import PageRoute
from phenoextract_api.auth import CurrentActor
from phenoextract_api.exports import ExportFormat
from phenoextract_api.pages.cards import (
    STATUS_WORDS,
    Card,
    groups,
    make_cards,
    next_undecided,
    quote,
    terms,
)
from phenoextract_api.pages.letter import pieces
from phenoextract_api.pages.templates import Message, page, sentence
from phenoextract_api.request_types import BadDecision, Decided, Decision, Kind, StaleRequest, State, Tab, WrongState
from phenoextract_api.request_types import Request as TestRequest
from phenoextract_api.routes.pages import shortcuts_on
from phenoextract_api.services import CurrentServices, CurrentStore, Services
from phenoextract_api.suggestions import SEVERITY

router = APIRouter(
    prefix="/requests/{request_id}",
    route_class=PageRoute,
    include_in_schema=False,
    default_response_class=HTMLResponse,
)
EXPORTS = {
    ExportFormat.FHIR: "FHIR R4 Bundle, for test ordering",
    ExportFormat.PHENOPACKET: "GA4GH Phenopacket",
    ExportFormat.PHENOTIPS: "PhenoTips JSON",
    ExportFormat.EXOMISER: "Exomiser sample",
    ExportFormat.LIRICAL: "LIRICAL input",
    ExportFormat.OMOP: "OMOP NOTE_NLP",
    ExportFormat.CSV: "CSV, for spreadsheets",
    ExportFormat.JSON: "Report as JSON",
}
_MAX_FOUND = 15
_DONE = {
    Kind.ACCEPT: "accepted",
    Kind.REJECT: "rejected",
    Kind.REPLACE: "replaced by",
    Kind.STATUS: "changed",
    Kind.SEVERITY: "severity set:",
    Kind.ADD: "added",
    Kind.NOTE: "note on",
}

ShortcutsOn = Annotated[bool, Depends(shortcuts_on)]


class DecisionForm(BaseModel):
    """What a form of the review page sends; `choice` is the button: a kind of decision and, after a space, its value.

    `start` and `end` say where the words of an addition stand; without them `phrase` is looked for.
    """

    model_config = ConfigDict(frozen=True)

    etag: str
    choice: str = ""
    suggestion_id: str = ""
    show: Tab | Literal[""] = ""
    q: str = ""
    phrase: str = ""
    start: str = ""
    end: str = ""
    status: Status = Status.PRESENT
    severity: str = ""
    note: str = ""


@router.get("")
def show_request(
    request: Request,
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    shortcuts: ShortcutsOn,
    request_id: str,
    version: Annotated[int | None, Query(ge=1)] = None,
    show: Tab | None = None,
    at: str | None = None,
    did: str | None = None,
) -> Response:
    """Show a draft to review it, or a version as it was confirmed."""
    asked = requests.get_request(store, actor, request_id, version=version)
    if asked.summary.state is State.DRAFT and asked.summary.version == asked.versions[-1].version:
        return _review(request, provided, asked, shortcuts=shortcuts, show=show, at=at, did=did)
    return _confirmed(request, provided, asked)


@router.post("/decisions")
def decide(
    request: Request,
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    shortcuts: ShortcutsOn,
    request_id: str,
    form: Annotated[DecisionForm, Form()],
) -> Response:
    """Record a decision, and go on to the next suggestion."""
    before = requests.get_request(store, actor, request_id)
    try:
        decision = _decision(form, before.letter.text)
        after = requests.decide(
            store,
            actor,
            provided.ontology,
            request_id,
            form.etag,
            decision,
            idempotency_key=_once(request_id, form.etag, decision),
        )
    except StaleRequest:
        return _conflict(request, provided, requests.get_request(store, actor, request_id), form)
    except BadDecision as error:
        message = Message(sentence(str(error)), _field(form))
        return _review(request, provided, before, shortcuts=shortcuts, form=form, messages=[message], status=422)
    return _back(request_id, form.show, _where_next(provided, before, after, decision), "decide")


@router.post("/undo")
def undo(
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    request_id: str,
    form: Annotated[DecisionForm, Form()],
) -> Response:
    """Take back the last decision, and go to the suggestion it was on."""
    before = requests.get_request(store, actor, request_id)
    requests.undo(store, actor, request_id, form.etag)
    last = _last(before)
    return _back(request_id, form.show, last.decision.suggestion_id if last else None, "undo")


@router.get("/choose")
def choose(
    request: Request,
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    request_id: str,
    suggestion_id: Annotated[str, Query(alias="for")],
) -> Response:
    """Show all the terms that a suggestion could be replaced with: alternatives, more general, more specific."""
    asked = requests.get_request(store, actor, request_id)
    return _choose(request, provided, asked, DecisionForm(etag=asked.summary.etag, suggestion_id=suggestion_id))


@router.post("/choose")
def find(
    request: Request,
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    shortcuts: ShortcutsOn,
    request_id: str,
    form: Annotated[DecisionForm, Form()],
) -> Response:
    """Show the terms that a search finds, to replace a suggestion or to add one that was missed."""
    asked = requests.get_request(store, actor, request_id)
    messages = [] if form.q.strip() else [Message("Type a term to search for.", _field(form, "q"))]
    if not form.suggestion_id:
        try:
            start, end = _stretch(form, asked.letter.text)
            form = form.model_copy(
                update={"start": "" if start is None else str(start), "end": "" if end is None else str(end)}
            )
        except BadDecision as error:
            messages.append(Message(sentence(str(error)), "add-phrase"))
    if messages:
        return _review(request, provided, asked, shortcuts=shortcuts, form=form, messages=messages, status=422)
    return _choose(request, provided, asked, form)


@router.post("/why")
def why(
    request: Request,
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    shortcuts: ShortcutsOn,
    request_id: str,
    form: Annotated[DecisionForm, Form()],
) -> Response:
    """Show why words of the letter were coded, or were not."""
    asked = requests.get_request(store, actor, request_id)
    letter = asked.letter.text
    try:
        start, end = _stretch(form, letter)
        if start is None or end is None:
            raise BadDecision("type words of the letter, or select them there")
        found = explain(provided.extractor, letter, asked.report, start, end)
    except (BadDecision, ConfigError) as error:
        message = Message(sentence(str(error)), "why-phrase")
        return _review(
            request,
            provided,
            asked,
            shortcuts=shortcuts,
            messages=[message],
            status=422,
            asked_why=form.phrase,
        )
    return page(
        request,
        "why.html",
        request=asked,
        quote=quote(letter, found.start, found.end, found.reason),
        outcome=found.outcome.value,
        nearest=found.nearest,
        drafted=asked.summary.state is State.DRAFT,
        start=found.start,
        end=found.end,
        phrase=" ".join(letter[found.start : found.end].split()),
    )


@router.get("/summary")
def summary(
    request: Request, provided: CurrentServices, store: CurrentStore, actor: CurrentActor, request_id: str
) -> Response:
    """Show what would be confirmed."""
    asked = requests.get_request(store, actor, request_id)
    if asked.summary.state is not State.DRAFT:
        return RedirectResponse(f"/requests/{request_id}", 303)
    return _summary(request, provided, asked)


@router.post("/confirm")
def confirm(
    request: Request,
    provided: CurrentServices,
    store: CurrentStore,
    actor: CurrentActor,
    request_id: str,
    form: Annotated[DecisionForm, Form()],
) -> Response:
    """Confirm the draft; if somebody changed it since the summary was shown, show the summary again."""
    try:
        requests.confirm(store, actor, provided.ontology, request_id, form.etag)
    except (StaleRequest, WrongState) as error:
        asked = requests.get_request(store, actor, request_id)
        if asked.summary.state is not State.DRAFT:
            return RedirectResponse(f"/requests/{request_id}", 303)
        text = (
            "Somebody changed the request since you loaded this page: read the summary again, then confirm."
            if isinstance(error, StaleRequest)
            else sentence(str(error))
        )
        return _summary(request, provided, asked, messages=[Message(text)], status=error.status)
    return RedirectResponse(f"/requests/{request_id}", 303)


@router.post("/correct")
def correct(
    store: CurrentStore, actor: CurrentActor, request_id: str, form: Annotated[DecisionForm, Form()]
) -> Response:
    """Start a new version on top of a confirmed one."""
    requests.correct(store, actor, request_id, form.etag)
    return RedirectResponse(f"/requests/{request_id}", 303)


@router.post("/erase")
def erase(store: CurrentStore, actor: CurrentActor, request_id: str) -> Response:
    """Erase a request for good."""
    requests.delete_request(store, actor, request_id)
    return RedirectResponse("/queue", 303)


def _review(
    request: Request,
    provided: Services,
    asked: TestRequest,
    *,
    shortcuts: bool,
    show: Tab | None = None,
    at: str | None = None,
    did: str | None = None,
    form: DecisionForm | None = None,
    messages: Sequence[Message] = (),
    status: int = 200,
    asked_why: str = "",
) -> Response:
    found = _cards(provided, asked)
    every = groups(found)
    shown = [group for group in every if show in (None, group.tab)]
    visible = {card.id for group in shown for card in group.cards}
    last = _last(asked)
    left = asked.summary.undecided
    return page(
        request,
        "review.html",
        status=status,
        request=asked,
        all_groups=every,
        groups=shown,
        show=show.value if show else "",
        at=at,
        said=f"{'Undone' if did == 'undo' else _told(last, found)}. {left} to decide." if did else "",
        last=_told(last, found) if last and asked.can_undo else "",
        counts=_counts(found),
        pieces=pieces(asked.letter.text, asked.report, found),
        href=lambda card: f"#{card.id}" if card.id in visible else f"?at={card.id}#{card.id}",
        severities=[provided.ontology[hpo_id] for hpo_id in provided.ontology.children(SEVERITY)],
        add=form or DecisionForm(etag=asked.summary.etag),
        messages=messages,
        asked_why=asked_why,
        shortcuts=shortcuts,
        path=f"/requests/{asked.summary.id}",
    )


def _choose(request: Request, provided: Services, asked: TestRequest, form: DecisionForm) -> Response:
    card = next((card for card in _cards(provided, asked) if card.id == form.suggestion_id), None)
    ontology = provided.ontology
    children = ontology.children(card.term.id) if card and card.term else ()
    hits = [hit.hpo_id for hit in provided.terms(form.q, _MAX_FOUND)] if form.q.strip() else []
    return page(
        request,
        "choose.html",
        request=asked,
        card=card,
        q=form.q,
        add=form,
        lists=_each_once(
            ("Found", list(terms(ontology, hits))),
            ("Other meanings of these words", card.alternatives if card else ()),
            ("More general", card.parents if card else ()),
            ("More specific", list(terms(ontology, children))),
        ),
    )


def _each_once(*lists: tuple[str, Sequence[Term]]) -> list[tuple[str, list[Term]]]:
    """Give lists of terms without those that an earlier list has."""
    seen: set[str] = set()
    kept = []
    for heading, found in lists:
        kept.append((heading, [term for term in found if term.id not in seen]))
        seen |= {term.id for term in found}
    return kept


def _summary(
    request: Request,
    provided: Services,
    asked: TestRequest,
    *,
    messages: Sequence[Message] = (),
    status: int = 200,
) -> Response:
    found = _cards(provided, asked)
    return page(
        request,
        "summary.html",
        status=status,
        request=asked,
        accepted=[card for card in found if card.suggestion.accepted],
        rejected=[card for card in found if card.suggestion.accepted is False],
        noted=[card for card in found if card.notes],
        counts=_counts(found),
        undecided=next_undecided(found, None),
        messages=messages,
    )


def _confirmed(request: Request, provided: Services, asked: TestRequest) -> Response:
    found = _cards(provided, asked)
    return page(
        request,
        "confirmed.html",
        request=asked,
        newest=asked.summary.version == asked.versions[-1].version,
        accepted=[card for card in found if card.suggestion.accepted],
        pieces=pieces(asked.letter.text, asked.report, found),
        href=lambda card: "#letter",
        exports=EXPORTS,
    )


def _conflict(request: Request, provided: Services, asked: TestRequest, form: DecisionForm) -> Response:
    """Show what somebody chose on a version that is no longer the newest, to be recorded on that one or left."""
    card = next((card for card in _cards(provided, asked) if card.id == form.suggestion_id), None)
    kind, _, value = form.choice.partition(" ")
    label = provided.ontology.label(value) if value in provided.ontology else value
    wish = {
        "accept": "Accept the suggestion.",
        "reject": "Reject the suggestion.",
        "status": f"Change what the letter says to {value}.",
        "replace": f"Replace the term with “{label}”.",
        "add": f"Add “{label}” ({STATUS_WORDS[form.status].lower()}).",
        "severity": "Change the severity.",
        "note": "Write a note.",
    }.get(kind, "Make a change.")
    return page(
        request,
        "conflict.html",
        status=StaleRequest.status,
        request=asked,
        card=card,
        wish=wish,
        again=form.model_dump(mode="json") | {"etag": asked.summary.etag},
    )


def _cards(provided: Services, asked: TestRequest) -> list[Card]:
    return make_cards(provided, asked.letter.text, asked.report, asked.suggestions)


def _counts(found: Sequence[Card]) -> dict[str, int]:
    decided = [card.suggestion.accepted for card in found]
    return {
        "all": len(found),
        "undecided": sum(card.suggestion.required and card.suggestion.accepted is None for card in found),
        "accepted": decided.count(True),
        "rejected": decided.count(False),
    }


def _decision(form: DecisionForm, letter: str) -> Decision:
    """Read what a button and its form mean. Raises BadDecision."""
    kind, _, value = form.choice.partition(" ")
    on = form.suggestion_id or None
    match kind:
        case "accept" | "reject":
            return Decision(Kind(kind), on)
        case "status" if value in STATUS_WORDS:
            return Decision(Kind.STATUS, on, status=Status(value))
        case "replace":
            return Decision(Kind.REPLACE, on, value)
        case "severity":
            return Decision(Kind.SEVERITY, on, form.severity or None)
        case "add":
            start, end = _stretch(form, letter)
            return Decision(Kind.ADD, None, value, form.status, start, end)
        case "note":
            return Decision(Kind.NOTE, on, note=form.note)
    raise BadDecision("the form says no decision: load the page again")


def _stretch(form: DecisionForm, letter: str) -> tuple[int, int] | tuple[None, None]:
    """Give where the words of an addition stand in the letter, if it names words. Raises BadDecision."""
    if form.start.isdecimal() and form.end.isdecimal():
        return int(form.start), int(form.end)
    if not form.phrase.strip():
        return None, None
    found = next(find_words(form.phrase, letter), None)
    if found is None:
        raise BadDecision("these words are not in the letter: type them as they stand there, or leave the field empty")
    return found


def _once(request_id: str, etag: str, decision: Decision) -> str:
    """Give the same key for the same decision on the same page: a button pressed twice decides once."""
    return hashlib.sha256(json.dumps([request_id, etag, asdict(decision)]).encode()).hexdigest()


def _where_next(provided: Services, before: TestRequest, after: TestRequest, decision: Decision) -> str | None:
    """Give the card to go to: the next undecided one after a first decision, else the one that was decided."""
    if decision.kind is Kind.ADD:
        return after.suggestions[-1].id
    decided = next((one for one in before.suggestions if one.id == decision.suggestion_id), None)
    if decided is None or decision.kind in (Kind.NOTE, Kind.SEVERITY) or decided.accepted is not None:
        return decision.suggestion_id
    return next_undecided(_cards(provided, after), decided.id)


def _last(asked: TestRequest) -> Decided | None:
    """Give the newest decision that stands."""
    made = [*asked.notes, *(entry for one in asked.suggestions for entry in one.decided)]
    return max(made, key=lambda entry: entry.sequence, default=None)


def _told(entry: Decided | None, found: Sequence[Card]) -> str:
    """Tell a decision in a few words."""
    if entry is None:
        return ""
    on = entry.decision.suggestion_id or f"m{entry.sequence}"
    name = next((card.name for card in found if card.id == on), "the request")
    return f"{_DONE[entry.decision.kind]} {name}"


def _field(form: DecisionForm, name: str = "q") -> str:
    """Give the id of the field of the form that a message is about."""
    return f"{form.suggestion_id}-{name}" if form.suggestion_id else f"add-{name}"


def _back(request_id: str, show: Tab | str, card: str | None, did: str) -> Response:
    query = {name: value for name, value in (("show", show), ("at", card), ("did", did)) if value}
    return RedirectResponse(f"/requests/{request_id}?{urlencode(query)}#{card or 'progress'}", 303)
