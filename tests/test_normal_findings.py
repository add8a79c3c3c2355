"""Normal statements of examination forms: what they deny, and where they deny nothing."""

from __future__ import annotations

import pytest

import phenoextract
from phenoextract.index import index_path, load_index
from phenoextract.normal_findings import NormalFindings
from phenoextract.ontology import Ontology, Synonym, Term
from phenoextract.rules import load_rules
from phenoextract.text import tokenise
from phenoextract.types import Candidate, Method, Scope, Status

ROOT = "HP:0000118"
NAMES = {
    "HP:0000157": "Abnormality of the tongue",
    "HP:0030809": "Abnormal tongue morphology",
    "HP:0000159": "Abnormal lip morphology",
    "HP:0000174": "Abnormal palate morphology",
    "HP:0000422": "Abnormal nasal bridge morphology",
    "HP:0000324": "Facial asymmetry",
    "HP:0000240": "Abnormality of skull size",
    "HP:0005107": "Abnormal sacrum morphology",
    "HP:0001324": "Muscle weakness",
    "HP:0033747": "Abnormal exteroceptive sensation",
    "HP:0010831": "Impaired proprioception",
    "HP:0010830": "Impaired tactile sensation",
    "HP:0000465": "Webbed neck",
    "HP:0000366": "Abnormality of the nose",
    "HP:0040057": "Abnormal nasal hair morphology",
}
SYNONYMS = {
    "HP:0000324": (Synonym("Asymmetry of face", Scope.EXACT),),
    "HP:0000465": (Synonym("Neck webbing", Scope.EXACT),),
}
ONTOLOGY = Ontology(
    "test",
    {
        ROOT: Term(ROOT, "Phenotypic abnormality", "", (), ()),
        "HP:0000005": Term("HP:0000005", "Abnormality of the inheritance", "", (), ()),
        **{name: Term(name, label, "", SYNONYMS.get(name, ()), (ROOT,)) for name, label in NAMES.items()},
    },
    {},
    (),
)


def link(text: str) -> tuple[Candidate, ...]:
    """Stand for the recogniser, which knows a webbed neck only by both words."""
    known = text.lower() == "neck webbing"
    return (Candidate("HP:0000465", "Webbed neck", 0.96, Method.SYNONYM, "Neck webbing"),) if known else ()


def denied(text: str) -> list[tuple[str, str]]:
    """Give the words and the term of each statement."""
    mentions = NormalFindings(ONTOLOGY, link)(text, tokenise(text))
    return [(" ".join(text[s.start : s.end] for s in m.spans), m.candidates[0].label) for m in mentions]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MOUTH: Normal lips.", [("Normal lips", "Abnormal lip morphology")]),
        ("HEAD: round. Nose: normal.", [("Nose: normal", "Abnormality of the nose")]),
        (
            "MOUTH: normal lips and tongue; high palate",
            [("normal lips", "Abnormal lip morphology"), ("normal tongue", "Abnormality of the tongue")],
        ),
        ("MOUTH: thin lips, palate intact", [("palate intact", "Abnormal palate morphology")]),
        ("MOUTH: Lips appear grossly normal.", [("Lips normal", "Abnormal lip morphology")]),
        ("NOSE: normal bridge, bulbous tip", [("normal bridge", "Abnormal nasal bridge morphology")]),
        ("HEAD: normal size", [("normal size", "Abnormality of skull size")]),
        ("HEAD: Normocephalic.", [("Normocephalic", "Abnormality of skull size")]),
        ("NEUROLOGIC: Face symmetric.", [("Face symmetric", "Facial asymmetry")]),
        (
            "NEUROLOGIC: Normal position and touch sensation.",
            [("Normal position", "Impaired proprioception"), ("Normal touch sensation", "Impaired tactile sensation")],
        ),
        ("SPINE: No sacral anomalies.", [("sacral anomalies", "Abnormal sacrum morphology")]),
        ("NECK: no webbing", [("webbing", "Webbed neck")]),
        ("NEUROLOGIC: strength 5/5", [("strength 5/5", "Muscle weakness")]),
    ],
)
def test_a_normal_part_on_a_form_is_a_denied_abnormality(text: str, expected: list[tuple[str, str]]) -> None:
    assert denied(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "She has normal lips and her palate is intact.",  # prose
        "Plan: normal lips",  # no part of the body
        "MOUTH: not normal lips",
        "MOUTH: Normal variant",
        "MOUTH: normal except lips",
        "MOUTH: lips at the lower limit of normal",
        "MOUTH: protruding tongue, normal teething",
        "NECK: webbing",
        "SPINE: sacral anomalies",
        "GENERAL: inheritance normal",  # not a phenotype
        "",
    ],
)
def test_what_denies_nothing(text: str) -> None:
    assert denied(text) == []


def test_a_statement_is_absent_and_needs_review_and_a_completed_finding_is_left_to_its_cues() -> None:
    (statement,) = NormalFindings(ONTOLOGY, link)("MOUTH: normal lips", tokenise("MOUTH: normal lips"))
    assert statement.status is Status.ABSENT
    assert statement.review is not None
    (completed,) = NormalFindings(ONTOLOGY, link)("NECK: no webbing", tokenise("NECK: no webbing"))
    assert completed.status is None


@pytest.mark.artefacts
def test_every_id_of_the_rules_is_a_current_phenotype() -> None:
    ontology = load_index(index_path()).ontology
    rules = load_rules("normal_findings")
    ids = {*rules["parts"].values(), *rules["statements"].values()}
    assert {hpo_id for hpo_id in ids if not ontology.is_phenotype(hpo_id)} == set()


@pytest.mark.artefacts
def test_a_form_is_coded_and_a_letter_is_not(real_extractor: phenoextract.Extractor) -> None:
    form = "MOUTH: Thin upper lip. Normal tongue, palate intact."
    absent = {f.label: f.needs_review for f in real_extractor(form).features if f.status is Status.ABSENT}
    assert absent == {"Abnormality of the tongue": True, "Abnormal palate morphology": True}
    letter = f"Dear Doctor,\n\nExamination:\n{form}\n\nYours sincerely\n"
    assert [f.label for f in real_extractor(letter).features if f.status is Status.ABSENT] == []
