"""What a batch reads: JSON lines, CSV, Parquet, OMOP notes, FHIR NDJSON or a folder of letters, as one stream of rows.

Every kind gives the same rows in the same order each time. A file that cannot be read to its end is a ConfigError
that names file and row; a single row that cannot be used is a row with an `error`.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import importlib
import io
import json
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NamedTuple, cast

from phenoextract.batch.coding import BAD_JSON, BAD_ROW, NO_ID, NO_TEXT
from phenoextract.errors import ConfigError, DocumentNotText, DocumentTooLong, DocumentUnreadable
from phenoextract.readers import MAX_BYTES

STANDARD_INPUT = Path("-")
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
_LETTERS = (".txt", ".docx", ".pdf")
_BATCH = 64  # rows of Parquet that are held at a time
_NOTHING: Mapping[str, Any] = {}
_Parsed = tuple[str | None, str | bytes | None, str | None, Mapping[str, Any]]


class Kind(StrEnum):
    """What a source holds."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    OMOP = "omop"
    FHIR = "fhir"
    LETTERS = "letters"


_SUFFIXES = {
    Kind.JSONL: (".jsonl", ".ndjson", ".json"),
    Kind.CSV: (".csv", ".tsv"),
    Kind.PARQUET: (".parquet",),
    Kind.OMOP: (".csv", ".tsv", ".parquet"),
    Kind.FHIR: (".ndjson", ".jsonl", ".json"),
    Kind.LETTERS: _LETTERS,
}


class Row(NamedTuple):
    """One row of a source; `number` counts from 1 within `file`.

    `content` is a text, or the bytes of a letter's file or a FHIR resource. `error` says why there is none. `done`
    is how far the source has been read with this row, in the unit of `Source.total`.
    """

    file: str
    number: int
    id: str | None
    content: str | bytes | None
    error: str | None
    carried: Mapping[str, Any]
    done: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what; `carry` are those to carry through, None for all others of a table."""

    id: str = "id"
    text: str = "text"
    carry: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Something to read: its rows, how much there is (None if nobody knows), and the columns carried through.

    `types` are the Arrow types of those columns, None where all are text.
    """

    kind: Kind
    name: str
    rows: Callable[[], Iterator[Row]]
    total: int | None
    carried: tuple[str, ...]
    types: Any = None


def open_source(path: Path, kind: Kind | None = None, columns: Columns | None = None) -> Source:
    """Look at a file, a folder or `-`, standard input, whose kind its name tells unless `kind` does.

    Raises ConfigError where there is nothing to read, a column is missing, or what reads it is not installed.
    """
    kind = kind or guess_kind(path)
    if columns is None:
        columns = Columns("note_id", "note_text") if kind is Kind.OMOP else Columns()
    if kind is Kind.OMOP:
        source = open_source(
            path, Kind.PARQUET if _plain_suffix(find_files(path, kind)[0]) == ".parquet" else Kind.CSV, columns
        )
        return replace(source, kind=kind, rows=lambda: map(_with_whole_id, source.rows()))
    if path == STANDARD_INPUT:
        if kind not in (Kind.JSONL, Kind.FHIR, Kind.CSV):
            raise ConfigError(f"standard input cannot be read as {kind}; use jsonl, csv or fhir")
        files = [path]
    else:
        files = find_files(path, kind)
    name = path.resolve().name if path != STANDARD_INPUT else "-"
    if kind is Kind.PARQUET:
        return _parquet(name, path, files, columns)
    if kind is Kind.CSV:
        return _csv(name, path, files, columns)
    total = None if path == STANDARD_INPUT else sum(file.stat().st_size for file in files)
    if kind is Kind.LETTERS:
        return Source(kind, name, partial(_letter_rows, path, files), len(files), ())
    if kind is Kind.FHIR:
        columns = replace(columns, carry=("subject", *(columns.carry or ())))
        return Source(kind, name, partial(_line_rows, path, files, _fhir_row, columns), total, columns.carry or ())
    return Source(kind, name, partial(_line_rows, path, files, _json_row, columns), total, columns.carry or ())


