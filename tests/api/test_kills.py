"""The server killed again and again while clerks work: what was answered is there once, and the audit is whole."""

from __future__ import annotations

import errno
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import psutil
import pytest

from phenoextract_api.store.engine import open_store
from tests.api.clerks import Book, check_book, clerks_at_work

PRELOADED = Path(__file__).with_name("preloaded_server.py")
KILLS = 50
CLERKS = 4
PATIENCE = 60


class Servers:
    """One server after another at the same address, on the same store."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> int:
        """Start a server, wait until it answers, and give the id of its process."""
        self._in.write(f"--workers 2 --port {self._port}\n")
        self._in.flush()
        pid = int(self._out.readline())
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                assert httpx2.get(f"{self.url}/ready", timeout=PATIENCE).is_success
            except httpx2.TransportError:
                time.sleep(0.01)
            else:
                return pid
        raise AssertionError("the server did not start")

    def kill(self, pid: int) -> None:
        """Kill a server and all its processes at one stroke."""
        os.killpg(pid, signal.SIGKILL)
        assert self._out.readline() == "ended\n"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:  # what is dead may hold its address a moment longer
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", self._port)) == errno.ECONNREFUSED:
                    return
        raise AssertionError("the server outlived its end")


@pytest.fixture
def servers(store_url: str, store_key: str, toy_path: Path, tmp_path: Path) -> Iterator[Servers]:
    environment = {
        "PHENOEXTRACT_INDEX": str(toy_path),
        "PHENOEXTRACT_DATA_DIR": str(tmp_path),
        "PHENOEXTRACT_DATABASE_URL": store_url,
        "PHENOEXTRACT_ENCRYPTION_KEY": store_key,
        "PHENOEXTRACT_RATE_LIMIT": "0",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, str(PRELOADED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | environment,
        ) as process,
    ):
        yield Servers(process)


@pytest.mark.slow
def test_kills_lose_and_double_nothing_that_the_server_answered(
    servers: Servers, store_url: str, store_key: str
) -> None:
    pid = servers.start()
    try:
        with clerks_at_work(servers.url, CLERKS) as book:
            for number in range(KILLS):
                if number % 10 == 0:  # one worker process alone first: the others go on
                    _wait_for_answers(book, random.randint(1, 10))
                    os.kill(random.choice(psutil.Process(pid).children()).pid, signal.SIGKILL)
                _wait_for_answers(book, random.randint(1, 10))
                servers.kill(pid)
                pid = servers.start()
    finally:
        os.killpg(pid, signal.SIGKILL)
    assert len(book.lost) >= KILLS, "the kills met nobody at work"
    assert len(book.confirmed) >= KILLS / 4
    with closing(open_store(store_url, [store_key])) as store:
        check_book(store, book)


def _wait_for_answers(book: Book, count: int) -> None:
    """Wait until so many more calls are answered, then a moment more, so that what follows falls anywhere."""
    enough, deadline = len(book.answered) + count, time.monotonic() + PATIENCE
    while len(book.answered) < enough:
        book.raise_faults()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(random.uniform(0, 0.02))
