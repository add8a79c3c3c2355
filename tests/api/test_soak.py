"""Clerks at work for as long as asked while one fault after another is injected; docs/reliability.md has the figures.

`make soak MINUTES=30` runs it for long and prints what it measured.
"""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from phenoextract_api.store import audit
from phenoextract_api.store.engine import Store, connect, migrate, open_store
from tests.api import faults
from tests.api.clerks import Book, check_book, clerks_at_work
from tests.api.faults import Fault, Scene
from tests.api.postgres import running_postgres
from tests.api.servers import PATIENCE, servers_on

CLERKS = 4
DISK_MEGABYTES = 512
LONGEST_SPELL_SECONDS = 10
SECONDS_TO_RECOVER = 30
CALM = "none"


@dataclass(frozen=True)
class Spell:
    """A stretch of time with a fault, or none: when it began and ended, and when a call was answered after it."""

    fault: str
    began: float
    ended: float
    answered: float


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_soak_loses_nothing_to_faults_and_recovers_from_each(
    database: str, store_key: str, toy_path: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seconds = 60 * request.config.getoption("--soak-minutes") / 2
    index = shutil.copytree(toy_path, tmp_path / "index")
    with ExitStack() as stack:
        postgres = disk = None
        if database == "postgresql":
            postgres = stack.enter_context(running_postgres())
            url = postgres.url(postgres.make_database())
            engine = connect(url)
            migrate(engine)
            engine.dispose()
        else:
            disk = stack.enter_context(faults.own_disk(tmp_path, DISK_MEGABYTES))
            url = f"sqlite:///{(disk or tmp_path) / 'store.db'}"
        environment = faults.environment_of_faults(tmp_path)
        servers = stack.enter_context(servers_on(url, store_key, index, tmp_path, **environment))
        servers.start()
        with clerks_at_work(servers.url, CLERKS) as book:
            scene = Scene(servers, tmp_path, index, postgres, disk, book)
            spells, memory = soak(scene, seconds)
        servers.kill()
        with closing(open_store(url, [store_key])) as store:
            check_book(store, book)
            check_clock(store)
    print_measured(database, spells, memory, book)
    assert max(spell.answered - spell.ended for spell in spells) < SECONDS_TO_RECOVER


def soak(scene: Scene, seconds: float) -> tuple[list[Spell], list[float]]:
    """Give each fault in turn a spell after a calm one, until the time is over; and the memory at the end of each."""
    chosen = faults_for(scene)
    spell = min(seconds / (2 * len(chosen)), LONGEST_SPELL_SECONDS)
    end = time.monotonic() + seconds
    spells: list[Spell] = []
    memory: list[float] = []
    while not spells or time.monotonic() < end:
        for fault in chosen:
            for name, injected in ((CALM, nullcontext()), (fault.__name__, fault(scene))):
                began = time.monotonic()
                with injected:
                    time.sleep(spell)
                ended = time.monotonic()
                spells.append(Spell(name, began, ended, _next_answer(scene.book)))
                memory.append(scene.servers.memory())
    return spells, memory


def faults_for(scene: Scene) -> list[Fault]:
    """Give the faults that can be injected here."""
    chosen: list[Fault] = [
        faults.killed_worker,
        faults.killed_server,
        faults.slow_disk,
        faults.clock_jump,
        faults.corrupt_index,
    ]
    if scene.disk is not None:
        chosen.append(faults.full_disk)
    if scene.postgres is not None:
        chosen.append(faults.database_gone)
    return chosen


def check_clock(store: Store) -> None:
    """See that the clock jumped while the service wrote, in the audit, which is whole all the same."""
    with store.reading() as session:
        moments = [entry.at for entry in audit.entries(session)]
    assert max(moments) - min(moments) > timedelta(days=30)
    assert moments != sorted(moments)


def print_measured(database: str, spells: list[Spell], memory: list[float], book: Book) -> None:
    """Print a line for each fault: what was answered in its spells, and how soon after the last one ended."""
    print(f"\n{database}: {len(book.answered)} calls answered, {len(book.decided)} requests, nothing lost or doubled")
    print(
        "| fault | times | seconds | answered | half within | 95 % within | asked to come again | cut off | recovered |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for fault in dict.fromkeys(spell.fault for spell in spells):
        those = [spell for spell in spells if spell.fault == fault]

        def during(moment: float, those: list[Spell] = those) -> bool:
            return any(spell.began <= moment < spell.ended for spell in those)

        taken = sorted(seconds for moment, seconds in book.answered if during(moment))
        half, most = [f"{taken[int(share * len(taken))] * 1000:.0f} ms" if taken else "-" for share in (0.5, 0.95)]
        print(
            f"| {fault} | {len(those)} | {sum(spell.ended - spell.began for spell in those):.0f} | {len(taken)} "
            f"| {half} | {most} | {sum(during(moment) for moment, _ in book.refused)} "
            f"| {sum(map(during, book.lost))} | {max(spell.answered - spell.ended for spell in those):.2f} s |"
        )
    print(
        f"memory (proportional): {memory[0]:.0f} MB at first, {max(memory):.0f} MB at most, {memory[-1]:.0f} MB at last"
    )


def _next_answer(book: Book) -> float:
    """Wait until a call is answered that was made from now on, and give the moment."""
    now, deadline = time.monotonic(), time.monotonic() + PATIENCE
    while not book.answered or book.answered[-1][0] < now:
        book.raise_faults()
        assert time.monotonic() < deadline, "the service did not recover"
        time.sleep(0.005)
    return book.answered[-1][0]
