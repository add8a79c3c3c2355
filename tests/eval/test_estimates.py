"""Intervals, comparisons, calibration, similarity and subgroups."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from phenoextract.ontology import Ontology
from phenoextract_eval.bootstrap import compare, scores
from phenoextract_eval.calibration import calibrate
from phenoextract_eval.gold import GoldDocument
from phenoextract_eval.metrics import Counts, macro_f1, total
from phenoextract_eval.similarity import information_content, lin
from phenoextract_eval.subgroups import subgroups

SEIZURE, TONIC_CLONIC, FOCAL, HYPOTONIA = "HP:0001250", "HP:0002069", "HP:0007359", "HP:0001252"


def some_counts(documents: int, chance: float, seed: int = 1) -> list[Counts]:
    generator = random.Random(seed)
    found = [sum(generator.random() < chance for _ in range(4)) for _ in range(documents)]
    return [Counts(n, 4, n, 4) for n in found]


def test_observed_values_are_those_of_the_metrics() -> None:
    counts = [*some_counts(30, 0.7), Counts(), Counts(0, 0, 0, 3)]
    estimate = scores({"x": counts})["x"]
    pooled = total(counts)
    assert estimate.precision.value == pytest.approx(pooled.precision)
    assert estimate.recall.value == pytest.approx(pooled.recall)
    assert estimate.f1.value == pytest.approx(pooled.f1)
    assert estimate.macro_f1.value == pytest.approx(macro_f1(counts))
    assert estimate.f1.low < estimate.f1.value < estimate.f1.high


def test_documents_all_alike_leave_no_doubt() -> None:
    estimate = scores({"x": [Counts(1, 2, 1, 2)] * 9})["x"]
    assert (estimate.f1.low, estimate.f1.value, estimate.f1.high) == (0.5, 0.5, 0.5)


def test_the_same_seed_gives_the_same_interval_and_more_documents_a_narrower_one() -> None:
    few, many = some_counts(20, 0.6), some_counts(500, 0.6)
    assert scores({"x": few}, seed=3) == scores({"x": few}, seed=3)
    assert scores({"x": few}, seed=3) != scores({"x": few}, seed=4)
    wide, narrow = (scores({"x": counts})["x"].f1 for counts in (few, many))
    assert narrow.high - narrow.low < (wide.high - wide.low) / 3


def test_the_interval_holds_the_true_rate_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(60):
        f1 = scores({"x": some_counts(60, 0.6, seed)}, samples=300, seed=seed)["x"].f1
        hits += f1.low <= 0.6 <= f1.high
    assert hits >= 51  # 57 of 60 expected


def test_a_system_does_not_differ_from_itself_and_differs_from_a_worse_one() -> None:
    ours, worse = some_counts(100, 0.8), some_counts(100, 0.5, seed=2)
    same = compare(ours, ours)
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)
    better = compare(ours, worse)
    assert better.value == pytest.approx(total(ours).f1 - total(worse).f1)
    assert better.low > 0 and better.p < 0.01
    assert compare(worse, ours).value == pytest.approx(-better.value)


def test_calibration_by_hand() -> None:
    found = calibrate([(0.9, False), (0.8, True), (0.6, False), (0.7, True), (0.4, False)])
    assert found is not None
    assert [(round(b.low, 1), b.count, b.precision) for b in found.bins] == [
        (0.4, 1, 0),
        (0.6, 1, 0),
        (0.7, 1, 1),
        (0.8, 1, 1),
        (0.9, 1, 0),
    ]
    assert found.error == pytest.approx((0.9 + 0.2 + 0.6 + 0.3 + 0.4) / 5)
    assert found.precision_at_coverage == ((0.25, 0), (0.5, 0.5), (0.75, 0.5), (0.9, 0.5), (1.0, 0.4))


def test_confidence_one_falls_in_the_last_band_and_no_proposals_give_nothing() -> None:
    found = calibrate([(1.0, True), (1.0, True)])
    assert found is not None and found.error == 0 and found.bins[0].count == 2
    assert calibrate([]) is None


def test_similarity_by_hand(toy: Ontology, tmp_path: Path) -> None:
    rows = [("d1", TONIC_CLONIC), ("d2", FOCAL), ("d3", HYPOTONIA), ("d4", "HP:0000252")]
    lines = ["#comment", "database_id\tname\tqualifier\thpo_id"]
    lines += [f"{disease}\tname\t\t{hpo_id}\tmore" for disease, hpo_id in rows]
    lines += [f"d9\tname\tNOT\t{SEIZURE}\tmore"]
    path = tmp_path / "phenotype.hpoa"
    path.write_text("\n".join(lines) + "\n")
    content = information_content(toy, path)
    assert content[SEIZURE] == pytest.approx(math.log(4 / 2))
    assert content["HP:0000256"] == content[TONIC_CLONIC] == pytest.approx(math.log(4))
    similarity = lin(toy, content)
    assert similarity(TONIC_CLONIC, FOCAL) == pytest.approx(2 * math.log(2) / (2 * math.log(4)))
    assert similarity(SEIZURE, TONIC_CLONIC) == similarity(TONIC_CLONIC, SEIZURE) == pytest.approx(2 / 3)
    assert similarity(TONIC_CLONIC, HYPOTONIA) == pytest.approx(math.log(4 / 3) / math.log(4))
    assert similarity(TONIC_CLONIC, "HP:0000252") == 0
    assert similarity(SEIZURE, SEIZURE) == 1


def test_subgroups_split_by_columns_and_band_ages() -> None:
    metadata = [{"age_years": "0.5"}, {"age_years": "4"}, {"age_years": "70"}, {}]
    documents = [GoldDocument(str(i), "x", metadata=m) for i, m in enumerate(metadata)]
    counts = [Counts(1, 1, 1, 1), Counts(0, 1, 0, 1), Counts(1, 1, 1, 1), Counts(1, 1, 1, 1)]
    found = list(subgroups(documents, "f", counts, samples=100, seed=0))
    assert [(g.value, g.documents, g.scores.f1.value) for g in found] == [
        ("1 to 4", 1, 0),
        ("65 and over", 1, 1),
        ("not stated", 1, 1),
        ("under 1", 1, 1),
    ]


def test_a_column_with_one_value_or_with_too_many_makes_no_subgroups() -> None:
    documents = [GoldDocument(str(i), "x", metadata={"same": "a", "name": str(i)}) for i in range(30)]
    assert list(subgroups(documents, "f", [Counts()] * 30, samples=100, seed=0)) == []
