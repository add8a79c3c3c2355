"""Who did what to a coded letter, as FHIR R4 Provenance and AuditEvent (https://hl7.org/fhir/R4/security.html).

Plain values in, resources as dictionaries out, so that any store can call it. Nothing here holds letter text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

Resource = dict[str, Any]

_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"


def instant(when: datetime) -> str:
    """Give a time that knows its zone as a FHIR instant in UTC, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def provenance(
    *,
    resource_id: str,
    targets: Sequence[str],
    recorded: datetime,
    software: Resource,
    confirmed_by: str | None,
    source: Resource,
    corrects: bool = False,
) -> Resource:
    """Give the Provenance of `targets` (references): what proposed them, who confirmed them, from what document.

    `software` and `source` are FHIR References; `confirmed_by` names nobody if None; `corrects` says that the
    targets replace earlier ones.
    """
    operation = "UPDATE" if corrects else "CREATE"
    agents = [{"type": _concept(_AGENT, "assembler", "Assembler"), "who": software}]
    if confirmed_by is not None:
        agents.append({"type": _concept(_AGENT, "verifier", "Verifier"), "who": _named(confirmed_by)})
    return {
        "resourceType": "Provenance",
        "id": resource_id,
        "target": [{"reference": target} for target in targets],
        "recorded": instant(recorded),
        "activity": _concept(_DATA_OPERATION, operation, operation.lower()),
        "agent": agents,
        "entity": [{"role": "source", "what": source}],
    }


def audit_event(
    *,
    resource_id: str,
    recorded: datetime,
    event: str,
    operation: Literal["C", "R", "U", "D", "E"],
    actor: str,
    request_id: str,
    software: str,
    details: Mapping[str, str],
) -> Resource:
    """Give the AuditEvent of one entry of an audit trail.

    `event` is the trail's own word for what was done, `operation` its kind (create, read, update, delete,
    execute), `actor` a user's or key's name, `software` the name and version that recorded it, and `details`
    what else the entry holds (digests, versions, before and after), which must not be letter text.
    """
    return {
        "resourceType": "AuditEvent",
        "id": resource_id,
        "type": {"system": _DICOM, "code": "110110", "display": "Patient Record"},
        "subtype": [{"code": event}],
        "action": operation,
        "recorded": instant(recorded),
        "outcome": "0",
        "agent": [{"who": _named(actor), "requestor": True}],
        "source": {"observer": {"type": "Device", "display": software}},
        "entity": [
            {
                "what": _named(request_id),
                "detail": [{"type": name, "valueString": value} for name, value in details.items()],
            }
        ],
    }


def _named(identifier: str) -> Resource:
    return {"identifier": {"value": identifier}}


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}]}
