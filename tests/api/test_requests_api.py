"""Test requests over REST: the whole way from a letter to its exports, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from fhir.resources.R4B.bundle import Bundle
from google.protobuf.json_format import Parse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from phenopackets import Phenopacket
from sqlalchemy import update

from phenoextract.formats import json as report_json
from phenoextract.formats.deidentify import withhold
from phenoextract_api.exports import MEDIA_TYPES, ExportFormat
from phenoextract_api.housekeeping import purge_daily
from phenoextract_api.store.engine import Store
from phenoextract_api.store.tables import VersionRow

MakeClient = Callable[..., TestClient]
LEGACY = "https://fhir.nhs.uk/CodeSystem/England-GenomicTestDirectory"
TEXT = "He has a cleft palate and microcephaly. No seizures. ?Scoliosis. His mother has ptosis."
LETTER: dict[str, Any] = {"text": TEXT, "patient_ref": "P-0001", "test": {"system": LEGACY, "code": "R29.1"}}
CANARY = "Synthia Canary"


class Clerk:
    """A client program at work on one request: sends back the newest ETag."""

    def __init__(self, client: TestClient, **letter: Any) -> None:
        self.client = client
        made = client.post("/v1/requests", json=LETTER | letter)
        assert made.status_code == 201, made.text
        self.url, self.etag, self.body = made.headers["location"], made.headers["etag"], made.json()

    def post(self, path: str, expect: int = 200, **body: Any) -> Any:
        answer = self.client.post(f"{self.url}{path}", json=body or None, headers={"If-Match": self.etag})
        assert answer.status_code == expect, answer.text
        if answer.is_success:
            self.etag, self.body = answer.headers["etag"], answer.json()
        return answer.json()

    def accept_all(self) -> None:
        for one in self.body["suggestions"]:
            if one["required"]:
                self.post("/decisions", kind="accept", suggestion_id=one["id"])

    def export(self, form: ExportFormat, status: int = 200) -> str:
        answer = self.client.get(f"{self.url}/export", params={"format": form.value})
        assert answer.status_code == status, answer.text
        if answer.is_success:
            assert answer.headers["content-type"].startswith(MEDIA_TYPES[form])
            assert answer.headers["content-disposition"].startswith('attachment; filename="')
        return answer.text


def test_requests_api_goes_from_letter_to_export(client: TestClient) -> None:
    clerk = Clerk(client)
    assert clerk.etag == '"1.1"'
    assert clerk.body["letter"]["text"] == TEXT
    tabs = {one["hpo_id"]: one["tab"] for one in clerk.body["suggestions"]}
    assert tabs == {
        "HP:0000175": "present",
        "HP:0000252": "present",
        "HP:0001250": "absent",
        "HP:0002650": "check",
        "HP:0000508": "family",
    }
    assert client.get("/v1/requests").json()["items"] == [clerk.body["summary"]]

    assert clerk.export(ExportFormat.FHIR, 409)
    assert clerk.post("/confirm", 409)["code"] == "wrong_state"
    clerk.accept_all()
    clerk.post("/decisions", kind="replace", suggestion_id="f3", hpo_id="HP:0002808", status="present")
    clerk.post("/undo")
    clerk.post("/decisions", kind="status", suggestion_id="f3", status="present")
    clerk.post("/decisions", kind="add", hpo_id="HP:0001270", status="present")
    clerk.post("/decisions", kind="note", note="no answer yet")
    clerk.post("/confirm")
    assert clerk.body["summary"]["state"] == "confirmed"
    assert client.get("/v1/requests").json() == {"items": [], "next": None}
    assert client.get("/v1/requests", params={"state": ["draft", "confirmed"]}).json()["items"]

    clerk.post("/correct", 201)
    clerk.post("/decisions", kind="reject", suggestion_id="f1")
    clerk.post("/confirm")
    read = client.get(clerk.url)
    assert (read.headers["etag"], read.json()) == (clerk.etag, clerk.body)
    assert [one["state"] for one in read.json()["versions"]] == ["superseded", "confirmed"]
    earlier = client.get(clerk.url, params={"version": 1}).json()
    assert {one["hpo_id"] for one in earlier["coded"]["features"]} - {
        one["hpo_id"] for one in read.json()["coded"]["features"]
    } == {"HP:0000252"}

    assert client.delete(clerk.url).status_code == 204
    assert client.get(clerk.url).status_code == 404


def test_requests_api_exports_what_was_confirmed_in_every_format(client: TestClient) -> None:
    clerk = Clerk(client)
    clerk.accept_all()
    clerk.post("/decisions", kind="reject", suggestion_id="f1")
    clerk.post("/decisions", kind="add", hpo_id="HP:0001270", status="present")
    clerk.post("/confirm")
    exported = {form: clerk.export(form) for form in ExportFormat}

    Bundle.model_validate_json(exported[ExportFormat.FHIR])
    kinds = [entry["resource"]["resourceType"] for entry in json.loads(exported[ExportFormat.FHIR])["entry"]]
    assert kinds.count("Observation") == 3
    assert {"ServiceRequest", "FamilyMemberHistory", "Provenance"} <= set(kinds)
    packet = Parse(exported[ExportFormat.PHENOPACKET], Phenopacket())
    assert {(one.type.id, one.excluded) for one in packet.phenotypic_features} == {
        ("HP:0000175", False),
        ("HP:0001250", True),
        ("HP:0001270", False),
    }
    rows = list(csv.DictReader(io.StringIO(exported[ExportFormat.CSV])))
    assert {(row["reviewer"], row["patient_ref"], row["needs_review"]) for row in rows} == {
        (clerk.body["summary"]["confirmed_by"], "P-0001", "no")
    }
    whole = json.loads(exported[ExportFormat.JSON])
    assert whole["report"] == report_json.to_dict(withhold(report_json.from_dict(clerk.body["coded"])))
    quoted = client.get(f"{clerk.url}/export", params={"format": "json", "quote": True}).json()
    assert quoted["report"] == clerk.body["coded"]
    assert whole["confirmation"]["test"] == {"system": LEGACY, "code": "R29.1", "display": None}
    for form, text in exported.items():
        assert "HP:0000175" in text, form
        assert "HP:0000252" not in text, f"{form} holds a rejected term"
        if form not in (ExportFormat.CSV, ExportFormat.OMOP, ExportFormat.JSON):
            assert "HP:0002650" not in text, f"{form} holds an uncertain term"


def test_requests_api_corrections_in_fhir_replace_and_withdraw(client: TestClient) -> None:
    clerk = Clerk(client)
    clerk.accept_all()
    clerk.post("/confirm")
    clerk.post("/correct", 201)
    clerk.post("/decisions", kind="reject", suggestion_id="f1")
    clerk.post("/confirm")
    text = clerk.export(ExportFormat.FHIR)
    Bundle.model_validate_json(text)
    found = [entry["resource"] for entry in json.loads(text)["entry"]]
    observed = {
        one["code"]["coding"][0]["code"]: one["status"] for one in found if one["resourceType"] == "Observation"
    }
    assert observed == {"HP:0000175": "final", "HP:0001250": "final", "HP:0000252": "entered-in-error"}


def test_requests_api_codes_absence_as_configured(make_client: MakeClient) -> None:
    for setting, code in (("not-detected", "260415000"), ("absent", "2667000")):
        clerk = Clerk(make_client(absent_coding=setting), patient_ref=setting)
        clerk.accept_all()
        clerk.post("/confirm")
        assert f'"{code}"' in clerk.export(ExportFormat.FHIR)


def test_requests_api_needs_the_etag_and_refuses_a_stale_one(client: TestClient) -> None:
    clerk = Clerk(client)
    accept: dict[str, Any] = {"kind": "accept", "suggestion_id": "f0"}
    without = client.post(f"{clerk.url}/decisions", json=accept)
    assert (without.status_code, without.json()["code"]) == (428, "if_match_needed")
    clerk.post("/decisions", **accept)
    stale = client.post(f"{clerk.url}/decisions", json=accept, headers={"If-Match": '"1.1"'})
    assert (stale.status_code, stale.json()["code"], stale.json()["current"]) == (412, "stale_request", "1.2")
    weak = client.post(f"{clerk.url}/decisions", json=accept, headers={"If-Match": 'W/"1.2"'})
    assert weak.status_code == 200


def test_requests_api_does_once_what_is_sent_twice(client: TestClient) -> None:
    first, second = (client.post("/v1/requests", json=LETTER, headers={"Idempotency-Key": "k"}) for _ in "ab")
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    note = {"kind": "note", "note": "once"}
    headers = {"If-Match": first.headers["etag"], "Idempotency-Key": "n"}
    for _ in "ab":
        made = client.post(f"{first.headers['location']}/decisions", json=note, headers=headers)
        assert made.status_code == 200
        assert len(made.json()["notes"]) == 1


def test_requests_api_refuses_in_one_shape_and_repeats_nothing(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clerk = Clerk(client, text=f"{TEXT} Yours, {CANARY}")
    url = clerk.url
    etag = {"If-Match": clerk.etag}
    refused = [
        (409, client.post("/v1/requests", json=LETTER | {"text": f"{TEXT} Yours, {CANARY}"})),
        (422, client.post("/v1/requests", json=LETTER | {"patient_ref": CANARY})),
        (422, client.post("/v1/requests", json=LETTER | {"patient_ref": "943 476 5919"})),
        (422, client.post("/v1/requests", json=LETTER | {"test": {"code": "R29"}})),
        (422, client.post("/v1/requests", json=LETTER | {"test": {"code": "R29", "system": CANARY}})),
        (422, client.post("/v1/requests", json=LETTER | {"test": {"code": "\x00", "system": LEGACY}})),
        (422, client.post("/v1/requests", json=LETTER | {"letter_type": CANARY})),
        (422, client.post("/v1/requests", json=LETTER | {"unknown": CANARY})),
        (413, client.post("/v1/requests", json=LETTER | {"text": CANARY * 20_000})),
        (
            400,
            client.post("/v1/requests", content=f'{{"text": "{CANARY}', headers={"content-type": "application/json"}),
        ),
        (415, client.post("/v1/requests", content=CANARY, headers={"content-type": "text/plain"})),
        (422, client.get("/v1/requests", params={"after": "x|y|z"})),
        (422, client.get("/v1/requests", params={"state": "lost"})),
        (404, client.get("/v1/requests/00000000-0000-0000-0000-000000000000")),
        (404, client.get("/v1/requests/%00")),
        (404, client.get(url, params={"version": 2})),
        (422, client.get(f"{url}/export", params={"format": "word"})),
        (422, client.post(f"{url}/decisions", json={"kind": "accept", "suggestion_id": CANARY}, headers=etag)),
        (
            422,
            client.post(
                f"{url}/decisions", json={"kind": "replace", "suggestion_id": "f0", "hpo_id": CANARY}, headers=etag
            ),
        ),
        (422, client.post(f"{url}/decisions", json={"kind": "undo"}, headers=etag)),
        (409, client.post(f"{url}/undo", headers=etag)),
        (409, client.post(f"{url}/correct", headers=etag)),
    ]
    for status, answer in refused:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
        assert CANARY not in answer.text
    assert CANARY not in caplog.text
    assert refused[0][1].json()["existing"] == url.rpartition("/")[2]


def test_requests_api_says_which_obsolete_term_it_replaced(client: TestClient) -> None:
    clerk = Clerk(client)
    clerk.post("/decisions", kind="replace", suggestion_id="f0", hpo_id="HP:9000002")
    (decided,) = clerk.body["suggestions"][0]["decided"]
    assert (decided["decision"]["hpo_id"], decided["decision"]["obsolete_id"]) == ("HP:0001252", "HP:9000002")


def test_requests_api_is_not_there_where_requests_are_not_kept(make_client: MakeClient) -> None:
    client = make_client(requests_enabled=False)
    answer = client.post("/v1/requests", json=LETTER)
    assert (answer.status_code, answer.json()["code"]) == (404, "requests_disabled")


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["accept", "reject", "replace", "status", "severity", "add", "note", "undo", "x"])},
        optional={
            "suggestion_id": st.sampled_from(["f0", "f4", "f9", "a0", "m1"]) | st.text(max_size=5),
            "hpo_id": st.sampled_from(["HP:0001250", "HP:9000003", "HP:0012828"]) | st.text(max_size=12),
            "status": st.sampled_from(["present", "absent", "family", "uncertain", "maybe"]),
            "start": st.integers(),
            "end": st.integers(),
            "note": st.text(max_size=30),
        },
    )
)
def test_requests_api_answers_any_decision(client: TestClient, decision: dict[str, Any]) -> None:
    made = client.post("/v1/requests", json=LETTER, headers={"Idempotency-Key": "one"})
    current = client.get(made.headers["location"])
    answer = client.post(
        f"{made.headers['location']}/decisions", json=decision, headers={"If-Match": current.headers["etag"]}
    )
    assert answer.status_code in (200, 422)


def test_requests_api_purges_when_it_starts_and_then_daily(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_client()
    clerk = Clerk(first)
    store: Store = first.app.state.services.store  # type: ignore[attr-defined]

    def age() -> None:
        with store.writing() as session:
            session.execute(update(VersionRow).values(changed_at=datetime.now(UTC) - timedelta(days=91)))

    def is_gone() -> bool:
        return first.get(clerk.url).status_code == 404

    age()
    caplog.set_level(logging.INFO, "phenoextract.store")
    monkeypatch.setattr(purge_daily, "__kwdefaults__", {"every": 0.05})
    make_client()
    wait_until(is_gone)
    wait_until(lambda: "purged" in caplog.messages)  # said after the letter is gone
    clerk = Clerk(first)
    age()
    wait_until(is_gone)


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something that happens in the background; fails after ten seconds."""
    for _ in range(200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it has not happened")
