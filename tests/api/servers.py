"""One `phenoextract serve` after another at the same address and on the same store, each started in a moment."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import psutil

PRELOADED = "tests.api.preloaded_server"
ROOT = Path(__file__).parents[2]
PATIENCE = 300  # seconds, for a machine that is busy with other things


class Servers:
    """The server that runs now, if one does, with two worker processes; its process leads a group of its own."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self._log = log
        self._pid: int | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start a server and wait until it answers."""
        self._pid = self._fork()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                assert httpx2.get(f"{self.url}/ready", timeout=PATIENCE).is_success
            except httpx2.TransportError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("the server did not start")

    def fail_to_start(self) -> str:
        """Start a server that ends at once, and give what it logged."""
        before = len(self.logged())
        self._fork()
        assert self._out.readline() == "ended\n"
        return self.logged()[before:]

    def kill(self) -> None:
        """Kill the server and all its processes at one stroke."""
        assert self._pid is not None
        os.killpg(self._pid, signal.SIGKILL)
        self._pid = None
        assert self._out.readline() == "ended\n"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:  # what is dead may hold its address a moment longer
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", self._port)) == errno.ECONNREFUSED:
                    return
        raise AssertionError("the server outlived its end")

    def processes(self) -> list[psutil.Process]:
        """Give the server's processes: the one that watches over the others, and the workers."""
        if self._pid is None:
            return []
        first = psutil.Process(self._pid)
        return [first, *first.children()]

    def memory(self) -> float:
        """Give the proportional set size in MB of all processes."""
        bytes_held = 0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                bytes_held += process.memory_full_info().pss
        return bytes_held / 1e6

    def logged(self) -> str:
        """Give what all servers have logged."""
        return self._log.read_text("utf-8")

    def _fork(self) -> int:
        self._in.write(f"--workers 2 --port {self._port}\n")
        self._in.flush()
        pid = self._out.readline()
        assert pid, self.logged()
        return int(pid)


@contextmanager
def servers_on(url: str, key: str, index: Path, folder: Path, **environment: str) -> Iterator[Servers]:
    """Give servers for a store at a URL of SQLAlchemy; none is left when the block ends."""
    log = folder / "log"
    settings = {
        "PHENOEXTRACT_INDEX": str(index),
        "PHENOEXTRACT_DATA_DIR": str(folder),
        "PHENOEXTRACT_DATABASE_URL": url,
        "PHENOEXTRACT_ENCRYPTION_KEY": key,
        "PHENOEXTRACT_RATE_LIMIT": "0",
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
    }
    with (
        log.open("w") as out,
        subprocess.Popen(
            [sys.executable, "-m", PRELOADED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
            cwd=ROOT,
            env=os.environ | settings | environment,
        ) as process,
    ):
        servers = Servers(process, log)
        try:
            yield servers
        finally:
            if servers.processes():
                servers.kill()
