from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from phenoextract_api.store.keys import make_key, revoke_key

LETTER = {"text": "Ptosis"}


@pytest.fixture
def closed(make_client: Any) -> TestClient:
    """Give a browser that does not follow redirects, of a service that needs a key."""
    client: TestClient = make_client(authentication="required")
    client.follow_redirects = False
    return client


def key_of(client: Any, *roles: str) -> tuple[str, str]:
    key, text = make_key(client.app.state.services.store, "tests", "A. Clerk", roles or ["clerk"])
    return key.id, text


def form_token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
    assert found
    return found.group(1)


def test_sign_in_leads_back_to_where_one_wanted_to_go(closed: TestClient) -> None:
    first = closed.get("/letters/new")
    assert (first.status_code, first.headers["location"]) == (303, "/sign-in?next=/letters/new")
    assert 'value="/letters/new"' in closed.get(first.headers["location"]).text
    _, key = key_of(closed)
    done = closed.post("/sign-in", data={"key": key, "next": "/letters/new"})
    assert (done.status_code, done.headers["location"]) == (303, "/letters/new")
    assert "A. Clerk" in closed.get("/letters/new").text


def test_sign_in_refuses_a_wrong_key_and_does_not_repeat_it(closed: TestClient) -> None:
    answer = closed.post("/sign-in", data={"key": "phx_canary"})
    assert answer.status_code == 401
    assert "not valid" in answer.text
    assert "canary" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("away", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb"])
def test_sign_in_never_leads_away(closed: TestClient, away: str) -> None:
    _, key = key_of(closed)
    assert closed.post("/sign-in", data={"key": key, "next": away}).headers["location"] == "/"


def test_sign_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(make_client: Any) -> None:
    client = make_client(public_url="https://phenotypes.example.nhs.uk")
    _, key = key_of(client)
    cookie = client.post("/sign-in", data={"key": key}, follow_redirects=False).headers["set-cookie"].lower()
    assert cookie.startswith("__host-phenoextract=")
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= set(cookie.split("; "))
    assert key.lower() not in cookie
    assert "clerk" not in cookie


def test_sign_in_ends_when_the_key_is_revoked(closed: TestClient) -> None:
    key_id, key = key_of(closed)
    closed.post("/sign-in", data={"key": key})
    assert closed.get("/letters/new").status_code == 200
    revoke_key(closed.app.state.services.store, "tests", key_id)  # type: ignore[attr-defined]
    assert closed.get("/letters/new").status_code == 303


def test_sign_in_ends_by_itself(closed: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    _, key = key_of(closed)
    closed.post("/sign-in", data={"key": key})
    later = time.time() + 8 * 3600 + 1
    monkeypatch.setattr("cryptography.fernet.time.time", lambda: later)
    assert closed.get("/letters/new").status_code == 303


def test_sign_out_ends_the_session(closed: TestClient) -> None:
    _, key = key_of(closed)
    closed.post("/sign-in", data={"key": key})
    token = form_token(closed.get("/letters/new").text)
    assert closed.post("/sign-out", data={"csrf_token": token}).headers["location"] == "/sign-in"
    assert closed.get("/letters/new").status_code == 303


def test_sign_in_cookie_cannot_be_made_up_or_changed(closed: TestClient) -> None:
    _, key = key_of(closed)
    cookie = closed.post("/sign-in", data={"key": key}).cookies["phenoextract"]
    for forged in ("x", cookie[:-8] + "AAAAAAA=", "é"):
        closed.cookies.clear()
        answer = closed.get("/letters/new", headers=[(b"Cookie", f"phenoextract={forged}".encode())])
        assert answer.status_code == 303, forged


def test_form_token_is_asked_of_every_form_and_of_scripts(closed: TestClient) -> None:
    _, key = key_of(closed)
    closed.post("/sign-in", data={"key": key})
    token = form_token(closed.get("/letters/new").text)
    for wrong in ({}, {"csrf_token": ""}, {"csrf_token": "0" * 64}, {"csrf_token": "é"}):
        assert closed.post("/coded", data={"text": "Ptosis", **wrong}).status_code == 403
    assert closed.post("/coded", data={"text": "Ptosis", "csrf_token": token}).status_code == 200
    assert closed.post("/v1/annotate", json=LETTER).status_code == 403
    assert closed.post("/v1/annotate", json=LETTER, headers={"X-CSRF-Token": token}).status_code == 200
    assert closed.get("/v1/version").status_code == 200


def test_form_token_of_another_session_does_not_hold(make_client: Any) -> None:
    client = make_client(authentication="required")
    _, key = key_of(client)
    client.post("/sign-in", data={"key": key})
    other = form_token(client.get("/letters/new").text)
    client.cookies.clear()
    client.post("/sign-in", data={"key": key})
    assert client.post("/coded", data={"text": "Ptosis", "csrf_token": other}).status_code == 403


def test_form_token_is_asked_on_this_machine_too(client: TestClient) -> None:
    token = form_token(client.get("/letters/new").text)
    assert client.post("/coded", data={"text": "Ptosis"}).status_code == 403
    assert client.post("/coded", data={"text": "Ptosis", "csrf_token": token}).status_code == 200
