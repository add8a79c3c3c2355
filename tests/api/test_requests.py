from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from phenoextract.formats import json as report_json
from phenoextract.formats import phenopacket
from phenoextract.ontology import Ontology
from phenoextract.pipeline import Extractor
from phenoextract.types import Coding, Document, NotCoded, Report, Status
from phenoextract_api.auth import Actor, Role
from phenoextract_api.request_types import (
    BadDecision,
    Decision,
    DuplicateRequest,
    Kind,
    NotPermitted,
    Request,
    RequestNotFound,
    StaleRequest,
    State,
    Tab,
    WrongState,
)
from phenoextract_api.requests import (
    confirm,
    correct,
    create_request,
    decide,
    delete_request,
    export_report,
    get_request,
    list_queue,
    undo,
)
from phenoextract_api.store.engine import Store

CLERK = Actor("Ada Clerk", frozenset({Role.CLERK}))
PIPELINE = Actor("lab-feed", frozenset({Role.PIPELINE}))
ADMIN = Actor("Grace Admin", frozenset({Role.ADMIN}))
RESEARCHER = Actor("Rosalind", frozenset({Role.RESEARCHER}))
TEST = Coding("https://fhir.nhs.uk/CodeSystem/England-GenomicTestDirectory", "R29.1", "Intellectual disability")
REQUIRED = ["f0", "f1", "f2", "f3", "f4", "f5"]


@pytest.fixture
def ontology(toy_extractor: Extractor) -> Ontology:
    return toy_extractor.ontology


@pytest.fixture
def draft(store: Store, letter: Document, report: Report) -> Request:
    return create_request(store, CLERK, letter, report, patient_ref="P-0001", test=TEST, letter_type="clinic_letter")


class Desk:
    """A clerk at work on one request: keeps its newest etag."""

    def __init__(self, store: Store, ontology: Ontology, request: Request, actor: Actor = CLERK) -> None:
        self.store, self.ontology, self.request, self.actor = store, ontology, request, actor

    @property
    def key(self) -> tuple[str, str]:
        return self.request.summary.id, self.request.summary.etag

    def decide(self, kind: Kind, suggestion_id: str | None = None, **fields: object) -> Request:
        decision = Decision(kind, suggestion_id, **fields)  # type: ignore[arg-type]
        self.request = decide(self.store, self.actor, self.ontology, *self.key, decision)
        return self.request

    def accept_all(self) -> Request:
        for one in self.request.suggestions:
            if one.required and one.accepted is None:
                self.decide(Kind.ACCEPT, one.id)
        return self.request

    def undo(self) -> Request:
        self.request = undo(self.store, self.actor, *self.key)
        return self.request

    def confirm(self) -> Request:
        self.request = confirm(self.store, self.actor, self.ontology, *self.key)
        return self.request

    def correct(self) -> Request:
        self.request = correct(self.store, self.actor, *self.key)
        return self.request


@pytest.fixture
def desk(store: Store, ontology: Ontology, draft: Request) -> Desk:
    return Desk(store, ontology, draft)


def coded(request: Request) -> set[tuple[str, str]]:
    return {(feature.hpo_id, feature.status.value) for feature in request.coded.features}


def test_requests_begin_as_a_draft_with_every_proposal_undecided(draft: Request, letter: Document) -> None:
    assert draft.letter == letter
    assert [(one.id, one.tab) for one in draft.suggestions] == [
        ("f0", Tab.PRESENT),
        ("f1", Tab.CHECK),
        ("f2", Tab.FAMILY),
        ("f3", Tab.ABSENT),
        ("f4", Tab.PRESENT),
        ("f5", Tab.PRESENT),
        ("a6", Tab.NOT_CODED),
    ]
    assert {one.accepted for one in draft.suggestions} == {None}
    assert draft.suggestions[1].reason == "the abbreviation has two meanings"
    assert draft.suggestions[6].reason == NotCoded.NO_TERM.value
    summary = draft.summary
    assert (summary.state, summary.version, summary.undecided, summary.coded) == (State.DRAFT, 1, 6, 0)
    assert (summary.patient_ref, summary.test, summary.letter_type) == ("P-0001", TEST, "clinic_letter")
    assert summary.created_by == summary.changed_by == CLERK.name
    assert not draft.coded.features
    assert not draft.can_undo


