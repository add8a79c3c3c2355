"""Reasons in words for whatever can decide: a clerk reads them, so none may be left as a word of the program."""

from __future__ import annotations

import pytest

import phenoextract
from phenoextract.assertion import decide, is_letter
from phenoextract.reasons import review_reason, why_coded, why_not_coded
from phenoextract.sections import find_sections
from phenoextract.text import tokenise
from phenoextract.types import Annotation, Cue, Mention, Method, NotCoded, Report
from tests.test_assertion import CANDIDATE, CASES


@pytest.fixture
def annotation(report: Report) -> Annotation:
    return report.annotations[0]._replace(cues=())


@pytest.mark.parametrize("method", Method)
def test_reasons_every_method_has_words(annotation: Annotation, method: Method) -> None:
    told = why_coded(annotation._replace(method=method, synonym="the name"))
    assert "the name" in told
    assert told != why_coded(annotation._replace(method=Method.LABEL, synonym="the name")) or method is Method.LABEL
    assert "_" not in told and len(told.split()) >= 4


def test_reasons_every_kind_of_cue_has_words(annotation: Annotation) -> None:
    cues: dict[str, Cue] = {"measurement": Cue("measurement", 0, 1, "x")}
    for case in CASES:
        sections = find_sections(case.text)
        mentions = [Mention((span,), (CANDIDATE,)) for span, _ in case.spans]
        letter = is_letter(case.text, sections)
        for decided in decide(case.text, tokenise(case.text), sections, mentions, letter=letter):
            cues |= {cue.kind: cue for cue in decided.cues}
    assert len(cues) >= 9
    told = {kind: why_coded(annotation._replace(method=None, cues=(cue,))) for kind, cue in cues.items()}
    assert [kind for kind, words in told.items() if words.startswith(kind)] == []
    assert all(cues[kind].text in words for kind, words in told.items())


def test_reasons_of_a_cue_of_another_version_name_it(annotation: Annotation) -> None:
    assert why_coded(annotation._replace(method=None, cues=(Cue("omen", 0, 3, "owl"),))) == "omen “owl”"


@pytest.mark.parametrize("reason", NotCoded)
def test_reasons_every_reason_for_not_coding_has_words(annotation: Annotation, reason: NotCoded) -> None:
    told = why_not_coded(annotation._replace(not_coded=reason, cues=(Cue("plan", 0, 6, "clinic"),)))
    assert told == f"{reason.value}; a plan or service, by “clinic”"
    assert len(reason.value.split()) >= 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Cleft palate.", "the HPO's name, “Cleft palate”"),
        ("No fits.", "how UK clinicians write it, “fits”; denied by “No”"),
        ("GDD.", "an abbreviation, read as “GDD”"),
        ("Axial and appendicular hypotonia.", "shares words with its neighbours, read as “Axial hypotonia”"),
        ("Scoliossis.", "a misspelling, read as “Scoliosis”"),
        ("?Scoliosis.", "the HPO's name, “Scoliosis”; in doubt because of “?”"),
        ("His mother has ptosis.", "the HPO's name, “Ptosis”; said of a relative, “mother”"),
    ],
)
def test_reasons_of_a_letter(toy_extractor: phenoextract.Extractor, text: str, told: str) -> None:
    assert told in [why_coded(annotation) for annotation in toy_extractor(text).annotations]


def test_reasons_for_review(report: Report) -> None:
    doubtful = next(feature for feature in report.features if feature.needs_review)
    assert review_reason(report, doubtful) == "the abbreviation has two meanings"
    assert review_reason(report, doubtful._replace(needs_review=False)) == ""
