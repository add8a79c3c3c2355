"""Letters in, reports out; nothing is kept."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import PurePath
from typing import Annotated

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from phenoextract import Document, Report, readers
from phenoextract.errors import DocumentError, describe_fault
from phenoextract.formats import json as report_json
from phenoextract_api.admission import ApiRoute
from phenoextract_api.coding import Coder
from phenoextract_api.openapi import REPORT, REPORT_SCHEMA
from phenoextract_api.services import CurrentServices

STREAM = "/v1/annotate/stream"
NDJSON = "application/x-ndjson"
_WAITING_LINES = 16
_MAX_ID = 200
_EXAMPLE: JsonDict = {"id": "letter-1", "text": "He has a cleft palate. No seizures."}

router = APIRouter(prefix="/v1/annotate", tags=["annotate"], route_class=ApiRoute)
_log = logging.getLogger("phenoextract.api")
DocumentId = Annotated[str, Field(min_length=1, max_length=_MAX_ID, description="Comes back in the report.")]


class Letter(BaseModel):
    """A letter or note as text."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: DocumentId = "document"
    text: Annotated[str, Field(description="The letter; offsets of the report count its Unicode code points.")]


class Failure(BaseModel):
    """A letter of a stream that has no report, and why."""

    id: str | None
    line: int
    error: str


@router.post("", responses={200: REPORT}, summary="Code a letter")
async def annotate(letter: Letter, provided: CurrentServices) -> Response:
    """Give the report of a letter: the terms proposed, and for each mention where it is and what decided."""
    return _report(await provided.coder.code(Document(letter.id, letter.text)))


@router.post("/file", responses={200: REPORT}, summary="Code a file")
async def annotate_file(
    file: Annotated[UploadFile, File(description="A .txt, .docx or .pdf file; the name's ending insists on a format.")],
    provided: CurrentServices,
    id: Annotated[DocumentId | None, Form()] = None,
) -> Response:
    """Give the report of a letter in a file; its id is the file's name unless another is given."""
    name = PurePath(file.filename or "document").name[-_MAX_ID:]
    document = await provided.coder.run(readers.from_bytes, await file.read(), name)
    return _report(await provided.coder.code(Document(id or name, document.text)))


@router.post(
    "/stream",
    summary="Code many letters",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "One letter a line.",
            "content": {
                NDJSON: {"schema": {"$ref": "#/components/schemas/Letter"}, "example": json.dumps(_EXAMPLE) + "\n"}
            },
        }
    },
    responses={
        200: {
            "description": "One line a letter, in order: its report, or its id, line and error code.",
            "content": {NDJSON: {"schema": {"anyOf": [REPORT_SCHEMA, Failure.model_json_schema()]}}},
        }
    },
)
async def annotate_stream(provided: CurrentServices) -> Response:
    """Code letters as they arrive and answer each as soon as it is coded.

    Read the answer while you send: what is coded waits until you take it, and what you send waits until then.
    """
    provided.coder.refuse_if_busy()
    return _Stream(provided.coder, provided.settings.max_body_bytes)


class _Stream(Response):
    """Reads lines while it writes their outcomes; either waits for the other, and both end when the caller is gone."""

    media_type = NDJSON

    def __init__(self, coder: Coder, max_line: int) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._coder = coder
        self._max_line = max_line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        to_code, lines = anyio.create_memory_object_stream[bytes | None](_WAITING_LINES)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._read, receive, to_code, tasks.cancel_scope)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with lines:
                async for outcome in self._outcomes(lines):
                    await send({"type": "http.response.body", "body": outcome, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            tasks.cancel_scope.cancel()

    async def _read(
        self, receive: Receive, to_code: MemoryObjectSendStream[bytes | None], work: anyio.CancelScope
    ) -> None:
        """Pass on each line, None for one that is too long; when the caller goes away, end the work."""
        line = bytearray()
        skipping = False
        async with to_code:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    work.cancel()
                    return
                *ended, rest = message.get("body", b"").split(b"\n")
                for part in ended:
                    too_long = skipping or len(line) + len(part) > self._max_line
                    await to_code.send(None if too_long else bytes(line + part))
                    line.clear()
                    skipping = False
                line += rest
                if skipping := skipping or len(line) > self._max_line:
                    line.clear()
                if not message.get("more_body", False):
                    break
            if line or skipping:
                await to_code.send(None if skipping else bytes(line))
        while (await receive())["type"] != "http.disconnect":
            pass
        work.cancel()

    async def _outcomes(self, lines: MemoryObjectReceiveStream[bytes | None]) -> AsyncIterator[bytes]:
        number = 0
        async for line in lines:
            number += 1
            if line is None:
                yield _failure(None, number, "too_large")
            elif line.strip():
                yield await self._outcome(line, number)

    async def _outcome(self, line: bytes, number: int) -> bytes:
        try:
            letter = Letter.model_validate_json(line)
        except ValidationError:
            return _failure(None, number, "bad_json")
        try:
            report = await self._coder.code(Document(letter.id, letter.text), in_turn=True)
        except DocumentError as error:
            return _failure(letter.id, number, error.code)
        except Exception as error:  # a fault of ours must not lose the other letters
            _log.error("a letter of a stream failed", extra={"fields": {"fault": describe_fault(error)}})
            return _failure(letter.id, number, "internal_error")
        return report_json.render(report).encode("ascii") + b"\n"


def _failure(document_id: str | None, number: int, code: str) -> bytes:
    return Failure(id=document_id, line=number, error=code).model_dump_json().encode() + b"\n"


def _report(report: Report) -> Response:
    return Response(report_json.render(report), media_type="application/json")
