"""Batch on one machine: throughput by number of workers, memory of the whole process tree, and restart after kills.

    python benchmarks/batch_bench.py [--texts FILE.jsonl] [--documents N] [--kills N]

The texts are the notes of ../shared/corpora where that folder exists, else the example letters, repeated with a
number in front of each, so that none is a copy of another. Fails if a restarted run gives other bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpora" / "mtsamples.jsonl"
RUN = [sys.executable, "-c", "from phenoextract.cli import app; app()", "batch"]
SETTLED = 5_000  # notes after which memory must not grow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, default=CORPUS)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = write_notes(arguments.texts, folder / "notes.jsonl", arguments.documents)
        print(f"{arguments.documents} notes, {source.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} cores")
        rates = {workers: measure(source, folder / f"out-{workers}.jsonl", workers) for workers in (1, 2)}
        print(f"two workers do {rates[2] / rates[1]:.2f} times the work of one")
        same = (folder / "out-1.jsonl").read_bytes() == (folder / "out-2.jsonl").read_bytes()
        again = kill_and_restart(source, folder / "killed.jsonl", arguments.kills)
        same_again = again.read_bytes() == (folder / "out-2.jsonl").read_bytes()
        print(f"same bytes for one and two workers: {same}; after {arguments.kills} kills: {same_again}")
        if not (same and same_again):
            raise SystemExit(1)


def write_notes(texts: Path, out: Path, documents: int) -> Path:
    if texts.is_file():
        lines = [json.loads(line)["text"] for line in texts.read_text("utf-8").splitlines()]
    else:
        lines = [path.read_text("utf-8") for path in sorted((ROOT / "examples" / "letters").glob("*.txt"))]
    with out.open("w", encoding="ascii") as notes:
        for number, text in enumerate(islice(cycle(lines), documents)):
            notes.write(json.dumps({"id": f"n{number}", "text": f"Note {number}.\n{text}"}) + "\n")
    return out


def begin(source: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [*RUN, str(source), "--out", str(out), "--workers", str(workers), "--part-size", "500"]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def measure(source: Path, out: Path, workers: int) -> float:
    """Give the documents a second of a run; prints its memory as the sum of what is not shared."""
    started = time.monotonic()
    process = begin(source, out, workers)
    peak = settled = last = 0.0
    while process.poll() is None:
        used = memory(process.pid)
        peak = max(peak, used)
        if not settled and parts(out) * 500 >= SETTLED:
            settled = used
        last = used or last
        time.sleep(0.5)
    said = (process.communicate()[1] or b"").decode().splitlines()[-1]
    documents = sum(1 for _ in source.open("rb"))
    rate = documents / (time.monotonic() - started)
    print(f"{workers} workers: {rate:.1f} notes/s with the start, peak {peak / 1e6:.0f} MB", end="")
    print(f", {settled / 1e6:.0f} MB after {SETTLED} notes, {last / 1e6:.0f} MB at the end")
    print(f"  {said}")
    return rate


def memory(pid: int) -> float:
    """Give the memory of a process and all below it, shared pages counted once in all (PSS)."""
    total = 0.0
    try:
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            total += process.memory_full_info().pss
    except psutil.Error:
        return 0.0
    return total


def parts(out: Path) -> int:
    return len(list(out.with_name(f".{out.name}.batch").glob("parts/part-*.jsonl")))


def kill_and_restart(source: Path, out: Path, kills: int) -> Path:
    """Kill a run at random moments, then let it finish."""
    chance = random.Random(0)
    total = sum(1 for _ in source.open("rb")) // 500
    for kill in range(kills):
        process = begin(source, out, 2)
        until = (kill + chance.random()) * total / kills
        while process.poll() is None and parts(out) < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    begin(source, out, 2).communicate()
    return out


if __name__ == "__main__":
    main()