def test_requests_a_clerks_whole_job(desk: Desk, letter: Document, report: Report) -> None:
    start = letter.text.index("letter")
    desk.decide(Kind.ACCEPT, "f0")
    desk.decide(Kind.REPLACE, "f1", hpo_id="HP:0001631", status=Status.PRESENT)
    desk.decide(Kind.ACCEPT, "f2")
    desk.decide(Kind.STATUS, "f3", status=Status.PRESENT)
    desk.decide(Kind.REJECT, "f4")
    desk.decide(Kind.SEVERITY, "f5", hpo_id="HP:0012828")
    desk.decide(Kind.REPLACE, "a6", hpo_id="HP:0002315")
    desk.decide(Kind.ADD, hpo_id="HP:0001250", status=Status.ABSENT, start=start, end=start + 6)
    desk.decide(Kind.NOTE, note="rang the clinic")
    request = desk.decide(Kind.NOTE, "f0", note="agreed by phone")
    assert [note.decision.note for note in request.notes] == ["rang the clinic"]
    assert [entry.decision.kind for entry in request.suggestions[0].decided] == [Kind.ACCEPT, Kind.NOTE]
    assert request.summary.undecided == 0

    request = desk.confirm()
    assert coded(request) == {
        ("HP:0001263", "present"),
        ("HP:0001631", "present"),
        ("HP:0000508", "family"),
        ("HP:0000175", "present"),
        ("HP:0010047", "present"),
        ("HP:0002315", "present"),
        ("HP:0001250", "absent"),
    }
    summary = request.summary
    assert (summary.state, summary.confirmed_by, summary.coded) == (State.CONFIRMED, CLERK.name, 7)

    exported, confirmation = export_report(desk.store, PIPELINE, summary.id)
    assert exported == request.coded
    assert not any(feature.needs_review for feature in exported.features)
    assert {feature.severity for feature in exported.features if feature.hpo_id == "HP:0010047"} == {"HP:0012828"}
    for feature in exported.features:
        for index in feature.evidence:
            evidence = exported.annotations[index]
            assert (evidence.hpo_id, evidence.status) == (feature.hpo_id, feature.status)
            assert not (evidence.needs_review or evidence.not_coded or evidence.candidates)
            assert evidence.text.split(" … ")[0] in letter.text
    assert (confirmation.request_id, confirmation.version, confirmation.patient_ref) == (summary.id, 1, "P-0001")
    assert (confirmation.confirmed_by, confirmation.confirmed_at) == (CLERK.name, summary.confirmed_at)
    assert (confirmation.test, confirmation.letter_type) == (TEST, "clinic_letter")
    assert "HP:0010044" not in report_json.render(exported)
    assert "HP:0000729" not in phenopacket.render(exported)


def test_requests_count_what_is_left_and_what_is_coded(desk: Desk) -> None:
    counts = []
    for one in REQUIRED:
        summary = desk.decide(Kind.REJECT if one == "f1" else Kind.ACCEPT, one).summary
        counts.append((summary.undecided, summary.coded))
    assert counts == [(5, 1), (4, 1), (3, 2), (2, 3), (1, 4), (0, 5)]


def test_requests_take_decisions_back_in_order(desk: Desk) -> None:
    desk.decide(Kind.ACCEPT, "f0")
    desk.decide(Kind.REJECT, "f0")
    assert desk.undo().suggestions[0].accepted is True
    assert desk.undo().suggestions[0].accepted is None
    assert not desk.request.can_undo
    with pytest.raises(WrongState, match="no decision"):
        desk.undo()


def test_requests_keep_ids_of_additions_when_others_are_taken_back(desk: Desk) -> None:
    desk.decide(Kind.ADD, hpo_id="HP:0001250", status=Status.PRESENT)
    desk.undo()
    request = desk.decide(Kind.ADD, hpo_id="HP:0002315", status=Status.PRESENT)
    assert [one.id for one in request.suggestions if one.id.startswith("m")] == ["m3"]
    assert desk.decide(Kind.REJECT, "m3").suggestions[-1].accepted is False


def test_requests_cannot_be_confirmed_while_a_proposal_is_undecided(desk: Desk) -> None:
    for one in REQUIRED[:-1]:
        desk.decide(Kind.ACCEPT, one)
    with pytest.raises(WrongState, match="f5"):
        desk.confirm()
    with pytest.raises(WrongState, match="only what is confirmed"):
        export_report(desk.store, CLERK, desk.request.summary.id)


