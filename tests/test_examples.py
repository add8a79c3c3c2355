from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from google.protobuf.json_format import Parse
from phenopackets import Phenopacket

from phenoextract import readers
from phenoextract.formats import html, json, phenopacket, terminal
from phenoextract.pipeline import Extractor, load

FOLDER = Path(__file__).parents[1] / "examples" / "letters"
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
