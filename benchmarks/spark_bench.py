"""Spark against the process pool on the same notes, two cores each: documents a second, processor time, memory.

    make bench-spark        or        python benchmarks/spark_bench.py [--notes N] [--rounds N] [--texts FILE.jsonl]

Each side is the whole command of its users, from start to written Parquet: `phenoextract batch --workers 2`, and
`spark-submit --master local-cluster[2,1,1024] examples/spark/code_notes.py`, with the Java options of docs/sizing.md.
The notes are those of ../shared/corpora/mtsamples.jsonl where that exists, else the example letters, repeated and
numbered so that none is the copy of another. Wall time means little on a machine with other work; the processor time a
document holds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from itertools import cycle, islice
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpora" / "mtsamples.jsonl"
CORES = 2
FILES = 8
# Java only passes notes on: to compile it for speed costs more than it gives (docs/sizing.md)
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--texts", type=Path, default=CORPUS if CORPUS.is_file() else None)
    parser.add_argument("--notes", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=2, help="times each side runs, in turns")
    given = parser.parse_args()
    try:
        import pyspark
    except ImportError:
        print("pyspark is not installed (pip install 'phenoextract[spark]'): nothing measured")
        return
    with tempfile.TemporaryDirectory() as folder:
        notes = write_notes(Path(folder) / "notes", texts(given.texts), given.notes)
        home = spark_home(Path(folder) / "spark", Path(pyspark.__file__).parent)
        rates: dict[str, list[float]] = {"pool": [], "spark": []}
        for turn in range(given.rounds):
            for side, command in (("pool", pool), ("spark", spark)):
                wall, cpu, memory = measure(command(notes, Path(folder) / f"{side}-{turn}"), home)
                rates[side].append(given.notes / wall)
                print(
                    f"{side:6} {given.notes / wall:7.1f} documents/s  {1000 * cpu / given.notes:6.2f} ms of processor"
                    f" a document  {memory / 2**20:6.0f} MB at most",
                    flush=True,
                )
    print(f"spark / pool, best of each: {max(rates['spark']) / max(rates['pool']):.2f}")


def texts(path: Path | None) -> list[str]:
    if path is None:
        return [file.read_text("utf-8") for file in sorted((ROOT / "examples" / "letters").glob("*.txt"))]
    return [json.loads(line)["text"] for line in path.read_text("utf-8").split("\n") if line]


def write_notes(folder: Path, texts: list[str], count: int) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    numbered = [f"{text}\n{number}" for number, text in enumerate(islice(cycle(texts), count))]
    table = pa.table({"id": [f"note-{number:07}" for number in range(count)], "text": numbered})
    size = -(-count // FILES)
    for number in range(FILES):
        pq.write_table(table.slice(number * size, size), folder / f"part-{number}.parquet")
    return folder


def spark_home(home: Path, package: Path) -> Path:
    """Make a folder in which the cluster logs, so that it does not do so in the installed package."""
    home.mkdir()
    for part in ("bin", "jars"):
        (home / part).symlink_to(package / part)
    return home


def pool(notes: Path, out: Path) -> list[str]:
    command = [str(Path(sys.executable).with_name("phenoextract")), "batch", str(notes)]
    return [*command, "--from", "parquet", "--out", f"{out}.parquet", "--workers", str(CORES)]


def spark(notes: Path, out: Path) -> list[str]:
    submit = Path(sys.executable).with_name("spark-submit")
    command = [str(submit), "--master", f"local-cluster[{CORES},1,1024]", "--conf", "spark.ui.enabled=false"]
    command += ["--driver-java-options", JAVA, "--conf", f"spark.executor.extraJavaOptions={JAVA}"]
    return [*command, str(ROOT / "examples" / "spark" / "code_notes.py"), str(notes), str(out)]


def measure(command: list[str], home: Path) -> tuple[float, float, int]:
    """Run a command; give its wall time, its processes’ time on a processor, both in seconds, and their peak bytes."""
    settings = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=settings, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    watched = Watch(process.pid)
    watched.start()
    _, errors = process.communicate()
    wall = time.perf_counter() - started
    watched.ended.set()
    watched.join()
    if process.returncode:
        sys.exit(f"{errors}\n{command[0]} failed")
    return wall, sum(watched.cpu.values()), watched.peak


class Watch(threading.Thread):
    """Looks twice a second at the processes of a session: the processor time of each, and the memory of all."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self.session = session
        self.ended = threading.Event()
        self.cpu: dict[int, float] = {}
        self.peak = 0

    def run(self) -> None:
        while not self.ended.wait(0.5):
            memory = 0
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    fields = (process / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[3]) != self.session:
                        continue
                    self.cpu[int(process.name)] = (int(fields[11]) + int(fields[12])) / TICKS
                    rollup = (process / "smaps_rollup").read_text()
                except (OSError, ValueError):  # it has ended
                    continue
                memory += 1024 * sum(int(line.split()[1]) for line in rollup.split("\n") if line.startswith("Pss:"))
            self.peak = max(self.peak, memory)


if __name__ == "__main__":
    main()