def test_requests_cannot_be_confirmed_with_a_contradiction(desk: Desk) -> None:
    desk.accept_all()
    desk.decide(Kind.ADD, hpo_id="HP:0000175", status=Status.PRESENT)
    with pytest.raises(WrongState, match="HP:0000175"):
        desk.confirm()
    desk.decide(Kind.REJECT, "f3")
    assert ("HP:0000175", "present") in coded(desk.confirm())


def test_requests_never_export_as_a_fact_what_stays_uncertain(desk: Desk) -> None:
    desk.accept_all()
    desk.confirm()
    exported, _ = export_report(desk.store, CLERK, desk.request.summary.id)
    assert ("HP:0000729", Status.UNCERTAIN) in {(one.hpo_id, one.status) for one in exported.features}
    assert "HP:0000729" not in phenopacket.render(exported)


def test_requests_merge_a_term_accepted_twice(desk: Desk) -> None:
    desk.decide(Kind.ACCEPT, "f4")
    request = desk.decide(Kind.REPLACE, "f5", hpo_id="HP:0010044")
    (feature,) = request.coded.features
    assert feature.evidence == (0, 1)
    assert request.coded.annotations[1].method is None
    assert request.coded.annotations[0].method is not None


def test_requests_are_corrected_by_a_new_version(desk: Desk) -> None:
    desk.accept_all()
    first = desk.confirm()
    request_id = first.summary.id
    with pytest.raises(WrongState, match="never changes"):
        desk.decide(Kind.REJECT, "f0")

    second = desk.correct()
    assert (second.summary.version, second.summary.state, second.summary.undecided) == (2, State.DRAFT, 0)
    assert not second.can_undo
    with pytest.raises(WrongState, match="no decision"):
        desk.undo()
    desk.decide(Kind.REJECT, "f0")
    assert export_report(desk.store, CLERK, request_id)[1].version == 1, "a draft is not exported"
    assert get_request(desk.store, CLERK, request_id, version=1).coded == first.coded

    desk.actor = Actor("Mary Other", frozenset({Role.CLERK}))
    third = desk.confirm()
    assert ("HP:0001263", "present") not in coded(third)
    report, confirmation = export_report(desk.store, CLERK, request_id)
    assert (confirmation.version, confirmation.confirmed_by) == (2, "Mary Other")
    assert report == third.coded
    assert [one.state for one in third.versions] == [State.SUPERSEDED, State.CONFIRMED]
    old, old_confirmation = export_report(desk.store, CLERK, request_id, version=1)
    assert (old, old_confirmation.confirmed_by) == (first.coded, CLERK.name)


def test_requests_refuse_a_second_correction_at_once(desk: Desk) -> None:
    desk.accept_all()
    stale = desk.confirm().summary
    desk.correct()
    with pytest.raises(StaleRequest):
        correct(desk.store, CLERK, stale.id, stale.etag)
    with pytest.raises(WrongState, match="is a draft"):
        desk.correct()


def test_requests_migrate_obsolete_terms_and_say_so(desk: Desk) -> None:
    request = desk.decide(Kind.REPLACE, "f0", hpo_id="HP:9000002")
    first = request.suggestions[0]
    assert (first.hpo_id, first.label) == ("HP:0001252", "Hypotonia")
    assert first.decided[-1].decision.obsolete_id == "HP:9000002"


def test_requests_confirm_in_the_terms_of_the_loaded_release(desk: Desk) -> None:
    desk.accept_all()
    terms = {hpo_id: term for hpo_id, term in ((one.id, one) for one in desk.ontology) if hpo_id != "HP:0010044"}
    desk.ontology = Ontology("2027-01-01", terms, {"HP:0010044": "HP:0010049"}, ())
    request = desk.confirm()
    assert ("HP:0010049", "present") in coded(request)
    assert ("HP:0010044", "present") not in coded(request)
    assert request.coded.provenance.hpo_release == "2027-01-01"
    assert {one.hpo_id for one in request.coded.annotations} == {one.hpo_id for one in request.coded.features}


def test_requests_are_not_confirmed_with_a_term_that_is_gone(desk: Desk) -> None:
    desk.accept_all()
    terms = {one.id: one for one in desk.ontology if one.id != "HP:0010044"}
    desk.ontology = Ontology("2027-01-01", terms, {}, ("HP:0010044",))
    with pytest.raises(WrongState, match="HP:0010044 is no term"):
        desk.confirm()


