"""The one shape of every error: application/problem+json (RFC 9457), which never repeats what was sent.

{"type": "urn:phenoextract:problem:stale_request", "title": "Precondition Failed", "status": 412,
 "code": "stale_request", "detail": what is wrong and what to do, "request_id": ...}

A body that does not fit its schema also has "errors": [{"where": "body.text", "code": "missing"}].
"""

from __future__ import annotations

import http
import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from phenoextract.errors import (
    ConfigError,
    DocumentError,
    DocumentMalformed,
    DocumentTooLong,
    PhenoextractError,
    describe_fault,
)
from phenoextract_api.request_types import RequestError
from phenoextract_api.store.engine import StoreUnavailable

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("phenoextract.api")
_CODES = {
    400: "bad_request",
    401: "not_authenticated",
    403: "not_permitted",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}
_ADVICE = {
    400: "the request cannot be read",
    404: "there is nothing at this address",
    405: "this address does not know that method",
    413: "the request is larger than the service accepts",
    422: "the request does not fit its schema",
    500: "the service failed; tell its operator the request_id",
}


class ProblemDetail(BaseModel):
    """An error (RFC 9457); `code` is stable, `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str | None = None
    errors: list[dict[str, str]] | None = None


class Problem(HTTPException):
    """An error to answer with; `detail` says what to do and must not repeat what was sent."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status, detail, headers=dict(headers) if headers else None)
        self.code = code
        self.extra = dict(extra or {})


ErrorPage = Callable[[Request, Problem], Response]


def respond(request: Request, problem: Problem) -> Response:
    """Give a problem as a response."""
    content = {
        "type": f"urn:phenoextract:problem:{problem.code}",
        "title": http.HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": request.scope.get("state", {}).get("request_id"),
        **problem.extra,
    }
    return JSONResponse(content, problem.status_code, headers=problem.headers, media_type=MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """Give the problem that stands for an exception."""
    match error:
        case Problem():
            return error
        case HTTPException():
            status = error.status_code
            detail = _ADVICE.get(status, http.HTTPStatus(status).description or http.HTTPStatus(status).phrase)
            return Problem(status, _CODES.get(status, "error"), detail, headers=error.headers)
        case RequestValidationError():
            faults = error.errors()
            if any(fault["type"] == "json_invalid" for fault in faults):
                return Problem(400, "bad_json", "the body is not JSON")
            return Problem(422, "invalid", _ADVICE[422], extra={"errors": [_fault(fault) for fault in faults]})
        case DocumentMalformed():
            return Problem(422, error.code, f"{error.advice}: {error.place} {error.problem}")
        case DocumentError():
            status = 413 if isinstance(error, DocumentTooLong) else 422
            return Problem(status, error.code, error.advice)
        case RequestError():
            extra = {name: getattr(error, name) for name in ("current", "existing") if hasattr(error, name)}
            return Problem(error.status, error.code, str(error), extra=extra)
        case StoreUnavailable():
            return Problem(
                503, "store_unavailable", "the database does not answer; try again", headers={"Retry-After": "5"}
            )
        case ConfigError():
            return Problem(422, "invalid", str(error))
        case _:
            return Problem(500, "internal_error", _ADVICE[500])


def install(app: FastAPI, *, page: ErrorPage) -> None:
    """Answer the errors of an app in this shape, or by `page` where a browser asked for one."""
    app.state.error_page = page
    for kind in (HTTPException, RequestValidationError, PhenoextractError):
        app.add_exception_handler(kind, answer)


async def answer(request: Request, error: Exception) -> Response:
    """Give the answer to an error; what is a fault of ours is logged, without its message."""
    problem = problem_of(error)
    if problem.status_code >= 500 and not isinstance(error, HTTPException):
        request_id = request.scope.get("state", {}).get("request_id")
        _log.error("failed", extra={"fields": {"request_id": request_id, "fault": describe_fault(error)}})
    if _wants_page(request):
        page: ErrorPage = request.app.state.error_page
        return page(request, problem)
    return respond(request, problem)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/")


def _fault(fault: Mapping[str, Any]) -> dict[str, str]:
    """Keep where and what kind; the rest of pydantic's error may repeat the input, and so may an unknown key."""
    where = [
        "*" if fault["type"] == "extra_forbidden" and i == len(fault["loc"]) - 1 else str(part)
        for i, part in enumerate(fault["loc"])
    ]
    return {"where": ".".join(where), "code": fault["type"]}