def guess_kind(path: Path) -> Kind:
    """Tell the kind by a file's name, or by the names in a folder; raises ConfigError where they do not tell."""
    if path == STANDARD_INPUT:
        return Kind.JSONL
    kinds = (Kind.JSONL, Kind.CSV, Kind.PARQUET, Kind.LETTERS)
    if path.is_dir():
        suffixes = {_plain_suffix(file) for file in _walk(path)}
    else:
        suffixes = {_plain_suffix(path)}
    found = [kind for kind in kinds if suffixes & {*_SUFFIXES[kind]}]
    if len(found) != 1:
        held = "no files that can be read" if not found else f"{' and '.join(found)} files"
        raise ConfigError(f"{path}: {held}; name what to read with --from")
    return found[0]


def need(module: str, purpose: str) -> Any:
    """Import a module of the extra `batch`; raises ConfigError, which says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigError(f"{purpose} needs {module.split('.')[0]}: pip install 'phenoextract[batch]'") from None


def find_files(path: Path, kind: Kind) -> list[Path]:
    """Give the file, or those of a kind below a folder, in order; raises ConfigError where there is none."""
    suffixes = _SUFFIXES[kind]
    if path.is_file():
        return [path]
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder")
    files = [file for file in _walk(path) if _plain_suffix(file) in suffixes]
    if not files:
        raise ConfigError(f"{path}: no {', '.join(suffixes)} files in this folder")
    return files


def _walk(folder: Path) -> list[Path]:
    """Give the files below a folder in order, but not those that data platforms hide (_SUCCESS, .part.crc)."""
    found = (file for file in folder.rglob("*") if file.is_file())
    return sorted(file for file in found if not any(p[0] in "._" for p in file.relative_to(folder).parts))


def _plain_suffix(path: PurePath) -> str:
    suffix = path.suffix.lower()
    return PurePath(path.stem).suffix.lower() if suffix in _COMPRESSED else suffix


def _name(path: Path, file: Path) -> str:
    return file.name if file == path else file.relative_to(path).as_posix()


@contextmanager
def opened(file: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Open a file, and give it as it is and as what it holds, decompressed."""
    if file == STANDARD_INPUT:
        yield sys.stdin.buffer, sys.stdin.buffer
        return
    with file.open("rb") as raw:
        match file.suffix.lower():
            case ".gz":
                yield raw, cast("BinaryIO", gzip.open(raw))
            case ".bz2":
                yield raw, cast("BinaryIO", bz2.open(raw))
            case ".xz":
                yield raw, cast("BinaryIO", lzma.open(raw))
            case ".zst":
                pa = need("pyarrow", f"{file.name}: Zstandard")
                yield raw, cast("BinaryIO", io.BufferedReader(pa.CompressedInputStream(raw, "zstd")))
            case _:
                yield raw, raw


@contextmanager
def _whole(name: str, number: int) -> Iterator[None]:
    """Turn what a damaged or cut-off file raises into an error that says how far it could be read."""
    try:
        yield
    except (OSError, EOFError, lzma.LZMAError, zlib.error, csv.Error) as error:
        raise ConfigError(
            f"{name}, row {number}: damaged or cut off ({type(error).__name__}); mend the file and run the same "
            "command again"
        ) from None


def _position(file: Path, raw: BinaryIO) -> int:
    return 0 if file == STANDARD_INPUT else raw.tell()


def _line_rows(
    path: Path, files: Sequence[Path], parse: Callable[[bytes, Columns], _Parsed], columns: Columns
) -> Iterator[Row]:
    before = 0
    for file in files:
        name, number = _name(path, file), 0
        with opened(file) as (raw, stream):
            while line := _read_line(name, number + 1, stream):
                number += 1
                if line.strip():
                    parsed = parse(line, columns) if len(line) <= MAX_BYTES else _unusable(None, DocumentTooLong.code)
                    yield Row(name, number, *parsed, before + _position(file, raw))
            before += _position(file, raw)


