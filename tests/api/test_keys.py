from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from phenoextract.errors import ConfigError
from phenoextract_api.store import audit
from phenoextract_api.store.engine import Store
from phenoextract_api.store.keys import find_key, list_keys, make_key, revoke_key, rotate_key
from phenoextract_api.store.tables import ApiKeyRow

LATER = datetime.now(UTC) + timedelta(days=3650)


def test_keys_are_found_by_their_text_alone(store: Store) -> None:
    key, text = make_key(store, "ada", "lab feed", ["pipeline"])
    assert find_key(store, text) == key
    assert key.roles == {"pipeline"}
    assert find_key(store, text, now=LATER) == key, "without an end it does not end"
    for wrong in ("", key.id, text[:-1], text + "x", text[:-1] + ("A" if text[-1] != "A" else "B"), text.upper()):
        assert find_key(store, wrong) is None
    with store.reading() as session:
        (row,) = session.scalars(select(ApiKeyRow))
        assert text.split("_", 2)[2] not in str(vars(row))


def test_keys_end_when_they_should(store: Store) -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    _, text = make_key(store, "ada", "for an hour", ["clerk"], expires_at=end)
    assert find_key(store, text, now=end - timedelta(seconds=1)) is not None
    assert find_key(store, text, now=end) is None


def test_keys_can_be_revoked_at_once(store: Store) -> None:
    key, text = make_key(store, "ada", "lab feed", ["pipeline"])
    revoke_key(store, "grace", key.id)
    revoke_key(store, "grace", key.id)
    assert find_key(store, text) is None
    with pytest.raises(ConfigError, match="no key"):
        revoke_key(store, "grace", "0" * 16)
    with pytest.raises(ConfigError, match="revoked"):
        rotate_key(store, "grace", key.id, overlap=timedelta(hours=1))


def test_keys_are_replaced_with_an_overlap(store: Store) -> None:
    old, old_text = make_key(store, "ada", "lab feed", ["pipeline", "clerk"])
    new, new_text = rotate_key(store, "grace", old.id, overlap=timedelta(hours=24))
    assert (new.name, new.roles) == (old.name, old.roles)
    assert find_key(store, new_text, now=LATER) is not None
    assert find_key(store, old_text) is not None
    assert find_key(store, old_text, now=datetime.now(UTC) + timedelta(hours=25)) is None
    assert [one.id for one in list_keys(store)] == [old.id, new.id]


def test_keys_that_end_keep_their_end_when_replaced(store: Store) -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    old, _ = make_key(store, "ada", "for an hour", ["clerk"], expires_at=end)
    new, _ = rotate_key(store, "grace", old.id, overlap=timedelta(hours=24))
    assert [one.expires_at for one in list_keys(store)] == [end, end]
    assert new.expires_at == end


def test_keys_need_a_name_and_a_role(store: Store) -> None:
    with pytest.raises(ConfigError, match="name"):
        make_key(store, "ada", " ", ["clerk"])
    with pytest.raises(ConfigError, match="role"):
        make_key(store, "ada", "lab", [])


def test_keys_leave_their_trace_in_the_audit(store: Store) -> None:
    key, text = make_key(store, "ada", "lab feed", ["pipeline"])
    new, _ = rotate_key(store, "grace", key.id, overlap=timedelta(0))
    revoke_key(store, "grace", new.id)
    with store.reading() as session:
        found = [(one.actor, one.action, one.after.get("key")) for one in audit.entries(session)][1:]
        said = str(list(audit.entries(session)))
    assert found == [
        ("ada", "key.make", key.id),
        ("grace", "key.make", new.id),
        ("grace", "key.revoke", new.id),
    ]
    assert text.split("_", 2)[2] not in said
