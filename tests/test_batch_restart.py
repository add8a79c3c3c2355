from __future__ import annotations

import json
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

PARTS, ROWS = 600, 4  # so many that a run does not end before it is stopped
PROGRAM = "from phenoextract.cli import app; app()"
WORDS = ("ptosis", "no cleft palate", "global developmental delay", "seizures", "mother has scoliosis", "well")
INTERRUPTED_WITH_A_LOCK = """
import itertools, queue, signal, sys, threading
from phenoextract.cli import app

locked, puts, calls = threading.Condition.__enter__.__code__, queue.Queue.put.__code__, itertools.count()

def interrupt_once(frame, event, _):
    if event == "return" and frame.f_code is locked and frame.f_back.f_code is puts and next(calls) == 200:
        signal.raise_signal(signal.SIGINT)

sys.setprofile(interrupt_once)
app()
"""
Command = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def command(toy_path: Path, tmp_path: Path) -> Command:
    """Start a batch of synthetic notes on the toy ontology as a process of its own."""
    chance = random.Random(6)
    notes: list[dict[str, str | None]] = [
        {"id": f"n{number}", "text": f"Note {number}. He has {chance.choice(WORDS)}. {chance.choice(WORDS)}."}
        for number in range(PARTS * ROWS)
    ]
    notes[77]["text"] = None
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(note) + "\n" for note in notes))

    def begin(out: str, *more: str, limit: int | None = None, program: str = PROGRAM) -> subprocess.Popen[bytes]:
        arguments = [tmp_path / "in.jsonl", "--out", tmp_path / out, "--index", toy_path, "--part-size", str(ROWS)]
        return subprocess.Popen(
            [sys.executable, "-c", program, "batch", *map(str, arguments), "--workers", "2", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: prepare(limit),
        )

    return begin


def prepare(limit: int | None) -> None:
    """Let a run be interrupted even where these tests themselves cannot be, and let it write so many bytes a file."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # who runs in the background ignores it, and so would its children
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, said = process.communicate(timeout=300)
    return process.returncode, said.decode()


def stop_midway(process: subprocess.Popen[bytes], work: Path, how: signal.Signals, chance: random.Random) -> bool:
    """Stop a run some time after it has finished another part; tell whether it was still running."""
    before = len(list(work.glob("parts/part-*.jsonl")))
    while process.poll() is None and len(list(work.glob("parts/part-*.jsonl"))) <= before:
        time.sleep(0.001)
    time.sleep(chance.random() / 20)
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(how)
    process.communicate(timeout=300)
    assert not psutil.wait_procs(children, timeout=60)[1], "a worker outlived the run"
    return process.returncode < 0 or process.returncode == 130


def finished_parts(work: Path) -> dict[int, int]:
    """Give when each part was written that the journal knows; one that lies there without its line is not finished."""
    with closing(sqlite3.connect(work / "journal.sqlite")) as journal:
        numbers = [number for (number,) in journal.execute("SELECT number FROM parts")]
    return {number: (work / "parts" / f"part-{number:06d}.jsonl").stat().st_mtime_ns for number in numbers}


@pytest.mark.slow
def test_batch_killed_twenty_times_gives_what_an_undisturbed_run_gives(command: Command, tmp_path: Path) -> None:
    undisturbed, said = finish(command("whole.jsonl"))
    assert undisturbed == 1
    assert f"{PARTS * ROWS} documents" in said
    chance = random.Random(20)
    for _ in range(20):
        assert stop_midway(command("killed.jsonl"), tmp_path / ".killed.jsonl.batch", signal.SIGKILL, chance)
        assert not (tmp_path / "killed.jsonl").exists()
    assert finish(command("killed.jsonl"))[0] == 1
    assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    failed = (tmp_path / "killed.jsonl.failed.jsonl").read_bytes()
    assert failed == (tmp_path / "whole.jsonl.failed.jsonl").read_bytes()
    assert not (tmp_path / ".killed.jsonl.batch").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_batch_that_is_stopped_goes_on_without_repeating_a_part(
    command: Command, tmp_path: Path, how: signal.Signals
) -> None:
    work = tmp_path / ".out.jsonl.batch"
    assert stop_midway(command("out.jsonl"), work, how, random.Random(1))
    done = finished_parts(work)
    again = command("out.jsonl")
    assert stop_midway(again, work, how, random.Random(2))
    now = finished_parts(work)
    assert done
    assert now.items() > done.items()
    assert finish(command("out.jsonl"))[0] == 1
    assert (tmp_path / "out.jsonl").read_text().count("\n") == PARTS * ROWS


@pytest.mark.slow
def test_batch_interrupted_while_it_holds_a_lock_of_its_pool_ends(command: Command, tmp_path: Path) -> None:
    code, said = finish(command("out.jsonl", program=INTERRUPTED_WITH_A_LOCK))
    assert code == 130, said
    assert finished_parts(tmp_path / ".out.jsonl.batch")


@pytest.mark.slow
def test_batch_on_a_full_disk_says_so_and_goes_on_later(command: Command, tmp_path: Path) -> None:
    code, said = finish(command("full.jsonl", limit=400_000))
    assert code == 2
    assert "File too large; mend that, and the same command goes on" in said or "disk" in said
    assert not (tmp_path / "full.jsonl").exists()
    assert len(list((tmp_path / ".full.jsonl.batch").glob("parts/part-*.jsonl"))) > 0
    assert finish(command("full.jsonl"))[0] == 1
    assert finish(command("whole.jsonl"))[0] == 1
    assert (tmp_path / "full.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.slow
def test_batch_refuses_to_go_on_with_something_else(command: Command, tmp_path: Path) -> None:
    work, source = tmp_path / ".out.jsonl.batch", tmp_path / "in.jsonl"
    assert stop_midway(command("out.jsonl"), work, signal.SIGKILL, random.Random(3))
    code, said = finish(command("out.jsonl", "--text-column", "body"))
    assert (code, "a run was begun there with another columns" in said) == (2, True)
    lines = source.read_bytes().splitlines(keepends=True)
    source.write_bytes(b"".join([*lines[:2], b'{"id": "other", "text": "ptosis"}\n', *lines[3:]]))
    code, said = finish(command("out.jsonl"))
    assert code == 2
    assert f"in.jsonl: up to row {ROWS} it is no longer what it was when this run began" in said
    source.write_bytes(b"".join(lines[:2]))
    code, said = finish(command("out.jsonl"))
    assert code == 2
    assert "when this run began" in said
    assert not (tmp_path / "out.jsonl").exists()
    assert finish(command("out.jsonl", "--restart"))[0] == 0
    assert (tmp_path / "out.jsonl").read_text().count("\n") == 2


@pytest.mark.slow
def test_batch_lets_only_one_process_write_an_output(command: Command, tmp_path: Path) -> None:
    first = command("out.jsonl")
    while not (tmp_path / ".out.jsonl.batch" / "parts").exists():
        time.sleep(0.001)
    first.send_signal(signal.SIGSTOP)
    code, said = finish(command("out.jsonl"))
    first.send_signal(signal.SIGCONT)
    assert code == 2
    assert "another process works there" in said
    assert finish(first)[0] == 1


@pytest.mark.slow
def test_batch_says_where_it_cannot_write(command: Command) -> None:
    code, said = finish(command("/proc/out.jsonl"))
    assert code == 2
    assert said.startswith("phenoextract: /proc/.out.jsonl.batch: ")
    assert "the same command goes on" in said
