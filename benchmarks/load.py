"""How fast the service answers under load: 50 clients at once, 2,000 letters, two worker processes.

First letters are coded one a call, which is timed. Then each letter is made a test request and some of its proposals
are decided, and the store is held against what the clients were answered.

Run with the package installed: python benchmarks/load.py [--clients N] [--letters N] [--workers N] [--decisions N]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx2

from phenoextract_api.client import Client, ServiceProblem
from phenoextract_api.request_types import Decision, Kind
from phenoextract_api.routes.requests import FullRequest

LETTERS = Path(__file__).parents[1] / "examples" / "letters"
PROGRAM = str(Path(sys.executable).with_name("phenoextract"))
WARM_UP = 40
PATIENCE = 120  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--letters", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--decisions", type=int, default=3, help="decided of each request")
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
            taken = sorted(first + second)
            print(f"{len(taken)} letters, {chosen.clients} clients, {chosen.workers} processes, {seconds:.1f} s")
            print(f"{len(taken) / seconds:.0f} letters/s; errors: {faults + more}")
            for share in (0.5, 0.95, 0.99):
                print(f"{share:.0%} within {taken[int(share * len(taken)) - 1] * 1000:.0f} ms")
            print(f"{(busy - idle) / len(taken) * 1000:.1f} ms of processor time a letter, in the service")
            print(f"memory (proportional): {before:.0f} MB before, {middle:.0f} MB at half, {after:.0f} MB at the end")
            started = time.perf_counter()
            decided, repeated = decide(url, texts, chosen.clients, chosen.letters, chosen.decisions)
            deciding, spent = time.perf_counter() - started, processor(server.pid) - busy
            lost, doubled = compare(url, decided)
            at_last = memory(server.pid)
        finally:
            server.terminate()
            server.wait(60)
        audit = run(Path(folder), "audit", "verify")
    count = sum(map(len, decided.values()))
    print(f"{len(decided)} requests made and {count} proposals decided in {deciding:.1f} s")
    print(f"calls repeated after 503: {dict(repeated) or 0}")
    print(f"{spent / (len(decided) + count) * 1000:.1f} ms of processor time a call")
    print(f"decisions lost: {lost}, doubled: {doubled}; {audit.stdout.strip() or audit.stderr.strip()}")
    print(f"memory (proportional): {at_last:.0f} MB")
    if faults + more + lost + doubled + audit.returncode:
        raise SystemExit(1)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments], env=settings(folder), capture_output=True, text=True, check=False, timeout=600
    )


def settings(folder: Path) -> dict[str, str]:
    return os.environ | {"PHENOEXTRACT_DATA_DIR": str(folder), "PHENOEXTRACT_RATE_LIMIT": "0"}


def start(folder: Path, workers: int) -> tuple[subprocess.Popen[bytes], str]:
    log = folder / "log"
    with log.open("wb") as out:
        command = [PROGRAM, "serve", "--port", "0", "--workers", str(workers)]
        server = subprocess.Popen(command, env=settings(folder), stdout=out, stderr=out)
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
        # the standard library's client, as its time comes off the processors that the service is measured on
        with closing(HTTPConnection(url.removeprefix("http://"), timeout=60)) as client:
            while (number := next(numbers)) < letters:
                letter = json.dumps({"id": str(number), "text": texts[number % len(texts)]})
                started = time.perf_counter()
                client.request("POST", "/v1/annotate", letter, {"Content-Type": "application/json"})
                answer = client.getresponse()
                report = answer.read()
                taken.append(time.perf_counter() - started)
                if answer.status != 200 or not report.startswith(b'{"id": "%d", "schema"' % number):
                    faults.append(number)

    together(send, clients)
    return taken, len(faults) + letters - len(taken)


def decide(
    url: str, texts: list[str], clients: int, letters: int, decisions: int
) -> tuple[dict[str, list[str]], Counter[str]]:
    """Make letters into requests and decide some proposals of each.

    Gives for each request the suggestions whose decision was answered, and why calls had to be repeated.
    """
    numbers = itertools.count()
    decided: dict[str, list[str]] = {}
    repeated: list[str] = []

    def persist(call: Callable[..., FullRequest], *given: Any, **named: Any) -> FullRequest:
        key = str(uuid.uuid4())
        while True:
            try:
                return call(*given, **named, idempotency_key=key)
            except ServiceProblem as problem:
                if problem.status != 503:
                    raise
                repeated.append(problem.code)
                time.sleep(0.1)

    def work() -> None:
        with Client(url, timeout=PATIENCE) as client:
            while (number := next(numbers)) < letters:
                read = persist(client.create_request, texts[number % len(texts)], patient_ref=f"P-{number}")
                done = decided[read.summary.id] = []
                for suggestion in [one for one in read.suggestions if one.required][:decisions]:
                    read = persist(client.decide, read, Decision(Kind.ACCEPT, suggestion.id))
                    done.append(suggestion.id)

    together(work, clients)
    return decided, Counter(repeated)


def compare(url: str, decided: dict[str, list[str]]) -> tuple[int, int]:
    """Count the answered decisions that the store does not hold, and what it holds beyond them."""
    lost = doubled = 0
    with Client(url, timeout=PATIENCE) as client:
        after, there = None, set()
        while page := client.queue(limit=500, after=after):
            there |= {summary.id for summary in page.items}
            if (after := page.next) is None:
                break
        for request_id in there | decided.keys():
            answered = Counter(decided.get(request_id, ()))
            held = Counter[str]()
            if request_id in there:
                suggestions = client.request(request_id).suggestions
                held.update({one.id: len(one.decided) for one in suggestions if one.decided})
            lost += (answered - held).total()
            doubled += (held - answered).total() + (request_id not in decided)
    return lost, doubled


def together(work: Callable[[], None], clients: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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
