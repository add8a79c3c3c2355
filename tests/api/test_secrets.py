"""Keys and passwords stay where they were set: in no dump, log, error, page or command's output."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from phenoextract.errors import ConfigError
from phenoextract_api.settings import Settings, read_settings
from phenoextract_api.store.crypto import new_key
from phenoextract_api.store.engine import connect

PASSWORD = "correct-horse-battery"  # noqa: S105 - made up
DATABASE = f"postgresql://clerk:{PASSWORD}@127.0.0.1:1/none"


def test_secrets_are_in_no_dump_of_the_settings() -> None:
    key = new_key()
    settings = read_settings(database_url=DATABASE, encryption_key=key)
    dumps = [
        repr(settings),
        str(settings),
        f"{settings!r:.9999}",
        settings.model_dump_json(),
        str(settings.model_dump()),
    ]
    dumps += [str(dict(settings)), str(vars(settings)), settings.model_dump_json(indent=1, exclude_defaults=True)]
    for dump in dumps:
        assert PASSWORD not in dump
        assert key not in dump
    assert settings.store_url == DATABASE  # it was there to be leaked


def test_secrets_have_the_type_that_hides_them() -> None:
    """A new setting for a key, password or token must be a SecretStr, unless it names the file of one."""
    for name, field in Settings.model_fields.items():
        if re.search(r"password|secret|token|key$|database_url", name):
            assert SecretStr in getattr(field.annotation, "__args__", (field.annotation,)), name
    assert {"database_url", "encryption_key"} <= Settings.model_fields.keys()


@pytest.mark.parametrize("wrong", [{"port": PASSWORD}, {"database_url": [PASSWORD]}, {"encryption_key": {PASSWORD: 1}}])
def test_secrets_are_not_quoted_by_what_refuses_them(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as raised:
        read_settings(**wrong)
    assert PASSWORD not in f"{raised.value} {raised.value!r} {pickle.dumps(raised.value)!r}"


def test_secrets_of_the_database_are_not_in_what_connects_to_it() -> None:
    engine = connect(DATABASE)
    assert PASSWORD not in f"{engine} {engine!r} {engine.url} {engine.url!r}"
    with pytest.raises(Exception, match="connection") as raised:
        engine.connect()
    assert PASSWORD not in f"{raised.value} {raised.value!r}"
    with pytest.raises(ConfigError) as refused:
        connect(f"nothing://a:{PASSWORD}@b/c")
    assert PASSWORD not in f"{refused.value!r}"


@pytest.mark.parametrize(
    "command", [["store", "migrate"], ["keys", "list"], ["audit", "verify"], ["serve", "--port", "0"]]
)
def test_secrets_are_said_by_no_command_that_cannot_use_them(
    command: list[str], toy_path: Path, tmp_path: Path
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PHENOEXTRACT_")}
    environment |= {"PHENOEXTRACT_DATABASE_URL": DATABASE, "PHENOEXTRACT_ENCRYPTION_KEY": f"bad-{PASSWORD}"}
    environment |= {"PHENOEXTRACT_INDEX": str(toy_path), "PHENOEXTRACT_DATA_DIR": str(tmp_path)}
    environment |= {"PHENOEXTRACT_LOG_LEVEL": "debug"}
    program = str(Path(sys.executable).with_name("phenoextract"))
    done = subprocess.run(
        [program, *command], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_secrets_are_shown_by_no_page_log_or_metric_of_the_service(serve: Any) -> None:
    key = new_key()
    with serve(encryption_key=key, log_level="debug") as server:
        with httpx2.Client(base_url=server.url, follow_redirects=True, timeout=60) as client:
            for address in ("/", "/about", "/metrics", "/ready", "/v1/version", "/v1/openapi.json", "/nowhere"):
                answer = client.get(address)
                assert key not in answer.text + str(answer.headers), address
        server.stop()
        assert key not in server.logged()
