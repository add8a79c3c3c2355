"""The same coding over an Apache Spark DataFrame, on a cluster or Databricks: the only importer of pyspark.

Rows travel to the workers and back as Arrow batches. The index does not travel: each worker process loads its
own once. Needs the extra `spark`.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import DataType, DecimalType, IntegralType, StringType, StructType

from phenoextract.batch.coding import NO_ID, NO_TEXT, Failure, Pipe, code, text_digest
from phenoextract.errors import ArtefactMismatch, ConfigError, DocumentNotText, DocumentTimedOut, describe_fault
from phenoextract.formats import table
from phenoextract.index import index_path, manifest_digest, read_manifest
from phenoextract.pipeline import ExtractConfig, Extractor, load
from phenoextract.types import Document, Report

_CHUNK = 64  # rows of a result batch: a result is larger than its note, so Spark's own batch would hold too much


class Summary(NamedTuple):
    """What a folder of coded notes holds: rows by error code, None for those coded, and ids of more than one row."""

    rows: Counter[str | None]
    repeated_ids: int


def code_dataframe(
    df: DataFrame,
    *,
    text_column: str = "text",
    id_column: str = "id",
    index: Path | None = None,
    config: ExtractConfig | None = None,
    time_limit: float = 60.0,
) -> DataFrame:
    """Code each row of a DataFrame: one row out for each row in, of the columns of `formats.table.SCHEMA`.

    The other columns of `df` follow them unchanged; the text does not. A document that failed is a row with its
    `error`; `time_limit` is in seconds a document. `index` is a folder that every node can read, by default the
    index in the installed package. As in all of Spark, nothing runs until a result is asked for. Raises
    ConfigError for columns that cannot be, and ArtefactMissing, ArtefactCorrupt or ArtefactMismatch; the last
    also fails the job where a node's index is not the one seen here.
    """
    carried = _carried(df.schema, id_column, text_column)
    path = index_path() if index is None else index
    expected = manifest_digest(read_manifest(path))

    def code_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        extractor = _TimeLimit(_extractor(path, expected, config), time_limit)
        for notes in batches:
            for start in range(0, notes.num_rows, _CHUNK):
                yield code_batch(extractor, notes.slice(start, _CHUNK))

    named = col(_quoted(id_column)).cast("string").alias(id_column)
    notes = df.select(named, *(col(_quoted(name)) for name in (text_column, *carried.names)))
    return notes.mapInArrow(code_batches, StructType([*from_arrow_schema(table.SCHEMA), *carried]))


def run(
    source: str,
    out: str,
    *,
    text_column: str = "text",
    id_column: str = "id",
    index: Path | None = None,
    config: ExtractConfig | None = None,
    time_limit: float = 60.0,
    files: int = 1000,
    tasks: int | None = None,
) -> Summary:
    """Code the Parquet files under `source` into Parquet files under `out`.

    Each step takes up to `files` files and writes them whole to the folder `step=N`. The same call again goes on
    where the last one ended, however that was: a step that was cut short is done anew and replaces what it left,
    and files that came since make new steps. `tasks` is the number of pieces a step is cut into, by default four
    for each core. Raises what `code_dataframe` does, and ConfigError for what Spark cannot read or write and for an
    `out` that was made with another index.
    """
    spark = SparkSession.builder.appName("phenoextract").getOrCreate()
    pieces = tasks or 4 * spark.sparkContext.defaultParallelism
    index = index_path() if index is None else index
    text = col(_quoted(text_column))

    def coded(notes: DataFrame) -> DataFrame:
        return code_dataframe(
            notes, text_column=text_column, id_column=id_column, index=index, config=config, time_limit=time_limit
        )

    def write(step: DataFrame, number: int) -> None:
        pieced = step.repartition(pieces, text).sortWithinPartitions(text)  # the same texts side by side
        coded(pieced).write.mode("overwrite").parquet(f"{out}/step={number}")

    try:
        notes = spark.read.parquet(source)
        coded(notes)  # refuses columns and index before the first step
        _check_index(spark, out, manifest_digest(read_manifest(index)))
        reader = spark.readStream.schema(notes.schema).option("maxFilesPerTrigger", files)
        writer = reader.parquet(source).writeStream.option("checkpointLocation", f"{out}/_progress")
        writer.foreachBatch(write).trigger(availableNow=True).start().awaitTermination()
        done = spark.read.parquet(out)
        rows = Counter({row["error"]: row["count"] for row in done.groupBy("error").count().collect()})
        return Summary(rows, done.where("id IS NOT NULL").groupBy("id").count().where("count > 1").count())
    except PySparkException as error:
        raise ConfigError(f"Spark: {str(error).splitlines()[0]}") from None
    except Py4JJavaError as error:  # what pyspark has no name for, a damaged file among them
        raise ConfigError(f"Spark: {str(error.java_exception.getMessage()).splitlines()[0]}") from None


def _check_index(spark: SparkSession, out: str, digest: str) -> None:
    """Raise ConfigError where notes that were coded with another index lie in the folder already."""
    try:
        made = spark.read.parquet(out).where("error IS NULL").select("provenance.index_sha256").first()
    except AnalysisException:  # there is nothing yet
        return
    if made is not None and made["index_sha256"] != digest:
        raise ConfigError(f"{out}: holds notes coded with another index; name another folder")


def code_batch(extractor: Pipe, notes: pa.RecordBatch) -> pa.RecordBatch:
    """Code rows whose first column is the id and whose second is the text; the others follow the result unchanged.

    A text that stands in several rows is coded once.
    """
    ids, texts = (notes.column(position).cast(pa.large_binary()).to_pylist() for position in (0, 1))
    parsed = [_parse(document_id, text) for document_id, text in zip(ids, texts, strict=True)]
    digests = [text_digest(item.text) if isinstance(item, Document) else "" for item in parsed]
    todo = {digest: item for digest, item in zip(digests, parsed, strict=True) if isinstance(item, Document)}
    outcomes = dict(zip(todo, code(extractor, [*todo.values()]), strict=True))
    rows = [
        _row(item if isinstance(item, Failure) else replace(outcomes[digest], id=item.id), digest)
        for digest, item in zip(digests, parsed, strict=True)
    ]
    try:
        coded = table.table(rows).combine_chunks().to_batches()[0]
    except pa.ArrowException as error:  # it may quote a letter, and executors log what fails a task
        raise RuntimeError(describe_fault(error)) from None
    return pa.RecordBatch.from_arrays(
        [*coded.columns, *notes.columns[2:]], names=[*coded.schema.names, *notes.schema.names[2:]]
    )


def _carried(schema: StructType, id_column: str, text_column: str) -> StructType:
    """Give the columns beside id and text; raises ConfigError, which names the column, where one cannot be."""
    for name in (id_column, text_column):
        if name not in schema.names:
            raise ConfigError(f"no column {name!r}; there are {', '.join(schema.names)}")
    if not _names(schema[id_column].dataType):
        raise ConfigError(f"column {id_column!r}: an id is text or a whole number")
    if not isinstance(schema[text_column].dataType, StringType):
        raise ConfigError(f"column {text_column!r}: a text is a string")
    carried = StructType([field for field in schema if field.name not in (id_column, text_column)])
    taken = [name for name in carried.names if name.lower() in table.SCHEMA.names]
    if taken:
        raise ConfigError(f"column {taken[0]!r}: the result has one of this name; rename it first")
    return carried


def _names(kind: DataType) -> bool:
    return isinstance(kind, StringType | IntegralType) or (isinstance(kind, DecimalType) and kind.scale == 0)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@lru_cache(maxsize=1)
def _extractor(path: Path, expected: str, config: ExtractConfig | None) -> Extractor:
    """Load the extractor of this worker process, which Spark keeps from task to task."""
    extractor = load(path, config)
    found = extractor.provenance.index_sha256
    if found != expected:
        raise ArtefactMismatch(
            str(path),
            expected=f"the driver's index {expected[:12]}",
            found=found[:12],
            mend="pip install of one and the same wheel on every node",
        )
    return extractor


def _parse(document_id: bytes | None, text: bytes | None) -> Document | Failure:
    """Make a document of a row's id and text in UTF-8, which Spark does not check."""
    name = None if document_id is None else document_id.decode("utf-8", "replace")
    if name is None or text is None:
        return Failure(name, NO_ID if name is None else NO_TEXT)
    try:
        return Document(name, text.decode("utf-8"))
    except UnicodeDecodeError:
        return Failure(name, DocumentNotText.code)


def _row(outcome: Report | Failure, digest: str) -> dict[str, object]:
    if isinstance(outcome, Failure):
        return table.failed_row(outcome.id, outcome.code)
    return table.row(outcome, text_sha256=digest)


class _TimeLimit:
    """An extractor that gives documents up when their time is over.

    The clock of a Unix process interrupts Python between two steps; native code that never returns is beyond it.
    """

    def __init__(self, extractor: Pipe, seconds: float) -> None:
        self.provenance = extractor.provenance
        self._extractor = extractor
        self._seconds = seconds

    def pipe(self, documents: Iterable[Document]) -> Iterator[Report]:
        """Give the reports in order; raises DocumentTimedOut where all together take longer than the limit for one."""
        waiting = list(documents)

        def stop(signum: int, frame: FrameType | None) -> NoReturn:
            raise DocumentTimedOut(waiting[0].id)

        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        try:
            reports = list(self._extractor.pipe(waiting))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return iter(reports)