BAD_DECISIONS = [
    (Decision(Kind.ACCEPT), "needs suggestion_id"),
    (Decision(Kind.ACCEPT, "f99"), "no such suggestion"),
    (Decision(Kind.ACCEPT, "a6"), "no term yet"),
    (Decision(Kind.ACCEPT, "f0", hpo_id="HP:0001250"), "takes no hpo_id"),
    (Decision(Kind.STATUS, "a6", status=Status.PRESENT), "no term yet"),
    (Decision(Kind.STATUS, "f0"), "needs status"),
    (Decision(Kind.REPLACE, "f0", hpo_id="HP:7777777"), "no phenotypic abnormality"),
    (Decision(Kind.REPLACE, "f0", hpo_id="HP:9000003"), "no phenotypic abnormality"),
    (Decision(Kind.REPLACE, "f0", hpo_id="HP:0012828"), "no phenotypic abnormality"),
    (Decision(Kind.REPLACE, "f0", hpo_id="Synthia Canary"), "no phenotypic abnormality"),
    (Decision(Kind.SEVERITY, "f0", hpo_id="HP:0001250"), "no severity"),
    (Decision(Kind.ADD, hpo_id="HP:0001250"), "needs status"),
    (Decision(Kind.ADD, hpo_id="HP:0001250", status=Status.PRESENT, start=3), "go together"),
    (Decision(Kind.ADD, hpo_id="HP:0001250", status=Status.PRESENT, start=3, end=3), "no stretch"),
    (Decision(Kind.ADD, hpo_id="HP:0001250", status=Status.PRESENT, start=0, end=10**6), "no stretch"),
    (Decision(Kind.NOTE, note="  "), "a note has"),
    (Decision(Kind.NOTE, note="x" * 2001), "a note has"),
    (Decision(Kind.UNDO), "call of its own"),
]


def test_requests_refuse_a_decision_that_cannot_be(desk: Desk) -> None:
    for decision, message in BAD_DECISIONS:
        with pytest.raises(BadDecision, match=message) as caught:
            decide(desk.store, CLERK, desk.ontology, *desk.key, decision)
        assert "Canary" not in str(caught.value)
    assert get_request(desk.store, CLERK, desk.request.summary.id) == desk.request


def test_requests_refuse_a_patient_reference_that_is_no_pseudonym(
    store: Store, letter: Document, report: Report
) -> None:
    for patient_ref in ("", "has space", "943-476-5919", "9434765919", "x" * 65, "-x", "ä", "a\n"):
        with pytest.raises(BadDecision, match="patient_ref"):
            create_request(store, CLERK, letter, report, patient_ref=patient_ref)


def test_requests_take_ten_digits_that_are_no_nhs_number(store: Store, letter: Document, report: Report) -> None:
    assert create_request(store, CLERK, letter, report, patient_ref="9434765918").summary.patient_ref == "9434765918"


def test_requests_refuse_the_same_letter_for_the_same_patient_and_test(
    store: Store, letter: Document, report: Report, draft: Request
) -> None:
    with pytest.raises(DuplicateRequest) as caught:
        create_request(store, PIPELINE, letter, report, patient_ref="P-0001", test=TEST)
    assert caught.value.existing == draft.summary.id
    for other in (
        create_request(store, CLERK, letter, report, patient_ref="P-0002", test=TEST),
        create_request(store, CLERK, letter, report, patient_ref="P-0001", test=replace(TEST, code="R27")),
        create_request(store, CLERK, letter, report, patient_ref="P-0001"),
        create_request(store, CLERK, replace(letter, text=letter.text + "."), report, patient_ref="P-0001", test=TEST),
    ):
        assert other.summary.id != draft.summary.id


def test_requests_are_created_once_for_one_key(store: Store, letter: Document, report: Report) -> None:
    first = create_request(store, CLERK, letter, report, patient_ref="P-1", idempotency_key="k")
    again = create_request(store, CLERK, letter, report, patient_ref="P-1", idempotency_key="k")
    assert again == first
    with pytest.raises(BadDecision, match="idempotency key"):
        create_request(store, CLERK, letter, report, patient_ref="P-2", idempotency_key="k")
    assert create_request(store, PIPELINE, letter, report, patient_ref="P-2", idempotency_key="k") != first


