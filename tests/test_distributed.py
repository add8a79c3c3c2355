"""On a real cluster of local processes: a driver, a master, and two executors, each a Java process with a worker."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("pyspark")

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col

from phenoextract import distributed
from phenoextract.batch.coding import text_digest
from phenoextract.build import build_index
from phenoextract.errors import ArtefactMissing, ConfigError
from phenoextract.formats import table
from phenoextract.pipeline import ExtractConfig, Extractor
from phenoextract.types import Document, Report

pytestmark = [
    pytest.mark.spark,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("java") and "JAVA_HOME" not in os.environ, reason="Spark needs a Java runtime"),
]

ROOT = Path(__file__).parents[1]
CLUSTER = "local-cluster[2,1,1024]"
CANARY = "Zebedee Canarybird"
TEXTS = (
    "He has seizures and a cleft palate. No ptosis.",
    "His mother has ptosis. ?ASD",
    "",
    "Naïve 🧠 seizures.\r\nNo cleft palate.",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SPARK_HOME of its own to the cluster, so that what its executors log lies in no installed package."""
    import pyspark

    home = tmp_path_factory.mktemp("spark")
    for part in ("bin", "jars"):
        (home / part).symlink_to(Path(pyspark.__file__).parent / part)
    return home


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    return {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}


@pytest.fixture(scope="module")
def spark(home: Path, environment: dict[str, str]) -> Iterator[SparkSession]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        builder = SparkSession.builder.master(CLUSTER).config("spark.ui.enabled", "false")
        session = builder.config("spark.sql.shuffle.partitions", 4).getOrCreate()
        yield session
        session.stop()


def _notes(count: int) -> pa.Table:
    return pa.table(
        {
            "id": [f"note-{number:04}" for number in range(count)],
            "text": [f"{TEXTS[number % len(TEXTS)]} {number}" for number in range(count)],
        }
    )


def _frame(spark: SparkSession, notes: pa.Table, tmp_path: Path) -> DataFrame:
    """Give a table as a DataFrame whose rows come from a file, as a hospital's do."""
    pq.write_table(notes, tmp_path / "notes.parquet")
    return spark.read.parquet(str(tmp_path / "notes.parquet"))


def _expected(extractor: Extractor, notes: pa.Table) -> list[dict[str, Any]]:
    documents = [Document(str(row["id"]), row["text"]) for row in notes.to_pylist()]
    rows = [
        table.row(report, text_sha256=text_digest(document.text))
        for document, report in zip(documents, extractor.pipe(documents), strict=True)
    ]
    return sorted(table.table(rows).to_pylist(), key=lambda row: row["id"])


def _rows(df: DataFrame) -> list[dict[str, Any]]:
    return sorted((row.asDict(recursive=True) for row in df.collect()), key=lambda row: str(row["id"]))


def test_spark_gives_what_one_process_gives(
    spark: SparkSession, toy_path: Path, toy_extractor: Extractor, tmp_path: Path
) -> None:
    notes = _notes(300)
    coded = distributed.code_dataframe(_frame(spark, notes, tmp_path).repartition(7), index=toy_path)
    rows = _rows(coded)
    assert rows == _expected(toy_extractor, notes)
    assert sum(len(row["features"]) for row in rows) > 300


