from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from fhir.resources.R4B.bundle import Bundle

FHIR = {"Content-Type": "application/fhir+json"}
HL7 = {"Content-Type": "application/hl7-v2"}


def reference(text: str, **more: Any) -> dict[str, Any]:
    data = base64.b64encode(text.encode()).decode()
    content = [{"attachment": {"contentType": "text/plain", "data": data}}]
    return {"resourceType": "DocumentReference", "status": "current", "content": content, **more}


def codes(bundle: dict[str, Any]) -> dict[str, str]:
    return {
        resource["code"]["coding"][0]["code"]: resource["valueCodeableConcept"]["coding"][0]["code"]
        for entry in bundle["entry"]
        for resource in [entry["resource"]]
        if resource["resourceType"] == "Observation"
    }


def test_exchange_codes_a_document_reference(stateless_client: TestClient) -> None:
    answer = stateless_client.post(
        "/v1/fhir/annotate", content=json.dumps(reference("Cleft palate. No seizures.", id="letter-1")), headers=FHIR
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    Bundle.model_validate(answer.json())
    assert codes(answer.json()) == {"HP:0000175": "52101004", "HP:0001250": "260415000"}


def test_exchange_uses_the_absent_code_of_the_settings(make_client: Any) -> None:
    client = make_client(requests_enabled=False, absent_coding="absent")
    answer = client.post("/v1/fhir/annotate", content=json.dumps(reference("No seizures.")), headers=FHIR)
    assert codes(answer.json()) == {"HP:0001250": "2667000"}


def test_exchange_gives_one_bundle_for_many_letters(stateless_client: TestClient) -> None:
    letters = [reference("Cleft palate.", id="a"), reference("No seizures.", id="b")]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": letter} for letter in letters]}
    answer = stateless_client.post("/v1/fhir/annotate", content=json.dumps(bundle), headers=FHIR).json()
    Bundle.model_validate(answer)
    assert codes(answer) == {"HP:0000175": "52101004", "HP:0001250": "260415000"}
    names = [entry["fullUrl"] for entry in answer["entry"]]
    assert len(names) == len(set(names))
    subjects = {entry["resource"].get("subject", {}).get("identifier", {}).get("value") for entry in answer["entry"]}
    assert {"a", "b"} <= subjects


def test_exchange_leaves_doubtful_proposals_out_unless_asked(stateless_client: TestClient) -> None:
    body = json.dumps(reference("?cleft palate"))
    assert codes(stateless_client.post("/v1/fhir/annotate", content=body, headers=FHIR).json()) == {}


def test_exchange_codes_hl7_messages(stateless_client: TestClient) -> None:
    message = (
        "MSH|^~\\&|CLINIC|TRUST|LAB|TRUST|20260112||MDM^T02|77|P|2.5\r"
        "OBX|1|TX|11488-4^Consult note^LN||Cleft palate.||||||F\r"
    )
    answer = stateless_client.post("/v1/hl7v2/annotate", content=message, headers=HL7)
    assert answer.status_code == 200
    assert codes(answer.json()) == {"HP:0000175": "52101004"}


@pytest.mark.parametrize(
    ("address", "headers", "body"),
    [
        ("/v1/fhir/annotate", FHIR, "{"),
        ("/v1/fhir/annotate", FHIR, '{"resourceType": "Patient", "name": [{"family": "Canary"}]}'),
        ("/v1/fhir/annotate", FHIR, '{"resourceType": "Bundle", "entry": []}'),
        ("/v1/hl7v2/annotate", HL7, "Canary"),
        ("/v1/hl7v2/annotate", HL7, "MSH|^~\\&|||||2026||ADT^A01|1|P|2.5\rPID|1||||Canary\r"),
    ],
)
def test_exchange_refuses_what_holds_no_letter(
    stateless_client: TestClient, address: str, headers: dict[str, str], body: str
) -> None:
    answer = stateless_client.post(address, content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Canary" not in answer.text


def test_exchange_codes_every_example_message(stateless_client: TestClient) -> None:
    folder = Path(__file__).parents[2] / "examples"
    messages = [path for path in folder.rglob("*") if path.suffix in (".hl7", ".json")]
    assert messages
    for path in messages:
        address, headers = ("/v1/hl7v2/annotate", HL7) if path.suffix == ".hl7" else ("/v1/fhir/annotate", FHIR)
        assert stateless_client.post(address, content=path.read_bytes(), headers=headers).status_code == 200, path.name
