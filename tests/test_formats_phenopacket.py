from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from google.protobuf.json_format import Parse
from phenopackets import Phenopacket

from phenoextract.formats import phenopacket
from phenoextract.ontology import Ontology, Term
from phenoextract.types import Confirmation, Document, Report

CREATED = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)


def _parse(text: str) -> Phenopacket:
    return Parse(text, Phenopacket())


def test_phenopacket_golden(report: Report, golden: Callable[[str, str], None]) -> None:
    golden("report.phenopacket.json", phenopacket.render(report, created=CREATED, indent=2) + "\n")


def test_phenopacket_parses_with_the_reference_library(report: Report) -> None:
    packet = _parse(phenopacket.render(report, created=CREATED))
    exported = {feature.type.id: feature.excluded for feature in packet.phenotypic_features}
    assert exported == {"HP:0001263": False, "HP:0000175": True, "HP:0010044": False, "HP:0010047": False}
    assert packet.meta_data.created.ToJsonString() == "2025-03-01T09:30:00Z"
    assert packet.meta_data.phenopacket_schema_version == "2.0.2"


def test_phenopacket_declares_every_prefix_it_uses(report: Report) -> None:
    packet = _parse(phenopacket.render(report))
    used = {feature.type.id.split(":")[0] for feature in packet.phenotypic_features}
    used |= {
        evidence.evidence_code.id.split(":")[0]
        for feature in packet.phenotypic_features
        for evidence in feature.evidence
    }
    declared = {resource.namespace_prefix: resource.version for resource in packet.meta_data.resources}
    assert used == set(declared)
    assert declared["HP"] == report.provenance.hpo_release


def test_phenopacket_leaves_unreviewed_features_out_unless_asked(report: Report) -> None:
    doubtful = report.features[0]._replace(needs_review=True)
    made = replace(report, features=(doubtful, *report.features[1:]))
    assert "HP:0001263" not in phenopacket.render(made)
    assert "HP:0001263" in phenopacket.render(made, unreviewed=True)
    assert "HP:0000729" not in phenopacket.render(made, unreviewed=True), "an uncertain term is never a fact"
    assert "HP:0000508" not in phenopacket.render(made, unreviewed=True), "a relative is not the patient"


def test_phenopacket_quotes_no_letter_text(report: Report, letter: Document) -> None:
    text = phenopacket.render(report)
    assert "#char=34,60" in text
    assert "Short 4th and 5th metacarpals" in letter.text
    assert "Short 4th and 5th metacarpals" not in text


def test_phenopacket_labels_severity_onset_and_modifiers(report: Report) -> None:
    terms = {
        hpo_id: Term(hpo_id, label, "", (), ())
        for hpo_id, label in {
            "HP:0012826": "Moderate",
            "HP:0003577": "Congenital onset",
            "HP:0012832": "Bilateral",
        }.items()
    }
    feature = report.features[0]._replace(onset="HP:0003577", modifiers=("HP:0012832",))
    made = replace(report, features=(feature,))
    packet = _parse(phenopacket.render(made, ontology=Ontology("2025-01-16", terms, {}, ())))
    (found,) = packet.phenotypic_features
    assert found.severity.label == "Moderate"
    assert found.onset.ontology_class.label == "Congenital onset"
    assert [modifier.label for modifier in found.modifiers] == ["Bilateral"]


def test_phenopacket_time_is_utc(report: Report) -> None:
    summer = CREATED.astimezone(timezone(timedelta(hours=1)))
    assert phenopacket.render(report, created=summer) == phenopacket.render(report, created=CREATED)


def test_phenopacket_of_a_confirmed_request_golden(
    report: Report, confirmation: Confirmation, golden: Callable[[str, str], None]
) -> None:
    golden("confirmed.phenopacket.json", phenopacket.render(report, confirmation=confirmation, indent=2) + "\n")


def test_phenopacket_names_who_confirmed_which_letter(report: Report, confirmation: Confirmation) -> None:
    packet = _parse(phenopacket.render(report, confirmation=confirmation))
    assert packet.subject.id == "P-0001"
    assert packet.meta_data.submitted_by == "a.clerk"
    assert packet.meta_data.created.ToJsonString() == "2026-03-01T09:30:00Z"
    (letter,) = packet.meta_data.external_references
    assert letter.id.startswith("ni:///sha-256;")
    assert letter.description == "Clinic letter"
    assert {one.evidence_code.id for feature in packet.phenotypic_features for one in feature.evidence} == {
        "ECO:0000352"
    }
    assert report.id not in phenopacket.render(report, confirmation=confirmation)
