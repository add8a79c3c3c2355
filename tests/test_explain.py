"""What became of any stretch of a letter, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import phenoextract
from phenoextract.cli import app
from phenoextract.errors import ConfigError
from phenoextract.explain import Explanation, Outcome, explain, find_words, to_dict

LETTER = """Cleft Clinic
Ref: 12

Dear Doctor,

Thank you for seeing him with global developmental delay and squinty eye of both. No fits. He is wobbly in class.
He has a happy zebra. Dr Ptosis saw gdd. Scoliosis clinic.

Yours sincerely
"""


def told(extractor: phenoextract.Extractor, words: str, text: str = LETTER) -> Explanation:
    start, end = next(find_words(words, text))
    return explain(extractor, text, extractor(text), start, end)


@pytest.mark.parametrize(
    ("words", "outcome", "reason"),
    [
        ("global developmental delay", Outcome.CODED, "proposed as Global developmental delay (HP:0001263): the HPO's"),
        ("fits", Outcome.CODED, "how UK clinicians write it, “fits”; denied by “No”"),
        ("developmental", Outcome.PART, "part of a longer phrase: “global developmental delay” is proposed"),
        ("Scoliosis", Outcome.NOT_CODED, "is not coded: plan, treatment or test, not a finding"),
        ("wobbly", Outcome.AMBIGUOUS, "only with one of these words near: walk, walks, walking, gait"),
        ("gdd", Outcome.NOT_HERE, "an abbreviation counts only as it is usually written, “GDD”"),
        ("Ptosis", Outcome.NOT_HERE, "in a person's name"),
        ("Cleft Clinic", Outcome.LEFT_OUT, "nothing is coded in this part of the letter: address, name"),
        ("happy zebra", Outcome.UNKNOWN, "no name of a term says this"),
        ("of", Outcome.NO_WORDS, "numbers, marks or words such as “of”"),
    ],
)
def test_explain_every_outcome_is_told(
    toy_extractor: phenoextract.Extractor, words: str, outcome: Outcome, reason: str
) -> None:
    found = told(toy_extractor, words)
    assert (found.outcome, reason in found.reason) == (outcome, True), found.reason
    assert LETTER[found.start : found.end] == words
    assert words not in repr(found)


@pytest.mark.parametrize("words", ["fit", "fit and well", "otherwise fit"])
def test_explain_tells_an_idiom(toy_extractor: phenoextract.Extractor, words: str) -> None:
    found = told(toy_extractor, words, "She is otherwise fit and well.")
    assert found.outcome is Outcome.NOT_HERE
    assert "means something else than the name in it" in found.reason


@pytest.mark.artefacts
def test_explain_tells_what_is_alike_but_not_enough(real_extractor: phenoextract.Extractor) -> None:
    found = told(real_extractor, "struggling with reading", "School report struggling with reading and number work.")
    assert found.outcome is Outcome.ALIKE
    assert "most like it in meaning is “reading disorder”" in found.reason
    assert found.nearest[0].label == "Dyslexia"
    assert 0.6 <= found.nearest[0].score < 0.88
    assert sorted(found.nearest, key=lambda one: -one.score) == list(found.nearest)


def test_explain_widens_to_whole_words(toy_extractor: phenoextract.Extractor) -> None:
    start = LETTER.index("quinty ey")
    found = explain(toy_extractor, LETTER, toy_extractor(LETTER), start, start + len("quinty ey"))
    assert (LETTER[found.start : found.end], found.outcome) == ("squinty eye", Outcome.CODED)


def test_explain_tells_of_all_that_is_inside(toy_extractor: phenoextract.Extractor) -> None:
    found = told(toy_extractor, "delay and squinty eye of both. No fits")
    assert found.outcome is Outcome.CODED
    assert found.reason.count("is proposed as") == 2


@pytest.mark.parametrize(("start", "end"), [(0, 0), (-1, 3), (5, 4), (0, len(LETTER) + 1)])
def test_explain_refuses_what_is_no_stretch(toy_extractor: phenoextract.Extractor, start: int, end: int) -> None:
    with pytest.raises(ConfigError, match="empty or lies outside"):
        explain(toy_extractor, LETTER, toy_extractor(LETTER), start, end)


@given(data=st.data())
def test_explain_answers_for_any_stretch_of_any_text(
    toy_extractor: phenoextract.Extractor, data: st.DataObject
) -> None:
    text = data.draw(st.text(min_size=1) | st.lists(st.sampled_from([*LETTER.split(), "\n", "?"])).map(" ".join))
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    report = toy_extractor(text)
    found = explain(toy_extractor, text, report, start, end)
    assert found.start <= start < end <= found.end
    touched = any(span.start < end and span.end > start for one in report.annotations for span in one.spans)
    assert bool(found.annotations) >= touched
    json.dumps(to_dict(found, report))


def test_explain_finds_words_whatever_their_case_and_space() -> None:
    text = "No  FITS.\nprofits, fits"
    assert [text[start:end] for start, end in find_words("fits", text)] == ["FITS", "fits"]
    assert list(find_words("no fits", text)) == [(0, 8)]
    assert list(find_words(" ", text)) == []


def test_why_command_tells_each_place(
    toy_extractor: phenoextract.Extractor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("phenoextract.pipeline.load", lambda index=None: toy_extractor)
    path = tmp_path / "letter.txt"
    path.write_text("No fits. Fits clinic.", "utf-8")
    plain = CliRunner().invoke(app, ["why", str(path), "fits"])
    assert plain.exit_code == 0
    assert "letter.txt, 3-7: coded\n  “fits” is proposed as Seizure (HP:0001250)" in plain.stdout
    assert "letter.txt, 9-13: recognised, but not coded" in plain.stdout
    lines = [
        json.loads(line) for line in CliRunner().invoke(app, ["why", str(path), "fits", "--json"]).stdout.splitlines()
    ]
    assert [line["outcome"] for line in lines] == ["coded", "recognised, but not coded"]
    assert lines[0]["annotations"][0]["hpo_id"] == "HP:0001250"
    missing = CliRunner().invoke(app, ["why", str(path), "Zebedee"])
    assert missing.exit_code == 2
    assert "not in the letter" in missing.stderr and "Zebedee" not in missing.output


def test_explain_outcomes_are_documented() -> None:
    page = (Path(__file__).parents[1] / "docs" / "report.md").read_text("utf-8")
    assert [outcome for outcome in Outcome if f"\n| {outcome} |" not in page] == []
