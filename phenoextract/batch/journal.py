"""What a run remembers on disk, so that the same command goes on where it was stopped."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from phenoextract.errors import ConfigError

_AFRESH = "run it as it was begun, or begin afresh with --restart"
FAILURE, CHANGE = "failure", "change"


@dataclass(slots=True)
class Summary:
    """What has been done: `coded` documents have a feature, `empty` ones none, `failed` counts by error code.

    `terms` counts features and `places` what supports them; `duplicates` are documents whose text was coded for
    another; `reused` those whose result an earlier run gave, and `changed` those whose terms differ from it.
    """

    documents: int = 0
    coded: int = 0
    empty: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    terms: int = 0
    places: int = 0
    duplicates: int = 0
    reused: int = 0
    changed: int = 0

    def add(self, other: Summary) -> None:
        """Count what another summary counts too."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def to_json(self) -> str:
        """Give the counts as JSON."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_json(cls, text: str) -> Summary:
        """Give the counts that `to_json` gave."""
        raw = json.loads(text)
        return cls(**raw | {"failed": Counter(raw["failed"])})


class Journal:
    """The work folder of one run: its settings, its finished parts, and what is to say of their documents.

    A part is finished once its file lies under its name and its line is in the journal; files are written under
    another name first. Raises ConfigError if another process works there, or if a run with other settings was begun
    there and `restart` does not throw it away.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, restart: bool) -> None:
        self.folder, self.parts = folder, folder / "parts"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"{folder}: another process works there; wait for it or stop it") from None
        if restart:
            self._clear()
        self._database = sqlite3.connect(folder / "journal.sqlite", isolation_level=None)
        self._database.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE IF NOT EXISTS run (settings TEXT NOT NULL, started TEXT NOT NULL);"
            "CREATE TABLE IF NOT EXISTS parts"
            " (number INTEGER PRIMARY KEY, input_sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, summary TEXT NOT NULL);"
            "CREATE TABLE IF NOT EXISTS notes (part INTEGER NOT NULL, kind TEXT NOT NULL, line TEXT NOT NULL);"
        )
        self.started = self._begin(settings)

    def _clear(self) -> None:
        for entry in self.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()

    def _begin(self, settings: Mapping[str, Any]) -> datetime:
        row = self._database.execute("SELECT settings, started FROM run").fetchone()
        if row is None:
            started = datetime.now(UTC).replace(microsecond=0)
            self._database.execute("INSERT INTO run VALUES (?, ?)", (json.dumps(settings), started.isoformat()))
            return started
        begun = json.loads(row[0])
        other = [name for name in settings if begun.get(name) != settings[name]]
        if other:
            raise ConfigError(f"{self.folder}: a run was begun there with another {', '.join(other)}; {_AFRESH}")
        return datetime.fromisoformat(row[1])

    def finished(self) -> dict[int, str]:
        """Give the finished parts with the digest of what was read for each; ConfigError if one is damaged."""
        self.parts.mkdir(exist_ok=True)
        sizes = {path.name.split(".")[0]: path.stat().st_size for path in self.files()}
        done = {}
        for number, digest, size in self._database.execute("SELECT number, input_sha256, bytes FROM parts"):
            if sizes.get(f"part-{number:06d}") != size:
                raise ConfigError(f"{self.parts}: part {number} is gone or damaged; begin afresh with --restart")
            done[number] = digest
        return done

    def finish(
        self,
        number: int,
        digest: str,
        suffix: str,
        write: Callable[[BinaryIO], None],
        summary: Summary,
        notes: Sequence[tuple[str, str]],
    ) -> None:
        """Write a part whole, then the line that says so; `notes` are (kind, JSON line)."""
        path = self.parts / f"part-{number:06d}{suffix}"
        write_whole(path, write)
        self._database.execute("BEGIN")
        self._database.execute(
            "INSERT INTO parts VALUES (?, ?, ?, ?)", (number, digest, path.stat().st_size, summary.to_json())
        )
        self._database.executemany("INSERT INTO notes VALUES (?, ?, ?)", [(number, *note) for note in notes])
        self._database.execute("COMMIT")

    def summary(self) -> Summary:
        """Add the finished parts up."""
        total = Summary()
        for (text,) in self._database.execute("SELECT summary FROM parts"):
            total.add(Summary.from_json(text))
        return total

    def notes(self, kind: str) -> Iterator[bytes]:
        """Give the lines noted, in the order of the documents."""
        query = "SELECT line FROM notes WHERE kind = ? ORDER BY part, rowid"
        return (line.encode("ascii") + b"\n" for (line,) in self._database.execute(query, (kind,)))

    def files(self) -> list[Path]:
        """Give the files of the parts in order."""
        return sorted(path for path in self.parts.glob("part-*") if not path.name.endswith(".new"))

    def close(self) -> None:
        """Let go of the folder, which stays."""
        self._database.close()
        self._lock.close()


def write_whole(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file so that it appears under its name whole or not at all, whatever happens to the machine."""
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
