"""Decisions, undo, confirm and correct in any order, against a model of dictionaries and a pile of copies."""

from __future__ import annotations

import itertools

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from phenoextract.ontology import Ontology
from phenoextract.pipeline import Extractor
from phenoextract.types import Document, Report, Status
from phenoextract_api.auth import Actor, Role
from phenoextract_api.request_types import Decision, Kind, Request, RequestError, StaleRequest, State, WrongState
from phenoextract_api.requests import confirm, correct, create_request, decide, export_report, get_request, undo
from phenoextract_api.store import audit
from phenoextract_api.store.engine import Store

CLERK = Actor("Ada Clerk", frozenset({Role.CLERK}))
TERMS = ["HP:0001250", "HP:0001263", "HP:0002315", "HP:0000175"]
Standing = dict[str, tuple[str, Status, bool | None]]
_refs = itertools.count()


class Requests(RuleBasedStateMachine):
    store: Store
    ontology: Ontology
    letter: Document
    report: Report

    @initialize()
    def create(self) -> None:
        self.request: Request = create_request(
            self.store, CLERK, self.letter, self.report, patient_ref=f"P-{next(_refs)}"
        )
        self.now: Standing = {
            f"f{index}": (feature.hpo_id, feature.status, None) for index, feature in enumerate(self.report.features)
        }
        self.before: list[Standing] = []
        self.confirmed: list[Standing] = []
        self.is_draft = True
        self.stale = "0.0"

    @property
    def key(self) -> tuple[str, str]:
        return self.request.summary.id, self.request.summary.etag

    def done(self, request: Request) -> None:
        self.stale, self.request = self.request.summary.etag, request

    def decided(self, decision: Decision, suggestion_id: str, after: tuple[str, Status, bool | None]) -> None:
        if not self.is_draft:
            with pytest.raises(WrongState):
                decide(self.store, CLERK, self.ontology, *self.key, decision)
            return
        self.done(decide(self.store, CLERK, self.ontology, *self.key, decision))
        self.before.append(dict(self.now))
        self.now[suggestion_id] = after

    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.now)))
        hpo_id, status, _ = self.now[one]
        self.decided(Decision(Kind.ACCEPT, one), one, (hpo_id, status, True))

    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.now)))
        hpo_id, status, _ = self.now[one]
        self.decided(Decision(Kind.REJECT, one), one, (hpo_id, status, False))

    @rule(data=st.data(), hpo_id=st.sampled_from(TERMS), status=st.none() | st.sampled_from(Status))
    def replace(self, data: st.DataObject, hpo_id: str, status: Status | None) -> None:
        one = data.draw(st.sampled_from(sorted(self.now)))
        after = (hpo_id, status or self.now[one][1], True)
        self.decided(Decision(Kind.REPLACE, one, hpo_id=hpo_id, status=status), one, after)

    @rule(data=st.data(), status=st.sampled_from(Status))
    def change_status(self, data: st.DataObject, status: Status) -> None:
        one = data.draw(st.sampled_from(sorted(self.now)))
        self.decided(Decision(Kind.STATUS, one, status=status), one, (self.now[one][0], status, True))

    @precondition(lambda self: self.is_draft)
    @rule(hpo_id=st.sampled_from(TERMS), status=st.sampled_from(Status))
    def add(self, hpo_id: str, status: Status) -> None:
        known = {one.id for one in self.request.suggestions}
        decision = Decision(Kind.ADD, hpo_id=hpo_id, status=status)
        self.done(decide(self.store, CLERK, self.ontology, *self.key, decision))
        (new,) = {one.id for one in self.request.suggestions} - known
        self.before.append(dict(self.now))
        self.now[new] = (hpo_id, status, True)

    @rule()
    def undo(self) -> None:
        if self.is_draft and self.before:
            self.done(undo(self.store, CLERK, *self.key))
            self.now = self.before.pop()
        else:
            with pytest.raises(WrongState):
                undo(self.store, CLERK, *self.key)

    @rule()
    def accept_the_rest_and_confirm(self) -> None:
        for one, (hpo_id, status, accepted) in sorted(self.now.items()):
            if accepted is None:
                with pytest.raises(WrongState):
                    confirm(self.store, CLERK, self.ontology, *self.key)
                self.decided(Decision(Kind.ACCEPT, one), one, (hpo_id, status, True))
        said = {(hpo_id, status) for hpo_id, status, accepted in self.now.values() if accepted}
        torn = any((hpo_id, Status.ABSENT) in said for hpo_id, status in said if status is Status.PRESENT)
        if not self.is_draft or torn:
            with pytest.raises(WrongState):
                confirm(self.store, CLERK, self.ontology, *self.key)
            return
        self.done(confirm(self.store, CLERK, self.ontology, *self.key))
        self.confirmed.append(dict(self.now))
        self.is_draft, self.before = False, []

    @rule()
    def correct(self) -> None:
        if self.is_draft:
            with pytest.raises(WrongState):
                correct(self.store, CLERK, *self.key)
        else:
            self.done(correct(self.store, CLERK, *self.key))
            self.is_draft = True

    @rule()
    def come_too_late(self) -> None:
        with pytest.raises(StaleRequest):
            decide(self.store, CLERK, self.ontology, self.request.summary.id, self.stale, Decision(Kind.ACCEPT, "f0"))

    @invariant()
    def the_request_stands_as_the_model(self) -> None:
        request = get_request(self.store, CLERK, self.request.summary.id)
        assert request == self.request
        found = {one.id: (one.hpo_id, one.status, one.accepted) for one in request.suggestions if one.id[0] != "a"}
        assert found == self.now
        assert {(one.hpo_id, one.status) for one in request.coded.features} == accepted(self.now)
        assert request.summary.undecided == sum(one[2] is None for one in self.now.values())
        assert request.summary.coded == len(request.coded.features)
        assert (request.summary.state is State.DRAFT) == self.is_draft
        assert request.can_undo == bool(self.is_draft and self.before)

    @invariant()
    def exports_are_what_was_confirmed(self) -> None:
        for version, standing in enumerate(self.confirmed, start=1):
            report, _ = export_report(self.store, CLERK, self.request.summary.id, version=version)
            assert {(one.hpo_id, one.status) for one in report.features} == accepted(standing)
        try:
            _, confirmation = export_report(self.store, CLERK, self.request.summary.id)
        except RequestError:
            assert not self.confirmed
        else:
            assert confirmation.version == len(self.confirmed)

    def teardown(self) -> None:
        assert audit.verify(self.store).faults == ()


def accepted(standing: Standing) -> set[tuple[str, Status]]:
    return {(hpo_id, status) for hpo_id, status, accepted in standing.values() if accepted}


def test_requests_follow_the_model(store: Store, toy_extractor: Extractor, letter: Document, report: Report) -> None:
    class Machine(Requests):
        pass

    Machine.store, Machine.ontology, Machine.letter, Machine.report = store, toy_extractor.ontology, letter, report
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
