"""Letters in the messages of other systems, FHIR R4 and HL7 v2: a Bundle of what is proposed comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from phenoextract import Document
from phenoextract.formats import fhir
from phenoextract.readers.fhir import read_fhir
from phenoextract.readers.hl7v2 import read_hl7v2
from phenoextract_api.admission import ApiRoute
from phenoextract_api.exports import polarity
from phenoextract_api.services import CurrentServices, Services

FHIR_JSON = "application/fhir+json"
HL7_V2 = "application/hl7-v2"
router = APIRouter(prefix="/v1", tags=["exchange"], route_class=ApiRoute)
Unreviewed = Annotated[bool, Query(description="Also give what a person should look at first; all is preliminary.")]

_DOCUMENT_REFERENCE: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "id": "letter-1",
    "status": "current",
    "content": [{"attachment": {"contentType": "text/plain", "data": "SGUgaGFzIGEgY2xlZnQgcGFsYXRlLg=="}}],
}
_MESSAGE = (
    "MSH|^~\\&|CLINIC|TRUST|LAB|TRUST|20260112||MDM^T02|letter-1|P|2.5\r"
    "OBX|1|TX|11488-4^Consult note^LN||He has a cleft palate.||||||F\r"
)
_BUNDLE = {
    "description": "Observations and family histories with their source and provenance, as a collection.",
    "content": {FHIR_JSON: {"schema": {"type": "object", "required": ["resourceType"]}}},
}


def _body(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "description": description, "content": content}}


_RESOURCE = {"schema": {"type": "object", "required": ["resourceType"]}, "example": _DOCUMENT_REFERENCE}


@router.post(
    "/fhir/annotate",
    summary="Code the letters of a FHIR resource",
    openapi_extra=_body(
        "A DocumentReference, Composition, Binary, or a Bundle of them; nothing is fetched from an address.",
        {FHIR_JSON: _RESOURCE, "application/json": _RESOURCE},
    ),
    responses={200: _BUNDLE},
)
async def annotate_fhir(request: Request, provided: CurrentServices, unreviewed: Unreviewed = False) -> Response:
    """Give one Bundle for all the letters; the subject of each Observation is the id of its letter."""
    return await _annotate(read_fhir, await request.body(), provided, unreviewed)


@router.post(
    "/hl7v2/annotate",
    summary="Code the letters of HL7 v2 messages",
    openapi_extra=_body(
        "One or more MDM, ORU or REF messages.",
        {name: {"schema": {"type": "string"}, "example": _MESSAGE} for name in (HL7_V2, "text/plain")},
    ),
    responses={200: _BUNDLE},
)
async def annotate_hl7v2(request: Request, provided: CurrentServices, unreviewed: Unreviewed = False) -> Response:
    """Give one Bundle for all the letters; the subject of each Observation is the control id of its message."""
    return await _annotate(read_hl7v2, await request.body(), provided, unreviewed)


async def _annotate(
    read: Callable[[bytes, str], list[Document]], body: bytes, provided: Services, unreviewed: bool
) -> Response:
    made = []
    for document in await provided.coder.run(read, body, "document"):
        report = await provided.coder.code(document)
        made.append(
            fhir.bundle(report, subject=document.id, unreviewed=unreviewed, polarity=polarity(provided.settings))
        )
    whole = made[0]
    if len(made) > 1:
        entries = {entry["fullUrl"]: entry for bundle in made for entry in bundle["entry"]}
        whole = {"resourceType": "Bundle", "type": "collection", "timestamp": made[-1]["timestamp"]}
        whole["entry"] = list(entries.values())
    return Response(json.dumps(whole), media_type=FHIR_JSON)
