"""The UK lexicon against the ontology it adds to."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from phenoextract.build import read_lexicon
from phenoextract.index import Index, load_index
from phenoextract.ontology import Ontology
from phenoextract.rules import load_rules
from phenoextract.text import plain_form, tokenise
from phenoextract.types import Scope

LEXICON = Path(__file__).parents[1] / "ontologies" / "uk_lexicon.tsv"
ROWS = read_lexicon(LEXICON)
SUPPRESSED = set(load_rules("lexicon")["suppress"]["strings"])
TYPES = {"clinical", "layperson", "abbreviation", "observation", "uk_spelling"}

pytestmark = pytest.mark.artefacts


@pytest.fixture(scope="module")
def index() -> Index:
    return load_index()


def words(text: str) -> tuple[str, ...]:
    return tuple(map(plain_form, tokenise(text).words))


def test_lexicon_holds_enough_entries_of_known_types() -> None:
    assert len(ROWS) >= 400
    assert {kind for _, _, _, kind, _ in ROWS} <= TYPES


def test_lexicon_gives_every_entry_a_rationale() -> None:
    lines = LEXICON.read_text("utf-8").splitlines()[1:]
    assert [line for line in lines if not line.split("\t")[5].strip()] == []


def test_lexicon_names_current_phenotypes_only(index: Index) -> None:
    ontology = index.ontology
    assert [row[:2] for row in ROWS if row[1] not in ontology or not ontology.is_phenotype(row[1])] == []


def test_lexicon_is_sorted_and_says_nothing_twice() -> None:
    keys = [(hpo_id, synonym.lower()) for synonym, hpo_id, _, _, _ in ROWS]
    assert keys == sorted(set(keys))


def test_lexicon_clashes_with_no_exact_name_of_another_term(index: Index) -> None:
    owners = exact_owners(index.ontology)
    clashes = [row[:2] for row in ROWS if not row[4] and owners.get(words(row[0]), {row[1]}) != {row[1]}]
    assert clashes == []


def test_lexicon_gives_one_string_two_readings_only_with_context() -> None:
    readings = defaultdict(list)
    for synonym, hpo_id, _, _, context in ROWS:
        readings[words(synonym)].append((hpo_id, context))
    loose = [k for k, found in readings.items() if len(found) > 1 and not all(context for _, context in found)]
    assert loose == []


def exact_owners(ontology: Ontology) -> dict[tuple[str, ...], set[str]]:
    owners = defaultdict(set)
    for term in ontology:
        if ontology.is_phenotype(term.id):
            for name in (term.label, *(s.text for s in term.synonyms if s.scope is Scope.EXACT)):
                if name.lower() not in SUPPRESSED:
                    owners[words(name)].add(term.id)
    return owners
