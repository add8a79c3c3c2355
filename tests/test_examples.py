from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from fhir.resources.R4B.bundle import Bundle
from google.protobuf.json_format import Parse
from phenopackets import Phenopacket

from phenoextract import readers
from phenoextract.formats import fhir, html, json, phenopacket, terminal
from phenoextract.pipeline import Extractor, load

FOLDER = Path(__file__).parents[1] / "examples" / "letters"
MESSAGES = FOLDER.parent / "messages"
LETTERS = sorted(path for path in FOLDER.iterdir() if path.suffix in (".txt", ".docx"))


@pytest.fixture(scope="module")
def real() -> Extractor:
    return load()


def test_examples_are_described_and_said_to_be_synthetic() -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    assert "These letters are synthetic" in page
    assert len(LETTERS) >= 8
    for path in LETTERS:
        assert f"`{path.name}`" in page


@pytest.mark.artefacts
@pytest.mark.parametrize("path", LETTERS, ids=lambda path: path.name)
def test_examples_give_reports_of_the_schema_in_every_format(real: Extractor, path: Path) -> None:
    document = readers.read(path)
    report = real(document)
    assert report.features
    jsonschema.Draft202012Validator(json.schema()).validate(json.to_dict(report))
    assert json.parse(json.render(report)) == report
    for found in report.annotations:
        assert (found.start, found.end) == (found.spans[0].start, found.spans[-1].end)
        assert found.text == " … ".join(document.text[span.start : span.end] for span in found.spans)
        for cue in found.cues:
            assert document.text[cue.start : cue.end] == cue.text
    for feature in report.features:
        assert {report.annotations[index].status for index in feature.evidence} == {feature.status}
    packet = Parse(phenopacket.render(report, ontology=real.ontology), Phenopacket())
    assert packet.id == path.name
    for feature in report.features:
        assert feature.hpo_id in html.render([(document.text, report)])
        assert feature.hpo_id in terminal.render(report, document.text)
    Bundle.model_validate_json(fhir.render(report))


def test_examples_of_messages_are_read_letter_by_letter() -> None:
    page = (MESSAGES / "README.md").read_text("utf-8")
    assert "These messages are synthetic" in page
    found = {
        document.id: document.text
        for path in (MESSAGES / "referral.hl7", MESSAGES / "letters.json")
        for document in readers.read_all(path)
    }
    assert set(found) == {"REFERRAL-0001", "audiology-letter", "outpatient-letter"}
    assert all("synthetic" in text for text in found.values())
    assert "He has café au lait patches." in found["REFERRAL-0001"].splitlines()[-1]
    assert "Dear Genetics & Genomics team\n\nThank you" in found["REFERRAL-0001"]
    assert "Height 2nd centile." in found["audiology-letter"]
    assert found["outpatient-letter"].startswith("Outpatient letter (synthetic)\nDiagnoses\nEpilepsy")
