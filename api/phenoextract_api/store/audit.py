"""The audit: append-only, each entry hashed together with the one before it, the end held by a keyed digest.

An entry names who, when, what, the request, the digest of the letter, the versions that made the proposals, and ids and
statuses before and after. It never holds words of a letter. Changing, removing, reordering or inserting entries breaks
the hashes; making new hashes, or cutting entries off the end, breaks the keyed digest in `audit_head`. Only a whole
store put back to an earlier day passes as what it was then: note `Verified.anchor` elsewhere and give it to `verify`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from phenoextract.types import Provenance
from phenoextract_api.store.crypto import Cipher
from phenoextract_api.store.tables import AuditHeadRow, AuditRow

if TYPE_CHECKING:
    from phenoextract_api.store.engine import Store

GENESIS = "0" * 64  # what the first entry follows; the first migration writes it too
_MAX_FAULTS = 100
_COLUMNS = tuple(column.name for column in AuditRow.__table__.columns if column.name != "hash")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the audit; `before` and `after` hold ids, statuses and counts."""

    sequence: int
    at: datetime
    actor: str
    action: str
    request_id: str | None
    version: int | None
    letter_sha256: str | None
    product_version: str
    hpo_release: str | None
    index_sha256: str | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found: how many entries, where the chain ends, and every fault (none: it is whole)."""

    entries: int
    head: str
    faults: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """Give the end of the chain as `entries:hash`, to be noted outside the store."""
        return f"{self.entries}:{self.head}"


def append(
    session: Session,
    cipher: Cipher,
    actor: str,
    action: str,
    *,
    at: datetime | None = None,
    request_id: str | None = None,
    version: int | None = None,
    letter_sha256: str | None = None,
    provenance: Provenance | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry in the caller's transaction. It locks the end of the chain until that ends: call it last."""
    count, previous = lock(session)
    entry: dict[str, Any] = {
        "sequence": count + 1,
        "at": (at or datetime.now(UTC)).astimezone(UTC),
        "actor": actor,
        "action": action,
        "request_id": request_id,
        "version": version,
        "letter_sha256": letter_sha256,
        "product_version": provenance.version if provenance else importlib.metadata.version("phenoextract"),
        "hpo_release": provenance.hpo_release if provenance else None,
        "index_sha256": provenance.index_sha256 if provenance else None,
        "before": _canonical(before or {}),
        "after": _canonical(after or {}),
        "previous": previous,
    }
    digest = _hash(entry)
    session.execute(insert(AuditRow).values(**entry, hash=digest))
    session.execute(
        update(AuditHeadRow).values(entries=count + 1, hash=digest, mac=cipher.digest(*_end(count + 1, digest)))
    )


def lock(session: Session) -> tuple[int, str]:
    """Keep every other writer waiting until the caller's transaction ends; give the count and the last hash."""
    head = session.execute(select(AuditHeadRow.entries, AuditHeadRow.hash).with_for_update()).one()
    return head.entries, head.hash


def entries(session: Session, request_id: str | None = None) -> Iterator[Entry]:
    """Give the entries in order, all of them or those of one request."""
    query = select(AuditRow).order_by(AuditRow.sequence).execution_options(yield_per=1000)
    if request_id is not None:
        query = query.where(AuditRow.request_id == request_id)
    for row in session.scalars(query):
        yield Entry(
            **{name: getattr(row, name) for name in _COLUMNS if name not in ("before", "after", "previous")},
            before=json.loads(row.before),
            after=json.loads(row.after),
            hash=row.hash,
        )


def verify(store: Store, *, anchor: str | None = None) -> Verified:
    """Recompute the whole chain; `anchor` is an end noted earlier, which the chain must still contain."""
    faults: list[str] = []
    count, last, expected = 0, GENESIS, 1
    noted = anchor.partition(":")[::2] if anchor else None
    with store.reading() as session:
        for row in session.execute(select(AuditRow.__table__).order_by(AuditRow.sequence)).mappings():
            sequence = row["sequence"]
            if sequence != expected:
                faults.append(
                    f"entry {expected} is missing" if sequence > expected else f"entry {sequence} was inserted"
                )
            if row["previous"] != last and sequence == expected:
                faults.append(f"entry {sequence} does not follow the entry before it")
            if _hash({name: row[name] for name in _COLUMNS}) != row["hash"]:
                faults.append(f"entry {sequence} was changed")
            if noted and noted[0] == str(sequence) and noted[1] == row["hash"]:
                noted = None
            count, last, expected = count + 1, row["hash"], sequence + 1
            if len(faults) >= _MAX_FAULTS:
                break
        head = session.execute(select(AuditHeadRow.__table__)).mappings().one_or_none()
    end = _end(count, last)
    if head is None or not count:
        faults.append("the audit or its end was removed")
    elif (str(head["entries"]), head["hash"]) != end:
        faults.append(f"the audit ends at entry {count}, but was closed at entry {head['entries']}")
    elif head["mac"] not in store.cipher.digests(*end):
        faults.append("the end of the audit was not written by this service")
    if noted:
        faults.append(f"the end noted earlier, entry {noted[0]}, is not in the audit")
    return Verified(count, last, tuple(faults[:_MAX_FAULTS]))


def _end(count: int, last: str) -> tuple[str, str]:
    return (str(count), last)


def _hash(entry: Mapping[str, Any]) -> str:
    """Give the sha256 of an entry, the hash before it included, in hexadecimal."""
    plain = dict(entry) | {"at": entry["at"].astimezone(UTC).isoformat(timespec="microseconds")}
    return hashlib.sha256(_canonical(plain).encode()).hexdigest()


def _canonical(value: Mapping[str, Any]) -> str:
    """Give JSON that is the same for the same value: sorted, ASCII, no spaces (as RFC 8785 for what we hold)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
