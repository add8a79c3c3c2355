"""Fuzz one target with Atheris for a time: python -m tests.fuzz.run letters --minutes 15.

What a target raises, what takes more than SECONDS of processor time, and what kills the process are faults. Each is
kept once, under out/fuzz/TARGET, and the run goes on; one that is mended belongs into tests/fuzz/found/TARGET.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from phenoextract.errors import describe_fault

OUT = Path("out/fuzz")
SECONDS = 20
MEMORY = 3 << 30
_INSTRUMENTED = ["phenoextract", "pypdf", "docx"]


class TookTooLong(Exception):
    """An input took more than SECONDS of processor time."""


def fuzz(target: str, seconds: int) -> None:
    """Fuzz in this process, which ends here."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.fuzz.targets import TARGETS, WORDS, seeds

    folder = OUT / target
    corpus, words = folder / "corpus", folder / "words"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds(target):
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    listed = re.split(r"\|(?!$)", WORDS[target])
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in listed if word), "ascii")
    known: set[str] = set()

    def once(data: bytes) -> None:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            TARGETS[target](data)
        except Exception as error:
            place = describe_fault(error)
            if place not in known:
                known.add(place)
                name = hashlib.sha256(data).hexdigest()[:16]
                (folder / f"fault-{name}").write_bytes(data)
                _note(folder, f"{place} {name} {error if isinstance(error, AssertionError) else ''}")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    signal.signal(signal.SIGPROF, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    options = [f"-max_total_time={seconds}", f"-dict={words}", "-max_len=4096", "-print_final_stats=1", "-verbosity=1"]
    options += ["-handle_alrm=0", "-rss_limit_mb=0", f"-artifact_prefix={folder}/killer-"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], once)
    atheris.Fuzz()


def main() -> None:
    """Fuzz in child processes, a new one after each that dies, and print the counts as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        fuzz(arguments.target, arguments.here)
        return
    folder = OUT / arguments.target
    folder.mkdir(parents=True, exist_ok=True)
    notes = folder / "faults.txt"
    notes.unlink(missing_ok=True)
    started, executions = time.monotonic(), 0
    while (left := int(arguments.minutes * 60 - (time.monotonic() - started))) > 5:
        command = [sys.executable, "-m", "tests.fuzz.run", arguments.target, "--here", str(left)]
        with (folder / "log").open("wb") as log:
            code = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
        executions += _executions((folder / "log").read_text("utf-8", "replace"))
        if code:
            _note(folder, f"the process ended with {code}")
    faults = notes.read_text("utf-8").splitlines() if notes.exists() else []
    minutes = round((time.monotonic() - started) / 60, 1)
    counts = {"target": arguments.target, "minutes": minutes, "executions": executions, "faults": faults}
    sys.stdout.write(json.dumps(counts) + "\n")
    sys.exit(bool(faults))


def _note(folder: Path, fault: str) -> None:
    with (folder / "faults.txt").open("a", encoding="utf-8") as notes:
        notes.write(fault + "\n")


def _executions(log: str) -> int:
    """Give how many inputs were tried, as far as libFuzzer has said."""
    said = re.findall(r"number_of_executed_units:\s*(\d+)|^#(\d+)\s", log, re.MULTILINE)
    return max((int(final or so_far) for final, so_far in said), default=0)


def _too_long(_: int, __: FrameType | None) -> None:
    raise TookTooLong


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