def test_spark_carries_the_other_columns_and_records_failures(
    spark: SparkSession, toy_path: Path, tmp_path: Path
) -> None:
    notes = pa.table(
        {
            "ward": ["A", None, "C", "D", "E"],
            "body": pa.array([b"seizures", None, b"x" * 101, b"\xff\xfe seizures", b"ptosis"], pa.binary()),
            "note id": pa.array([1, 2, 3, 4, None], pa.int64()),
            "codes": [[1, 2], [], None, [3], [4]],
        }
    )
    frame = _frame(spark, notes, tmp_path).withColumn("body", col("body").cast("string"))
    coded = distributed.code_dataframe(
        frame, text_column="body", id_column="note id", index=toy_path, config=ExtractConfig(max_chars=100)
    )
    assert coded.columns == [*table.SCHEMA.names, "ward", "codes"]
    found = {row["ward"]: (row["id"], row["error"], row["codes"]) for row in coded.collect()}
    assert found == {
        "A": ("1", None, [1, 2]),
        None: ("2", "no_text", []),
        "C": ("3", "too_long", None),
        "D": ("4", "not_text", [3]),
        "E": (None, "no_id", [4]),
    }


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (("id",), "no column 'text'; there are id"),
        (("text",), "no column 'id'; there are text"),
        (("id", "1 AS text"), "column 'text': a text is a string"),
        (("true AS id", "text"), "column 'id': an id is text or a whole number"),
        (("1.5 AS id", "text"), "column 'id': an id is text or a whole number"),
        (("id", "text", "1 AS Error"), "column 'Error': the result has one of this name"),
    ],
)
def test_spark_refuses_columns_that_cannot_be(
    spark: SparkSession, toy_path: Path, expression: tuple[str, ...], message: str
) -> None:
    frame = spark.createDataFrame([("1", "seizures")], "id string, text string").selectExpr(*expression)
    with pytest.raises(ConfigError, match=message):
        distributed.code_dataframe(frame, index=toy_path)


