"""Stores, reports and indexes that earlier releases wrote, with today's code."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, MetaData, delete, insert, select

import phenoextract
from phenoextract.errors import ArtefactMismatch, ConfigError
from phenoextract.formats import json as report_json
from phenoextract.index import FORMAT, load_index
from phenoextract.types import SCHEMA_VERSION
from phenoextract_api.auth import Actor, Role
from phenoextract_api.request_types import Decision, Kind, Request, State
from phenoextract_api.requests import confirm, decide, export_report, get_request
from phenoextract_api.store import audit, engine
from phenoextract_api.store.engine import connect, is_current, migrate, open_store
from phenoextract_api.store.keys import find_key

UPGRADE = Path(__file__).parents[1] / "upgrade"
PHENOEXTRACT = Path(sys.executable).with_name("phenoextract")
CLERK = Actor("Ada Clerk", frozenset({Role.CLERK}))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database without tables, on each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def database(empty_url: str) -> Iterator[Engine]:
    """Give a connection to the same database that is not a store's."""
    connected = connect(empty_url)
    yield connected
    connected.dispose()


@pytest.mark.parametrize("dump", sorted(UPGRADE.glob("store_*.sql")), ids=lambda path: path.stem)
def test_upgrade_of_a_store_keeps_everything_and_the_work_goes_on(
    dump: Path, empty_url: str, database: Engine, toy_extractor: phenoextract.Extractor, tmp_path: Path
) -> None:
    held: dict[str, Any] = json.loads(dump.with_suffix(".json").read_text("utf-8"))
    _restore(dump, database, tmp_path / "dump.db")
    assert not is_current(database)
    if database.dialect.name == "postgresql":
        with pytest.raises(ConfigError, match="phenoextract store migrate"):
            open_store(empty_url, [held["encryption_key"]])
        migrate(database)
    with closing(open_store(empty_url, [held["encryption_key"]])) as store:
        assert is_current(store.engine)
        verified = audit.verify(store, anchor=held["anchor"])
        assert (verified.anchor, verified.faults) == (held["anchor"], ())
        key = find_key(store, held["api_key"])
        assert key is not None
        assert (key.name, key.roles) == (CLERK.name, CLERK.roles)
        confirmed, superseded, draft = (
            get_request(store, CLERK, facts["id"], version=int(facts["etag"].partition(".")[0]))
            for facts in held["requests"]
        )
        assert [_facts(one) for one in (confirmed, superseded, draft)] == held["requests"]
        for request in (confirmed, superseded):
            exported, _ = export_report(store, CLERK, request.summary.id, version=request.summary.version)
            assert exported == request.coded
        for one in draft.suggestions:
            if one.required and one.accepted is None:
                draft = decide(
                    store,
                    CLERK,
                    toy_extractor.ontology,
                    draft.summary.id,
                    draft.summary.etag,
                    Decision(Kind.ACCEPT, one.id),
                )
        draft = confirm(store, CLERK, toy_extractor.ontology, draft.summary.id, draft.summary.etag)
        assert draft.summary.state is State.CONFIRMED
        assert audit.verify(store, anchor=held["anchor"]).faults == ()


@pytest.mark.parametrize("path", sorted(UPGRADE.glob("report_schema_*.json")), ids=lambda path: path.stem)
def test_upgrade_reads_reports_of_earlier_releases(path: Path) -> None:
    written: dict[str, Any] = json.loads(path.read_text("utf-8"))
    report = report_json.parse(path.read_text("utf-8"))
    assert report.schema == SCHEMA_VERSION == path.stem.rpartition("_")[2]
    assert [feature.hpo_id for feature in report.features] == [one["hpo_id"] for one in written["features"]]
    again = report_json.to_dict(report)
    for part in ("features", "annotations"):  # what is written today holds all that was, and may say more
        for before, after in zip(written[part], again[part], strict=True):
            assert before.items() <= after.items()
    assert written["provenance"].items() <= again["provenance"].items()


@pytest.mark.parametrize("path", sorted(UPGRADE.glob("index_format_*")), ids=lambda path: path.name)
def test_upgrade_refuses_an_index_of_an_earlier_format_and_says_what_mends_it(path: Path, tmp_path: Path) -> None:
    found = path.name.rpartition("_")[2]
    with pytest.raises(ArtefactMismatch, match=f"expected index format {FORMAT}, found format {found}"):
        load_index(path)
    (tmp_path / "letter.txt").write_text("Cleft palate")
    said = subprocess.run(
        [PHENOEXTRACT, "extract", tmp_path / "letter.txt", "--index", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert "phenoextract build-index --force" in said.stderr


def _restore(dump: Path, database: Engine, scratch: Path) -> None:
    """Load a dump of SQLite; into PostgreSQL row by row, into tables that the migrations of then have made."""
    if database.dialect.name == "sqlite":
        with closing(sqlite3.connect(str(database.url.database))) as connection:
            connection.executescript(dump.read_text("utf-8"))
        return
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).with_name("migrations")))
    source = connect(f"sqlite:///{scratch}")
    _restore(dump, source, scratch)
    old, new = MetaData(), MetaData()
    with source.connect() as reading, database.begin() as writing:
        config.attributes["connection"] = writing
        command.upgrade(config, dump.stem.rpartition("_")[2])
        old.reflect(reading)
        new.reflect(writing)
        writing.execute(delete(new.tables["audit_head"]))
        for table in new.sorted_tables:
            rows = reading.execute(select(old.tables[table.name])).mappings().all()
            if rows and table.name != "alembic_version":
                writing.execute(insert(table), [dict(row) for row in rows])
    source.dispose()


def _facts(request: Request) -> dict[str, Any]:
    """Give what is written down of a request beside the dump."""
    return {
        "id": request.summary.id,
        "etag": request.summary.etag,
        "state": request.summary.state.value,
        "patient_ref": request.summary.patient_ref,
        "letter": request.letter.text,
        "confirmed_by": request.summary.confirmed_by,
        "suggestions": [
            [one.id, one.hpo_id, one.status.value, one.accepted, [entry.decision.kind.value for entry in one.decided]]
            for one in request.suggestions
        ],
        "notes": [entry.decision.note for entry in request.notes],
        "coded": [[feature.hpo_id, feature.status.value] for feature in request.coded.features],
        "versions": [[one.version, one.state.value] for one in request.versions],
    }