def _read_line(name: str, number: int, stream: BinaryIO) -> bytes:
    """Read one line, of which no more than one byte over MAX_BYTES is kept."""
    with _whole(name, number):
        line = rest = stream.readline(MAX_BYTES + 1)
        while len(rest) > MAX_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_BYTES + 1)
    return line


def _json_row(line: bytes, columns: Columns) -> _Parsed:
    record = _record(line)
    if record is None:
        return _unusable(None, BAD_JSON)
    carried = {name: record.get(name) for name in columns.carry or ()}
    document_id, text = record.get(columns.id), record.get(columns.text)
    if isinstance(document_id, int) and not isinstance(document_id, bool):
        document_id = str(document_id)
    return _checked(document_id, text, carried)


def _fhir_row(line: bytes, columns: Columns) -> _Parsed:
    record = _record(line)
    if record is None:
        return _unusable(None, BAD_JSON)
    document_id = record.get("id")
    if not isinstance(document_id, str) or not document_id:
        return _unusable(None, NO_ID)
    return document_id, line, None, {name: record.get(name) for name in columns.carry or ()}


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _unusable(document_id: str | None, error: str, carried: Mapping[str, Any] = _NOTHING) -> _Parsed:
    return document_id, None, error, carried


def _checked(document_id: object, text: object, carried: Mapping[str, Any]) -> _Parsed:
    """Say what a row lacks, if anything."""
    if not isinstance(document_id, str) or not document_id:
        return _unusable(None, NO_ID, carried)
    if not isinstance(text, str):
        return _unusable(document_id, NO_TEXT, carried)
    return document_id, text, None, carried


def _with_whole_id(row: Row) -> Row:
    """Refuse a note whose id is no whole number, as the CDM has none such."""
    if row.id is None or row.id.isdecimal():
        return row
    return row._replace(content=None, error=row.error or BAD_ROW)


def _csv(name: str, path: Path, files: Sequence[Path], columns: Columns) -> Source:
    csv.field_size_limit(MAX_BYTES)
    header: list[str] | None = None
    for file in files if files != [STANDARD_INPUT] else ():
        with _opened_csv(file) as (_, records), _whole(_name(path, file), 1):
            found = next(records, [])
        header = header or found
        if found != header:
            raise ConfigError(f"{_name(path, file)}: other columns than {_name(path, files[0])}")
    if header is None:  # standard input is read once only, so its columns are not known before
        carried = columns.carry or ()
        return Source(Kind.CSV, name, partial(_csv_rows, path, files, columns, carried), None, carried)
    carried = _carried(header, _name(path, files[0]), columns)
    total = sum(file.stat().st_size for file in files)
    return Source(Kind.CSV, name, partial(_csv_rows, path, files, columns, carried), total, carried)


@contextmanager
def _opened_csv(file: Path) -> Iterator[tuple[BinaryIO, Iterator[list[str]]]]:
    """Open a table as records of text; bytes that are not UTF-8 are lone surrogates, so that only their row is lost."""
    with opened(file) as (raw, stream):
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
        try:
            yield raw, csv.reader(text, delimiter="\t" if _plain_suffix(file) == ".tsv" else ",")
        finally:
            text.detach()


def _csv_rows(path: Path, files: Sequence[Path], columns: Columns, carried: Sequence[str]) -> Iterator[Row]:
    before = 0
    for file in files:
        name, number = _name(path, file), 0
        with _opened_csv(file) as (raw, records):
            header = next(records, [])
            own, text = (_place(header, wanted, name) for wanted in (columns.id, columns.text))
            others = [_place(header, wanted, name) for wanted in carried]
            while True:
                number += 1
                with _whole(name, number):
                    cells = next(records, None)
                if cells is None:
                    break
                parsed: _Parsed
                if len(cells) != len(header):
                    parsed = _unusable(None, BAD_ROW)
                elif any(map(_is_not_utf8, cells)):
                    parsed = _unusable(None if _is_not_utf8(cells[own]) else cells[own], DocumentNotText.code)
                else:
                    kept = {column: cells[place] for column, place in zip(carried, others, strict=True)}
                    parsed = _checked(cells[own], cells[text] or None, kept)
                if cells:
                    yield Row(name, number, *parsed, before + _position(file, raw))
            before += _position(file, raw)


