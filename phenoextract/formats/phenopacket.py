"""The confirmed part of a report as a GA4GH Phenopacket, schema 2.0 (https://phenopacket-schema.readthedocs.io).

A Phenopacket can say present or excluded and nothing between: what is said of relatives, what is uncertain and,
unless asked for, what still needs review stays out. It quotes no letter text.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from phenoextract.ontology import Ontology
from phenoextract.types import Feature, Report, Status

SCHEMA_VERSION = "2.0.2"
_AUTOMATIC = {"id": "ECO:0000501", "label": "evidence used in automatic assertion"}
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
    ontology: Ontology | None = None,
    created: datetime | None = None,
    subject: str = "proband",
    unreviewed: bool = False,
    indent: int | None = None,
) -> str:
    """Give a report as Phenopacket JSON, the same for the same arguments.

    `created` needs a time zone and is now if None; `subject` must be an id that identifies nobody;
    `unreviewed` lets in the features that still need review; `ontology` gives onset, severity and modifiers
    their labels.
    """
    when = (created or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    exported = [
        feature for feature in report.features if _is_fact(feature) and (unreviewed or not feature.needs_review)
    ]
    packet = {
        "id": report.id,
        "subject": {"id": subject},
        "phenotypicFeatures": [_feature(feature, report, ontology) for feature in exported],
        "metaData": {
            "created": when,
            "createdBy": f"phenoextract {report.provenance.version}",
            "resources": [_hpo(report.provenance.hpo_release), _ECO],
            "phenopacketSchemaVersion": SCHEMA_VERSION,
        },
    }
    return json.dumps(packet, indent=indent)


def _is_fact(feature: Feature) -> bool:
    return feature.status in (Status.PRESENT, Status.ABSENT)


def _feature(feature: Feature, report: Report, ontology: Ontology | None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": {"id": feature.hpo_id, "label": feature.label}}
    if feature.status is Status.ABSENT:
        found["excluded"] = True
    if feature.severity:
        found["severity"] = _term(feature.severity, ontology)
    if feature.modifiers:
        found["modifiers"] = [_term(modifier, ontology) for modifier in feature.modifiers]
    if feature.onset:
        found["onset"] = {"ontologyClass": _term(feature.onset, ontology)}
    found["evidence"] = [
        # the fragment is that of RFC 5147 for text/plain: code points, half-open
        {"evidenceCode": _AUTOMATIC, "reference": {"id": f"{report.id}#char={annotation.start},{annotation.end}"}}
        for annotation in (report.annotations[index] for index in feature.evidence)
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
