from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from phenoextract.formats import phenotips
from phenoextract.ontology import Ontology, Term
from phenoextract.types import Confirmation, Document, Report


def test_phenotips_golden(report: Report, golden: Callable[[str, str], None]) -> None:
    golden("report.phenotips.json", phenotips.render(report, indent=2) + "\n")


def test_phenotips_says_observed_or_not(report: Report) -> None:
    patient = json.loads(phenotips.render(report))
    observed = {feature["id"]: feature["observed"] for feature in patient["features"]}
    assert observed == {"HP:0001263": "yes", "HP:0000175": "no", "HP:0010044": "yes", "HP:0010047": "yes"}
    assert {feature["type"] for feature in patient["features"]} == {"phenotype"}


def test_phenotips_leaves_out_what_is_no_reviewed_fact(report: Report, letter: Document) -> None:
    doubtful = replace(report, features=tuple(feature._replace(needs_review=True) for feature in report.features))
    assert json.loads(phenotips.render(doubtful))["features"] == []
    assert len(json.loads(phenotips.render(doubtful, unreviewed=True))["features"]) == 4
    assert "Short 4th and 5th metacarpals" in letter.text
    assert "Short 4th and 5th metacarpals" not in phenotips.render(report)


def test_phenotips_names_the_confirmed_patient(report: Report, confirmation: Confirmation) -> None:
    assert json.loads(phenotips.render(report, confirmation=confirmation))["external_id"] == "P-0001"


def test_phenotips_qualifies_severity_and_onset(report: Report) -> None:
    labels = {"HP:0012826": "Moderate", "HP:0003577": "Congenital onset"}
    terms = {hpo_id: Term(hpo_id, label, "", (), ()) for hpo_id, label in labels.items()}
    made = replace(report, features=(report.features[0]._replace(onset="HP:0003577"),))
    rendered = phenotips.render(made, ontology=Ontology("2025-01-16", terms, {}, ()))
    (feature,) = json.loads(rendered)["features"]
    assert feature["qualifiers"] == [
        {"type": "severity", "id": "HP:0012826", "label": "Moderate"},
        {"type": "age_of_onset", "id": "HP:0003577", "label": "Congenital onset"},
    ]
