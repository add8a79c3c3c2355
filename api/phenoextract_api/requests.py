"""Test requests: a coded letter on its way from what the service proposes to what a named person confirms.

A request is a draft until a clerk has decided every proposal and confirmed it. A confirmed version never changes:
a correction is a new draft on top of it, and replaces it only when it is confirmed in its turn. Until then the
confirmed version is the one that is exported; a draft never is.

    create -> 1 draft -confirm-> 1 confirmed -correct-> 1 confirmed, 2 draft -confirm-> 1 superseded, 2 confirmed

Every change names the `etag` of the request it was made on and fails with StaleRequest if somebody else was faster.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import literal, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from phenoextract.formats import json as report_json
from phenoextract.ontology import Ontology
from phenoextract.types import Coding, Confirmation, Document, Report, Status
from phenoextract_api.auth import Actor, Role
from phenoextract_api.monitoring import tallies
from phenoextract_api.request_types import (
    BadDecision,
    Decided,
    Decision,
    DuplicateRequest,
    Kind,
    NotPermitted,
    Page,
    Request,
    RequestNotFound,
    RequestSummary,
    RequestVersion,
    StaleRequest,
    State,
    Suggestion,
    WrongState,
)
from phenoextract_api.store import audit, retention
from phenoextract_api.store.crypto import Cipher, letter_digest
from phenoextract_api.store.engine import Store
from phenoextract_api.store.tables import DecisionRow, RequestRow, UtcDateTime, VersionRow
from phenoextract_api.suggestions import (
    brought_up_to_date,
    checked,
    coded_report,
    contradictions,
    standing,
    suggestions,
)

MAX_PAGE = 500
_MAX_DISPLAY = 256
_ID = re.compile(r"[0-9a-f-]{36}")
_PATIENT_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_LETTER_TYPE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NHS_NUMBER_WEIGHTS = range(10, 1, -1)


def create_request(
    store: Store,
    actor: Actor,
    document: Document,
    report: Report,
    *,
    patient_ref: str,
    test: Coding | None = None,
    letter_type: str | None = None,
    idempotency_key: str | None = None,
    measures: tallies.LetterMeasures | None = None,
) -> Request:
    """Store a letter and its report as a draft; `measures` of the letter are counted for monitoring.

    The same `idempotency_key` of the same actor gives the request made the first time. Raises DuplicateRequest, and
    BadDecision for a patient reference that is not one token or is an NHS number.
    """
    _need(actor, Role.CLERK, Role.PIPELINE)
    _check_new(patient_ref, test, letter_type)

    def create() -> str:
        return _create(store, actor, document, report, patient_ref, test, letter_type, idempotency_key, measures)

    try:
        request_id = create()
    except IntegrityError:  # somebody else was faster by a moment: the second look finds theirs
        request_id = create()
    return get_request(store, actor, request_id)


def test_coding(systems: Sequence[str], code: str, *, system: str | None = None, display: str | None = None) -> Coding:
    """Give a test code of one of the systems that the installation knows; with only one, it need not be named.

    Raises BadDecision for another system, or none of several.
    """
    if system is None and len(systems) == 1:
        system = systems[0]
    if system is None or system not in systems:
        raise BadDecision(f"name the system of the test code: {' or '.join(systems)}")
    return Coding(system, code, display)


def list_queue(
    store: Store,
    actor: Actor,
    *,
    states: Sequence[State] = (State.DRAFT,),
    limit: int = 50,
    after: str | None = None,
) -> Page:
    """Give the versions of requests that are in these states, oldest first, at most MAX_PAGE at a time.

    Raises BadDecision if `after` is not the `next` of an earlier page.
    """
    _need(actor, Role.CLERK, Role.PIPELINE, Role.ADMIN)
    limit = min(max(limit, 1), MAX_PAGE)
    key = (VersionRow.created_at, VersionRow.request_id, VersionRow.version)
    query = (
        select(VersionRow, RequestRow)
        .join(RequestRow, RequestRow.id == VersionRow.request_id)
        .where(VersionRow.state.in_([state.value for state in states]))
        .order_by(*key)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*_position(after)))
    with store.reading() as session:
        rows = session.execute(query).all()
        items = tuple(
            _summary(request, version, _patient_ref(store.cipher, request)) for version, request in rows[:limit]
        )
    last = items[-1] if len(rows) > limit else None
    return Page(items, f"{last.created_at.isoformat()}|{last.id}|{last.version}" if last else None)


def get_request(store: Store, actor: Actor, request_id: str, *, version: int | None = None) -> Request:
    """Give the newest version of a request, or the one asked for. Raises RequestNotFound."""
    _need(actor, Role.CLERK, Role.PIPELINE, Role.ADMIN)
    with store.reading() as session:
        return _view(_load(session, store.cipher, request_id), version)


def decide(
    store: Store,
    actor: Actor,
    ontology: Ontology,
    request_id: str,
    etag: str,
    decision: Decision,
    *,
    idempotency_key: str | None = None,
) -> Request:
    """Record a decision and give the request as it stands after it.

    The same `idempotency_key` of the same actor does nothing the second time, whatever the etag.
    Raises RequestNotFound, NotPermitted, WrongState, StaleRequest, BadDecision.
    """
    _need(actor, Role.CLERK)
    with store.writing() as session:
        stored = _load(session, store.cipher, request_id, lock=True)
        if idempotency_key is None or not _is_repeated(session, store.cipher, actor, stored, decision, idempotency_key):
            _check_draft(stored, etag)
            made = checked(decision, _suggestions(stored), stored.letter.text, ontology)
            stored = _record(session, store.cipher, stored, actor, made, made.suggestion_id, idempotency_key)
        return _view(stored)


def undo(store: Store, actor: Actor, request_id: str, etag: str) -> Request:
    """Take back the last decision that stands in this version; raises as `decide`, WrongState if there is none."""
    _need(actor, Role.CLERK)
    with store.writing() as session:
        stored = _load(session, store.cipher, request_id, lock=True)
        _check_draft(stored, etag)
        taken = _last_of_version(stored)
        if taken is None:
            raise WrongState("there is no decision of this version to take back")
        touched = taken.decision.suggestion_id or (f"m{taken.sequence}" if taken.decision.kind is Kind.ADD else None)
        return _view(_record(session, store.cipher, stored, actor, Decision(Kind.UNDO), touched, None))


def confirm(store: Store, actor: Actor, ontology: Ontology, request_id: str, etag: str) -> Request:
    """Confirm the draft: from now on it is what is exported, and it never changes again.

    Needs a decision on every required suggestion, no term both present and absent, and a named user with the role
    clerk. Terms that have become obsolete since are replaced by their successors. Raises as `decide`.
    """
    _need(actor, Role.CLERK)
    with store.writing() as session:
        stored = _load(session, store.cipher, request_id, lock=True)
        _check_draft(stored, etag)
        decided = _suggestions(stored)
        if undecided := [one.id for one in decided if one.required and one.accepted is None]:
            raise WrongState(f"{len(undecided)} suggestions are not decided yet: {', '.join(undecided)}")
        report = brought_up_to_date(coded_report(stored.letter.text, stored.report, decided), ontology)
        if torn := contradictions(report):
            raise WrongState(f"both present and absent: {', '.join(torn)}; reject one of each")
        draft, now = stored.versions[-1], datetime.now(UTC)
        before: dict[str, Any] = {"etag": _etag(draft), "state": draft.state}
        for old in stored.versions[:-1]:
            if old.state == State.CONFIRMED:
                old.state = State.SUPERSEDED
                before["superseded"] = old.version
        text = report_json.render(report)
        draft.state = State.CONFIRMED
        draft.confirmed_by, draft.confirmed_at = actor.name, now
        draft.confirmed_report = store.cipher.encrypt(text, draft.place("confirmed_report"))
        draft.coded = len(report.features)
        _touch(draft, actor, now)
        session.flush()
        if draft.version == 1:
            counted = tallies.count_review(stored.report, decided, ontology)
            tallies.add_review(session, now, stored.report.provenance, stored.row.letter_type, counted)
        audit.append(
            session,
            store.cipher,
            actor.name,
            "confirm",
            at=now,
            request_id=request_id,
            version=draft.version,
            letter_sha256=stored.row.letter_sha256,
            provenance=report.provenance,
            before=before,
            after={
                "etag": _etag(draft),
                "state": draft.state,
                "features": [[feature.hpo_id, feature.status.value] for feature in report.features],
                "report_sha256": letter_digest(text),
            },
        )
        return _view(_load(session, store.cipher, request_id))


def correct(store: Store, actor: Actor, request_id: str, etag: str) -> Request:
    """Start a new version on top of a confirmed one, with its decisions; raises as `decide`."""
    _need(actor, Role.CLERK)
    with store.writing() as session:
        stored = _load(session, store.cipher, request_id, lock=True)
        newest, now = stored.versions[-1], datetime.now(UTC)
        _check_etag(newest, etag)
        if newest.state != State.CONFIRMED:
            raise WrongState("this version is a draft: decide and confirm it")
        draft = _new_version(request_id, newest.version + 1, actor, now, newest.undecided, newest.coded)
        session.add(draft)
        session.flush()
        audit.append(
            session,
            store.cipher,
            actor.name,
            "correct",
            at=now,
            request_id=request_id,
            version=draft.version,
            letter_sha256=stored.row.letter_sha256,
            provenance=stored.report.provenance,
            before={"etag": _etag(newest), "state": newest.state},
            after={"etag": _etag(draft), "state": draft.state},
        )
        return _view(_load(session, store.cipher, request_id))


def export_report(
    store: Store, actor: Actor, request_id: str, *, version: int | None = None
) -> tuple[Report, Confirmation]:
    """Give the confirmed features with their evidence, and who confirmed them; drafts are never given.

    Without `version` it is the one confirmed last; a superseded one must be asked for by number. The audit notes who
    took it. A feature that a clerk added without pointing at the letter has no evidence. Raises RequestNotFound, and
    WrongState if nothing, or not that version, is confirmed.
    """
    _need(actor, Role.CLERK, Role.PIPELINE, Role.ADMIN)
    with store.writing() as session:
        stored = _load(session, store.cipher, request_id)
        if version is not None:
            chosen = _version(stored, version)
        else:
            confirmed = _confirmed_version(stored)
            chosen = _version(stored, confirmed) if confirmed is not None else stored.versions[-1]
        if chosen.confirmed_report is None or chosen.confirmed_by is None or chosen.confirmed_at is None:
            raise WrongState("only what is confirmed is exported: decide every suggestion and confirm the request")
        text = store.cipher.decrypt(chosen.confirmed_report, chosen.place("confirmed_report"))
        report = report_json.parse(text)
        audit.append(
            session,
            store.cipher,
            actor.name,
            "export",
            request_id=request_id,
            version=chosen.version,
            letter_sha256=stored.row.letter_sha256,
            provenance=report.provenance,
            after={"report_sha256": letter_digest(text)},
        )
        row = stored.row
        return report, Confirmation(
            request_id=request_id,
            version=chosen.version,
            patient_ref=stored.patient_ref,
            confirmed_by=chosen.confirmed_by,
            confirmed_at=chosen.confirmed_at,
            test=_test(row),
            letter_sha256=row.letter_sha256,
            letter_type=row.letter_type,
        )


def delete_request(store: Store, actor: Actor, request_id: str) -> None:
    """Erase a request, its letter and its decisions for good; the audit keeps that it was there.

    Only an admin. Raises RequestNotFound, NotPermitted.
    """
    _need(actor, Role.ADMIN)
    if not retention.erase(store, actor.name, [request_id], "delete").requests:
        raise RequestNotFound("there is no request with this id")


@dataclass(frozen=True, slots=True)
class _Stored:
    """A request as it lies in the store, decrypted; the versions in order, and the log with what was taken back."""

    row: RequestRow
    versions: Sequence[VersionRow]
    patient_ref: str
    letter: Document
    report: Report
    log: tuple[Decided, ...]
    confirmed: dict[int, Report]


def _create(
    store: Store,
    actor: Actor,
    document: Document,
    report: Report,
    patient_ref: str,
    test: Coding | None,
    letter_type: str | None,
    idempotency_key: str | None,
    measures: tallies.LetterMeasures | None,
) -> str:
    """Store a request and give its id, or the id of the one that the same key made before."""
    cipher, digest = store.cipher, letter_digest(document.text)
    attempt = ("create", actor.name, idempotency_key or "")
    request_id, now = str(uuid.uuid4()), datetime.now(UTC)
    row = RequestRow(
        id=request_id,
        letter_sha256=digest,
        letter_type=letter_type,
        test_system=test.system if test else None,
        test_code=test.code if test else None,
        test_display=test.display if test else None,
        patient_digest=cipher.digest("patient", patient_ref),
        idempotency_digest=cipher.digest(*attempt) if idempotency_key is not None else None,
        created_by=actor.name,
        created_at=now,
    )
    row.letter = cipher.encrypt(json.dumps(asdict(document)), row.place("letter"))
    row.report = cipher.encrypt(report_json.render(report), row.place("report"))
    row.patient_ref = cipher.encrypt(patient_ref, row.place("patient_ref"))
    row.duplicate_digest = cipher.digest(*row.identity(patient_ref))
    identities = cipher.digests(*row.identity(patient_ref))
    proposed = suggestions(report, ())
    version = _new_version(request_id, 1, actor, now, sum(one.required for one in proposed), 0)
    with store.writing() as session:
        # one query for both: between two, another writer of the same request could come to its end
        is_same = RequestRow.duplicate_digest.in_(identities)
        is_repeated = RequestRow.idempotency_digest.in_(cipher.digests(*attempt) if idempotency_key is not None else ())
        found = session.execute(select(RequestRow.id, is_same, is_repeated).where(is_same | is_repeated)).all()
        repeated = next((one for one in found if one[2]), None)
        if repeated is not None and not repeated[1]:
            raise BadDecision("this idempotency key was used for another request: use a new one")
        if repeated is not None:
            return repeated[0]
        if found:
            raise DuplicateRequest(found[0][0])
        session.add(row)
        session.flush()
        session.add(version)
        session.flush()
        if measures is not None:
            tallies.add_letter(session, now, report.provenance, letter_type, measures)
        audit.append(
            session,
            cipher,
            actor.name,
            "create",
            at=now,
            request_id=request_id,
            version=1,
            letter_sha256=digest,
            provenance=report.provenance,
            after={
                "etag": _etag(version),
                "state": version.state,
                "suggestions": [[one.id, one.hpo_id, one.status.value] for one in proposed if one.required],
            },
        )
    return request_id


def _load(session: Session, cipher: Cipher, request_id: str, *, lock: bool = False) -> _Stored:
    """Read a request; `lock` keeps other writers of it waiting until the transaction ends. Raises RequestNotFound."""
    if not _ID.fullmatch(request_id):  # PostgreSQL refuses some characters
        raise RequestNotFound("there is no request with this id")
    query = select(RequestRow).where(RequestRow.id == request_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise RequestNotFound("there is no request with this id")
    versions = session.scalars(
        select(VersionRow).where(VersionRow.request_id == request_id).order_by(VersionRow.version)
    ).all()
    decisions = session.scalars(
        select(DecisionRow).where(DecisionRow.request_id == request_id).order_by(DecisionRow.sequence)
    )
    return _Stored(
        row=row,
        versions=versions,
        patient_ref=_patient_ref(cipher, row),
        letter=Document(**json.loads(cipher.decrypt(row.letter, row.place("letter")))),
        report=report_json.parse(cipher.decrypt(row.report, row.place("report"))),
        log=tuple(Decided(one.sequence, one.version, _opened(cipher, one), one.by, one.at) for one in decisions),
        confirmed={
            one.version: report_json.parse(cipher.decrypt(one.confirmed_report, one.place("confirmed_report")))
            for one in versions
            if one.confirmed_report is not None
        },
    )


def _record(
    session: Session,
    cipher: Cipher,
    stored: _Stored,
    actor: Actor,
    decision: Decision,
    touched: str | None,
    idempotency_key: str | None,
) -> _Stored:
    """Add a decision to the log, count anew, and note in the audit what became of the suggestion it touched."""
    draft, now = stored.versions[-1], datetime.now(UTC)
    sequence = stored.log[-1].sequence + 1 if stored.log else 1
    entry = Decided(sequence, draft.version, decision, actor.name, now)
    changed = replace(stored, log=(*stored.log, entry))
    touched = touched or (f"m{sequence}" if decision.kind is Kind.ADD else None)
    before = {"etag": _etag(draft), **_audited(_suggestions(stored), touched)}
    row = DecisionRow(
        request_id=stored.row.id,
        sequence=sequence,
        version=draft.version,
        kind=decision.kind.value,
        idempotency_digest=(
            cipher.digest("decide", actor.name, idempotency_key) if idempotency_key is not None else None
        ),
        by=actor.name,
        at=now,
    )
    row.payload = cipher.encrypt(json.dumps(asdict(decision)), row.place("payload"))
    session.add(row)
    decided = _suggestions(changed)
    draft.undecided = sum(one.required and one.accepted is None for one in decided)
    draft.coded = len(coded_report(stored.letter.text, stored.report, decided).features)
    _touch(draft, actor, now)
    session.flush()
    audit.append(
        session,
        cipher,
        actor.name,
        decision.kind.value,
        at=now,
        request_id=stored.row.id,
        version=draft.version,
        letter_sha256=stored.row.letter_sha256,
        provenance=stored.report.provenance,
        before=before,
        after={"etag": _etag(draft), "decision": sequence, **_audited(decided, touched)}
        | ({"obsolete_id": decision.obsolete_id} if decision.obsolete_id else {}),
    )
    return changed


def _audited(decided: Sequence[Suggestion], suggestion_id: str | None) -> dict[str, Any]:
    """Give what the audit says of a suggestion: ids and statuses, no words."""
    for one in decided:
        if one.id == suggestion_id:
            return {
                "suggestion": one.id,
                "hpo_id": one.hpo_id,
                "status": one.status.value,
                "severity": one.severity,
                "accepted": one.accepted,
            }
    return {}


def _is_repeated(
    session: Session, cipher: Cipher, actor: Actor, stored: _Stored, decision: Decision, idempotency_key: str
) -> bool:
    """Tell whether this very decision was recorded under the key; raises BadDecision if another one was."""
    row = session.scalar(
        select(DecisionRow).where(
            DecisionRow.idempotency_digest.in_(cipher.digests("decide", actor.name, idempotency_key))
        )
    )
    if row is None:
        return False
    made = _opened(cipher, row)
    given = replace(made, hpo_id=made.obsolete_id or made.hpo_id, label=None, obsolete_id=None)
    if row.request_id != stored.row.id or given != replace(decision, label=None, obsolete_id=None):
        raise BadDecision("this idempotency key was used for another decision: use a new one")
    return True


def _view(stored: _Stored, version: int | None = None) -> Request:
    chosen = _version(stored, version) if version is not None else stored.versions[-1]
    log = tuple(entry for entry in stored.log if entry.version <= chosen.version)
    seen = replace(stored, versions=[one for one in stored.versions if one.version <= chosen.version], log=log)
    decided = _suggestions(seen)
    confirmed = stored.confirmed.get(chosen.version)
    return Request(
        summary=_summary(stored.row, chosen, stored.patient_ref),
        letter=stored.letter,
        report=stored.report,
        suggestions=decided,
        notes=tuple(
            entry
            for entry in standing(log)
            if entry.decision.kind is Kind.NOTE and entry.decision.suggestion_id is None
        ),
        coded=confirmed or coded_report(stored.letter.text, stored.report, decided),
        confirmed_version=_confirmed_version(stored),
        versions=tuple(
            RequestVersion(
                one.version, State(one.state), one.created_by, one.created_at, one.confirmed_by, one.confirmed_at
            )
            for one in stored.versions
        ),
        can_undo=chosen.state == State.DRAFT and _last_of_version(seen) is not None,
    )


def _suggestions(stored: _Stored) -> tuple[Suggestion, ...]:
    return suggestions(stored.report, standing(stored.log))


def _last_of_version(stored: _Stored) -> Decided | None:
    """Give the decision that `undo` would take back: earlier versions are out of its reach."""
    stand = standing(stored.log)
    return stand[-1] if stand and stand[-1].version == stored.versions[-1].version else None


def _summary(row: RequestRow, version: VersionRow, patient_ref: str) -> RequestSummary:
    return RequestSummary(
        id=row.id,
        version=version.version,
        etag=_etag(version),
        state=State(version.state),
        patient_ref=patient_ref,
        test=_test(row),
        letter_type=row.letter_type,
        created_by=version.created_by,
        created_at=version.created_at,
        changed_by=version.changed_by,
        changed_at=version.changed_at,
        confirmed_by=version.confirmed_by,
        confirmed_at=version.confirmed_at,
        undecided=version.undecided,
        coded=version.coded,
    )


def _new_version(request_id: str, version: int, actor: Actor, now: datetime, undecided: int, coded: int) -> VersionRow:
    return VersionRow(
        request_id=request_id,
        version=version,
        state=State.DRAFT.value,
        edit=1,
        undecided=undecided,
        coded=coded,
        created_by=actor.name,
        created_at=now,
        changed_by=actor.name,
        changed_at=now,
    )


def _touch(version: VersionRow, actor: Actor, now: datetime) -> None:
    version.edit += 1
    version.changed_by, version.changed_at = actor.name, now


def _etag(version: VersionRow) -> str:
    return f"{version.version}.{version.edit}"


def _test(row: RequestRow) -> Coding | None:
    if row.test_system is None or row.test_code is None:
        return None
    return Coding(row.test_system, row.test_code, row.test_display)


def _patient_ref(cipher: Cipher, row: RequestRow) -> str:
    return cipher.decrypt(row.patient_ref, row.place("patient_ref"))


def _opened(cipher: Cipher, row: DecisionRow) -> Decision:
    data = json.loads(cipher.decrypt(row.payload, row.place("payload")))
    status = data["status"]
    return Decision(**data | {"kind": Kind(data["kind"]), "status": Status(status) if status else None})


def _version(stored: _Stored, number: int) -> VersionRow:
    for version in stored.versions:
        if version.version == number:
            return version
    raise RequestNotFound("the request has no such version")


def _confirmed_version(stored: _Stored) -> int | None:
    return next((version.version for version in stored.versions if version.state == State.CONFIRMED), None)


def _check_draft(stored: _Stored, etag: str) -> None:
    _check_etag(stored.versions[-1], etag)
    if stored.versions[-1].state != State.DRAFT:
        raise WrongState("this version is confirmed and never changes: correct it to make a new one")


def _check_etag(newest: VersionRow, etag: str) -> None:
    if etag != _etag(newest):
        raise StaleRequest(_etag(newest))


def _need(actor: Actor, *roles: Role) -> None:
    if actor.roles.isdisjoint(roles) or not actor.name.strip():
        raise NotPermitted(f"this needs a named user with the role {' or '.join(roles)}")


def _check_new(patient_ref: str, test: Coding | None, letter_type: str | None) -> None:
    if not _PATIENT_REF.fullmatch(patient_ref):
        raise BadDecision("patient_ref is a pseudonym of at most 64 letters, digits, dots, dashes and slashes")
    if _is_nhs_number(patient_ref):
        raise BadDecision("patient_ref is an NHS number: send a pseudonym")
    if letter_type is not None and not _LETTER_TYPE.fullmatch(letter_type):
        raise BadDecision("letter_type is a short name in small letters, such as clinic_letter")
    if test is not None and not (
        _is_token(test.system, 256) and _is_token(test.code, 64) and (test.display or "").isprintable()
    ):
        raise BadDecision("a test has a system and a code, both without spaces, and a display of printable characters")
    if test is not None and len(test.display or "") > _MAX_DISPLAY:
        raise BadDecision(f"the display of a test has at most {_MAX_DISPLAY} characters")


def _is_token(text: str, length: int) -> bool:
    return 0 < len(text) <= length and text.isprintable() and " " not in text


def _is_nhs_number(text: str) -> bool:
    """Tell whether the digits are an NHS number with its check digit (NHS Data Dictionary, modulus 11)."""
    digits = re.sub(r"[._/-]", "", text)
    if not re.fullmatch(r"[0-9]{10}", digits):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(digits, _NHS_NUMBER_WEIGHTS, strict=False))
    return (11 - total % 11) % 11 == int(digits[-1])


def _position(after: str) -> tuple[Any, ...]:
    try:
        at, request_id, version = after.split("|")
        moment = datetime.fromisoformat(at).astimezone(UTC)
        if not _ID.fullmatch(request_id) or not re.fullmatch("[0-9]{1,9}", version):
            raise ValueError
    except (ValueError, OverflowError):
        raise BadDecision("after is not the next of an earlier page") from None
    return literal(moment, UtcDateTime()), literal(request_id), literal(int(version))
