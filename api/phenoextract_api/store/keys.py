"""API keys: who may call the service without a browser. Only a digest of a key is stored; it is shown once, when made.

A key looks like phx_<id>_<secret>. Its secret has 256 random bits, so that a plain sha256 of it cannot be searched.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from phenoextract.errors import ConfigError
from phenoextract_api.store import audit
from phenoextract_api.store.engine import Store
from phenoextract_api.store.tables import ApiKeyRow

_KEY = re.compile(r"phx_(?P<id>[0-9a-f]{16})_(?P<secret>[A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the store knows it: its name stands in the audit, its roles say what it may do."""

    id: str
    name: str
    roles: frozenset[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Tell whether it has neither been revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def make_key(
    store: Store, by: str, name: str, roles: Collection[str], *, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key and give it with its text, which cannot be had again."""
    if not name.strip() or not roles:
        raise ConfigError("a key needs a name and at least one role")
    with store.writing() as session:
        return _make(session, store, by, name, roles, expires_at, {})


def find_key(store: Store, presented: str, *, now: datetime | None = None) -> ApiKey | None:
    """Give the valid key whose text is presented, or None."""
    match = _KEY.fullmatch(presented)
    if match is None:
        return None
    with store.reading() as session:
        row = session.get(ApiKeyRow, match["id"])
        if row is None or not hmac.compare_digest(row.secret_sha256, _digest(match["secret"])):
            return None
        key = _key(row)
    return key if key.is_valid(now or datetime.now(UTC)) else None


def get_key(store: Store, key_id: str, *, now: datetime | None = None) -> ApiKey | None:
    """Give the valid key with an id, or None."""
    with store.reading() as session:
        row = session.get(ApiKeyRow, key_id)
        key = _key(row) if row else None
    return key if key and key.is_valid(now or datetime.now(UTC)) else None


def list_keys(store: Store) -> list[ApiKey]:
    """Give every key that was ever made, oldest first."""
    with store.reading() as session:
        return [_key(row) for row in session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at, ApiKeyRow.id))]


def revoke_key(store: Store, by: str, key_id: str) -> None:
    """End a key at once. Raises ConfigError if there is no such key; to revoke twice does nothing."""
    with store.writing() as session:
        row = _row(session, key_id)
        if row.revoked_at is None:
            row.revoked_at = datetime.now(UTC)
            session.flush()
            audit.append(session, store.cipher, by, "key.revoke", after={"key": key_id})


def rotate_key(store: Store, by: str, key_id: str, *, overlap: timedelta) -> tuple[ApiKey, str]:
    """Make a key with the same name and roles; the old one ends after `overlap`, or when it would have.

    Raises ConfigError if there is no such key or it is no longer valid.
    """
    now = datetime.now(UTC)
    with store.writing() as session:
        row = _row(session, key_id)
        old = _key(row)
        if not old.is_valid(now):
            raise ConfigError(f"key {key_id} is revoked or expired: make a new one")
        row.expires_at = min(filter(None, (old.expires_at, now + overlap)))
        session.flush()
        return _make(session, store, by, old.name, old.roles, old.expires_at, {"replaces": key_id})


def _make(
    session: Session,
    store: Store,
    by: str,
    name: str,
    roles: Collection[str],
    expires_at: datetime | None,
    before: dict[str, str],
) -> tuple[ApiKey, str]:
    secret = secrets.token_urlsafe(32)
    row = ApiKeyRow(
        id=secrets.token_hex(8),
        name=name,
        roles=" ".join(sorted(roles)),
        secret_sha256=_digest(secret),
        created_by=by,
        created_at=datetime.now(UTC),
        expires_at=expires_at,
        revoked_at=None,
    )
    session.add(row)
    session.flush()
    after = {"key": row.id, "roles": sorted(roles)}
    audit.append(session, store.cipher, by, "key.make", before=before, after=after)
    return _key(row), f"phx_{row.id}_{secret}"


def _row(session: Session, key_id: str) -> ApiKeyRow:
    row = session.get(ApiKeyRow, key_id, with_for_update=True)
    if row is None:
        raise ConfigError("there is no key with this id")
    return row


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        roles=frozenset(row.roles.split()),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
