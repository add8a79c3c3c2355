"""What a batch writes, in parts that are joined to one file or kept as a folder.

JSON lines and Parquet hold a row for each document, failed ones too; CSV, OMOP NOTE_NLP and FHIR Observations have no
place for a document without findings.
"""

from __future__ import annotations

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import count
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NamedTuple, cast

from phenoextract.batch.coding import Failure
from phenoextract.batch.sources import Kind, Row, Source, need
from phenoextract.errors import ConfigError
from phenoextract.formats import csv as report_csv
from phenoextract.formats import fhir, omop
from phenoextract.formats import json as report_json
from phenoextract.types import Report

STANDARD_OUTPUT = Path("-")


class Form(StrEnum):
    """In what form results are written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    FHIR = "fhir"
    OMOP = "omop"
    OMOP_PARQUET = "omop-parquet"


_SUFFIXES = {".jsonl": Form.JSONL, ".ndjson": Form.JSONL, ".csv": Form.CSV, ".parquet": Form.PARQUET}


class Coded(NamedTuple):
    """A row of the source with what became of it; the digest is that of its text, empty if it has none."""

    row: Row
    outcome: Report | Failure
    text_sha256: str


@dataclass(frozen=True, slots=True)
class Sink:
    """How results are written.

    `encode` turns results into bytes, in a worker; `write` makes a part of several of those, whose places of
    evidence are numbered from an id on; `join` makes one file of all parts. The same results give the same bytes,
    however they were cut.
    """

    suffix: str
    encode: Callable[[Sequence[Coded]], bytes]
    write: Callable[[Sequence[bytes], BinaryIO, int], None]
    join: Callable[[Iterable[Path], BinaryIO], None]


def open_sink(form: Form, source: Source, started: datetime) -> Sink:
    """Give the sink of a form; `started` is when the run began, for forms that say when a note was read.

    Raises ConfigError if what writes it is not installed or a column cannot be carried.
    """
    match form:
        case Form.JSONL:
            return _lines(".jsonl", b"", _json_lines)
        case Form.CSV:
            header = _csv_line([*report_csv.COLUMNS, *source.carried])
            return _lines(".csv", header, partial(_csv_rows, source.carried))
        case Form.PARQUET:
            need("pyarrow", "Parquet")
            from phenoextract.formats import table

            carried = source.types or table.texts(source.carried)
            schema = table.schema_with(carried)
            encode = partial(_arrow, carried, source.types is None)
            return Sink(".parquet", encode, _write_parquet, partial(_join_parquet, schema))
        case Form.FHIR:
            return _lines(".ndjson", b"", partial(_observations, source.kind is Kind.FHIR))
        case Form.OMOP:
            header = _csv_line(omop.COLUMNS)
            write = partial(_write_numbered_csv, header)
            return Sink(".csv", partial(_note_nlp, started), write, partial(_join_lines, header))
        case Form.OMOP_PARQUET:
            schema = _note_nlp_schema()
            write = partial(_write_numbered_parquet, schema)
            encode = partial(_note_nlp_of_whole_ids, started)
            return Sink(".parquet", encode, write, partial(_join_parquet, schema))


def guess_form(out: Path) -> Form | None:
    """Tell the form by a file's name, compression aside; None where the name does not tell."""
    plain = out.with_suffix("") if out.suffix.lower() in (".gz", ".bz2", ".xz", ".zst") else out
    return _SUFFIXES.get(PurePath(plain).suffix.lower())


