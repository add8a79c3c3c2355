"""The audit in formats that others read: FHIR AuditEvent and Provenance, or its entries as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Literal

from phenoextract.formats.fhir_audit import Resource, audit_event, provenance
from phenoextract.formats.pointers import document_uri
from phenoextract_api.store.audit import Entry

_OPERATIONS: dict[str, Literal["C", "R", "U", "D", "E"]] = {
    "create": "C",
    "correct": "C",
    "export": "R",
    "delete": "D",
    "purge": "D",
    "key.make": "C",
    "key.revoke": "D",
    "store.key": "E",
    "store.encrypt": "E",
    "monitor.candidates": "R",
}
_STORE = "store"  # what an entry is about that names no request


def to_json(entry: Entry) -> str:
    """Give an entry as one line of JSON."""
    return json.dumps(asdict(entry) | {"at": entry.at.isoformat()})


def to_fhir(entry: Entry) -> Iterator[Resource]:
    """Give the AuditEvent of an entry, and for a confirmation the Provenance of the request too."""
    software = f"phenoextract {entry.product_version}"
    details = {
        "version": str(entry.version) if entry.version is not None else None,
        "letter sha256": entry.letter_sha256,
        "HPO release": entry.hpo_release,
        "index sha256": entry.index_sha256,
        "before": json.dumps(entry.before) if entry.before else None,
        "after": json.dumps(entry.after) if entry.after else None,
        "entry sha256": entry.hash,
    }
    yield audit_event(
        resource_id=f"audit-{entry.sequence}",
        recorded=entry.at,
        event=entry.action,
        operation=_OPERATIONS.get(entry.action, "U"),
        actor=entry.actor,
        request_id=entry.request_id or _STORE,
        software=software,
        details={name: value for name, value in details.items() if value is not None},
    )
    if entry.action == "confirm" and entry.letter_sha256 is not None:
        yield provenance(
            resource_id=f"provenance-{entry.sequence}",
            targets=[f"ServiceRequest/{entry.request_id}"],
            recorded=entry.at,
            software={"display": software},
            confirmed_by=entry.actor,
            source={"identifier": {"system": "urn:ietf:rfc:3986", "value": document_uri(entry.letter_sha256)}},
            corrects=entry.version != 1,
        )
