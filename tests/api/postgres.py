"""A PostgreSQL server of the tests' own, on a Unix socket, which can be stopped and started again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from phenoextract_api.store.engine import connect


@dataclass(frozen=True)
class Postgres:
    """A server: the folder of its socket and data, and the command that runs one of its programs."""

    folder: Path
    programs: Path

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off -c max_connections=200"
        self.run("pg_ctl", "--wait", f"--log={self.folder / 'log'}", f"--options={options}", "start")

    def stop(self) -> None:
        """Stop at once, as a server does that loses its power."""
        self.run("pg_ctl", "--wait", "--mode=immediate", "stop")

    def url(self, database: str) -> str:
        return f"postgresql://tests@/{database}?host={self.folder}"

    def make_database(self, *, template: str = "template0") -> str:
        """Make a database and give its name."""
        name = f"test_{uuid.uuid4().hex}"
        engine = connect(self.url("postgres"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        engine.dispose()
        return name

    def run(self, program: str, *arguments: str) -> None:
        command = [*_as_postgres(), str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server; skips the test where PostgreSQL is not installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if _as_postgres():
        shutil.chown(folder, "postgres")
    server = Postgres(folder, programs[-1])
    try:
        server.run("initdb", "--auth=trust", "--username=tests", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _as_postgres() -> list[str]:
    return ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []  # it refuses to run as root