def test_spark_refuses_an_index_that_is_not_there(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.createDataFrame([("1", "seizures")], "id string, text string")
    with pytest.raises(ArtefactMissing, match="build-index"):
        distributed.code_dataframe(frame, index=tmp_path / "none")


def test_spark_fails_the_job_where_a_node_has_another_index(
    spark: SparkSession, toy_path: Path, tmp_path: Path
) -> None:
    shutil.copytree(toy_path, tmp_path / "index")
    frame = spark.createDataFrame([("1", CANARY)], "id string, text string")
    coded = distributed.code_dataframe(frame, index=tmp_path / "index")
    shutil.rmtree(tmp_path / "index")
    build_index(ROOT / "ontologies" / "toy.obo", tmp_path / "index", lexicon=None)
    with pytest.raises(Exception, match="expected the driver's index") as caught:
        coded.collect()
    assert CANARY not in str(caught.value)


def test_spark_loads_one_extractor_a_worker(spark: SparkSession, toy_path: Path, tmp_path: Path) -> None:
    def look(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            loads = distributed._extractor.cache_info()
            yield pa.RecordBatch.from_pydict({"pid": [os.getpid()], "loads": [loads.misses], "uses": [loads.hits]})

    frame = _frame(spark, _notes(16), tmp_path).repartition(16)
    config = ExtractConfig(review_below=0.5)
    before = {row.pid: row for row in frame.mapInArrow(look, "pid long, loads long, uses long").collect()}
    distributed.code_dataframe(frame, index=toy_path, config=config).collect()
    after = {row.pid: row for row in frame.mapInArrow(look, "pid long, loads long, uses long").collect()}
    assert len(after) == 2
    assert {pid: row.loads - before[pid].loads for pid, row in after.items()} == dict.fromkeys(after, 1)
    assert sum(row.uses - before[pid].uses for pid, row in after.items()) == 14


def test_spark_loses_nothing_with_an_executor(
    spark: SparkSession, home: Path, toy_path: Path, toy_extractor: Extractor, tmp_path: Path
) -> None:
    notes = _notes(200).set_column(1, "text", [[f"{' '.join(TEXTS)} " * 20 + str(number) for number in range(200)]])
    coded = distributed.code_dataframe(_frame(spark, notes, tmp_path).repartition(20), index=toy_path)
    executors = _executors(home)
    assert len(executors) == 2
    tracker = spark.sparkContext.statusTracker()
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(_rows, coded)
        _until(lambda: any(_coded_tasks(tracker, stage) for stage in tracker.getActiveStageIds()))
        os.kill(executors[0], signal.SIGKILL)
        assert not job.done()
        rows = job.result(timeout=600)
    assert rows == _expected(toy_extractor, notes)
    assert executors[0] not in _executors(home)


def _coded_tasks(tracker: Any, stage: int) -> bool:
    """Tell whether a stage of the twenty pieces has done some of them, and not most."""
    info = tracker.getStageInfo(stage)
    return info is not None and info.numTasks == 20 and 0 < info.numCompletedTasks < 12


def _executors(home: Path) -> list[int]:
    """Give the process ids of this cluster's executors."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it has ended
            continue
        if "CoarseGrainedExecutorBackend" in words and str(home) in words:
            found.append(int(process.name))
    return sorted(found)


def _until(happened: Any, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def test_spark_run_goes_on_where_it_ended(
    spark: SparkSession, toy_path: Path, toy_extractor: Extractor, tmp_path: Path
) -> None:
    source, out = tmp_path / "notes", tmp_path / "coded"
    (source / "year=2024").mkdir(parents=True)
    notes = _notes(40)
    for number in range(3):
        pq.write_table(notes.slice(number * 10, 10), source / "year=2024" / f"part-{number}.parquet")

    def run() -> distributed.Summary:
        return distributed.run(str(source), str(out), index=toy_path, files=1, tasks=2)

    assert run() == ({None: 30}, 0)
    first = _written(out)
    assert {path.parts[0] for path in first} == {"step=0", "step=1", "step=2"}
    assert run() == ({None: 30}, 0)
    assert _written(out) == first

    # a driver that dies while step 2 is written leaves part of it and no word that it is done
    (out / "_progress" / "commits" / "2").unlink()
    (out / "_progress" / "commits" / ".2.crc").unlink()
    (out / "step=2" / "_SUCCESS").unlink()
    pq.write_table(table.table([table.failed_row("half", "x")]), out / "step=2" / "part-half.parquet")
    pq.write_table(notes.slice(30, 10), source / "year=2024" / "part-3.parquet")
    assert run() == ({None: 40}, 0)
    kept = {path: made for path, made in first.items() if path.parts[0] != "step=2"}
    assert kept.items() <= _written(out).items()
    coded = pq.read_table(out, partitioning=None)
    assert coded.column("year").to_pylist() == [2024] * 40
    rows = coded.select(table.SCHEMA.names).cast(table.SCHEMA).to_pylist()
    assert sorted(rows, key=lambda row: row["id"]) == _expected(toy_extractor, notes)

    build_index(ROOT / "ontologies" / "toy.obo", tmp_path / "other", lexicon=None)
    with pytest.raises(ConfigError, match="coded with another index; name another folder"):
        distributed.run(str(source), str(out), index=tmp_path / "other")


def _written(out: Path) -> dict[Path, int]:
    return {path.relative_to(out): path.stat().st_mtime_ns for path in out.glob("step=*/*.parquet")}


def test_spark_run_refuses_what_cannot_be_read(spark: SparkSession, toy_path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        distributed.run(str(tmp_path / "nowhere"), str(tmp_path / "out"), index=toy_path)
    (tmp_path / "notes").mkdir()
    pq.write_table(_notes(40), tmp_path / "notes" / "part.parquet")
    whole = (tmp_path / "notes" / "part.parquet").read_bytes()
    (tmp_path / "notes" / "part.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match=r"part\.parquet"):
        distributed.run(str(tmp_path / "notes"), str(tmp_path / "out"), index=toy_path)
    assert not (tmp_path / "out").exists()


class Odd:
    """An extractor with a fault that Arrow meets."""

    def __init__(self, extractor: Extractor) -> None:
        self.provenance = extractor.provenance
        self._extractor = extractor

    def pipe(self, documents: Iterable[Document]) -> Iterator[Report]:
        for report in self._extractor.pipe(documents):
            yield replace(report, features=(report.features[0]._replace(confidence=CANARY),))  # type: ignore[arg-type]


def test_spark_quotes_no_text_where_a_result_fits_no_column(toy_extractor: Extractor) -> None:
    notes = pa.RecordBatch.from_pydict({"id": ["1"], "text": ["seizures"]})
    with pytest.raises(RuntimeError, match="ArrowInvalid at ") as caught:
        distributed.code_batch(Odd(toy_extractor), notes)
    assert "Canarybird" not in "".join(traceback.format_exception(caught.value))


def test_spark_codes_a_text_once(toy_extractor: Extractor) -> None:
    texts = ["seizures", "No ptosis.", "seizures", None, "seizures"]
    notes = pa.RecordBatch.from_pydict({"id": [*"abcde"], "text": texts})
    counting = Counting(toy_extractor)
    rows = distributed.code_batch(counting, notes).to_pylist()
    assert counting.seen == ["seizures", "No ptosis."]
    assert [row["id"] for row in rows] == [*"abcde"]
    assert [[feature["label"] for feature in row["features"] or ()] for row in rows] == [
        ["Seizure"],
        ["Ptosis"],
        ["Seizure"],
        [],
        ["Seizure"],
    ]


class Counting:
    """An extractor that remembers what it was given."""

    def __init__(self, extractor: Extractor) -> None:
        self.provenance = extractor.provenance
        self.seen: list[str] = []
        self._extractor = extractor

    def pipe(self, documents: Iterable[Document]) -> Iterator[Report]:
        waiting = list(documents)
        self.seen += [document.text for document in waiting]
        yield from self._extractor.pipe(waiting)


FAULT = """
from phenoextract.pipeline import Extractor

pipe = Extractor.pipe

def faulty(self, documents, batch_size=64):
    for document in documents:
        if "crash" in document.text:
            raise KeyError(document.text)
        while "hang" in document.text:
            pass
        yield from pipe(self, [document])

Extractor.pipe = faulty
"""


def test_spark_submit_goes_on_after_a_kill_and_logs_no_text(
    environment: dict[str, str], home: Path, toy_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(FAULT)
    source, out = tmp_path / "notes", tmp_path / "coded"
    source.mkdir()
    for number, text in enumerate(("seizures", "crash", "hang", "ptosis")):
        notes = {"note": [f"{number}-0", f"{number}-1", "same"], "letter": ["No ptosis.", f"{text} {CANARY}", None]}
        pq.write_table(pa.table(notes), source / f"part-{number}.parquet")
    command = [str(home / "bin" / "spark-submit"), "--master", CLUSTER, "--conf", "spark.log.level=INFO"]
    command += [str(ROOT / "examples" / "spark" / "code_notes.py"), str(source), str(out), "--index", str(toy_path)]
    command += ["--text-column", "letter", "--id-column", "note", "--files", "1", "--tasks", "2", "--time-limit", "2"]
    with (tmp_path / "log").open("w") as log:
        settings = {**os.environ, **environment, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
        first = subprocess.Popen(command, env=settings, stdout=log, stderr=log, start_new_session=True)
        _until((out / "step=0" / "_SUCCESS").exists)
        os.killpg(first.pid, signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
        assert not (out / "step=3" / "_SUCCESS").exists()
        again = subprocess.run(command, env=settings, stdout=subprocess.PIPE, stderr=log, text=True, check=False)
    assert again.stdout.splitlines() == [
        "12 documents, 6 failed",
        "  internal_error: 1",
        "  no_text: 4",
        "  timed_out: 1",
        "1 ids stand on more than one row",
    ]
    assert again.returncode == 1
    coded = pq.read_table(out, partitioning=None, schema=table.SCHEMA).to_pylist()
    errors = {row["id"]: row["error"] for row in coded}
    assert (len(coded), len(errors)) == (12, 9)
    assert (errors["0-1"], errors["1-1"], errors["2-1"], errors["3-1"]) == (None, "internal_error", "timed_out", None)
    logs = [tmp_path / "log", *home.glob("work/*/*/std*")]
    assert "internal_error: KeyError at sitecustomize.py" in "".join(log.read_text("utf-8") for log in logs)
    assert [log for log in logs if "Canarybird" in log.read_text("utf-8")] == []
