"""Phrases that reviewers gave a term, on each database in turn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import phenoextract
from phenoextract.build import read_lexicon
from phenoextract.types import Document, Report, Scope, Status
from phenoextract_api.auth import Actor, Role
from phenoextract_api.monitoring.candidates import Candidate, find_candidates, to_tsv
from phenoextract_api.request_types import Decision, Kind, NotPermitted
from phenoextract_api.requests import confirm, correct, create_request, decide
from phenoextract_api.store import audit
from phenoextract_api.store.engine import Store

ADMIN = Actor("Ada Admin", frozenset({Role.ADMIN}))
ATAXIA, SEIZURE = "HP:0001251", "HP:0001250"


def reviewed(
    store: Store,
    extractor: phenoextract.Extractor,
    text: str,
    *decisions: Decision,
    patient: str,
    by: str = "Ada Clerk",
    confirmed: bool = True,
) -> str:
    """Send a letter in, decide as told, accept the rest, and confirm."""
    clerk, document = Actor(by, frozenset({Role.CLERK})), Document("letter", text)
    request = create_request(store, clerk, document, extractor(document), patient_ref=patient)
    for decision in decisions:
        request = decide(store, clerk, extractor.ontology, request.summary.id, request.summary.etag, decision)
    for one in request.suggestions:
        if one.required and one.accepted is None:
            accept = Decision(Kind.ACCEPT, one.id)
            request = decide(store, clerk, extractor.ontology, request.summary.id, request.summary.etag, accept)
    if confirmed:
        confirm(store, clerk, extractor.ontology, request.summary.id, request.summary.etag)
    return request.summary.id


def add(text: str, phrase: str, hpo_id: str = ATAXIA) -> Decision:
    start = text.index(phrase)
    return Decision(Kind.ADD, hpo_id=hpo_id, status=Status.PRESENT, start=start, end=start + len(phrase))


def test_a_phrase_is_given_once_enough_patients_share_it(
    store: Store, toy_extractor: phenoextract.Extractor, tmp_path: Path
) -> None:
    for number, phrase in enumerate(("tips over", "Tips  over", "tips over")):
        text = f"Letter {number}. She {phrase} a lot and has headache."
        reviewed(store, toy_extractor, text, add(text, phrase), patient=f"P-{number}", by=f"clerk {number % 2}")
    again = "Another letter. She tips over."
    reviewed(store, toy_extractor, again, add(again, "tips over"), patient="P-0")
    draft = "A draft. She tips over."
    reviewed(store, toy_extractor, draft, add(draft, "tips over"), patient="P-9", confirmed=False)

    assert find_candidates(store, ADMIN, toy_extractor, patients=4) == []
    (found,) = find_candidates(store, ADMIN, toy_extractor, patients=3)
    assert found == Candidate("tips over", ATAXIA, "Ataxia", patients=3, reviewers=3, missed=4, instead=())
    assert "tips" not in repr(found)

    path = tmp_path / "candidates.tsv"
    path.write_text(to_tsv([found]), "utf-8")
    assert read_lexicon(path) == [("tips over", ATAXIA, Scope.RELATED, "clinical", ())]


def test_a_replaced_term_says_what_was_proposed_instead(store: Store, toy_extractor: phenoextract.Extractor) -> None:
    for number in range(2):
        replaced = Decision(Kind.REPLACE, "f0", hpo_id="HP:0002197")
        reviewed(store, toy_extractor, f"Letter {number}. She has seizures.", replaced, patient=f"P-{number}")
    (found,) = find_candidates(store, ADMIN, toy_extractor, patients=2)
    assert (found.phrase, found.hpo_id, found.missed, found.instead) == ("seizures", "HP:0002197", 0, ((SEIZURE, 2),))
    assert "2 times proposed as HP:0001250" in to_tsv([found])


@pytest.mark.parametrize(
    "phrase",
    ["born 12.3.2019", "of", "a sentence that is much too long", "ataxia", "one\ttwo three four five six seven"],
)
def test_what_may_tell_who_somebody_is_or_is_known_is_never_given(
    store: Store, toy_extractor: phenoextract.Extractor, phrase: str
) -> None:
    text = f"She is {phrase} today."
    reviewed(store, toy_extractor, text, add(text, phrase), patient="P-1")
    assert find_candidates(store, ADMIN, toy_extractor, patients=1) == []


def test_a_correction_takes_the_place_of_what_it_corrects(store: Store, toy_extractor: phenoextract.Extractor) -> None:
    text = "She tips over."
    request_id = reviewed(store, toy_extractor, text, add(text, "tips over"), patient="P-1")
    clerk = Actor("Ada Clerk", frozenset({Role.CLERK}))
    draft = correct(store, clerk, request_id, "1.3")
    reject = Decision(Kind.REJECT, "m1")
    draft = decide(store, clerk, toy_extractor.ontology, request_id, draft.summary.etag, reject)
    assert len(find_candidates(store, ADMIN, toy_extractor, patients=1)) == 1, "the draft does not count yet"
    confirm(store, clerk, toy_extractor.ontology, request_id, draft.summary.etag)
    assert find_candidates(store, ADMIN, toy_extractor, patients=1) == []


def test_reading_them_is_audited_without_words_and_is_not_for_everybody(
    store: Store, toy_extractor: phenoextract.Extractor, letter: Document, report: Report
) -> None:
    text = "She tips over."
    reviewed(store, toy_extractor, text, add(text, "tips over"), patient="P-1")
    find_candidates(store, ADMIN, toy_extractor, patients=1)
    with store.reading() as session:
        last = list(audit.entries(session))[-1]
    assert (last.actor, last.action) == ("Ada Admin", "monitor.candidates")
    assert last.after == {"requests": 1, "patients": 1, "phrases": 1}
    assert "tips" not in json.dumps(dict(last.after))
    researcher = Actor("Rea Searcher", frozenset({Role.RESEARCHER}))
    with pytest.raises(NotPermitted):
        find_candidates(store, researcher, toy_extractor, patients=1)
