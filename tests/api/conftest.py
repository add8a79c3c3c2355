from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

import phenoextract
from phenoextract_api.app import create_app
from phenoextract_api.settings import Settings, read_settings
from phenoextract_api.store.crypto import new_key
from phenoextract_api.store.engine import Store, connect, migrate, open_store
from tests.api.postgres import Postgres, running_postgres

MakeClient = Callable[..., TestClient]
Serve = Callable[..., AbstractContextManager["Server"]]
_SECONDS_TO_START = 120


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PHENOEXTRACT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give the default settings with a data folder of the test's own."""
    return read_settings(data_dir=tmp_path / "data")


@pytest.fixture
def make_client(settings: Settings, toy_extractor: phenoextract.Extractor) -> Iterator[MakeClient]:
    """Make clients of apps that know the toy ontology, each with settings of its own.

    `peer` is the address from which the client seems to ask.
    """
    with ExitStack() as stack:

        def make(*, peer: str = "127.0.0.1", **changes: Any) -> TestClient:
            app = create_app(read_settings(**settings.model_dump() | changes), extractor=toy_extractor)
            client = TestClient(
                app, base_url="http://127.0.0.1:8000", client=(peer, 50000), raise_server_exceptions=False
            )
            return stack.enter_context(client)

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> TestClient:
    """Give a client of the app as it starts with no settings: whoever asks is the user of this machine."""
    return make_client()


@pytest.fixture(scope="session")
def stateless_client(
    toy_extractor: phenoextract.Extractor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """Give a client of one app that stores nothing; no test may change that app."""
    settings = read_settings(data_dir=tmp_path_factory.mktemp("data"), requests_enabled=False)
    app = create_app(settings, extractor=toy_extractor)
    with TestClient(
        app, base_url="http://127.0.0.1:8000", client=("127.0.0.1", 50000), raise_server_exceptions=False
    ) as client:
        yield client


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """Start a PostgreSQL server that all tests share."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> str:
    """Make an empty PostgreSQL database and give its URL."""
    return postgres_server.url(postgres_server.make_database())


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Postgres) -> str:
    """Make a PostgreSQL database with the tables of the store, to be copied, and give its name."""
    name = postgres_server.make_database()
    engine = connect(postgres_server.url(name))
    migrate(engine)
    engine.dispose()
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an empty store, on each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.url(server.make_database(template=request.getfixturevalue("postgres_template")))


@pytest.fixture
def store_key() -> str:
    """Give the key of the store of the test."""
    return new_key()


@pytest.fixture
def store(store_url: str, store_key: str) -> Iterator[Store]:
    """Open an empty store, on each database in turn."""
    opened = open_store(store_url, [store_key])
    yield opened
    opened.close()


@dataclass(frozen=True)
class Server:
    """A running server: its address, its process, and the file that it logs to."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def logged(self) -> str:
        return self.log.read_text("utf-8")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="session")
def serve(toy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Give what runs `phenoextract serve` on a free port in a process of its own, on the toy ontology.

    Arguments are those of the command, keywords are settings; each server has a data folder of its own.
    """

    def start(*arguments: str, **settings: str) -> AbstractContextManager[Server]:
        return _serving(toy_path, tmp_path_factory.mktemp("server"), *arguments, **settings)

    return start


@contextmanager
def _serving(index: Path, folder: Path, *arguments: str, **settings: str) -> Iterator[Server]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PHENOEXTRACT_")}
    environment |= {"PHENOEXTRACT_INDEX": str(index), "PHENOEXTRACT_DATA_DIR": str(folder / "data")}
    environment |= {f"PHENOEXTRACT_{name.upper()}": value for name, value in settings.items()}
    log = folder / "log"
    command = [str(Path(sys.executable).with_name("phenoextract")), "serve", "--port", "0", *arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stderr=out, stdout=out)
    try:
        yield Server(_wait(process, log), process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def _wait(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the server takes requests, and give the address that it says."""
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        address = re.search(r"serves on (\S+)", log.read_text("utf-8"))
        if address and httpx2.get(f"{address.group(1)}/ready", timeout=_SECONDS_TO_START).is_success:
            return address.group(1)
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text('utf-8')}")
