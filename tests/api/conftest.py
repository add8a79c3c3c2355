from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import phenoextract
from phenoextract_api.app import create_app
from phenoextract_api.settings import Settings, read_settings

MakeClient = Callable[..., TestClient]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

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