def _is_not_utf8(cell: str) -> bool:
    return not cell.isascii() and any("\udc80" <= character <= "\udcff" for character in cell)


def _place(header: Sequence[str], wanted: str, name: str) -> int:
    """Find a column by its name, in other capitals if need be; raises ConfigError where it is not there."""
    if wanted in header:
        return header.index(wanted)
    alike = [place for place, column in enumerate(header) if column.casefold() == wanted.casefold()]
    if len(alike) != 1:
        raise ConfigError(
            f"{name}: no column {wanted!r} but {', '.join(header) or 'none'}; name the columns with --id-column, "
            "--text-column and --carry"
        )
    return alike[0]


def _carried(header: Sequence[str], name: str, columns: Columns) -> tuple[str, ...]:
    used = {_place(header, wanted, name) for wanted in (columns.id, columns.text)}
    if columns.carry is None:
        return tuple(column for place, column in enumerate(header) if place not in used)
    return tuple(header[_place(header, wanted, name)] for wanted in columns.carry)


def _letter_rows(path: Path, files: Sequence[Path]) -> Iterator[Row]:
    for number, file in enumerate(files, 1):
        name = _name(path, file)
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except OSError:
            yield Row(name, 1, *_unusable(name, DocumentUnreadable.code), number)
        else:
            yield Row(name, 1, name, content, None, _NOTHING, number)


def _parquet(name: str, path: Path, files: Sequence[Path], columns: Columns) -> Source:
    parquet = need("pyarrow.parquet", "Parquet")
    dataset = need("pyarrow.dataset", "Parquet")
    for file in files:
        with _readable_parquet(_name(path, file)):
            parquet.ParquetFile(file).close()
    with _readable_parquet(name):
        whole = dataset.dataset(files, format="parquet", partitioning="hive", partition_base_dir=str(path))
    carried = _carried(whole.schema.names, name, columns)
    own, text = (whole.schema.names[_place(whole.schema.names, c, name)] for c in (columns.id, columns.text))
    types = need("pyarrow", "Parquet").schema([whole.schema.field(column) for column in carried])
    rows = partial(_parquet_rows, path, whole, own, text, carried)
    return Source(Kind.PARQUET, name, rows, whole.count_rows(), carried, types)


def _parquet_rows(path: Path, whole: Any, own: str, text: str, carried: Sequence[str]) -> Iterator[Row]:
    done = 0
    for fragment in sorted(whole.get_fragments(), key=lambda fragment: str(fragment.path)):
        name, number = _name(path, Path(fragment.path)), 0
        batches = fragment.to_batches(
            schema=whole.schema,
            columns=list(dict.fromkeys((own, text, *carried))),
            batch_size=_BATCH,
            batch_readahead=0,
            use_threads=False,
        )
        while True:
            with _readable_parquet(f"{name}, row {number + 1}"):
                batch = next(batches, None)
            if batch is None:
                break
            kept = batch.select(list(carried)).to_pylist()
            for document_id, content, others in zip(_texts(batch[own]), _texts(batch[text]), kept, strict=True):
                number += 1
                done += 1
                if isinstance(document_id, bytes) or isinstance(content, bytes):
                    known = document_id if isinstance(document_id, str) else None
                    yield Row(name, number, *_unusable(known, DocumentNotText.code, others), done)
                else:
                    yield Row(name, number, *_checked(document_id, content, others), done)


def _texts(column: Any) -> Iterator[str | bytes | None]:
    """Give the texts of a column, numbers as text, and what is not UTF-8 as bytes: Parquet does not check."""
    pa = need("pyarrow", "Parquet")
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_integer(column.type):
        column = column.cast(pa.string())
    for value in column.cast(pa.large_binary()).to_pylist():
        try:
            yield None if value is None else value.decode("utf-8")
        except UnicodeDecodeError:
            yield value


@contextmanager
def _readable_parquet(place: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise ConfigError(f"{place}: not sound Parquet, or cut off ({type(error).__name__})") from None
