"""Paraphrases and alternatives, with a fake encoder that knows which words mean the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from phenoextract import Extractor
from phenoextract.build import build_index
from phenoextract.index import load_index
from phenoextract.text import fold, tokenise
from phenoextract.types import Document, Method

ROOT = Path(__file__).parents[1]
SAME = {"feeble": "low", "missing": "absent", "lacking": "absent", "tremendous": "severe"}
MORE = """
[Term]
id: HP:0006829
name: Severe low muscle tone
is_a: HP:0001252

[Term]
id: HP:0004905
name: Vitamin A deficiency
is_a: HP:0000118
"""
SMALL = {"a", "of", "the", "is", "in", "has", "was"}


class FakeEncoder:
    """Gives each word a vector of its own, and words that mean the same the same."""

    digest = "fake"

    def encode(self, phrases: Sequence[str]) -> NDArray[np.float32]:
        return np.array(
            [sum((self._word(fold(w)) for w in tokenise(p).words), np.zeros(64)) for p in phrases], np.float32
        )

    def _word(self, word: str) -> NDArray[np.float64]:
        if word in SMALL:
            return np.zeros(64)
        seed = hashlib.sha256(SAME.get(word, word).encode()).digest()[:4]
        return np.random.default_rng(int.from_bytes(seed, "little")).normal(size=64)


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> Extractor:
    folder = tmp_path_factory.mktemp("likeness")
    obo = folder / "toy.obo"
    obo.write_text((ROOT / "ontologies" / "toy.obo").read_text("utf-8") + MORE, "utf-8")
    lexicon = ROOT / "tests" / "data" / "toy_lexicon.tsv"
    encoder = FakeEncoder()
    index = load_index(build_index(obo, folder / "index", lexicon=lexicon, encoder=encoder))
    return Extractor(index, encoder=encoder)


def test_a_phrase_that_means_what_a_name_means_is_found_and_left_to_a_person(extractor: Extractor) -> None:
    text = "She has feeble muscle tone."
    [annotation] = [a for a in extractor(text).annotations if a.hpo_id]
    assert (annotation.label, annotation.method, annotation.needs_review) == ("Hypotonia", Method.ENCODER, True)
    assert (annotation.text, annotation.synonym) == ("feeble muscle tone", "Low muscle tone")


def test_a_paraphrase_can_be_denied(extractor: Extractor) -> None:
    [feature] = extractor("No feeble muscle tone.").features
    assert (feature.label, feature.status.value) == ("Hypotonia", "absent")


@pytest.mark.artefacts
@pytest.mark.parametrize("text", ["Menarche occurred at age 13.", "Biopsy-proven disease was treated."])
def test_words_that_a_name_denies_or_only_begins_with_are_not_it(real_extractor: Extractor, text: str) -> None:
    assert real_extractor(text).features == ()


@pytest.mark.parametrize(
    "text",
    ["The muscle tone was tested.", "The corpus callosum is shown.", "Head and eye were seen.", "", "Feeble."],
)
def test_words_that_say_less_than_a_name_are_not_taken_for_it(extractor: Extractor, text: str) -> None:
    assert extractor(text).features == ()


def test_a_letter_is_never_read_into_a_phrase(extractor: Extractor) -> None:
    assert extractor("She has some vitamin deficiency.").features == ()
    assert [feature.label for feature in extractor("She has some vitamin A deficiency.").features] == [
        "Vitamin A deficiency"
    ]


def test_a_degree_is_never_read_into_a_phrase(extractor: Extractor) -> None:
    [feature] = extractor("She has tremendous low muscle tone.").features
    assert feature.label == "Hypotonia"


def test_a_mention_offers_five_alternatives(extractor: Extractor) -> None:
    [annotation] = extractor("Cleft palate.").annotations
    ids = [candidate.hpo_id for candidate in annotation.candidates]
    assert ids[0] == "HP:0000175"
    assert len(ids) == len(set(ids)) == 5
    assert {candidate.method for candidate in annotation.candidates[1:]} == {Method.ENCODER}


def test_a_phrase_alone_is_linked_to_the_terms_most_like_it(extractor: Extractor) -> None:
    [candidates] = extractor.link(["lacking corpus callosum"])
    assert candidates[0].label == "Agenesis of corpus callosum"
    assert candidates[0].score > candidates[1].score
    assert extractor.link(["nothing of the kind"]) == [()]


def test_the_encoder_is_named_in_the_provenance(extractor: Extractor, toy_extractor: Extractor) -> None:
    assert extractor.provenance.encoder_sha256 == "fake"
    assert toy_extractor.provenance.encoder_sha256 is None


def test_batches_change_nothing(extractor: Extractor) -> None:
    texts = ["She has feeble muscle tone.", "Cleft palate.", "No seizures.", "lacking corpus callosum"]
    documents = [Document(str(number), text) for number, text in enumerate(texts)]
    one_by_one = [extractor(document) for document in documents]
    for size in (1, 2, 64):
        assert list(extractor.pipe(documents, batch_size=size)) == one_by_one