@contextmanager
def compressed(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Give a file to write to that compresses as its name says; the same content gives the same bytes."""
    match PurePath(name).suffix.lower():
        case ".gz":
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                yield cast("BinaryIO", packed)
        case ".bz2":
            with bz2.open(file, "wb") as packed:
                yield cast("BinaryIO", packed)
        case ".xz":
            with lzma.open(file, "wb") as packed:
                yield cast("BinaryIO", packed)
        case ".zst":
            twin = os.fdopen(os.dup(file.fileno()), "wb")  # pyarrow closes what it has written to
            with need("pyarrow", "Zstandard").CompressedOutputStream(twin, "zstd") as packed:
                yield packed
        case _:
            yield file


def _lines(suffix: str, header: bytes, encode: Callable[[Sequence[Coded]], bytes]) -> Sink:
    """Give the sink of a form in which parts are one header and any number of lines."""
    return Sink(suffix, encode, partial(_write_lines, header), partial(_join_lines, header))


def _write_lines(header: bytes, chunks: Sequence[bytes], file: BinaryIO, _first_id: int) -> None:
    file.writelines([header, *chunks])


def _join_lines(header: bytes, parts: Iterable[Path], file: BinaryIO) -> None:
    file.write(header)
    for part in parts:
        with part.open("rb") as lines:
            lines.seek(len(header))
            shutil.copyfileobj(lines, file)


def _json_lines(results: Sequence[Coded]) -> bytes:
    return b"".join(_json_line(*result) for result in results)


def _json_line(row: Row, outcome: Report | Failure, text_sha256: str) -> bytes:
    line: dict[str, Any]
    if isinstance(outcome, Report):
        line = {**report_json.to_dict(outcome), "text_sha256": text_sha256}
    else:
        place = {} if outcome.id is not None else {"line": row.number}
        line = {"id": outcome.id, **place, "error": outcome.code}
    if row.carried:
        line["carried"] = row.carried
    return json.dumps(line, default=_plain).encode("ascii") + b"\n"


def _plain(value: object) -> str:
    """Give what JSON has no type for as text: bytes in Base64, dates and times as ISO 8601, decimals exactly."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _csv_rows(carried: Sequence[str], results: Sequence[Coded]) -> bytes:
    return b"".join(
        _csv_line([*(place.get(column, "") for column in report_csv.COLUMNS), *others])
        for row, outcome, _ in results
        if isinstance(outcome, Report)
        for others in [[report_csv.harmless(_text(row.carried.get(name))) for name in carried]]
        for place in report_csv.rows(outcome)
    )


def _csv_line(cells: Sequence[object]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue().encode("utf-8", "replace")


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, default=_plain).strip('"')


def _arrow(carried: Any, as_text: bool, results: Sequence[Coded]) -> bytes:
    """Give results as an Arrow stream; what comes without a type is carried as text."""
    import pyarrow as pa

    from phenoextract.formats import table

    rows = []
    for row, outcome, text_sha256 in results:
        if isinstance(outcome, Report):
            own = table.row(outcome, text_sha256=text_sha256)
        else:
            own = table.failed_row(outcome.id, outcome.code)
        others = {name: row.carried.get(name) for name in carried.names}
        if as_text:
            others = {name: None if value is None else _text(value) for name, value in others.items()}
        rows.append(own | others)
    stream = pa.BufferOutputStream()
    made = table.table(rows, carried=carried)
    with pa.ipc.new_stream(stream, made.schema) as writer:
        writer.write_table(made)
    return cast("bytes", stream.getvalue().to_pybytes())


def _write_parquet(chunks: Sequence[bytes], file: BinaryIO, _first_id: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = pa.concat_tables([pa.ipc.open_stream(chunk).read_all() for chunk in chunks])
    pq.write_table(whole.combine_chunks(), file)


def _join_parquet(schema: Any, parts: Iterable[Path], file: BinaryIO) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, schema) as writer:
        for part in parts:
            writer.write_table(pq.read_table(part, partitioning=None))


def _observations(from_fhir: bool, results: Sequence[Coded]) -> bytes:
    return b"".join(
        json.dumps(resource).encode("ascii") + b"\n"
        for row, outcome, _ in results
        if isinstance(outcome, Report)
        for resource in fhir.observations(outcome, subject=outcome.id)
        for resource in [_linked(resource, row) if from_fhir else resource]
    )


def _linked(observation: dict[str, Any], row: Row) -> dict[str, Any]:
    """Point an Observation at the DocumentReference that it was read from and at whose that is."""
    reference = f"DocumentReference/{row.id}"
    linked = observation | {"derivedFrom": [place | {"reference": reference} for place in observation["derivedFrom"]]}
    subject = row.carried.get("subject")
    return linked | {"subject": subject} if subject else linked


def _note_nlp(started: datetime, results: Sequence[Coded]) -> bytes:
    rows = [
        row
        for _, outcome, _ in results
        if isinstance(outcome, Report)
        for row in omop.rows(outcome, nlp_datetime=started)
    ]
    return json.dumps(rows).encode("ascii")


def _note_nlp_of_whole_ids(started: datetime, results: Sequence[Coded]) -> bytes:
    for _, outcome, _ in results:
        if isinstance(outcome, Report) and not outcome.id.isdecimal():
            raise ConfigError(f"note {outcome.id!r}: in NOTE_NLP an id is a whole number; write --to omop as .csv")
    return _note_nlp(started, results)


def _numbered(chunks: Sequence[bytes], first_id: int) -> Iterator[omop.Row]:
    ids = count(first_id)
    return (row | {"note_nlp_id": next(ids)} for chunk in chunks for row in json.loads(chunk))


def _write_numbered_csv(header: bytes, chunks: Sequence[bytes], file: BinaryIO, first_id: int) -> None:
    file.write(header)
    file.writelines(_csv_line([row[name] for name in omop.COLUMNS]) for row in _numbered(chunks, first_id))


def _write_numbered_parquet(schema: Any, chunks: Sequence[bytes], file: BinaryIO, first_id: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row | {"note_id": int(str(row["note_id"])), **_times(row)} for row in _numbered(chunks, first_id)]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)


def _times(row: omop.Row) -> dict[str, Any]:
    when = datetime.fromisoformat(str(row["nlp_datetime"]))
    return {"nlp_datetime": when, "nlp_date": when.date()}


def _note_nlp_schema() -> Any:
    """Give the Arrow schema of NOTE_NLP: the types of the CDM, with ids of 64 bits."""
    pa = need("pyarrow", "Parquet")
    numbers = {"note_nlp_id", "note_id", "section_concept_id", "note_nlp_concept_id", "note_nlp_source_concept_id"}
    types = {"nlp_date": pa.date32(), "nlp_datetime": pa.timestamp("us")}
    own = {name: pa.int64() if name in numbers else types.get(name, pa.string()) for name in omop.COLUMNS}
    return pa.schema(own)
