"""Which of the names that share a phrase's words is meant."""

from __future__ import annotations

import pytest

from phenoextract.index import Index, Name
from phenoextract.link import MAX_CANDIDATES, Manner, rank
from phenoextract.types import Candidate, Method, Scope

ATAXIA, HYPOTONIA, SEIZURE = "HP:0001251", "HP:0001252", "HP:0001250"


def name(text: str, hpo_id: str = ATAXIA, scope: Scope = Scope.EXACT, method: Method = Method.SYNONYM) -> Name:
    return Name(text, hpo_id, scope, method)


def choose(
    index: Index, names: list[Name], phrase: str, *, far: tuple[Name, ...] = (), **manner: bool
) -> tuple[Candidate, ...]:
    return rank(names, phrase.split(), Manner(**manner), index.ontology, far)


@pytest.mark.parametrize("scope", [Scope.NARROW, Scope.RELATED, Scope.BROAD])
def test_exact_name_goes_before_a_looser_one(toy_index: Index, scope: Scope) -> None:
    exact, looser = name("low tone", HYPOTONIA), name("low tone", ATAXIA, scope, Method.LABEL)
    found = choose(toy_index, [looser, exact], "low tone")
    assert [candidate.hpo_id for candidate in found] == [HYPOTONIA, ATAXIA]
    assert found[0].score > found[1].score


def test_label_goes_before_a_synonym(toy_index: Index) -> None:
    label = name("low tone", HYPOTONIA, method=Method.LABEL)
    found = choose(toy_index, [name("low tone", ATAXIA), label], "low tone")
    assert [candidate.hpo_id for candidate in found] == [HYPOTONIA, ATAXIA]


def test_same_spelling_goes_before_a_derived_one(toy_index: Index) -> None:
    found = choose(toy_index, [name("hypotonia of limb"), name("hypotonic limb", SEIZURE)], "hypotonic limb")
    assert [candidate.hpo_id for candidate in found] == [SEIZURE, ATAXIA]
    assert [candidate.method for candidate in found] == [Method.SYNONYM, Method.VARIANT]


def test_written_order_goes_before_another(toy_index: Index) -> None:
    found = choose(toy_index, [name("limb left"), name("left limb", SEIZURE)], "left limb")
    assert [candidate.hpo_id for candidate in found] == [SEIZURE, ATAXIA]


def test_of_two_equals_the_general_term_goes_first(toy_index: Index) -> None:
    special, general = name("stiff walk", "HP:0002497"), name("stiff walk", "HP:0001257")
    found = choose(toy_index, [special, general], "stiff walk")
    assert [candidate.hpo_id for candidate in found] == ["HP:0001257", "HP:0002497"]


def test_term_is_a_candidate_once_by_its_best_name(toy_index: Index) -> None:
    names = [name("low tone", scope=Scope.RELATED), name("low tone", method=Method.LABEL)]
    (found,) = choose(toy_index, names, "low tone")
    assert (found.method, found.scope, found.label) == (Method.LABEL, Scope.EXACT, "Ataxia")


def test_candidates_are_few(toy_index: Index) -> None:
    names = [name("low tone", term.id) for term in toy_index.ontology if toy_index.ontology.is_phenotype(term.id)]
    assert len(choose(toy_index, names, "low tone")) == MAX_CANDIDATES


def test_other_order_is_refused_where_order_counts(toy_index: Index) -> None:
    assert choose(toy_index, [name("left limb")], "limb left")
    assert choose(toy_index, [name("left limb")], "limb left", keep_order=True) == ()
    assert choose(toy_index, [name("no limb left")], "left limb no") == ()


def test_equivalent_words_stand_where_those_of_the_name_do(toy_index: Index) -> None:
    names = [name("broad, upturned nose")]
    assert choose(toy_index, names, "wide upturned nose", loose=True, joined=True, keep_order=True)
    assert not choose(toy_index, names, "upturned nose wide", loose=True, joined=True, keep_order=True)


def test_name_runs_across_and_only_with_its_own(toy_index: Index) -> None:
    names = [name("Nausea and vomiting", SEIZURE), name("nausea vomiting")]
    (found,) = choose(toy_index, names, "nausea vomiting", keep_order=True, joined=True)
    assert found.hpo_id == SEIZURE
    assert choose(toy_index, names, "vomiting nausea", keep_order=True, joined=True) == ()
    assert choose(toy_index, [name("narrow, high palate")], "high narrow palate", keep_order=True, joined=True)


@pytest.mark.parametrize(("written", "coded"), [("VSD", True), ("VSDs", True), ("vsd", False), ("Vsd", False)])
def test_abbreviation_needs_its_case(toy_index: Index, written: str, coded: bool) -> None:
    assert bool(choose(toy_index, [name("VSD", method=Method.ABBREVIATION)], written)) is coded


def test_far_context_counts_less_and_only_for_one_reading(toy_index: Index) -> None:
    gated, other = name("wobbly"), name("wobbly", HYPOTONIA)
    (near,) = choose(toy_index, [gated], "wobbly")
    (far,) = choose(toy_index, [gated], "wobbly", far=(gated,))
    assert far.score < near.score
    assert choose(toy_index, [gated, other], "wobbly", far=(gated, other)) == ()
    assert [found.hpo_id for found in choose(toy_index, [gated, other], "wobbly", far=(gated,))] == [HYPOTONIA]


@pytest.mark.parametrize(
    ("own", "written", "coded"),
    [("ataxia", "ataxic", True), ("neutrophilia", "neutrophil", False), ("aspiration", "aspirated", False)],
)
def test_single_word_is_derived_with_care(toy_index: Index, own: str, written: str, coded: bool) -> None:
    assert bool(choose(toy_index, [name(own)], written)) is coded


def test_misspelt_phrase_scores_less(toy_index: Index) -> None:
    (right,) = choose(toy_index, [name("ataxia")], "ataxia")
    (wrong,) = choose(toy_index, [name("ataxia")], "ataxia", fuzzy=True)
    assert wrong.method is Method.FUZZY
    assert wrong.score < right.score
