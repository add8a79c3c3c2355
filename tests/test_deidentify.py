from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phenoextract
from phenoextract import readers
from phenoextract.formats import csv, fhir, html, omop, terminal
from phenoextract.formats import json as report_json
from phenoextract.formats.deidentify import BLOT, Evidence, deidentify, found_spans, mask, shown, withhold
from phenoextract.types import Document, Report, Span

LETTERS = Path(__file__).parents[1] / "examples" / "letters"
# made up, every one
LETTER = """Larkrise Surgery, 14 Hawthorn Lane, Harrowfen HF4 9ZQ
Tel: 01632 960 123   mobile 07700 900456   larkrise.surgery@example.nhs.uk
Dear Dr Ambergate-Tindall,
Re: Zebedee QUATERMASS, DOB 03/04/2019, NHS No 943 476 5919
Zebedee has hypotonia and no cleft palate. I saw him on 14th March 2024 with his sister Perdita at Northmere School.
His mother, Mrs Ottoline Quatermass, has ptosis. Quatermass père is well; hospital number K0041277. Seen 2024-03-07.
There are Lisch nodules. Height 104.5 cm (0.4th-2nd), BP 98/60, walked 20/12.
Yours sincerely
O. Pennywhistle
Consultant
"""
IDENTITIES = (
    *"Zebedee QUATERMASS Quatermass Perdita Ottoline Ambergate Tindall Pennywhistle Larkrise".split(),
    *("Hawthorn", "Harrowfen"),
    *(
        "Northmere",
        "HF4",
        "01632 960",
        "07700 900456",
        "example.nhs",
        "03/04/2019",
        "943 476",
        "14th March",
        "K0041277",
    ),
    "2024-03-07",
)
KEPT = ("hypotonia", "cleft palate", "ptosis", "nodules", "104.5 cm (0.4th-2nd)", "98/60", "20/12", "mother")


@pytest.fixture
def coded(toy_extractor: phenoextract.Extractor) -> Report:
    return toy_extractor(Document("letter-1", LETTER))


def test_deidentify_masks_what_names_a_person_and_keeps_what_was_found(coded: Report) -> None:
    masked = mask(LETTER, found_spans(coded))
    assert [word for word in IDENTITIES if word in masked] == []
    assert [words for words in KEPT if words not in masked] == []
    assert len(masked) == len(LETTER)


def test_deidentify_masks_the_example_letters() -> None:
    """Who signs, is written to or named, and where they work; not raw dictation, as docs/privacy/evidence.md says."""
    named = {
        "cardiology.txt": "Thornquill Marchbanks Oyelaran",
        "clinic_letter.txt": "Quillfeather Bramblecote Westbrook 14/03/2024 0-00-0041",
        "community_paediatrics.txt": "Ashgrove Tindall Whinfell Harrowfen Mirpur January",
        "consultand.txt": "Greensleeve Threlkeld Skelwith Penhallow 11/11/2024",
        "gp_referral.txt": "Pennywhistle Larkrise",
        "neonatal_transfer.txt": "Saltholme Kestrel",
        "ophthalmology.txt": "Brackenfold",
        "prenatal.txt": "Isleham August",
    }
    for name, words in named.items():
        text = readers.read(LETTERS / name).text
        assert all(word in text for word in words.split()), name
        assert [word for word in words.split() if word in mask(text)] == [], name


@given(st.text(st.characters(exclude_categories=()), max_size=200), st.integers(0, 200), st.integers(1, 20))
def test_deidentify_masking_keeps_length_space_and_what_must_stay(text: str, start: int, size: int) -> None:
    keep = [Span(start, start + size)]
    masked = mask(text, keep)
    assert len(masked) == len(text)
    assert masked[start : start + size] == text[start : start + size]
    assert all(new in (old, BLOT) for old, new in zip(text, masked, strict=True))
    assert [c.isspace() for c in masked] == [c.isspace() for c in text]


