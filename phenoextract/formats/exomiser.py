"""The reviewed findings of a report as an Exomiser sample, for `exomiser --sample FILE --vcf ... --assembly ...`.

https://exomiser.readthedocs.io/en/latest/advanced_analysis.html#sample. Exomiser takes observed terms only; the
Phenopacket, which it reads as well, also holds the absent ones.
"""

from __future__ import annotations

import json

from phenoextract.formats.facts import facts
from phenoextract.ontology import PHENOTYPIC_ABNORMALITY, Ontology
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.types import Confirmation, Report, Status


def render(
    report: Report,
    *,
    confirmation: Confirmation | None = None,
    ontology: Ontology | None = None,
    subject: str = "proband",
    unreviewed: bool = False,
) -> str:
    """Give a report as YAML whose proband, the confirmation's patient or `subject`, must be the sample of the VCF.

    With `ontology`, a comment names terms so general that Exomiser matches nothing by them
    (https://github.com/exomiser/Exomiser/discussions/482).
    """
    observed = [feature for feature in facts(report, unreviewed=unreviewed) if feature.status is Status.PRESENT]
    proband = confirmation.patient_ref if confirmation else subject
    general = [
        f"# too general to match: {feature.hpo_id} {feature.label}"
        for feature in observed
        if ontology and feature.hpo_id in (PHENOTYPIC_ABNORMALITY, *ontology.children(PHENOTYPIC_ABNORMALITY))
    ]
    lines = [
        f"# phenoextract {report.provenance.version}, HPO {report.provenance.hpo_release}",
        f"# {INTENDED_PURPOSE}",
        *general,
        "---",
        f"proband: {json.dumps(proband, ensure_ascii=False)}",
        f"hpoIds: {json.dumps([feature.hpo_id for feature in observed])}",
    ]
    return "\n".join(lines) + "\n"
