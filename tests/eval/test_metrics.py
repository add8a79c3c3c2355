from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoextract.ontology import Ontology
from phenoextract.types import Span, Status
from phenoextract_eval.figures import document_figures, mention_figures
from phenoextract_eval.gold import GoldDocument, GoldMention
from phenoextract_eval.matching import RULES, Marked, pairs
from phenoextract_eval.metrics import Counts, lenient_counts, macro_f1, rate, total
from phenoextract_eval.protocols import Protocol
from phenoextract_eval.systems import Coded, CodedMention, coded_from_mentions

IDS = ("HP:0001250", "HP:0002069", "HP:0007359", "HP:0001252", "HP:0000252", "HP:0000152")

places = st.tuples(st.integers(0, 40), st.integers(1, 9)).map(lambda place: Span(place[0], place[0] + place[1]))
marks = st.lists(st.tuples(places, st.sampled_from(IDS)), max_size=6, unique=True)
corpora = st.lists(st.tuples(marks, marks), min_size=1, max_size=4)
Marks = Sequence[tuple[Span, str]]


def as_gold(number: int, found: Marks) -> GoldDocument:
    mentions = tuple(GoldMention((span,), hpo_id, Status.PRESENT) for span, hpo_id in found)
    return GoldDocument(str(number), "x" * 50, mentions)


def as_answer(number: int, found: Marks) -> Coded:
    return coded_from_mentions(str(number), [CodedMention((span,), hpo_id) for span, hpo_id in found])


def figures(gold: Sequence[Marks], coded: Sequence[Marks], ontology: Ontology) -> dict[str, list[Counts]]:
    documents = [as_gold(number, found) for number, found in enumerate(gold)]
    answers = {str(number): as_answer(number, found) for number, found in enumerate(coded)}
    protocol = Protocol()
    return document_figures(documents, answers, ontology, protocol, lambda a, b: float(a == b)) | mention_figures(
        documents, answers, ontology, protocol
    )


@given(corpora)
def test_gold_against_itself_scores_one(toy: Ontology, corpus: list[tuple[Marks, Marks]]) -> None:
    gold = [found for found, _ in corpus]
    for name, counts in figures(gold, gold, toy).items():
        pooled = total(counts)
        assert (pooled.precision, pooled.recall, pooled.f1, macro_f1(counts)) == (1, 1, 1, 1), name


@given(corpora)
def test_swapping_gold_and_prediction_swaps_precision_and_recall(
    toy: Ontology, corpus: list[tuple[Marks, Marks]]
) -> None:
    one = figures([a for a, _ in corpus], [b for _, b in corpus], toy)
    other = figures([b for _, b in corpus], [a for a, _ in corpus], toy)
    for name in one.keys() & other.keys():
        assert one[name] == [counts.swapped() for counts in other[name]], name
        assert total(one[name]).precision == total(other[name]).recall
        assert total(one[name]).f1 == pytest.approx(total(other[name]).f1)


@given(marks, marks, st.randoms())
def test_the_order_of_mentions_changes_no_count(gold: Marks, coded: Marks, chance: object) -> None:
    a = [Marked((span,), frozenset({hpo_id})) for span, hpo_id in gold]
    b = [Marked((span,), frozenset({hpo_id})) for span, hpo_id in coded]
    for rule in RULES.values():
        assert len(pairs(a, b, rule)) == len(pairs(a[::-1], b[::-1], rule)) == len(pairs(b, a, rule))


def test_matching_is_largest_not_first_come() -> None:
    wide, left, right = Span(0, 10), Span(0, 4), Span(5, 10)
    gold = [Marked((wide,), frozenset()), Marked((left,), frozenset())]
    coded = [Marked((left,), frozenset()), Marked((right,), frozenset())]
    assert pairs(gold, coded, RULES["detection"]) == [(0, 1), (1, 0)]


def test_half_open_spans_that_touch_do_not_overlap() -> None:
    a, b = (Marked((span,), frozenset()) for span in (Span(0, 4), Span(4, 8)))
    assert pairs([a], [b], RULES["detection"]) == []


def test_discontinuous_mentions_overlap_by_their_pieces_only() -> None:
    split = Marked((Span(0, 3), Span(10, 13)), frozenset())
    between, touching = Marked((Span(4, 9),), frozenset()), Marked((Span(12, 20),), frozenset())
    assert pairs([split], [between], RULES["detection"]) == []
    assert pairs([split], [touching], RULES["detection"]) == [(0, 0)]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(0, 0, 0, 0), (1, 1, 1)),  # nothing to find, nothing proposed: right
        (Counts(0, 2, 0, 0), (0, 0, 0)),  # everything missed
        (Counts(0, 0, 0, 2), (0, 0, 0)),  # everything invented
        (Counts(1, 2, 1, 4), (0.25, 0.5, 1 / 3)),
    ],
)
def test_empty_documents(counts: Counts, expected: tuple[float, float, float]) -> None:
    assert (counts.precision, counts.recall, counts.f1) == pytest.approx(expected)


def test_an_empty_document_adds_nothing_to_a_micro_average_and_one_to_a_macro_average() -> None:
    counts = [Counts(1, 2, 1, 4), Counts()]
    assert total(counts) == Counts(1, 2, 1, 4)
    assert macro_f1(counts) == pytest.approx((1 / 3 + 1) / 2)
    assert macro_f1([]) == 0


def test_lenient_counts_take_an_acceptable_id_and_pass_over_a_neutral_one() -> None:
    gold = {"a": frozenset({"a2", "a3"}), "b": frozenset[str]()}
    assert lenient_counts(gold, {"a2", "a3"}) == Counts(1, 2, 2, 2)
    assert lenient_counts(gold, {"a", "n"}, {"n"}) == Counts(1, 2, 1, 1)
    assert lenient_counts(gold, {"b"}, {"b"}) == Counts(1, 2, 1, 1)  # neutral elsewhere, wanted here


def test_rate_and_adding() -> None:
    assert rate(1, 4).f1 == 0.25
    assert Counts(1, 2, 3, 4) + Counts(1, 1, 1, 1) == Counts(2, 3, 4, 5)
    assert dataclasses.astuple(Counts(1, 2, 3, 4).swapped()) == (3, 4, 1, 2)
