"""Annotations and features from mentions and assertions."""

from __future__ import annotations

from phenoextract.ontology import Ontology, Term
from phenoextract.report import annotate, features
from phenoextract.sections import find_sections
from phenoextract.types import Annotation, Assertion, Candidate, Mention, Method, NotCoded, Scope, Span, Status

ONTOLOGY = Ontology(
    "2000-01-01",
    {"HP:1": Term("HP:1", "Hypotonia", "", (), ()), "HP:2": Term("HP:2", "Severe short stature", "", (), ())},
    {},
    (),
)
PRESENT, ABSENT = Assertion(Status.PRESENT), Assertion(Status.ABSENT)


def annotated(text: str, *found: tuple[str, str, Assertion, Scope]) -> tuple[Annotation, ...]:
    mentions, assertions, place = [], [], 0
    for surface, hpo_id, assertion, scope in found:
        start = text.index(surface, place)
        place = start + len(surface)
        score = 0.98 if scope is Scope.EXACT else 0.6
        candidate = Candidate(hpo_id, ONTOLOGY.label(hpo_id), score, Method.LABEL, surface, scope)
        mentions.append(Mention((Span(start, place),), (candidate,)))
        assertions.append(assertion)
    return annotate(text, find_sections(text), mentions, assertions, ONTOLOGY, review_below=0.5)


def test_features_merge_the_evidence_of_a_term_and_status() -> None:
    text = "Hypotonia. Still hypotonia."
    notes = annotated(text, ("Hypotonia", "HP:1", PRESENT, Scope.EXACT), ("hypotonia", "HP:1", PRESENT, Scope.EXACT))
    (feature,) = features(text, notes, ONTOLOGY)
    assert (feature.hpo_id, feature.status, feature.evidence) == ("HP:1", Status.PRESENT, (0, 1))
    assert not feature.needs_review


def test_features_keep_a_contradiction_and_mark_both_sides() -> None:
    text = "Hypotonia. No hypotonia."
    notes = annotated(text, ("Hypotonia", "HP:1", PRESENT, Scope.EXACT), ("hypotonia", "HP:1", ABSENT, Scope.EXACT))
    found = features(text, notes, ONTOLOGY)
    assert {feature.status for feature in found} == {Status.PRESENT, Status.ABSENT}
    assert all(feature.needs_review for feature in found)


def test_features_are_secure_if_any_evidence_is() -> None:
    text = "floppy; hypotonia"
    notes = annotated(text, ("floppy", "HP:1", PRESENT, Scope.RELATED), ("hypotonia", "HP:1", PRESENT, Scope.EXACT))
    assert notes[0].review_reason == "the words are a related synonym"
    (feature,) = features(text, notes, ONTOLOGY)
    assert not feature.needs_review
    assert feature.confidence > notes[1].confidence > notes[0].confidence


def test_features_leave_out_what_is_not_coded() -> None:
    text = "if hypotonia"
    advice = Assertion(Status.UNCERTAIN, (), NotCoded.CONDITIONAL)
    notes = annotated(text, ("hypotonia", "HP:1", advice, Scope.EXACT))
    assert notes[0].not_coded is NotCoded.CONDITIONAL
    assert features(text, notes, ONTOLOGY) == ()


def test_features_give_the_severity_that_the_name_does_not() -> None:
    text = "Moderate hypotonia, severe short stature"
    found = features(
        text,
        annotated(
            text, ("hypotonia", "HP:1", PRESENT, Scope.EXACT), ("severe short stature", "HP:2", PRESENT, Scope.EXACT)
        ),
        ONTOLOGY,
    )
    assert [feature.severity for feature in found] == ["HP:0012826", None]


def test_annotations_that_are_uncertain_ask_for_review() -> None:
    (note,) = annotated("?hypotonia", ("hypotonia", "HP:1", Assertion(Status.UNCERTAIN), Scope.EXACT))
    assert note.needs_review
    assert note.review_reason == "the letter is not certain"
