"""The confirmed part of a report as a GA4GH Phenopacket, schema 2.0 (https://phenopacket-schema.readthedocs.io).

A Phenopacket can say present or excluded and nothing between: what is said of relatives, what is uncertain and,
unless asked for, what still needs review stays out. It quotes no letter text. Exomiser and LIRICAL read it too.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from phenoextract.formats.facts import facts
from phenoextract.formats.pointers import document_uri, place
from phenoextract.ontology import Ontology
from phenoextract.types import Confirmation, Feature, Report, Status

SCHEMA_VERSION = "2.0.2"
_AUTOMATIC = {"id": "ECO:0000501", "label": "evidence used in automatic assertion"}
_CONFIRMED = {"id": "ECO:0000352", "label": "evidence used in manual assertion"}
_ECO = {
    "id": "eco",
    "name": "Evidence and Conclusion Ontology",
    "url": "http://purl.obolibrary.org/obo/eco.owl",
    "version": "2017-01-06",
    "namespacePrefix": "ECO",
    "iriPrefix": "http://purl.obolibrary.org/obo/ECO_",
}


def render(
    report: Report,
    *,
    confirmation: Confirmation | None = None,
    ontology: Ontology | None = None,
    created: datetime | None = None,
    subject: str = "proband",
    unreviewed: bool = False,
    indent: int | None = None,
) -> str:
    """Give a report as Phenopacket JSON, the same for the same arguments.

    `created` needs a time zone; it is the time of confirmation or else now. `subject` must be an id that identifies
    nobody, and is the confirmation's patient if there is one; `unreviewed` lets in the features that still need
    review; `ontology` gives onset, severity and modifiers their labels.
    """
    when = confirmation.confirmed_at if confirmation else created or datetime.now(UTC)
    packet = {
        "id": f"{confirmation.request_id}.{confirmation.version}" if confirmation else report.id,
        "subject": {"id": confirmation.patient_ref if confirmation else subject},
        "phenotypicFeatures": [
            _feature(feature, report, confirmation, ontology) for feature in facts(report, unreviewed=unreviewed)
        ],
        "metaData": {
            "created": when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "createdBy": f"phenoextract {report.provenance.version}",
            "resources": [_hpo(report.provenance.hpo_release), _ECO],
            "phenopacketSchemaVersion": SCHEMA_VERSION,
            **(_review(confirmation) if confirmation else {}),
        },
    }
    return json.dumps(packet, indent=indent)


def _review(confirmation: Confirmation) -> dict[str, Any]:
    letter = {"id": document_uri(confirmation.letter_sha256)}
    if confirmation.letter_type:
        letter["description"] = confirmation.letter_type
    return {"submittedBy": confirmation.confirmed_by, "externalReferences": [letter]}


def _feature(
    feature: Feature, report: Report, confirmation: Confirmation | None, ontology: Ontology | None
) -> dict[str, Any]:
    found: dict[str, Any] = {"type": {"id": feature.hpo_id, "label": feature.label}}
    if feature.status is Status.ABSENT:
        found["excluded"] = True
    if feature.severity:
        found["severity"] = _term(feature.severity, ontology)
    if feature.modifiers:
        found["modifiers"] = [_term(modifier, ontology) for modifier in feature.modifiers]
    if feature.onset:
        found["onset"] = {"ontologyClass": _term(feature.onset, ontology)}
    code = _CONFIRMED if confirmation else _AUTOMATIC
    document = confirmation.request_id if confirmation else report.id
    found["evidence"] = [
        {"evidenceCode": code, "reference": {"id": document + place(report.annotations[index])}}
        for index in feature.evidence
    ]
    return found


def _term(hpo_id: str, ontology: Ontology | None) -> dict[str, str]:
    return {"id": hpo_id, "label": ontology.label(hpo_id)} if ontology else {"id": hpo_id}


def _hpo(release: str) -> dict[str, str]:
    return {
        "id": "hp",
        "name": "human phenotype ontology",
        "url": "http://purl.obolibrary.org/obo/hp.owl",
        "version": release,
        "namespacePrefix": "HP",
        "iriPrefix": "http://purl.obolibrary.org/obo/HP_",
    }
