from __future__ import annotations

import subprocess
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import inspect, text, update
from sqlalchemy.exc import DBAPIError

from phenoextract.errors import ConfigError
from phenoextract.pipeline import Extractor
from phenoextract.types import Coding, Document, Report
from phenoextract_api.auth import Actor, Role
from phenoextract_api.request_types import Decision, DuplicateRequest, Kind, Request, RequestNotFound, State
from phenoextract_api.requests import confirm, correct, create_request, decide, export_report, get_request, list_queue
from phenoextract_api.store import audit, retention
from phenoextract_api.store.backup import backup
from phenoextract_api.store.crypto import CannotDecrypt, Cipher, letter_digest, new_key
from phenoextract_api.store.engine import Store, StoreUnavailable, connect, is_current, migrate, open_store
from phenoextract_api.store.rotation import encrypt_again
from phenoextract_api.store.tables import Base, RequestRow, VersionRow

CLERK = Actor("Ada Clerk", frozenset({Role.CLERK}))
CANARY = "Synthia Canary-Jones"
TEST = Coding("https://fhir.nhs.uk/CodeSystem/England-GenomicTestDirectory", "R29.1")


def canary_letter(letter: Document) -> Document:
    return Document(f"{CANARY}.docx", letter.text + f"\nYours, {CANARY}\n")


def confirmed(
    store: Store, extractor: Extractor, letter: Document, report: Report, patient_ref: str = "P-1"
) -> Request:
    """Take a request through everything that writes: notes, an addition, a confirmed version and a correction."""
    request = create_request(store, CLERK, letter, report, patient_ref=patient_ref, test=TEST)

    def made(decision: Decision) -> Request:
        return decide(store, CLERK, extractor.ontology, request.summary.id, request.summary.etag, decision)

    request = made(Decision(Kind.NOTE, note=f"rang {CANARY}"))
    for one in request.suggestions:
        if one.required:
            request = made(Decision(Kind.ACCEPT, one.id))
    request = confirm(store, CLERK, extractor.ontology, request.summary.id, request.summary.etag)
    return correct(store, CLERK, request.summary.id, request.summary.etag)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


def test_store_migrations_make_the_tables_that_the_code_knows(empty_url: str) -> None:
    engine = connect(empty_url)
    assert not is_current(engine)
    migrate(engine)
    migrate(engine)
    assert is_current(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert set(Base.metadata.tables) < set(inspect(connection).get_table_names())
    engine.dispose()


def test_store_migrations_may_be_run_by_many_at_once(empty_url: str) -> None:
    def run(_: int) -> bool:
        engine = connect(empty_url)
        try:
            migrate(engine)
            return is_current(engine)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(run, range(6)))


@pytest.mark.postgres
def test_store_asks_for_migration_where_it_does_not_migrate_itself(postgres_url: str) -> None:
    with pytest.raises(ConfigError, match="phenoextract store migrate"):
        open_store(postgres_url, [new_key()])


def test_store_refuses_a_database_of_a_later_release(store: Store, store_url: str, store_key: str) -> None:
    with store.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="later release"):
        open_store(store_url, [store_key])


