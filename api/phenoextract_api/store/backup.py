"""A copy of an SQLite store while the service runs. Of PostgreSQL, its own tools make copies."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from phenoextract.errors import ConfigError
from phenoextract_api.store.engine import Store


def backup(store: Store, path: Path) -> None:
    """Copy the store as it is at one moment into a new file, which appears whole or not at all.

    The copy is encrypted as the store is, and useless without its key: keep that elsewhere. Raises ConfigError for a
    file that exists, and for PostgreSQL.
    """
    if not store.is_sqlite:
        raise ConfigError("back PostgreSQL up with pg_dump, and keep the encryption key elsewhere")
    if path.exists():
        raise ConfigError(f"{path} exists: name a new file")
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(part)) as copy, closing(store.engine.raw_connection()) as live:
            source: sqlite3.Connection = live.dbapi_connection  # type: ignore[assignment]  # checked above
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, with no log beside it
            (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise ConfigError(f"the copy of the store is damaged ({verdict}): check the disk of the store")
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
