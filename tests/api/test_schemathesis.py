"""Requests made up from the description of the API, right and wrong ones: none may fail inside the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from phenoextract_api.auth import Role
from phenoextract_api.settings import read_settings
from phenoextract_api.startup import open_configured_store
from phenoextract_api.store.keys import make_key

DESCRIPTION = json.loads((Path(__file__).parents[1] / "golden" / "api" / "openapi.json").read_text("utf-8"))
OPERATIONS = [(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@schemathesis.serializer("application/x-ndjson")
def one_line(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


@schemathesis.serializer("application/hl7-v2")
def as_it_is(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make a key with every role; without, schemathesis makes credentials up and meets nothing but 401."""
    store = open_configured_store(read_settings(data_dir=tmp_path_factory.getbasetemp() / "schemathesis"))
    _, key = make_key(store, "tests", "schemathesis", [role.value for role in Role])
    store.close()
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def described(serve: Any, headers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.getbasetemp() / "schemathesis"
    with serve(rate_limit="0", data_dir=str(folder)) as server:
        yield schemathesis.openapi.from_url(f"{server.url}/v1/openapi.json")
        logged = server.logged()
    assert '"fault"' not in logged
    assert '"status": 200' in logged
    assert '"status": 4' in logged


@pytest.mark.slow
@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_schemathesis_finds_no_failure(
    described: Any, headers: dict[str, str], path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    operation = described[path][method]
    if mode is schemathesis.GenerationMode.NEGATIVE and not (operation.body or any(operation.iter_parameters())):
        pytest.skip("there is nothing to get wrong")

    @given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS, headers=headers)

    check()
