from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from phenoextract_api.headers import CONTENT_SECURITY_POLICY

CANARY = "Zebedee Quatermass"
JSON, STREAM = {"Content-Type": "application/json"}, {"Content-Type": "application/x-ndjson"}


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:phenoextract:problem:{code}"
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert CANARY not in answer.text
    return body


@pytest.mark.parametrize(
    ("method", "address", "sent", "status", "code"),
    [
        ("POST", "/v1/annotate", {"content": "{" + CANARY, "headers": JSON}, 400, "bad_json"),
        ("POST", "/v1/annotate", {"content": b'{"text": "\xff"}', "headers": JSON}, 400, "bad_request"),
        ("POST", "/v1/annotate", {"json": {"txt": CANARY}}, 422, "invalid"),
        ("POST", "/v1/annotate", {"json": {"text": "x", CANARY: 1}}, 422, "invalid"),
        ("POST", "/v1/annotate", {"json": {"text": [CANARY]}}, 422, "invalid"),
        ("POST", "/v1/annotate", {"json": [CANARY]}, 422, "invalid"),
        ("POST", "/v1/annotate", {"json": {"text": CANARY, "id": CANARY * 100}}, 422, "invalid"),
        ("POST", "/v1/annotate", {"json": {"text": CANARY * 20_000}}, 413, "too_long"),
        ("POST", "/v1/annotate", {"content": CANARY}, 415, "unsupported_media_type"),
        ("POST", "/v1/annotate", {"content": CANARY, "headers": STREAM}, 415, "unsupported_media_type"),
        ("POST", "/v1/annotate/file", {"json": {"file": CANARY}}, 415, "unsupported_media_type"),
        ("POST", "/v1/annotate/file", {"files": {"letter": ("a.txt", CANARY)}}, 422, "invalid"),
        ("POST", "/v1/annotate/stream", {"json": {"text": CANARY}}, 415, "unsupported_media_type"),
        ("POST", "/v1/annotate", {"json": {"text": CANARY}, "headers": {"Accept": "text/csv"}}, 406, "not_acceptable"),
        ("GET", "/v1/annotate", {}, 405, "method_not_allowed"),
        ("GET", f"/v1/{CANARY}", {}, 404, "not_found"),
        ("GET", f"/v1/terms/{CANARY}", {}, 422, "invalid"),
        ("GET", "/v1/terms", {"params": {"q": CANARY, "limit": CANARY}}, 422, "invalid"),
        ("POST", "/v1/terms/search", {"json": {"q": CANARY * 20}}, 422, "invalid"),
    ],
)
def test_problems_have_one_shape_and_repeat_nothing(
    stateless_client: TestClient, method: str, address: str, sent: dict[str, Any], status: int, code: str
) -> None:
    assert_problem(stateless_client.request(method, address, **sent), status, code)


def test_problems_say_where_a_body_is_wrong(stateless_client: TestClient) -> None:
    body = assert_problem(stateless_client.post("/v1/annotate", json={"id": 7, CANARY: 1}), 422, "invalid")
    assert sorted(fault["where"] for fault in body["errors"]) == ["body.*", "body.id", "body.text"]


@pytest.mark.parametrize("announced", [True, False])
def test_problems_refuse_a_body_that_is_too_large(make_client: Any, announced: bool) -> None:
    client = make_client(requests_enabled=False, max_body_bytes=5000)
    body = json.dumps({"text": CANARY + "x" * 5000}).encode()
    sent = body if announced else iter([body[:3000], body[3000:]])
    assert_problem(client.post("/v1/annotate", content=sent, headers=JSON), 413, "too_large")
    assert client.post("/v1/annotate", json={"text": "x" * 4000}).status_code == 200


def test_problems_ask_to_wait_when_asked_too_often(make_client: Any) -> None:
    client = make_client(requests_enabled=False, rate_limit=5)
    answers = [client.post("/v1/annotate", json={"text": "Ptosis"}) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert_problem(answers[-1], 429, "too_many_requests")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert client.get("/live").status_code == 200


def test_problems_of_our_own_are_a_bare_500(
    make_client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(requests_enabled=False)

    def fail(_: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(client.app.state.services.coder, "extractor", fail)
    assert_problem(client.post("/v1/annotate", json={"text": CANARY}), 500, "internal_error")
    stream = client.post("/v1/annotate/stream", content=json.dumps({"id": "1", "text": CANARY}), headers=STREAM)
    assert stream.json() == {"id": "1", "line": 1, "error": "internal_error"}
    assert CANARY not in caplog.text


def test_problems_come_with_every_security_header(stateless_client: TestClient) -> None:
    for answer in (stateless_client.get("/live"), stateless_client.get("/nowhere")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "'unsafe" not in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers


def test_problems_headers_insist_on_https_where_it_is_used(make_client: Any) -> None:
    client = make_client(public_url="https://phenotypes.example.nhs.uk")
    assert "max-age" in client.get("/live").headers["strict-transport-security"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_problems_refuse_what_a_page_of_another_site_sends(
    stateless_client: TestClient, headers: dict[str, str]
) -> None:
    assert_problem(stateless_client.post("/v1/annotate", json={"text": CANARY}, headers=headers), 403, "cross_site")


def test_problems_let_pages_of_this_site_through(stateless_client: TestClient) -> None:
    headers = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert stateless_client.post("/v1/annotate", json={"text": "Ptosis"}, headers=headers).status_code == 200
