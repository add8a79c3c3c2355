"""What goes wrong around a running service: each fault lasts as long as its block, and checks that it took place."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.api.clerks import Book
from tests.api.postgres import Postgres
from tests.api.servers import PATIENCE, Servers

_SLOW_COMMIT_SECONDS = 0.3
_JUMP_DAYS = 40
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Scene:
    """A service at work: its servers, the folder of its files, its index, its database server if any, its clerks.

    `disk` is the folder of its SQLite store if that is a file system of its own.
    """

    servers: Servers
    folder: Path
    index: Path
    postgres: Postgres | None
    disk: Path | None
    book: Book


Fault = Callable[[Scene], AbstractContextManager[None]]


@contextmanager
def killed_worker(scene: Scene) -> Iterator[None]:
    """Kill one worker process; the first process starts another."""
    victim = random.choice(scene.servers.processes()[1:])
    victim.kill()
    yield
    _wait(lambda: victim not in scene.servers.processes() and len(scene.servers.processes()) == 3)


@contextmanager
def killed_server(scene: Scene) -> Iterator[None]:
    """Kill the whole server; whoever supervises it starts it again at the end."""
    lost = len(scene.book.lost)
    scene.servers.kill()
    yield
    scene.servers.start()
    assert len(scene.book.lost) > lost


@contextmanager
def full_disk(scene: Scene) -> Iterator[None]:
    """Fill the file system of the SQLite store, until writing is refused at least."""
    assert scene.disk is not None
    ballast, refused = scene.disk / "ballast", len(scene.book.refused)
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(_BLOCK))
    yield
    _wait(lambda: len(scene.book.refused) > refused)
    ballast.unlink()


@contextmanager
def slow_disk(scene: Scene) -> Iterator[None]:
    """Make each commit wait for the disk."""
    answered = len(scene.book.answered)
    flag, new = slow_commits(scene.folder), scene.folder / "slow-commits.new"
    new.write_text(str(_SLOW_COMMIT_SECONDS), "ascii")
    new.replace(flag)
    yield
    _wait(lambda: any(seconds > _SLOW_COMMIT_SECONDS for _, seconds in scene.book.answered[answered:]))
    flag.unlink()


@contextmanager
def clock_jump(scene: Scene) -> Iterator[None]:
    """Set the clock of the service forward by some weeks, and back."""
    clock(scene.folder, timedelta(days=_JUMP_DAYS))
    yield
    clock(scene.folder, timedelta())


@contextmanager
def corrupt_index(scene: Scene) -> Iterator[None]:
    """Damage a file of the index and restart: the server refuses, and starts again with the file mended."""
    file = scene.index / "terms.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    answered = len(scene.book.answered)
    _wait(lambda: len(scene.book.answered) > answered)  # what runs has read it already
    scene.servers.kill()
    said = scene.servers.fail_to_start()
    assert "terms.json" in said
    assert "phenoextract build-index" in said
    yield
    file.write_bytes(whole)
    scene.servers.start()


@contextmanager
def database_gone(scene: Scene) -> Iterator[None]:
    """Stop the database server at once, as without power, and start it again."""
    assert scene.postgres is not None
    refused = len(scene.book.refused)
    scene.postgres.stop()
    yield
    _wait(lambda: len(scene.book.refused) > refused)
    scene.postgres.start()


def slow_commits(folder: Path) -> Path:
    """Give the file that makes commits slow while it is there; preloaded_server.py reads it."""
    return folder / "slow-commits"


def clock(folder: Path, ahead: timedelta) -> Path:
    """Set the clock of the server, and give the file that sets it; jumping_clock.py reads it."""
    file, new = folder / "clock", folder / "clock.new"
    new.write_text(str(ahead.total_seconds()), "ascii")
    return new.replace(file)


def environment_of_faults(folder: Path) -> dict[str, str]:
    """Give the environment in which a server meets these faults."""
    return {"SLOW_COMMITS": str(slow_commits(folder)), "CLOCK": str(clock(folder, timedelta()))}


@contextmanager
def own_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    """Give a small file system of its own, or None where this user may not mount one."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def _wait(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
