from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phenoextract
from phenoextract.index import Index
from phenoextract.term_search import TermSearch


@pytest.fixture(scope="module")
def toy_search(toy_index: Index) -> TermSearch:
    return TermSearch(toy_index.ontology, toy_index.names)


@pytest.fixture(scope="module")
def real_search(real_extractor: phenoextract.Extractor) -> TermSearch:
    return TermSearch(real_extractor.ontology, real_extractor.names)


def test_term_search_finds_every_name_of_every_phenotype(toy_search: TermSearch, toy_index: Index) -> None:
    phenotypes = [term for term in toy_index.ontology if toy_index.ontology.is_phenotype(term.id)]
    assert len(phenotypes) > 20
    for term in phenotypes:
        for name in (term.label, *(synonym.text for synonym in term.synonyms)):
            assert term.id in [found.hpo_id for found in toy_search(name, limit=100)], name
            assert term.id in [found.hpo_id for found in toy_search(name[:-1], limit=100)], name


def test_term_search_gives_the_same_words_first(toy_search: TermSearch) -> None:
    first, *others = toy_search("microcephaly")
    assert (first.label, first.name, first.corrected) == ("Microcephaly", "Microcephaly", False)
    assert all(found.hpo_id != first.hpo_id for found in others)


def test_term_search_tells_a_lay_word(toy_search: TermSearch) -> None:
    (found,) = (found for found in toy_search("small hea") if found.name == "Small head")
    assert found.lay


def test_term_search_migrates_an_obsolete_id_and_says_so(toy_search: TermSearch, toy_index: Index) -> None:
    old, new = next(iter(toy_index.ontology.replaced.items()))
    (found,) = toy_search(old)
    assert (found.hpo_id, found.obsolete_id) == (new, old)
    (current,) = toy_search(new.lower())
    assert (current.hpo_id, current.obsolete_id) == (new, None)


def test_term_search_finds_the_beginning_of_an_id(toy_search: TermSearch) -> None:
    found = [one.hpo_id for one in toy_search("HP:0000", limit=5)]
    assert len(found) == 5
    assert all(hpo_id.startswith("HP:0000") for hpo_id in found)


def test_term_search_keeps_modes_of_inheritance_out(toy_search: TermSearch, toy_index: Index) -> None:
    others = [term for term in toy_index.ontology if not toy_index.ontology.is_phenotype(term.id)]
    assert others
    for term in others:
        assert term.id not in [found.hpo_id for found in toy_search(term.label, limit=100)]


@given(st.text(max_size=30), st.integers(1, 20))
def test_term_search_takes_any_text(toy_search: TermSearch, query: str, limit: int) -> None:
    found = toy_search(query, limit)
    assert len({one.hpo_id for one in found}) == len(found) <= limit


@pytest.mark.artefacts
@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("fits", "Seizure"),
        ("wobbly ey", "Nystagmus"),
        ("squint", "Strabismus"),
        ("squnt", "Strabismus"),
        ("siezure", "Seizure"),
        ("hydrocefal", "Hydrocephalus"),
        ("oesophageal atres", "Esophageal atresia"),
        ("diarhoea", "Diarrhea"),
        ("stature short", "Short stature"),
        ("café au lait", "Cafe-au-lait spot"),
        ("1250", "Seizure"),
        ("hp:0001250", "Seizure"),
        ("developmental dealy", "Global developmental delay"),
    ],
)
def test_term_search_puts_what_is_meant_first(real_search: TermSearch, typed: str, label: str) -> None:
    assert real_search(typed)[0].label == label


@pytest.mark.artefacts
def test_term_search_offers_both_meanings_of_an_abbreviation(real_search: TermSearch) -> None:
    assert {"Autistic behavior", "Atrial septal defect"} <= {found.label for found in real_search("ASD")}


@pytest.mark.artefacts
def test_term_search_answers_within_50_ms(real_search: TermSearch) -> None:
    typed = "global developmental delay"
    queries = [typed[:end] for end in range(1, len(typed) + 1)] + ["xqzv", "microcephly", "dysmorfic featres", "hp:00"]
    for query in queries:
        start = time.thread_time()
        real_search(query)
        assert time.thread_time() - start < 0.05, query
