"""A process that has loaded everything and forks a `phenoextract serve` for each line of arguments that it reads.

It writes the id of each server's process, which leads a process group of its own, and a line more when that has ended.
While there is a file at SLOW_COMMITS, each commit takes as many seconds longer as it says; the file at CLOCK, where
there is one from the start, sets the clock.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, event

import phenoextract_api.serve  # noqa: F401  to be there already
from phenoextract.cli import app
from phenoextract_api.app import create_app
from tests.api import jumping_clock

slow_commits, clock = (Path(os.environ.get(name, os.devnull)) for name in ("SLOW_COMMITS", "CLOCK"))


@event.listens_for(Engine, "commit")
def _wait_for_the_disk(_: Connection) -> None:
    with suppress(FileNotFoundError):
        time.sleep(float(slow_commits.read_text("ascii") or 0))


create_app()
if clock.is_file():
    jumping_clock.follow(clock)
for line in sys.stdin:
    if child := os.fork():
        os.write(1, b"%d\n" % child)
        os.waitpid(child, 0)
        os.write(1, b"ended\n")
    else:
        os.setsid()
        os.dup2(2, 1)
        app(["serve", *line.split()])
        os._exit(0)
