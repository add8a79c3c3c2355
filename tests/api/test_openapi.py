from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator


@pytest.fixture(scope="module")
def description(stateless_client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = stateless_client.get("/v1/openapi.json").json()
    return found


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, methods in description["paths"].items() for method, one in methods.items()]


def test_openapi_is_what_was_reviewed(description: dict[str, Any], golden: Callable[[str, str], None]) -> None:
    golden("api/openapi.json", json.dumps(description, indent=1) + "\n")


def test_openapi_describes_every_operation_and_its_error(description: dict[str, Any]) -> None:
    for path, method, operation in operations(description):
        assert operation["summary"], path
        assert operation["description"], path
        assert "application/problem+json" in operation["responses"]["default"]["content"], (path, method)
        assert "422" not in operation["responses"]


def test_openapi_leads_to_schemas_that_are_there(description: dict[str, Any]) -> None:
    text = json.dumps(description)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(description["components"]["schemas"])
    assert "#/$defs/" not in text
    for schema in description["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_openapi_report_is_the_published_schema(stateless_client: TestClient, description: dict[str, Any]) -> None:
    report = stateless_client.post("/v1/annotate", json={"text": "Cleft palate. No seizures."}).json()
    root = {"$ref": "#/components/schemas/Report", "components": description["components"]}
    Draft202012Validator(root).validate(report)
    del report["features"][0]["hpo_id"]
    assert not Draft202012Validator(root).is_valid(report)


def test_openapi_examples_work(make_client: Any, description: dict[str, Any]) -> None:
    client = make_client()
    tried = 0
    for path, method, operation in operations(description):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            schema = content.get("schema", {})
            schema = description["components"]["schemas"].get(schema.get("$ref", "").rsplit("/", 1)[-1], schema)
            example = content.get("example") or next(iter(schema.get("examples", [])), None)
            if example is None or "{" in path:
                continue
            body = example if isinstance(example, str) else json.dumps(example)
            answer = client.request(method, path, content=body, headers={"Content-Type": media_type})
            assert answer.is_success, (path, answer.text)
            tried += 1
    assert tried >= 7
