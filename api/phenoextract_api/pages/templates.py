"""Pages out of templates: what every page knows, and how its values are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from phenoextract.ontology import HPO_CITATION
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.types import Provenance
from phenoextract_api.auth import Actor, Role
from phenoextract_api.pages.cards import STATUS_WORDS
from phenoextract_api.pages.static import static_url
from phenoextract_api.problems import Problem
from phenoextract_api.services import Services

QUEUE_ROLES = frozenset({Role.CLERK, Role.PIPELINE, Role.ADMIN})
MONITORING_ROLES = frozenset({Role.RESEARCHER, Role.ADMIN})
KEYS = (
    ("J", "next suggestion"),
    ("K", "previous suggestion"),
    ("A", "accept"),
    ("R", "reject"),
    ("P", "the letter says present"),
    ("N", "the letter says absent"),
    ("F", "it is a relative's"),
    ("U", "uncertain"),
    ("E", "find another term"),
    ("T", "write a note"),
    ("M", "move to the letter: arrows choose words, Shift extends, Enter adds a term for them"),
    ("/", "add a term that was missed"),
    ("W", "see why words were not coded: those selected, or others"),
    ("Z", "undo"),
    ("S", "summary"),
    ("?", "show these keys"),
    ("Esc", "close a list or an explanation; back from a field to its suggestion"),
)


@dataclass(frozen=True, slots=True)
class Message:
    """What is wrong with a form, and the id of the field that it is about."""

    text: str
    field: str = ""


def sentence(text: str) -> str:
    """Give what an error says as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:]}."


def page(request: Request, template: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Give a page; `values` are its own, beside those that every page has."""
    return HTMLResponse(_templates().get_template(template).render(_common(request) | values), status)


def problem_page(request: Request, problem: Problem) -> HTMLResponse:
    """Give an error in plain words, for browsers."""
    response = page(
        request,
        "problem.html",
        status=problem.status_code,
        heading=_HEADINGS.get(problem.status_code, "That did not work"),
        detail=sentence(problem.detail),
        code=problem.code,
        existing=problem.extra.get("existing"),
        request_id=request.scope.get("state", {}).get("request_id"),
    )
    response.headers.update(problem.headers or {})
    return response


def versions(provenance: Provenance) -> dict[str, str]:
    """Give what made the proposals, by names for people."""
    return {
        "phenoextract": provenance.version,
        "Human Phenotype Ontology": provenance.hpo_release,
        "Index": provenance.index_sha256,
        "Lexicon": provenance.lexicon_sha256,
        "Rules": provenance.rules_sha256,
        "Configuration": provenance.config_sha256,
        "Encoder": provenance.encoder_sha256 or "none",
    }


_HEADINGS = {
    401: "Sign in first",
    403: "You may not do that",
    404: "There is nothing here",
    409: "That cannot be done now",
    412: "Somebody else changed this request",
    413: "That is too large",
    422: "That could not be read",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "The service is busy",
}


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("phenoextract_api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": _moment, "day": _day, "exact": _exact}
    environment.globals |= {
        "static": static_url,
        "purpose": INTENDED_PURPOSE,
        "status_words": STATUS_WORDS,
        "keys": KEYS,
    }
    return environment


def _common(request: Request) -> dict[str, Any]:
    state = request.scope.get("state", {})
    actor: Actor | None = state.get("actor")
    provided: Services | None = getattr(request.app.state, "services", None)
    provenance = provided.extractor.provenance if provided else None
    stores = provided is not None and provided.settings.requests_enabled
    roles = actor.roles if actor else frozenset[Role]()
    return {
        "actor": actor,
        "form_token": state.get("form_token", ""),
        "here": request.url.path,
        "navigation": [
            ("/letters/new", "Code a letter"),
            *([("/queue", "Queue")] if stores and roles & QUEUE_ROLES else []),
            *([("/admin/monitoring", "Monitoring")] if stores and roles & MONITORING_ROLES else []),
            *([("/admin", "Administration")] if Role.ADMIN in roles else []),
        ],
        "can_sign_out": getattr(state.get("session"), "key_id", None) is not None,
        "stores": stores,
        "can_create": bool(roles & {Role.CLERK, Role.PIPELINE}),
        "can_decide": Role.CLERK in roles,
        "can_erase": Role.ADMIN in roles,
        "provenance": provenance,
        "degraded": provided is not None and bool(provided.canaries.failed),
        "citation": HPO_CITATION.format(release=provenance.hpo_release) if provenance else "",
    }


def _moment(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _exact(text: str) -> Markup:
    """Write letter text so that the browser keeps every code point: it would join CR LF, and drop NUL, otherwise."""
    return Markup(str(escape(text)).replace("\r", "&#13;").replace("\0", "\ufffd"))  # noqa: S704 - escaped above