def test_store_is_opened_by_many_at_once(store_url: str, store_key: str) -> None:
    def run(_: int) -> None:
        open_store(store_url, [store_key]).close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, range(6)))
    store = open_store(store_url, [store_key])
    assert audit.verify(store).entries == 1
    store.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "cannot be read"),
        ("mysql://host/name", "sqlite or postgresql"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("oracle+nothing://secret:word@host/name", "sqlite or postgresql|cannot be read"),
    ],
)
def test_store_refuses_a_url_that_cannot_be(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        connect(url)
    assert "secret" not in str(caught.value)


def test_store_says_that_a_database_is_away() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        open_store("postgresql://nobody:secret@127.0.0.1:1/none", [new_key()])


def test_store_says_that_a_database_stays_locked(
    tmp_path: Path, store_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phenoextract_api.store.engine._SQLITE_PRAGMAS", ("busy_timeout=50",))
    store = open_store(f"sqlite:///{tmp_path / 's.db'}", [store_key])
    with store.writing(), pytest.raises(StoreUnavailable), store.writing():
        pass
    store.close()


def test_store_keeps_nothing_of_a_write_that_fails(store: Store) -> None:
    with pytest.raises(RuntimeError), store.writing() as session:
        audit.append(session, store.cipher, "ada", "accept")
        raise RuntimeError
    assert audit.verify(store).entries == 1


@pytest.mark.parametrize("key", ["", "short", "é" * 44, "A" * 42, new_key() + "A"])
def test_store_refuses_a_key_that_is_none(key: str) -> None:
    with pytest.raises(ConfigError, match="new-key") as caught:
        Cipher([key])
    assert not key or key not in str(caught.value)


@given(st.text(st.characters()), st.text())
def test_store_ciphertexts_open_in_their_place_alone(message: str, place: str) -> None:
    cipher = Cipher([new_key()])
    sealed = cipher.encrypt(message, "here")
    assert cipher.decrypt(sealed, "here") == message
    if place != "here" and place.isascii():
        with pytest.raises(CannotDecrypt):
            cipher.decrypt(sealed, place)
    with pytest.raises(CannotDecrypt):
        Cipher([new_key()]).decrypt(sealed, "here")
    for position in range(0, len(sealed), 7):
        bent = bytearray(sealed)
        bent[position] ^= 1
        with pytest.raises(CannotDecrypt):
            cipher.decrypt(bytes(bent), "here")


def test_store_ciphertexts_of_the_same_text_differ() -> None:
    cipher = Cipher([new_key()])
    assert cipher.encrypt("the same", "here") != cipher.encrypt("the same", "here")


def test_store_is_not_opened_with_another_key(store: Store, store_url: str, store_key: str) -> None:
    with pytest.raises(ConfigError, match=f"under key {store.cipher.key_ids[0]}"):
        open_store(store_url, [new_key()])


def test_store_shows_a_letter_put_under_another_request(store: Store, letter: Document, report: Report) -> None:
    mine = create_request(store, CLERK, letter, report, patient_ref="P-1").summary.id
    other = create_request(store, CLERK, Document("x", "Another letter."), report, patient_ref="P-2").summary.id
    with store.writing() as session:
        stolen = session.get_one(RequestRow, other).letter
        session.execute(update(RequestRow).where(RequestRow.id == mine).values(letter=stolen))
    with pytest.raises(CannotDecrypt, match=f"requests.letter {mine}"):
        get_request(store, CLERK, mine)


def test_store_takes_a_new_key_and_lets_the_old_one_go(
    store: Store, store_url: str, store_key: str, toy_extractor: Extractor, letter: Document, report: Report
) -> None:
    request = confirmed(store, toy_extractor, letter, report)
    store.close()
    fresh = new_key()
    both = open_store(store_url, [fresh, store_key])
    assert get_request(both, CLERK, request.summary.id) == request
    with pytest.raises(DuplicateRequest):
        create_request(both, CLERK, letter, report, patient_ref="P-1", test=TEST)
    late = create_request(both, CLERK, letter, report, patient_ref="P-2", test=TEST)
    assert encrypt_again(both) == 3 + 1 + 7, "letter, report and patient; one confirmed report; seven decisions"
    assert encrypt_again(both) == 0
    both.close()

    with pytest.raises(ConfigError, match="which is not among its keys"):
        open_store(store_url, [store_key])
    alone = open_store(store_url, [fresh])
    assert get_request(alone, CLERK, request.summary.id) == request
    assert get_request(alone, CLERK, late.summary.id) == late
    assert export_report(alone, CLERK, request.summary.id)[1].version == 1
    with pytest.raises(DuplicateRequest):
        create_request(alone, CLERK, letter, report, patient_ref="P-1", test=TEST)
    assert retention.requests_of_patient(alone, "P-1") == [request.summary.id]
    assert audit.verify(alone).faults == ()
    alone.close()


def test_store_files_hold_no_word_of_a_letter(
    tmp_path: Path, store_key: str, toy_extractor: Extractor, letter: Document, report: Report
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}", [store_key])
    letter = canary_letter(letter)
    request = confirmed(store, toy_extractor, letter, report, patient_ref="PSEUDONYM-77")
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert len(held) > 10_000
    assert request.summary.id.encode() in held, "the log was looked at too"
    for words in ("Canary", "PSEUDONYM-77", "metacarpals", "ptosis", "palate", "HP:0000508"):
        if words.startswith("HP:"):
            assert words.encode() in held, "the audit holds ids"
        else:
            assert words.encode() not in held
            assert words.encode("utf-16-le") not in held
    store.close()


def test_store_errors_hold_no_word_of_a_letter(store: Store, letter: Document, report: Report) -> None:
    letter = Document("letter-1", f"{letter.text}\nYours, {CANARY}\n")
    request = create_request(store, CLERK, letter, report, patient_ref="PSEUDONYM-77")
    said = repr(request.letter) + repr(request.report)
    try:
        with store.writing() as session:
            row = session.get_one(RequestRow, request.summary.id)
            session.execute(update(RequestRow).where(RequestRow.id == row.id).values(created_by=None))
    except DBAPIError as error:
        said += "".join(traceback.format_exception(error))
    assert "created_by" in said, "the database refused the change"
    assert CANARY not in said
    assert "PSEUDONYM-77" not in said


def test_store_erases_a_request_and_proves_it(
    store: Store, store_url: str, toy_extractor: Extractor, letter: Document, report: Report
) -> None:
    gone = confirmed(store, toy_extractor, letter, report)
    kept = confirmed(store, toy_extractor, letter, report, patient_ref="P-2")
    with store.reading() as session:
        sealed = session.get_one(RequestRow, gone.summary.id).letter
    erased = retention.erase(store, "Grace Admin", [gone.summary.id, "never was"], "delete")
    assert (erased.requests, erased.versions, erased.decisions) == (1, 2, 7)
    with pytest.raises(RequestNotFound):
        get_request(store, CLERK, gone.summary.id)
    assert get_request(store, CLERK, kept.summary.id) == kept
    if store.is_sqlite:
        folder = Path(str(store.engine.url.database)).parent
        held = b"".join(path.read_bytes() for path in folder.iterdir())
        assert sealed[20:60] not in held
    with store.reading() as session:
        *_, last = audit.entries(session, gone.summary.id)
    assert (last.actor, last.action, last.letter_sha256) == ("Grace Admin", "delete", letter_digest(letter.text))
    assert audit.verify(store).faults == ()
    again = create_request(store, CLERK, letter, report, patient_ref="P-1", test=TEST)
    assert again.summary.id != gone.summary.id


def test_store_notices_what_an_erasure_left_behind(store: Store, letter: Document, report: Report) -> None:
    if not store.is_sqlite:
        return
    request = create_request(store, CLERK, letter, report, patient_ref="P-1")
    with store.reading() as session:
        sealed = session.get_one(RequestRow, request.summary.id).letter
    with pytest.raises(retention.NotErased, match="pieces of deleted letters"):
        retention._prove_gone(store, [], [sealed[8:24]])
    with pytest.raises(retention.NotErased, match="1 rows of versions"):
        retention._prove_gone(store, [request.summary.id], [])


def test_store_purges_what_has_not_changed_for_the_days_of_retention(
    store: Store, toy_extractor: Extractor, letter: Document, report: Report
) -> None:
    old = confirmed(store, toy_extractor, letter, report)
    revived = confirmed(store, toy_extractor, letter, report, patient_ref="P-2")
    young = create_request(store, CLERK, letter, report, patient_ref="P-3")
    now = datetime.now(UTC)
    with store.writing() as session:
        for request, version, days in ((old, 1, 200), (old, 2, 91), (revived, 1, 200), (revived, 2, 89)):
            session.execute(
                update(VersionRow)
                .where(VersionRow.request_id == request.summary.id, VersionRow.version == version)
                .values(changed_at=now - timedelta(days=days))
            )
    assert retention.expired_requests(store, 90) == [old.summary.id]
    assert retention.purge(store, 90).requests == 1
    assert retention.purge(store, 90).requests == 0
    left = {one.id for one in list_queue(store, CLERK, states=list(State)).items}
    assert left == {revived.summary.id, young.summary.id}
    with store.reading() as session:
        assert [one.action for one in audit.entries(session, old.summary.id)][-1] == "purge"


def test_store_finds_the_requests_of_a_patient(store: Store, letter: Document, report: Report) -> None:
    mine = [
        create_request(store, CLERK, Document("l", f"{letter.text}{n}"), report, patient_ref="P-1").summary.id
        for n in range(3)
    ]
    create_request(store, CLERK, letter, report, patient_ref="P-11")
    assert sorted(retention.requests_of_patient(store, "P-1")) == sorted(mine)
    assert retention.requests_of_patient(store, "P") == []


def test_store_is_backed_up_while_it_is_written_and_restored(
    tmp_path: Path, store_key: str, toy_extractor: Extractor, letter: Document, report: Report
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}", [store_key])
    request = confirmed(store, toy_extractor, letter, report)
    target = tmp_path / "backup" / "copy.db"
    target.parent.mkdir()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(
            lambda: [
                create_request(store, CLERK, letter, report, patient_ref=f"LATER-{number}") for number in range(20)
            ]
        )
        backup(store, target)
        writing.result()
    anchor = audit.verify(store).anchor
    assert [path.name for path in target.parent.iterdir()] == ["copy.db"]
    assert target.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="exists"):
        backup(store, target)
    store.close()

    restored = open_store(f"sqlite:///{target}", [store_key])
    assert get_request(restored, CLERK, request.summary.id) == request
    assert audit.verify(restored).faults == ()
    assert audit.verify(restored, anchor=anchor).faults or audit.verify(restored).anchor == anchor
    restored.close()


@pytest.mark.postgres
def test_store_leaves_the_backup_of_postgresql_to_its_tools(postgres_url: str, store_key: str, tmp_path: Path) -> None:
    engine = connect(postgres_url)
    migrate(engine)
    engine.dispose()
    store = open_store(postgres_url, [store_key])
    with pytest.raises(ConfigError, match="pg_dump"):
        backup(store, tmp_path / "copy.db")
    store.close()


def test_store_writes_to_disk_before_it_answers(tmp_path: Path, store_key: str) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}", [store_key])
    with store.reading() as session:
        found = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
    store.close()


@pytest.mark.postgres
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_store_comes_back_from_a_dump_of_postgresql(
    store: Store,
    store_url: str,
    store_key: str,
    postgres_url: str,
    tmp_path: Path,
    toy_extractor: Extractor,
    letter: Document,
    report: Report,
) -> None:
    request = confirmed(store, toy_extractor, letter, report)
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    dump = tmp_path / "store.dump"
    subprocess.run([programs / "pg_dump", "--format=custom", f"--file={dump}", store_url], check=True)
    subprocess.run([programs / "pg_restore", f"--dbname={postgres_url}", dump], check=True)
    assert CANARY.encode() not in dump.read_bytes()
    restored = open_store(postgres_url, [store_key])
    assert get_request(restored, CLERK, request.summary.id) == request
    assert audit.verify(restored, anchor=audit.verify(store).anchor).faults == ()
    restored.close()
