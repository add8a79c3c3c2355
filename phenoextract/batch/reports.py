"""Reports on disk by the digest of their text, shared between processes, so that a text is coded once."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from phenoextract.formats import json as report_json
from phenoextract.types import Report

_WAIT = 600.0  # seconds for another process to finish writing
_FASTEST = 1


class Reports:
    """A store of reports. Open it anew in each process: a connection must not cross a fork."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS reports (text_sha256 BLOB PRIMARY KEY, report BLOB NOT NULL) WITHOUT ROWID"
        )

    def __len__(self) -> int:
        [count] = self._database.execute("SELECT count(*) FROM reports").fetchone()
        return int(count)

    def get(self, digests: Iterable[str]) -> dict[str, Report]:
        """Give the reports there are for texts with these digests; whose they are is not theirs to say."""
        found = {}
        for digest in digests:
            query = "SELECT report FROM reports WHERE text_sha256 = ?"
            row = self._database.execute(query, (bytes.fromhex(digest),)).fetchone()
            if row is not None:
                found[digest] = report_json.parse(zlib.decompress(row[0]))
        return found

    def put(self, reports: Mapping[str, Report]) -> None:
        """Keep reports by the digests of their texts; one that is there already stays."""
        rows = [
            (bytes.fromhex(digest), zlib.compress(json.dumps(report_json.to_dict(report)).encode("ascii"), _FASTEST))
            for digest, report in reports.items()
        ]
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany("INSERT OR IGNORE INTO reports VALUES (?, ?)", rows)
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
