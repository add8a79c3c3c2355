"""The watch over the whole run finds what it is there to find: a leak of any kind fails a run whose tests all pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canaries import Watch, canaries

TESTS = Path(__file__).parents[1]
CONFTEST = """
from tests.canaries import Watch
def pytest_configure(config):
    config.pluginmanager.register(Watch(frozenset({"Pennyfeather"})))
"""
BEFORE = """
import logging, sqlite3, subprocess, sys, warnings
from fastapi.testclient import TestClient
from phenoextract.errors import ConfigError
NAME = "Penny" + "feather"
def test_it(tmp_path, recwarn):
"""
LEAKS = {
    "log-record": "logging.getLogger('x').error('read %s', NAME)",
    "error": "repr(ConfigError(f'no {NAME}'))",
    "standard-error": "sys.stderr.write(NAME)",
    "child": "subprocess.run([sys.executable, '-c', f'import sys; sys.stderr.write({NAME!r})'], capture_output=True)",
    "store": "c = sqlite3.connect(tmp_path / 'x.db'); c.execute('create table t (a)'); "
    "c.execute('insert into t values (?)', [NAME]); c.commit(); c.close()",
    "file": "(tmp_path / 'core').write_text(NAME, 'utf-16')",
    "failed": "(tmp_path / 'out.jsonl.failed.jsonl').write_text(NAME)",
    "problem": "TestClient(leaking(f'{NAME}', 'application/problem+json')).get('/')",
    "metrics": "TestClient(leaking(f'{NAME}', 'text/plain')).get('/metrics')",
    "headers": "TestClient(leaking('', NAME)).get('/')",
}
APP = """
def leaking(body, kind):
    from starlette.responses import Response
    async def app(scope, receive, send):
        await Response(body, media_type=kind)(scope, receive, send)
    return app
"""


def _run(folder: Path, body: str) -> subprocess.CompletedProcess[bytes]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_leak.py").write_text(APP + BEFORE + body)
    environment = os.environ | {"PYTHONPATH": str(TESTS.parent)}
    # not subprocess.run, which the watch of this run reads too
    with (folder / "said").open("wb") as said, (folder / "errors.txt").open("wb") as errors:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder / 'temporary'}"]
        code = subprocess.call([*command, str(folder)], env=environment, cwd=folder, stdout=said, stderr=errors)
    return subprocess.CompletedProcess(command, code, (folder / "said").read_bytes())


def test_canaries_fail_a_run_in_which_any_place_holds_one(tmp_path: Path) -> None:
    """One run with a leaking test for each place, each of which passes."""
    tests = "".join(f"    {leak}\ndef test_{kind.replace('-', '_')}(tmp_path):\n" for kind, leak in LEAKS.items())
    done = _run(tmp_path, tests + "    pass\n")
    said = done.stdout.decode()
    assert done.returncode == 1, said
    assert f"{len(LEAKS) + 1} passed" in said
    hits = [line for line in said.splitlines() if line.startswith("CANARY FOUND")]
    for place in ("log-record", "error", "standard-error", "file", "problem", "metrics", "headers"):
        assert any(line.startswith(f"CANARY FOUND: {place}") for line in hits), place
    for name in ("x.db", "core", "out.jsonl.failed.jsonl"):
        assert any(name in line for line in hits), name
    assert len(hits) >= len(LEAKS)
    assert b"Pennyfeather" not in done.stdout


def test_canaries_let_a_clean_run_pass(tmp_path: Path) -> None:
    done = _run(tmp_path, "    (tmp_path / 'letter.txt').write_text(NAME)\n    logging.getLogger('x').error('fine')\n")
    assert done.returncode == 0, done.stdout
    assert b"0 hits" in done.stdout


def test_canaries_are_those_of_all_tests() -> None:
    words = canaries(TESTS)
    assert {"Quatermass", "Featherstonehaugh", "Synthia Canary", "Ms Canary"} <= words
    assert all(word in "\n".join(path.read_text() for path in TESTS.rglob("*.py")) for word in words)


def test_canaries_are_watched_for_in_this_run(pytestconfig: pytest.Config) -> None:
    (watch,) = (plugin for plugin in pytestconfig.pluginmanager.get_plugins() if isinstance(plugin, Watch))
    assert watch.words == canaries(TESTS)
