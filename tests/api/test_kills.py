"""The server killed again and again while clerks work: what was answered is there once, and the audit is whole."""

from __future__ import annotations

import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from phenoextract_api.store.engine import open_store
from tests.api.clerks import Book, check_book, clerks_at_work
from tests.api.servers import PATIENCE, servers_on

KILLS = 50
CLERKS = 4


@pytest.mark.slow
def test_kills_lose_and_double_nothing_that_the_server_answered(
    store_url: str, store_key: str, toy_path: Path, tmp_path: Path
) -> None:
    with servers_on(store_url, store_key, toy_path, tmp_path) as servers:
        servers.start()
        with clerks_at_work(servers.url, CLERKS) as book:
            for number in range(KILLS):
                if number % 10 == 0:  # one worker process alone first: the others go on
                    wait_for_answers(book, random.randint(1, 10))
                    random.choice(servers.processes()[1:]).kill()
                wait_for_answers(book, random.randint(1, 10))
                servers.kill()
                servers.start()
    assert len(book.lost) >= KILLS, "the kills met nobody at work"
    assert len(book.confirmed) >= KILLS / 4
    with closing(open_store(store_url, [store_key])) as store:
        check_book(store, book)


def wait_for_answers(book: Book, count: int) -> None:
    """Wait until so many more calls are answered, then a moment more, so that what follows falls anywhere."""
    enough, deadline = len(book.answered) + count, time.monotonic() + PATIENCE
    while len(book.answered) < enough:
        book.raise_faults()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(random.uniform(0, 0.02))
