"""Speed and memory against FastHPOCR, side by side: each in a process of its own, on the same documents.

    python benchmarks/bench.py [--texts FILE.jsonl] [--repeat N]

The texts are the GSC+ abstracts of ../shared/corpora where that folder exists, else the example letters.
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
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from phenoextract.types import Document

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpora" / "gsc_plus.jsonl"
HISTORY = ROOT / "benchmarks" / "history.csv"
SYSTEMS = ("phenoextract", "fasthpocr")
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
)
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--texts", type=Path, default=CORPUS if CORPUS.is_file() else None)
    parser.add_argument("--repeat", type=int, default=4, help="times the documents are coded in one round")
    parser.add_argument("--one", choices=SYSTEMS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, texts(given.texts), given.repeat)))
        return
    prepare()
    rows = [row(name, given.texts, given.repeat) for name in SYSTEMS]
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


def measure(name: str, documents: Sequence[str], repeat: int) -> dict[str, object]:
    """Load one system and time it; the median of a few rounds after a first one that warms it up."""
    batch = [Document(f"{turn}-{i}", text) for turn in range(repeat) for i, text in enumerate(documents)]
    started = time.perf_counter()
    code, version = load(name)
    loaded = time.perf_counter() - started
    spend(code(batch[: len(documents)]))
    speeds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        spend(code(batch))
        speeds.append(len(batch) / (time.perf_counter() - started))
    return {
        "system_version": version,
        "documents": len(batch),
        "characters": sum(len(document.text) for document in batch),
        "load_s": round(loaded, 2),
        "peak_mb": round(peak_megabytes()),
        "docs_per_s": round(statistics.median(speeds), 1),
    }


def peak_megabytes() -> float:
    """Give the most memory this process held; getrusage would count what its parent held before it started."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # macOS counts bytes


def load(name: str) -> tuple[Callable[[Sequence[Document]], Iterable[object]], str]:
    if name == "phenoextract":
        from phenoextract import load as load_extractor

        extractor = load_extractor()
        return extractor.pipe, importlib.metadata.version(name)
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


def row(name: str, path: Path | None, repeat: int) -> dict[str, object]:
    command = [sys.executable, __file__, "--one", name, "--repeat", str(repeat)]
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
    shown = ("system", "system_version", "texts", "documents", "load_s", "peak_mb", "docs_per_s")
    widths = [max(len(name), *(len(str(row[name])) for row in rows)) for name in shown]
    for cells in (shown, *([str(row[name]) for name in shown] for row in rows)):
        print("  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)))


if __name__ == "__main__":
    main()
