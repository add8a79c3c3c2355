"""Speed and memory against FastHPOCR, side by side: each in a process of its own, on the same documents.

    python benchmarks/bench.py [--texts FILE.jsonl ...] [--documents N]

The texts are the GSC+ abstracts and the notes of MTSamples in ../shared/corpora where that folder exists, else the
example letters. phenoextract runs whole, and by the lexicon alone. Speed is documents a second of CPU time, so that
a busy machine counts less: of the first pass over the texts, when no word is known yet, and of the best later one.
With a number of documents the texts are repeated to so many, each with a number in front, and read in one pass.
Each run adds its rows to benchmarks/history.csv.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, islice
from pathlib import Path

from phenoextract.types import Document

ROOT = Path(__file__).parents[1]
CORPORA = [
    path
    for name in ("gsc_plus", "mtsamples")
    if (path := ROOT.parent / "shared" / "corpora" / f"{name}.jsonl").is_file()
]
HISTORY = ROOT / "benchmarks" / "history.csv"
SYSTEMS = ("phenoextract", "phenoextract-lexicon", "fasthpocr")
COLUMNS = (
    "date",
    "version",
    "commit",
    "system",
    "system_version",
    "cpu",
    "cores",
    "python",
    "texts",
    "documents",
    "characters",
    "load_s",
    "peak_mb",
    "docs_per_s",
    "first_docs_per_s",
    "first_answer_s",
)
PASSES = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--texts", type=Path, nargs="+", default=CORPORA)
    parser.add_argument("--documents", type=int, default=0, help="repeat the texts to so many, for one pass")
    parser.add_argument("--one", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, texts(next(iter(given.texts), None)), given.documents, given.began)))
        return
    prepare()
    rows = [row(name, path, given.documents) for path in given.texts or [None] for name in SYSTEMS]
    show(rows)
    new = not HISTORY.exists()
    with HISTORY.open("a", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerows(rows)


def texts(path: Path | None) -> list[str]:
    if path is None:
        return [file.read_text("utf-8") for file in sorted((ROOT / "examples" / "letters").glob("*.txt"))]
    return [json.loads(line)["text"] for line in path.read_text("utf-8").split("\n") if line]


def measure(name: str, held: Sequence[str], repeated: int, began: float) -> dict[str, object]:
    """Load one system and time it; `began` is when its process was started, in seconds of the epoch."""
    batch = [Document(str(number), text) for number, text in enumerate(held)]
    if repeated:
        batch = [Document(str(n), f"Note {n}.\n{text}") for n, text in enumerate(islice(cycle(held), repeated))]
    started = time.perf_counter()
    code, version = load(name)
    loaded = time.perf_counter() - started
    spend(code([Document("first", "He has hypotonia, but no seizures.")]))
    answered = time.time() - began
    speeds = []
    for _ in range(1 if repeated else PASSES):
        started = time.process_time()
        spend(code(batch))
        speeds.append(len(batch) / (time.process_time() - started))
    return {
        "system_version": version,
        "documents": len(batch),
        "characters": sum(len(document.text) for document in batch),
        "load_s": round(loaded, 2),
        "peak_mb": round(peak_megabytes()),
        "docs_per_s": round(max(speeds[1:] or speeds), 1),
        "first_docs_per_s": round(speeds[0], 1),
        "first_answer_s": round(answered, 2),
    }


def peak_megabytes() -> float:
    """Give the most memory this process held; getrusage would count what its parent held before it started."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # macOS counts bytes


def load(name: str) -> tuple[Callable[[Sequence[Document]], Iterable[object]], str]:
    if name != "fasthpocr":
        from phenoextract import ExtractConfig
        from phenoextract import load as load_extractor

        extractor = load_extractor(config=ExtractConfig(encoder=name == "phenoextract"))
        return extractor.pipe, importlib.metadata.version("phenoextract")
    from FastHPOCR.HPOAnnotator import HPOAnnotator

    annotator = HPOAnnotator(str(fasthpocr_index()))
    return (
        lambda batch: (annotator.annotate(document.text, True) for document in batch),
        importlib.metadata.version(name),
    )


def spend(results: Iterable[object]) -> None:
    for _ in results:
        pass


def fasthpocr_index() -> Path:
    from phenoextract_eval.peers import compile_fasthpocr
    from phenoextract_eval.release import release_file

    return compile_fasthpocr(release_file("hp.obo"), ROOT / "out" / "peers")


def prepare() -> None:
    """Compile what FastHPOCR needs outside the timed processes."""
    fasthpocr_index()


def row(name: str, path: Path | None, repeated: int) -> dict[str, object]:
    command = [sys.executable, __file__, "--one", name, "--began", str(time.time()), "--documents", str(repeated)]
    command += ["--texts", str(path)] if path else []
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "version": importlib.metadata.version("phenoextract"),
        "commit": commit.stdout.strip() or "unknown",
        "system": name,
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "texts": path.stem if path else "example letters",
        **json.loads(done.stdout.splitlines()[-1]),
    }


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def show(rows: Sequence[dict[str, object]]) -> None:
    shown = (
        "system",
        "system_version",
        "texts",
        "documents",
        "first_answer_s",
        "peak_mb",
        "first_docs_per_s",
        "docs_per_s",
    )
    widths = [max(len(name), *(len(str(row[name])) for row in rows)) for name in shown]
    for cells in (shown, *([str(row[name]) for name in shown] for row in rows)):
        print("  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)))


if __name__ == "__main__":
    main()
