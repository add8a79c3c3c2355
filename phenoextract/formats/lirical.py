"""The reviewed findings of a report as LIRICAL input, for `lirical yaml -y FILE`.

https://thejacksonlaboratory.github.io/LIRICAL: observed and excluded terms of one sample.
"""

from __future__ import annotations

import json

from phenoextract.formats.facts import facts
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.types import Confirmation, Report, Status


def render(
    report: Report,
    *,
    confirmation: Confirmation | None = None,
    subject: str = "proband",
    unreviewed: bool = False,
) -> str:
    """Give a report as YAML; the sample is the confirmation's patient, or `subject`."""
    sample = confirmation.patient_ref if confirmation else subject
    terms: dict[Status, list[str]] = {Status.PRESENT: [], Status.ABSENT: []}
    for feature in facts(report, unreviewed=unreviewed):
        terms[feature.status].append(feature.hpo_id)
    lines = [
        f"# phenoextract {report.provenance.version}, HPO {report.provenance.hpo_release}",
        f"# {INTENDED_PURPOSE}",
        "---",
        f"sampleId: {json.dumps(sample, ensure_ascii=False)}",
        f"hpoIds: {json.dumps(terms[Status.PRESENT])}",
        f"negatedHpoIds: {json.dumps(terms[Status.ABSENT])}",
    ]
    return "\n".join(lines) + "\n"
