"""Erasing requests for good: on demand, and after the days of retention; each time with a proof that they are gone.

Rows are deleted in one transaction with their entry in the audit, which keeps ids and digests and no words. Then the
space they took is given back: SQLite overwrites deleted content (secure_delete), and the file is rewritten and its log
emptied; on PostgreSQL the tables are rewritten. Last comes the proof: no row is left, and in SQLite's files none of a
sample of the deleted ciphertext either. Backups, and a PostgreSQL server's archived log, are outside its reach.
"""

from __future__ import annotations

import mmap
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from phenoextract.errors import PhenoextractError
from phenoextract_api.store import audit
from phenoextract_api.store.engine import SERVICE, Store
from phenoextract_api.store.tables import DecisionRow, RequestRow, VersionRow

_PRINT_BYTES = 16  # enough of a ciphertext to know it again
_SAMPLE = 100
_CHUNK = 500
_COLUMNS = (DecisionRow.request_id, VersionRow.request_id, RequestRow.id)  # in the order in which rows can go


class NotErased(PhenoextractError):
    """Something of what was deleted can still be found."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows were deleted, and that they were looked for and not found again."""

    requests: int
    versions: int
    decisions: int


def requests_of_patient(store: Store, patient_ref: str) -> list[str]:
    """Give the ids of a patient's requests."""
    with store.reading() as session:
        digests = store.cipher.digests("patient", patient_ref)
        return list(session.scalars(select(RequestRow.id).where(RequestRow.patient_digest.in_(digests))))


def expired_requests(store: Store, days: int, *, now: datetime | None = None) -> list[str]:
    """Give the ids of the requests of which no version has changed for this many days."""
    with store.reading() as session:
        return _expired(session, (now or datetime.now(UTC)) - timedelta(days=days))


def purge(store: Store, days: int, *, actor: str = SERVICE, now: datetime | None = None) -> Erased:
    """Erase the requests of which no version has changed for this many days. Raises NotErased."""
    now = now or datetime.now(UTC)
    erased = erase(store, actor, expired_requests(store, days, now=now), "purge")
    if left := expired_requests(store, days, now=now):
        raise NotErased(f"{len(left)} requests are older than {days} days and still there: purge again")
    return erased


def erase(store: Store, actor: str, request_ids: Sequence[str], action: str) -> Erased:
    """Erase requests, note each in the audit under `action`, and prove that they are gone. Raises NotErased."""
    counts = [0, 0, 0]
    prints: list[bytes] = []
    for start in range(0, len(request_ids), _CHUNK):
        ids = request_ids[start : start + _CHUNK]
        with store.writing() as session:
            doomed = session.scalars(select(RequestRow).where(RequestRow.id.in_(ids)).with_for_update()).all()
            tombstones = [(row.id, row.letter_sha256) for row in doomed]
            prints += [piece for row in doomed for sealed in (row.letter, row.report) for piece in _prints(sealed)]
            for index, column in enumerate(_COLUMNS):
                counts[index] += session.connection().execute(delete(column.class_).where(column.in_(ids))).rowcount
            for request_id, letter_sha256 in tombstones:
                audit.append(session, store.cipher, actor, action, request_id=request_id, letter_sha256=letter_sha256)
    if request_ids:
        _give_back_space(store)
        _prove_gone(store, request_ids, random.sample(prints, min(len(prints), _SAMPLE)))
    decisions, versions, requests = counts
    return Erased(requests, versions, decisions)


def _expired(session: Session, before: datetime) -> list[str]:
    changed = func.max(VersionRow.changed_at)
    return list(session.scalars(select(VersionRow.request_id).group_by(VersionRow.request_id).having(changed < before)))


def _prints(ciphertext: bytes) -> list[bytes]:
    """Give pieces of a ciphertext from its start, middle and end: one at least lies whole within a page."""
    middle = len(ciphertext) // 2
    return [ciphertext[8 : 8 + _PRINT_BYTES], ciphertext[middle : middle + _PRINT_BYTES], ciphertext[-_PRINT_BYTES:]]


def _give_back_space(store: Store) -> None:
    """Rewrite the tables without what was deleted; waits for whoever is using them."""
    if store.is_sqlite:
        with closing(store.engine.raw_connection()) as connection:  # these two cannot run in a transaction
            cursor = connection.cursor()
            try:
                cursor.execute("VACUUM")
            except sqlite3.OperationalError as error:
                raise NotErased(
                    f"the rows are deleted, but the file was not rewritten: {error}; run it again"
                ) from None
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise NotErased("the log of the database is in use and was not emptied: run the command again")
    else:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as autocommit:
            for column in _COLUMNS:
                autocommit.exec_driver_sql(f"VACUUM (FULL) {column.class_.__tablename__}")


def _prove_gone(store: Store, request_ids: Sequence[str], prints: Sequence[bytes]) -> None:
    with store.reading() as session:
        for column in _COLUMNS:
            for start in range(0, len(request_ids), _CHUNK):
                ids = request_ids[start : start + _CHUNK]
                if left := session.scalar(select(func.count()).where(column.in_(ids))):
                    raise NotErased(f"{left} rows of {column.class_.__tablename__} are still there")
    database = store.engine.url.database
    if store.is_sqlite and database is not None:
        for path in (Path(database), Path(f"{database}-wal")):
            if left := _held(path, prints):
                raise NotErased(f"{left} pieces of deleted letters are still in {path.name}")


def _held(path: Path, prints: Sequence[bytes]) -> int:
    """Count the pieces that a file holds."""
    if not path.exists() or not path.stat().st_size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        return sum(held.find(piece) >= 0 for piece in prints)
