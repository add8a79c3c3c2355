"""The inputs of Exomiser and LIRICAL, read as YAML as those programs do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenoextract.formats import exomiser, lirical
from phenoextract.ontology import Ontology, Term
from phenoextract.types import Confirmation, Report


@pytest.mark.parametrize("name", ["exomiser", "lirical"])
def test_prioritiser_golden(name: str, report: Report, golden: Callable[[str, str], None]) -> None:
    module = {"exomiser": exomiser, "lirical": lirical}[name]
    golden(f"report.{name}.yml", module.render(report))


def test_exomiser_takes_observed_terms_only(report: Report, confirmation: Confirmation) -> None:
    sample = yaml.safe_load(exomiser.render(report))
    assert sample == {"proband": "proband", "hpoIds": ["HP:0001263", "HP:0010044", "HP:0010047"]}
    assert yaml.safe_load(exomiser.render(report, confirmation=confirmation))["proband"] == "P-0001"


def test_lirical_takes_observed_and_excluded_terms(report: Report, confirmation: Confirmation) -> None:
    sample = yaml.safe_load(lirical.render(report))
    assert sample == {
        "sampleId": "proband",
        "hpoIds": ["HP:0001263", "HP:0010044", "HP:0010047"],
        "negatedHpoIds": ["HP:0000175"],
    }
    assert yaml.safe_load(lirical.render(report, confirmation=confirmation))["sampleId"] == "P-0001"


def test_prioritisers_get_no_unreviewed_term_unless_asked(report: Report) -> None:
    made = replace(report, features=tuple(feature._replace(needs_review=True) for feature in report.features))
    assert yaml.safe_load(exomiser.render(made))["hpoIds"] == []
    assert yaml.safe_load(lirical.render(made))["negatedHpoIds"] == []
    assert len(yaml.safe_load(exomiser.render(made, unreviewed=True))["hpoIds"]) == 3
    assert "HP:0000729" not in lirical.render(made, unreviewed=True), "an uncertain term is never a fact"


def test_exomiser_warns_of_terms_too_general_to_match(report: Report) -> None:
    parents = {"HP:0000118": (), "HP:0001263": ("HP:0000118",), "HP:0010044": ("HP:0001263",)}
    terms = {hpo_id: Term(hpo_id, "", "", (), above) for hpo_id, above in parents.items()}
    text = exomiser.render(report, ontology=Ontology("2025-01-16", terms, {}, ()))
    assert "# too general to match: HP:0001263 Global developmental delay\n" in text
    assert text.count("too general") == 1
    assert "HP:0001263" in yaml.safe_load(text)["hpoIds"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subject=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])))
def test_prioritisers_keep_any_printable_sample_name(report: Report, subject: str) -> None:
    assert yaml.safe_load(exomiser.render(report, subject=subject))["proband"] == subject
    assert yaml.safe_load(lirical.render(report, subject=subject))["sampleId"] == subject
