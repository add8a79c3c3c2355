from __future__ import annotations

import pytest
import spacy
from spacy.tokens import Doc

from phenoextract import batch
from phenoextract.types import Document


@pytest.fixture
def nlp(extractor: batch.Pipe, monkeypatch: pytest.MonkeyPatch) -> spacy.language.Language:
    monkeypatch.setattr("phenoextract.pipeline.load", lambda index=None, config=None: extractor)
    nlp = spacy.blank("en")
    nlp.add_pipe("phenoextract")
    return nlp


def test_spacy_component_marks_what_is_coded(nlp: spacy.language.Language, letter: Document) -> None:
    doc = nlp(letter.text)
    found = [(span.text, span.label_, span._.phenoextract["status"]) for span in doc.spans["phenoextract"]]
    assert ("Global developmental delay", "HP:0001263", "present") in found
    assert ("cleft palate", "HP:0000175", "absent") in found
    assert len(found) == 6, "what is not coded has no span"


def test_spacy_component_tells_two_terms_of_one_phrase_apart(nlp: spacy.language.Language, letter: Document) -> None:
    doc = nlp(letter.text)
    both = [span for span in doc.spans["phenoextract"] if span.text.startswith("Short 4th")]
    assert [span._.phenoextract["hpo_id"] for span in both] == [span.label_ for span in both]
    assert len({span.label_ for span in both}) == 2


def test_spacy_component_widens_to_whole_tokens(nlp: spacy.language.Language, letter: Document) -> None:
    words = letter.text.split(" ")
    doc = nlp(Doc(nlp.vocab, words=words, spaces=[True] * (len(words) - 1) + [False]))
    (span,) = [span for span in doc.spans["phenoextract"] if span.label_ == "HP:0000729"]
    assert span.text == "?ASD\n\nFamily"
    exact = span._.phenoextract
    assert letter.text[exact["start"] : exact["end"]] == "ASD"


def test_spacy_component_pipes_and_serialises(nlp: spacy.language.Language, letter: Document) -> None:
    docs = list(nlp.pipe([letter.text] * 3, batch_size=2))
    assert [len(doc.spans["phenoextract"]) for doc in docs] == [6, 6, 6]
    copy = Doc(nlp.vocab).from_bytes(docs[0].to_bytes())
    assert [span._.phenoextract["label"] for span in copy.spans["phenoextract"]] == [
        span._.phenoextract["label"] for span in docs[0].spans["phenoextract"]
    ]


def test_spacy_component_knows_only_its_own_spans(nlp: spacy.language.Language, letter: Document) -> None:
    doc = nlp(letter.text)
    assert doc[0:2]._.phenoextract is None
    assert spacy.blank("en")("other")[0:1]._.phenoextract is None
