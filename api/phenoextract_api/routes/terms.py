"""Terms of the ontology: search as somebody types, and one term in full."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from phenoextract.ontology import Ontology
from phenoextract.types import Scope
from phenoextract_api.admission import ApiRoute
from phenoextract_api.problems import Problem
from phenoextract_api.services import CurrentServices, Services

router = APIRouter(prefix="/v1/terms", tags=["terms"], route_class=ApiRoute)
Typed = Annotated[str, Field(max_length=200, description="A label, synonym, lay word or id, or its beginning.")]
Limit = Annotated[int, Field(ge=1, le=50, description="How many terms to give at most.")]


class TermHit(BaseModel):
    """A term that was found, and by which of its names."""

    hpo_id: str
    label: str
    name: Annotated[str, Field(description="The name that fits what was typed.")]
    scope: Annotated[Scope | None, Field(description="How closely that name stands for the term; null for an id.")]
    lay: Annotated[bool, Field(description="Whether it is a lay person's word.")]
    corrected: Annotated[bool, Field(description="Whether a word was taken as misspelt.")]
    obsolete_id: Annotated[str | None, Field(description="The id that was typed, if this term has replaced it.")]


class TermHits(BaseModel):
    """The terms found, the best first."""

    terms: list[TermHit]


class TermQuery(BaseModel):
    """What somebody typed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"q": "hydroceph", "limit": 5}]})

    q: Typed
    limit: Limit = 10


class TermName(BaseModel):
    """A term by id and label."""

    hpo_id: str
    label: str


class TermSynonym(BaseModel):
    """Another name of a term."""

    text: str
    scope: Scope
    type: str | None


class TermDetail(TermName):
    """A term in full; `obsolete_id` is the id that was asked for, if this term has replaced it."""

    definition: str
    synonyms: list[TermSynonym]
    parents: list[TermName]
    children: list[TermName]
    obsolete_id: str | None
    hpo_release: str


@router.get("", summary="Search terms")
def search(
    q: Annotated[Typed, Query(examples=["hydroceph"])], provided: CurrentServices, limit: Limit = 10
) -> TermHits:
    """Give the terms that fit what has been typed so far. Words of a letter belong in POST /v1/terms/search instead."""
    return _search(provided, q, limit)


@router.post("/search", summary="Search terms by words of a letter")
def search_privately(query: TermQuery, provided: CurrentServices) -> TermHits:
    """Give the terms that fit, for what must not stand in an address because proxies may log it."""
    return _search(provided, query.q, query.limit)


@router.get("/{hpo_id}", summary="Show a term")
def show(
    hpo_id: Annotated[str, Path(pattern=r"^HP:[0-9]{7}$", examples=["HP:0001250"])], provided: CurrentServices
) -> TermDetail:
    """Give a term in full; for an id that was replaced, the term that replaced it."""
    ontology = provided.ontology
    current = ontology.current(hpo_id)
    if current is None:
        if hpo_id in ontology.obsolete:
            raise Problem(404, "obsolete_term", "this id is obsolete and no single term has replaced it: search anew")
        raise Problem(404, "unknown_term", f"HPO release {ontology.release} has no term with this id")
    term = ontology[current]
    return TermDetail(
        hpo_id=term.id,
        label=term.label,
        definition=term.definition,
        synonyms=[TermSynonym(text=one.text, scope=one.scope, type=one.type) for one in term.synonyms],
        parents=[_name(ontology, parent) for parent in term.parents],
        children=[_name(ontology, child) for child in ontology.children(current)],
        obsolete_id=hpo_id if hpo_id != current else None,
        hpo_release=ontology.release,
    )


def _search(provided: Services, query: str, limit: int) -> TermHits:
    return TermHits(terms=[TermHit.model_validate(hit, from_attributes=True) for hit in provided.terms(query, limit)])


def _name(ontology: Ontology, hpo_id: str) -> TermName:
    return TermName(hpo_id=hpo_id, label=ontology.label(hpo_id))