def test_requests_record_a_decision_once_for_one_key(desk: Desk) -> None:
    decision = Decision(Kind.REPLACE, "f0", hpo_id="HP:9000002")

    def send(decision: Decision) -> Request:
        return decide(desk.store, CLERK, desk.ontology, *desk.key, decision, idempotency_key="k")

    first = send(decision)
    assert send(decision) == first
    assert len(first.suggestions[0].decided) == 1
    with pytest.raises(BadDecision, match="idempotency key"):
        send(Decision(Kind.ACCEPT, "f0"))


def test_requests_refuse_a_stale_etag(desk: Desk) -> None:
    request_id, etag = desk.key
    desk.decide(Kind.ACCEPT, "f0")
    with pytest.raises(StaleRequest) as caught:
        decide(desk.store, CLERK, desk.ontology, request_id, etag, Decision(Kind.REJECT, "f0"))
    assert caught.value.current == desk.request.summary.etag
    with pytest.raises(StaleRequest):
        undo(desk.store, CLERK, request_id, etag)
    with pytest.raises(StaleRequest):
        confirm(desk.store, CLERK, desk.ontology, request_id, etag)
    with pytest.raises(StaleRequest):
        correct(desk.store, CLERK, request_id, etag)


def test_requests_that_are_not_there_are_not_found(store: Store, ontology: Ontology, draft: Request) -> None:
    calls: list[Callable[[], object]] = [
        lambda: get_request(store, CLERK, "nowhere"),
        lambda: get_request(store, CLERK, draft.summary.id, version=2),
        lambda: decide(store, CLERK, ontology, "nowhere", "1.1", Decision(Kind.ACCEPT, "f0")),
        lambda: export_report(store, CLERK, "nowhere"),
        lambda: delete_request(store, ADMIN, "nowhere"),
    ]
    for call in calls:
        with pytest.raises(RequestNotFound):
            call()


@pytest.mark.parametrize("actor", [PIPELINE, RESEARCHER, ADMIN, Actor("  ", frozenset(Role))], ids=lambda one: one.name)
def test_requests_are_decided_by_named_clerks_alone(desk: Desk, actor: Actor) -> None:
    desk.accept_all()
    desk.actor = actor
    calls: list[Callable[[], object]] = [
        lambda: desk.decide(Kind.REJECT, "f0"),
        desk.undo,
        desk.confirm,
        desk.correct,
    ]
    for call in calls:
        with pytest.raises(NotPermitted):
            call()


def test_requests_are_closed_to_researchers_and_deleted_by_admins(desk: Desk, letter: Document, report: Report) -> None:
    request_id = desk.request.summary.id
    calls: list[Callable[[], object]] = [
        lambda: get_request(desk.store, RESEARCHER, request_id),
        lambda: list_queue(desk.store, RESEARCHER),
        lambda: export_report(desk.store, RESEARCHER, request_id),
        lambda: create_request(desk.store, RESEARCHER, letter, report, patient_ref="P-9"),
        lambda: delete_request(desk.store, CLERK, request_id),
    ]
    for call in calls:
        with pytest.raises(NotPermitted):
            call()
    delete_request(desk.store, ADMIN, request_id)
    with pytest.raises(RequestNotFound):
        get_request(desk.store, CLERK, request_id)


def test_requests_queue_in_pages_oldest_first(
    store: Store, ontology: Ontology, letter: Document, report: Report
) -> None:
    made = [create_request(store, CLERK, letter, report, patient_ref=f"P-{n}").summary.id for n in range(7)]
    seen: list[str] = []
    after: str | None = None
    while True:
        page = list_queue(store, CLERK, limit=3, after=after)
        assert len(page.items) <= 3
        seen += [one.id for one in page.items]
        after = page.next
        if after is None:
            break
    assert seen == made
    done = Desk(store, ontology, get_request(store, CLERK, made[2]))
    done.accept_all()
    done.confirm()
    assert [one.id for one in list_queue(store, CLERK).items] == made[:2] + made[3:]
    assert [one.id for one in list_queue(store, CLERK, states=[State.CONFIRMED]).items] == [made[2]]
    with pytest.raises(BadDecision, match="after"):
        list_queue(store, CLERK, after="rubbish")


def test_requests_keep_letters_of_any_characters(store: Store, report: Report) -> None:
    text = "caf\u00e9 \U0001f600 e\u0301 \ud800 \x00 end"
    request = create_request(store, CLERK, Document("l", text), replace(report, features=()), patient_ref="P-1")
    assert get_request(store, CLERK, request.summary.id).letter.text == text
