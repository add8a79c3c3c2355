from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from phenoextract.pipeline import Extractor
from phenoextract.types import Document, Report
from phenoextract_api.audit_export import to_fhir
from phenoextract_api.auth import Actor, Role
from phenoextract_api.request_types import Decision, Kind
from phenoextract_api.requests import confirm, create_request, decide
from phenoextract_api.store import audit
from phenoextract_api.store.crypto import Cipher, new_key
from phenoextract_api.store.engine import Store
from phenoextract_api.store.tables import AuditHeadRow, AuditRow

CLERK = Actor("Ada Clerk", frozenset({Role.CLERK}))
ENTRIES = 9


@pytest.fixture
def audited(store: Store) -> Store:
    """Give a store with nine entries in its audit (the first is about its key)."""
    for number in range(ENTRIES - 1):
        with store.writing() as session:
            audit.append(session, store.cipher, "ada", "accept", request_id="r", version=1, after={"n": number})
    return store


def open_to_tampering(session: Session) -> None:
    """Take the triggers away, as who owns the database can."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("DROP TRIGGER audit_entries_no_update"))
        session.execute(text("DROP TRIGGER audit_entries_no_delete"))
    else:
        session.execute(text("DROP TRIGGER audit_entries_no_change ON audit_entries"))


def faults_after(store: Store, tamper: Callable[[Session], object]) -> tuple[str, ...]:
    with store.writing() as session:
        open_to_tampering(session)
        tamper(session)
    return audit.verify(store).faults


def test_audit_is_whole(audited: Store) -> None:
    verified = audit.verify(audited)
    assert (verified.entries, verified.faults) == (ENTRIES, ())
    with audited.reading() as session:
        found = list(audit.entries(session))
        mine = list(audit.entries(session, "r"))
    assert [one.sequence for one in found] == list(range(1, ENTRIES + 1))
    assert [one.after for one in mine] == [{"n": number} for number in range(ENTRIES - 1)]
    assert found[-1].hash == verified.head


@pytest.mark.parametrize(
    "statement", [update(AuditRow).values(actor="mallory"), delete(AuditRow).where(AuditRow.sequence == 3)]
)
def test_audit_refuses_changes_in_the_database(audited: Store, statement: Any) -> None:
    with pytest.raises(DBAPIError, match="append-only"), audited.writing() as session:
        session.connection().execute(statement)
    assert audit.verify(audited).faults == ()


@pytest.mark.postgres
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_audit_refuses_to_be_truncated(audited: Store) -> None:
    with pytest.raises(DBAPIError, match="append-only"), audited.writing() as session:
        session.execute(text("TRUNCATE audit_entries"))


@pytest.mark.parametrize("column", [one.name for one in AuditRow.__table__.columns if one.name != "sequence"])
def test_audit_shows_a_changed_entry(audited: Store, column: str) -> None:
    with audited.reading() as session:
        row = session.get_one(AuditRow, 4)
        old = getattr(row, column)
        other = session.get_one(AuditRow, 1)
        changed = {"at": other.at, "version": 7}.get(column, "0" * 30)
    assert changed != old
    assert faults_after(
        audited,
        lambda session: session.execute(update(AuditRow).where(AuditRow.sequence == 4).values({column: changed})),
    )


@pytest.mark.parametrize("sequence", [1, 4, ENTRIES])
def test_audit_shows_a_removed_entry(audited: Store, sequence: int) -> None:
    assert faults_after(audited, lambda session: session.execute(delete(AuditRow).where(AuditRow.sequence == sequence)))


def test_audit_shows_entries_that_changed_places(audited: Store) -> None:
    def swap(session: Session) -> None:
        for old, new in ((3, 100), (4, 3), (100, 4)):
            session.execute(update(AuditRow).where(AuditRow.sequence == old).values(sequence=new))

    assert "entry 3 was changed" in faults_after(audited, swap)


def test_audit_shows_an_inserted_entry_even_with_a_right_hash(audited: Store) -> None:
    def put_in(session: Session) -> None:
        last = session.get_one(AuditRow, ENTRIES)
        entry = {one.name: getattr(last, one.name) for one in AuditRow.__table__.columns}
        entry |= {"sequence": ENTRIES + 1, "previous": last.hash, "actor": "mallory"}
        del entry["hash"]
        session.execute(insert(AuditRow).values(**entry, hash=audit._hash(entry)))

    assert faults_after(audited, put_in) == (
        f"the audit ends at entry {ENTRIES + 1}, but was closed at entry {ENTRIES}",
    )


def test_audit_shows_an_end_cut_off_and_closed_again_without_the_key(audited: Store) -> None:
    def cut(session: Session) -> None:
        session.execute(delete(AuditRow).where(AuditRow.sequence > 5))
        last = session.get_one(AuditRow, 5)
        forged = Cipher([new_key()]).digest("5", last.hash)
        session.execute(update(AuditHeadRow).values(entries=5, hash=last.hash, mac=forged))

    assert faults_after(audited, cut) == ("the end of the audit was not written by this service",)


def test_audit_shows_a_whole_chain_made_anew_without_the_key(audited: Store) -> None:
    def rewrite(session: Session) -> None:
        previous = audit.GENESIS
        for row in session.scalars(select(AuditRow).order_by(AuditRow.sequence)):
            entry = {one.name: getattr(row, one.name) for one in AuditRow.__table__.columns if one.name != "hash"}
            entry |= {"actor": "mallory", "previous": previous}
            row.actor, row.previous, row.hash = "mallory", previous, audit._hash(entry)
            previous = row.hash
        session.execute(update(AuditHeadRow).values(hash=previous))

    assert faults_after(audited, rewrite) == ("the end of the audit was not written by this service",)


def test_audit_shows_that_everything_was_removed(audited: Store) -> None:
    def empty(session: Session) -> None:
        session.execute(delete(AuditRow))
        session.execute(update(AuditHeadRow).values(entries=0, hash=audit.GENESIS, mac=b""))

    assert faults_after(audited, empty) == ("the audit or its end was removed",)


def test_audit_finds_a_store_put_back_in_time_by_its_anchor(audited: Store) -> None:
    early = audit.verify(audited).anchor
    with audited.reading() as session:
        head = session.get_one(AuditHeadRow, 1)
        kept = {"entries": head.entries, "hash": head.hash, "mac": head.mac}
    with audited.writing() as session:
        audit.append(session, audited.cipher, "ada", "reject")
    late = audit.verify(audited, anchor=early)
    assert late.faults == (), "an earlier end is still in the chain"

    def put_back(session: Session) -> None:
        session.execute(delete(AuditRow).where(AuditRow.sequence > ENTRIES))
        session.execute(update(AuditHeadRow).values(**kept))

    assert faults_after(audited, put_back) == (), "alone, the store is what it was"
    assert audit.verify(audited, anchor=late.anchor).faults == (
        f"the end noted earlier, entry {ENTRIES + 1}, is not in the audit",
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)),
    st.text(max_size=256).filter(lambda name: "\x00" not in name and not any("\ud800" <= c <= "\udfff" for c in name)),
)
def test_audit_takes_any_values(store: Store, after: dict[str, Any], actor: str) -> None:
    with store.writing() as session:
        audit.append(session, store.cipher, actor, "accept", after=after)
    assert audit.verify(store).faults == ()
    with store.reading() as session:
        *_, last = audit.entries(session)
    assert (last.actor, last.after) == (actor, after)


def test_audit_tells_a_requests_story_without_its_words(
    store: Store, toy_extractor: Extractor, letter: Document, report: Report
) -> None:
    request = create_request(store, CLERK, letter, report, patient_ref="P-0001")
    note = Decision(Kind.NOTE, note="mother is Synthia Canary")
    request = decide(store, CLERK, toy_extractor.ontology, request.summary.id, request.summary.etag, note)
    for one in request.suggestions:
        if one.required:
            accept = Decision(Kind.ACCEPT, one.id)
            request = decide(store, CLERK, toy_extractor.ontology, request.summary.id, request.summary.etag, accept)
    confirm(store, CLERK, toy_extractor.ontology, request.summary.id, request.summary.etag)
    with store.reading() as session:
        found = list(audit.entries(session, request.summary.id))
    assert [one.action for one in found] == ["create", "note", *["accept"] * 6, "confirm"]
    accepted = found[3]
    assert accepted.before == {
        "etag": "1.3",
        "suggestion": "f1",
        "hpo_id": "HP:0000729",
        "status": "uncertain",
        "severity": None,
        "accepted": None,
    }
    assert accepted.after == {**accepted.before, "etag": "1.4", "decision": 3, "accepted": True}
    assert {one.actor for one in found} == {CLERK.name}
    assert {one.letter_sha256 for one in found} == {found[0].letter_sha256}
    assert found[0].hpo_release == report.provenance.hpo_release
    assert ["HP:0001263", "present"] in found[-1].after["features"]
    said = str(found)
    for words in ("Canary", "P-0001", "metacarpals", "ptosis"):
        assert words not in said


def test_audit_is_exported_as_valid_fhir(
    store: Store, toy_extractor: Extractor, letter: Document, report: Report
) -> None:
    request = create_request(store, CLERK, letter, report, patient_ref="P-0001")
    for one in request.suggestions:
        if one.required:
            accept = Decision(Kind.REJECT, one.id)
            request = decide(store, CLERK, toy_extractor.ontology, request.summary.id, request.summary.etag, accept)
    confirm(store, CLERK, toy_extractor.ontology, request.summary.id, request.summary.etag)
    with store.reading() as session:
        resources = [resource for entry in audit.entries(session) for resource in to_fhir(entry)]
    for resource in resources:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    kinds = [resource["resourceType"] for resource in resources]
    assert kinds == ["AuditEvent"] * 9 + ["Provenance"]
    assert len({resource["id"] for resource in resources}) == len(resources)
    assert [one["action"] for one in resources[:-1]] == ["E", "C", *"UUUUUU", "U"]
