"""The description of the API (OpenAPI 3.1): what FastAPI derives, with the report's own schema and the one error."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from phenoextract.formats import json as report_json
from phenoextract_api.problems import MEDIA_TYPE, ProblemDetail

REPORT_SCHEMA = {"$ref": "#/components/schemas/Report"}
REPORT: dict[str, Any] = {"description": "The report.", "content": {"application/json": {"schema": REPORT_SCHEMA}}}
_OPEN = frozenset({"/live", "/ready", "/metrics"})


def describe(app: FastAPI) -> dict[str, Any]:
    """Give the description of an app's API; its pages are left out."""
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas |= _report_schemas() | {"Problem": ProblemDetail.model_json_schema()}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    found["components"]["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, or a token of the configured issuer.",
        }
    }
    problem = {"description": "What went wrong.", "content": {MEDIA_TYPE: {"schema": {"$ref": _schema("Problem")}}}}
    for path, operations in found["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = problem
            if path not in _OPEN:
                operation["security"] = [{"bearer": []}]
    return found


def _report_schemas() -> dict[str, Any]:
    text = json.dumps(report_json.schema()).replace('"#/$defs/', '"#/components/schemas/Report.')
    report = json.loads(text)
    parts = {f"Report.{name}": part for name, part in report.pop("$defs").items()}
    report.pop("$id", None)
    report.pop("$schema", None)
    return {"Report": report, **parts}


def _schema(name: str) -> str:
    return f"#/components/schemas/{name}"
