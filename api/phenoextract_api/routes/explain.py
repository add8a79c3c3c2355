"""Why words of a letter were coded, or were not; nothing is kept."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field
from pydantic.config import JsonDict

from phenoextract import Document
from phenoextract.explain import Outcome, explain, to_dict
from phenoextract_api.admission import ApiRoute
from phenoextract_api.routes.annotate import Letter
from phenoextract_api.services import CurrentServices

_EXAMPLE: JsonDict = {"text": "He has a cleft palate. No seizures.", "start": 26, "end": 34}
_EXPLANATION: dict[str, Any] = {
    "type": "object",
    "required": ["start", "end", "outcome", "reason", "annotations", "nearest"],
    "properties": {
        "start": {"type": "integer", "description": "As asked for, widened to whole words."},
        "end": {"type": "integer"},
        "outcome": {"type": "string", "enum": [outcome.value for outcome in Outcome]},
        "reason": {"type": "string", "description": "Why, in words for people; it quotes the letter."},
        "annotations": {
            "type": "array",
            "description": "What was recognised there.",
            "items": {"$ref": "#/components/schemas/Report.annotation"},
        },
        "nearest": {
            "type": "array",
            "description": "Where nothing was: the nearest terms; by the method encoder the score is a cosine.",
            "items": {"$ref": "#/components/schemas/Report.candidate"},
        },
    },
}

router = APIRouter(prefix="/v1/explain", tags=["annotate"], route_class=ApiRoute)


class Stretch(Letter):
    """A stretch of a letter, in Unicode code points, half-open."""

    model_config = Letter.model_config | {"json_schema_extra": {"examples": [_EXAMPLE]}}

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]


@router.post(
    "",
    summary="Ask why words were coded, or not",
    responses={200: {"description": "What became of them.", "content": {"application/json": {"schema": _EXPLANATION}}}},
)
async def explain_stretch(asked: Stretch, provided: CurrentServices) -> JSONResponse:
    """Give what became of a stretch of a letter, and why, in the words that the review page shows."""
    report = await provided.coder.code(Document(asked.id, asked.text))
    found = await provided.coder.run(explain, provided.extractor, asked.text, report, asked.start, asked.end)
    return JSONResponse(to_dict(found, report))
