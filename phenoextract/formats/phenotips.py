"""The reviewed facts of a report as a PhenoTips patient record, to be pushed or imported there.

https://github.com/phenotips/phenotips, PhenoTipsFeature. PhenoTips says observed or not observed: what is uncertain,
of a relative or, unless asked for, unreviewed stays out, and so do modifiers, which it sorts into kinds of its own.
It quotes no letter text.
"""

from __future__ import annotations

import json
from typing import Any

from phenoextract.formats.facts import facts
from phenoextract.ontology import Ontology
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.types import Confirmation, Feature, Report, Status


def render(
    report: Report,
    *,
    confirmation: Confirmation | None = None,
    ontology: Ontology | None = None,
    subject: str = "proband",
    unreviewed: bool = False,
    indent: int | None = None,
) -> str:
    """Give a report as one patient's JSON; the arguments are those of the Phenopacket."""
    patient = {
        "external_id": confirmation.patient_ref if confirmation else subject,
        "features": [_feature(feature, ontology) for feature in facts(report, unreviewed=unreviewed)],
        "nonstandard_features": [],
        "meta": {
            "hpo_version": report.provenance.hpo_release,
            "phenoextract_version": report.provenance.version,
            "purpose": INTENDED_PURPOSE,
        },
    }
    return json.dumps(patient, indent=indent)


def _feature(feature: Feature, ontology: Ontology | None) -> dict[str, Any]:
    qualifiers = {"severity": feature.severity, "age_of_onset": feature.onset}
    return {
        "id": feature.hpo_id,
        "label": feature.label,
        "type": "phenotype",
        "observed": "no" if feature.status is Status.ABSENT else "yes",
        "qualifiers": [
            {"type": kind, "id": hpo_id} | ({"label": ontology.label(hpo_id)} if ontology else {})
            for kind, hpo_id in qualifiers.items()
            if hpo_id
        ],
    }