@pytest.mark.parametrize(
    "text", ["Dr " * 20_000, "A" * 60_000, "Aa " * 20_000, "1-" * 30_000, "Aa\n" * 20_000, "(0" * 30_000]
)
def test_deidentify_masks_long_texts_in_time_that_grows_with_their_length(text: str) -> None:
    assert len(mask(text)) == len(text)


def test_deidentify_withholds_every_word_of_the_letter_in_every_format(report: Report, letter: Document) -> None:
    """The words of each annotation and cue are made strange, so that none can pass for a word of our own."""
    strange = replace(
        report,
        annotations=tuple(
            one._replace(text=f"qzx{one.text}", cues=tuple(replace(cue, text=f"qzx{cue.text}") for cue in one.cues))
            for one in report.annotations
        ),
    )
    for render in (_json, _csv, _omop, _fhir, _terminal, _html):
        given = withhold(strange)
        assert "qzx" not in render(given, shown(letter.text, given, Evidence.WITHHELD)), render.__name__
    assert "qzx" in _json(strange, "")


def _json(report: Report, text: str) -> str:
    return report_json.render(report)


def _csv(report: Report, text: str) -> str:
    return csv.render([report])


def _omop(report: Report, text: str) -> str:
    return omop.render([report])


def _fhir(report: Report, text: str) -> str:
    return fhir.render(report)


def _terminal(report: Report, text: str) -> str:
    return terminal.render(report, text, width=80, colour=False)


def _html(report: Report, text: str) -> str:
    return html.render([(text, report)])


@pytest.mark.parametrize("evidence", Evidence)
def test_deidentify_changes_nothing_but_words(coded: Report, evidence: Evidence) -> None:
    given = deidentify(coded, LETTER, evidence)
    assert given.features == coded.features
    for before, after in zip(coded.annotations, given.annotations, strict=True):
        words = {"text": "", "cues": ()}
        assert before._replace(**words) == after._replace(**words)  # type: ignore[arg-type]
        assert [replace(cue, text="") for cue in before.cues] == [replace(cue, text="") for cue in after.cues]
    assert report_json.parse(report_json.render(given)) == given


def test_deidentify_keeps_whose_finding_it_is(coded: Report) -> None:
    codes = [_relatives(deidentify(coded, LETTER, evidence)) for evidence in Evidence]
    assert codes[0] == codes[1] == codes[2]
    assert "MTH" in codes[0]


def _relatives(report: Report) -> list[str]:
    entries = [entry["resource"] for entry in json.loads(fhir.render(report))["entry"]]
    histories = [one for one in entries if one["resourceType"] == "FamilyMemberHistory"]
    return [one["relationship"]["coding"][0]["code"] for one in histories]


@pytest.mark.parametrize("evidence", ["masked", "withheld"])
def test_deidentify_on_the_command_line(run: Any, tmp_path: Path, toy_path: Path, evidence: str) -> None:
    (tmp_path / "in.txt").write_text(LETTER)
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": "a", "text": LETTER}) + "\n")
    index = ("--index", str(toy_path))
    for form in ("terminal", "json", "csv", "omop", "fhir"):
        said = run("extract", str(tmp_path / "in.txt"), "-f", form, "--evidence", evidence, *index)
        assert said.exit_code == 0
        assert [word for word in IDENTITIES if word in said.stdout] == [], form
    page, out = tmp_path / "page.html", tmp_path / "out.jsonl"
    run("extract", str(tmp_path / "in.txt"), "--html", str(page), "--evidence", evidence, *index)
    done = run("batch", str(tmp_path / "in.jsonl"), "--out", str(out), "--workers", "1", "--evidence", evidence, *index)
    assert done.exit_code == 0
    assert "hypotonia" in out.read_text().lower()
    for path in (page, out):
        assert [word for word in IDENTITIES if word in path.read_text()] == [], path.name


@pytest.fixture
def run() -> Callable[..., Any]:
    from typer.testing import CliRunner

    from phenoextract.cli import app

    return lambda *arguments: CliRunner().invoke(app, arguments)
