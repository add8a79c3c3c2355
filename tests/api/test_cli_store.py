from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from phenoextract.cli import app
from phenoextract.types import Document, Report
from phenoextract_api.auth import Actor, Role
from phenoextract_api.requests import create_request
from phenoextract_api.store.crypto import Cipher, new_key
from phenoextract_api.store.engine import Store, open_store

CLERK = Actor("Ada Clerk", frozenset({Role.CLERK}))


@pytest.fixture
def configured(store_url: str, store_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment as an operator does, on each database in turn."""
    monkeypatch.setenv("PHENOEXTRACT_DATABASE_URL", store_url)
    monkeypatch.setenv("PHENOEXTRACT_ENCRYPTION_KEY", store_key)


def run(*arguments: str, expect: int = 0, given: str | None = None) -> Result:
    result = CliRunner().invoke(app, arguments, input=given)
    assert result.exit_code == expect, result.output
    return result


def old_requests(store: Store, letter: Document, report: Report) -> list[str]:
    made = [create_request(store, CLERK, letter, report, patient_ref=f"P-{number}").summary.id for number in range(3)]
    with store.writing() as session:
        session.execute(text("UPDATE versions SET changed_at = '2020-01-01 00:00:00.000000'"))
    return made


def test_cli_store_prints_a_key_that_works() -> None:
    key = run("store", "new-key").stdout.strip()
    assert Cipher([key]).decrypt(Cipher([key]).encrypt("text", "here"), "here") == "text"


@pytest.mark.usefixtures("configured")
def test_cli_store_purges_what_is_old(store: Store, letter: Document, report: Report) -> None:
    old_requests(store, letter, report)
    assert run("store", "purge", "--dry-run").stdout == "3 requests are older than 90 days\n"
    assert run("store", "purge", "--days", "36500").stdout.startswith("erased 0 requests")
    assert run("store", "purge").stdout.startswith("erased 3 requests, 3 versions and 0 decisions")
    assert run("store", "purge").stdout.startswith("erased 0 requests")


@pytest.mark.usefixtures("configured")
def test_cli_store_deletes_by_id_or_by_patient(store: Store, letter: Document, report: Report) -> None:
    first, *_ = old_requests(store, letter, report)
    assert run("store", "delete", first).stdout.startswith("erased 1 requests")
    asked = run("store", "delete", "--patient", given="P-1\n")
    assert "erased 1 requests" in asked.stdout
    for wrong in (["store", "delete"], ["store", "delete", first, "--patient"]):
        assert "name requests, or give --patient" in run(*wrong, expect=2).stderr
    actions = [json.loads(line)["action"] for line in run("audit", "export", "--format", "json").stdout.splitlines()]
    assert actions == ["store.key", "create", "create", "create", "delete", "delete"]


@pytest.mark.usefixtures("configured")
def test_cli_audit_verifies_and_names_faults(store: Store, letter: Document, report: Report) -> None:
    old_requests(store, letter, report)
    whole = run("audit", "verify").stdout
    assert whole.startswith("4 entries, whole; the end is 4:")
    anchor = whole.split()[-1]
    assert run("audit", "verify", "--anchor", anchor).exit_code == 0
    assert "noted earlier" in run("audit", "verify", "--anchor", f"9:{anchor}", expect=1).stderr
    with store.writing() as session:
        if store.is_sqlite:
            session.execute(text("DROP TRIGGER audit_entries_no_update"))
        else:
            session.execute(text("DROP TRIGGER audit_entries_no_change ON audit_entries"))
        session.execute(text("UPDATE audit_entries SET actor = 'mallory' WHERE sequence = 2"))
    assert run("audit", "verify", expect=1).stderr == "entry 2 was changed\n"


@pytest.mark.usefixtures("configured")
def test_cli_audit_is_written_as_fhir(store: Store, letter: Document, report: Report, tmp_path: Path) -> None:
    first, *_ = old_requests(store, letter, report)
    run("audit", "export", "--request", first, "--out", str(tmp_path / "audit.ndjson"))
    (line,) = (tmp_path / "audit.ndjson").read_text("ascii").splitlines()
    event = json.loads(line)
    assert (event["resourceType"], event["action"]) == ("AuditEvent", "C")
    assert event["entity"][0]["what"]["identifier"]["value"] == first


def test_cli_store_changes_its_key(
    store: Store, store_url: str, store_key: str, letter: Document, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_requests(store, letter, report)
    fresh = new_key()
    monkeypatch.setenv("PHENOEXTRACT_DATABASE_URL", store_url)
    monkeypatch.setenv("PHENOEXTRACT_ENCRYPTION_KEY", f"{fresh},{store_key}")
    assert run("store", "encrypt-again").stdout.startswith("9 fields encrypted again")
    open_store(store_url, [fresh]).close()
    monkeypatch.setenv("PHENOEXTRACT_ENCRYPTION_KEY", store_key)
    assert "which is not among its keys" in run("audit", "verify", expect=2).stderr


def test_cli_store_is_backed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letter: Document, report: Report
) -> None:
    monkeypatch.setenv("PHENOEXTRACT_DATA_DIR", str(tmp_path / "data"))
    run("audit", "verify")
    run("store", "backup", str(tmp_path / "copy.db"))
    assert "exists" in run("store", "backup", str(tmp_path / "copy.db"), expect=2).stderr
    monkeypatch.setenv("PHENOEXTRACT_DATABASE_URL", f"sqlite:///{tmp_path / 'copy.db'}")
    monkeypatch.setenv("PHENOEXTRACT_ENCRYPTION_KEY_FILE", str(tmp_path / "data" / "encryption.key"))
    assert run("audit", "verify").stdout.startswith("1 entries, whole")


@pytest.mark.postgres
def test_cli_store_migrates_postgresql(postgres_url: str, store_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHENOEXTRACT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("PHENOEXTRACT_ENCRYPTION_KEY", store_key)
    assert "phenoextract store migrate" in run("audit", "verify", expect=2).stderr
    run("store", "migrate")
    run("store", "migrate")
    assert run("audit", "verify").stdout.startswith("1 entries, whole")
