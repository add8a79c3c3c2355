"""How fast the service answers under load: 50 clients at once, 2,000 letters, two worker processes.

Run with the package installed: python benchmarks/load.py [--clients N] [--letters N] [--workers N]
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx2

LETTERS = Path(__file__).parents[1] / "examples" / "letters"
WARM_UP = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--letters", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    texts = [path.read_text("utf-8") for path in sorted(LETTERS.glob("*.txt"))]
    with tempfile.TemporaryDirectory() as folder:
        server, url = start(Path(folder), chosen.workers)
        try:
            measure(url, texts, chosen.clients, WARM_UP)
            before, idle = memory(server.pid), processor(server.pid)
            started = time.perf_counter()
            first, faults = measure(url, texts, chosen.clients, chosen.letters // 2)
            middle = memory(server.pid)
            second, more = measure(url, texts, chosen.clients, chosen.letters // 2)
            seconds = time.perf_counter() - started
            after, busy = memory(server.pid), processor(server.pid)
        finally:
            server.terminate()
            server.wait(60)
    taken = sorted(first + second)
    print(f"{len(taken)} letters, {chosen.clients} clients, {chosen.workers} processes, {seconds:.1f} s")
    print(f"{len(taken) / seconds:.0f} letters/s; errors: {faults + more}")
    for share in (0.5, 0.95, 0.99):
        print(f"{share:.0%} within {taken[int(share * len(taken)) - 1] * 1000:.0f} ms")
    print(f"{(busy - idle) / len(taken) * 1000:.1f} ms of processor time a letter, in the service")
    print(f"memory (proportional): {before:.0f} MB before, {middle:.0f} MB at half, {after:.0f} MB at the end")


def start(folder: Path, workers: int) -> tuple[subprocess.Popen[bytes], str]:
    environment = os.environ | {"PHENOEXTRACT_DATA_DIR": str(folder), "PHENOEXTRACT_RATE_LIMIT": "0"}
    log = folder / "log"
    program = str(Path(sys.executable).with_name("phenoextract"))
    with log.open("wb") as out:
        command = [program, "serve", "--port", "0", "--workers", str(workers)]
        server = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    while server.poll() is None:
        if (said := re.search(r"serves on (\S+)", log.read_text("utf-8"))) and answers(said.group(1)):
            return server, said.group(1)
        time.sleep(0.1)
    raise SystemExit(log.read_text("utf-8"))


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/ready", timeout=10).is_success
    except httpx2.TransportError:
        return False


def measure(url: str, texts: list[str], clients: int, letters: int) -> tuple[list[float], int]:
    """Send letters from many threads and give the seconds that each took, and how many went wrong."""
    numbers = itertools.count()
    taken: list[float] = []
    faults: list[int] = []

    def send() -> None:
        with httpx2.Client(base_url=url, timeout=60) as client:
            while (number := next(numbers)) < letters:
                letter = {"id": str(number), "text": texts[number % len(texts)]}
                started = time.perf_counter()
                answer = client.post("/v1/annotate", json=letter)
                taken.append(time.perf_counter() - started)
                if not answer.is_success or answer.json()["id"] != letter["id"]:
                    faults.append(number)

    threads = [threading.Thread(target=send) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken, len(faults) + letters - len(taken)


def memory(process: int) -> float:
    """Give the proportional set size in MB of a process and its children (Linux)."""
    kilobytes = 0
    for one in family(process):
        said = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text("utf-8"), re.MULTILINE)
        kilobytes += int(said.group(1)) if said else 0
    return kilobytes / 1024


def processor(process: int) -> float:
    """Give the seconds of processor time that a process and its children have used (Linux)."""
    fields = [Path(f"/proc/{one}/stat").read_text("utf-8").rpartition(")")[2].split() for one in family(process)]
    return sum(int(field) for one in fields for field in one[11:13]) / os.sysconf("SC_CLK_TCK")


def family(process: int) -> list[str]:
    return [str(process), *Path(f"/proc/{process}/task/{process}/children").read_text("utf-8").split()]


if __name__ == "__main__":
    main()
