"""Every figure of the toy corpus in conftest.py, against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from phenoextract.ontology import Ontology
from phenoextract_eval.figures import (
    NOTHING,
    assertion_figures,
    document_figures,
    linking_figures,
    mention_figures,
    status_confusion,
    trap_figures,
)
from phenoextract_eval.gold import GoldDocument, GoldTerm
from phenoextract_eval.metrics import Counts, macro_f1, total
from phenoextract_eval.protocols import PUBLISHED, Protocol
from phenoextract_eval.systems import Coded, System

STANDARD = Protocol()
Answers = dict[str, Coded]


def counts(values: Sequence[Counts]) -> list[tuple[float, float, float, float]]:
    return [(c.found, c.gold, c.correct, c.predicted) for c in values]


# Present, ids per document.
#   a  gold seizure, hypotonia            coded tonic-clonic, hypotonia, microcephaly
#   b  gold microcephaly (or head)        coded head, seizure; hypotonia is optional and counts neither way
#   c  gold seizure                       coded nothing
#   d  gold nothing                       coded nothing
def test_present_strict(gold: list[GoldDocument], answers: Answers, toy: Ontology) -> None:
    found = document_figures(gold, answers, toy, STANDARD)["document.present.strict"]
    assert counts(found) == [(1, 2, 1, 3), (0, 1, 0, 2), (0, 1, 0, 0), (0, 0, 0, 0)]
    pooled = total(found)
    assert (pooled.precision, pooled.recall, pooled.f1) == pytest.approx((1 / 5, 1 / 4, 2 / 9))
    # F1 of a is 2 * 1/3 * 1/2 / (5/6) = 0.4, of b and c 0, of the empty document 1
    assert macro_f1(found) == pytest.approx(1.4 / 4)


def test_present_lenient(gold: list[GoldDocument], answers: Answers, toy: Ontology) -> None:
    found = document_figures(gold, answers, toy, STANDARD)["document.present.lenient"]
    assert counts(found) == [(1, 2, 1, 3), (1, 1, 1, 2), (0, 1, 0, 0), (0, 0, 0, 0)]
    assert total(found).f1 == pytest.approx(2 * 0.4 * 0.5 / 0.9)


def test_present_kin(gold: list[GoldDocument], answers: Answers, toy: Ontology) -> None:
    # tonic-clonic is below seizure, head above microcephaly; seizure in b has no kin in the gold
    found = document_figures(gold, answers, toy, STANDARD)["document.present.kin"]
    assert counts(found) == [(2, 2, 2, 3), (1, 1, 1, 2), (0, 1, 0, 0), (0, 0, 0, 0)]
    assert total(found).f1 == pytest.approx(2 / 3)


def test_present_similarity(gold: list[GoldDocument], answers: Answers, toy: Ontology) -> None:
    def half(a: str, b: str) -> float:
        return 1.0 if a == b else 0.5

    found = document_figures(gold, answers, toy, STANDARD, half)["document.present.similarity"]
    # a: seizure 0.5, hypotonia 1 of 2; tonic-clonic 0.5, hypotonia 1, microcephaly 0.5 of 3
    assert counts(found) == [(1.5, 2, 2, 3), (0.5, 1, 1, 2), (0, 1, 0, 0), (0, 0, 0, 0)]


def test_absent_and_family(gold: list[GoldDocument], answers: Answers, toy: Ontology) -> None:
    figures = document_figures(gold, answers, toy, STANDARD)
    assert counts(figures["document.absent.strict"]) == [(0, 1, 0, 0), *[(0, 0, 0, 0)] * 3]
    assert macro_f1(figures["document.absent.strict"]) == 0.75
    assert counts(figures["document.family.strict"]) == [(1, 1, 1, 1), *[(0, 0, 0, 0)] * 3]
    assert "document.uncertain.strict" not in figures


# Places: six gold mentions that are not optional, six coded ones that do not touch only the optional one.
@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("strict", 1),  # macrocephaly; hypotonia is one letter short, the rest have another id or status
        ("exact", 4),  # seizures, microcephaly, macrocephaly, small head
        ("overlap", 2),  # hypotonia, macrocephaly
        ("detection", 5),  # all but "Fits"
        ("strict.lenient", 2),  # and small head
        ("overlap.lenient", 3),
    ],
)
def test_mentions(name: str, same: int, gold: list[GoldDocument], answers: Answers, toy: Ontology) -> None:
    found = total(mention_figures(gold, answers, toy, STANDARD)[f"mention.{name}"])
    assert found == Counts(same, 6, same, 6)


def test_traps(gold: list[GoldDocument], answers: Answers) -> None:
    assert counts(trap_figures(gold, answers)["traps.coded"]) == [(0, 0, 0, 0), (1, 1, 1, 1), *[(0, 0, 0, 0)] * 2]


def test_status_confusion(gold: list[GoldDocument], answers: Answers, toy: Ontology) -> None:
    assert status_confusion(gold, answers, toy, STANDARD) == {
        ("present", "present"): 1,  # hypotonia
        ("absent", "present"): 1,  # microcephaly
        ("family", "family"): 1,
        ("present", NOTHING): 3,  # seizures, small head, fits
        (NOTHING, "present"): 3,  # tonic-clonic, head, the surname
    }


def test_assertion_given_the_span(gold: list[GoldDocument], system: System) -> None:
    figures, confusion = assertion_figures(gold, system)
    assert total(figures["assertion.present"]) == Counts(4, 4, 4, 5)
    assert total(figures["assertion.absent"]) == Counts(0, 1, 0, 0)
    assert total(figures["assertion.family"]) == Counts(1, 1, 1, 1)
    assert total(figures["assertion.accuracy"]).f1 == pytest.approx(5 / 6)
    assert confusion == {("present", "present"): 4, ("absent", "present"): 1, ("family", "family"): 1}


def test_linking_given_the_span(gold: list[GoldDocument], system: System, toy: Ontology) -> None:
    figures = linking_figures(gold, system, toy, STANDARD)
    assert total(figures["linking.top1"]).recall == pytest.approx(2 / 6)
    assert total(figures["linking.top5"]).recall == pytest.approx(4 / 6)


def test_ignoring_status_takes_all_ids_as_present(gold: list[GoldDocument], answers: Answers, toy: Ontology) -> None:
    figures = document_figures(gold, answers, toy, PUBLISHED["phenobert"])
    assert list(figures) == [f"document.present.{way}" for way in ("strict", "lenient", "kin")]
    assert counts(figures["document.present.strict"])[0] == (3, 4, 3, 4)


def test_ids_outside_phenotypic_abnormality_count_only_on_demand(toy: Ontology) -> None:
    gold = [GoldDocument("a", "dominant", terms=(GoldTerm("HP:0000006"),))]
    answers = {"a": Coded("a")}
    assert counts(document_figures(gold, answers, toy, STANDARD)["document.present.strict"]) == [(0, 0, 0, 0)]
    every = document_figures(gold, answers, toy, PUBLISHED["all-terms"])
    assert counts(every["document.present.strict"]) == [(0, 1, 0, 0)]
