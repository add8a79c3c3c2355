from __future__ import annotations

import base64
import bz2
import datetime
import gzip
import json
import lzma
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phenoextract.batch.sources import Columns, Kind, Row, guess_kind, open_source
from phenoextract.errors import ConfigError

NOTES = b'{"id": "a", "text": "x"}\n{"id": "b", "text": "y"}\n'


def read(path: Path, kind: Kind | None = None, columns: Columns | None = None) -> list[Row]:
    return list(open_source(path, kind, columns).rows())


def brief(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(row.file, row.number, row.id, row.error or row.content, dict(row.carried)) for row in rows]


@pytest.mark.parametrize(
    ("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_source_reads_compressed_lines(tmp_path: Path, suffix: str, pack: Any) -> None:
    path = tmp_path / f"in.jsonl{suffix}"
    path.write_bytes(pack(NOTES) + pack(b'{"id": "c", "text": "z"}\n'))
    rows = read(path)
    assert [(row.id, row.content) for row in rows] == [("a", "x"), ("b", "y"), ("c", "z")]
    assert rows[-1].done == open_source(path).total == path.stat().st_size


def test_source_reads_zstandard(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.zst"
    with pa.CompressedOutputStream(str(path), "zstd") as packed:
        packed.write(NOTES * 1000)
    assert len(read(path)) == 2000
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ConfigError, match=r"in\.jsonl\.zst, row \d+: damaged or cut off"):
        read(path)


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_source_that_is_cut_off_is_never_taken_for_whole(tmp_path: Path, suffix: str, pack: Any) -> None:
    path = tmp_path / f"in.jsonl{suffix}"
    path.write_bytes(pack(NOTES)[:-10])
    with pytest.raises(ConfigError, match=r"in\.jsonl\..*, row \d: damaged or cut off"):
        read(path)


def test_source_carries_the_members_of_json_lines_that_are_named(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"id": 7, "body": "x", "clinic": "north", "seen": [1]}\n{"id": "b", "body": "y"}\n')
    rows = read(path, columns=Columns(text="body", carry=("clinic", "seen")))
    assert brief(rows) == [
        ("in.jsonl", 1, "7", "x", {"clinic": "north", "seen": [1]}),
        ("in.jsonl", 2, "b", "y", {"clinic": None, "seen": None}),
    ]


def test_source_reads_csv_and_carries_its_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(
        b'\xef\xbb\xbfnhs,id,text,"the ward"\r\n001,a,"two\nlines, ""quoted""",w\r\n002,b,,w\r\n'
        b"003,c,\xff\xfe,w\r\n004,d,too,many,cells\r\n005,,x,w\r\n006,\xff,x,w\r\n007,e,caf\xc3\xa9,w\r\n"
    )
    source = open_source(path)
    assert source.carried == ("nhs", "the ward")
    assert brief(list(source.rows())) == [
        ("in.csv", 1, "a", 'two\nlines, "quoted"', {"nhs": "001", "the ward": "w"}),
        ("in.csv", 2, "b", "no_text", {"nhs": "002", "the ward": "w"}),
        ("in.csv", 3, "c", "not_text", {}),
        ("in.csv", 4, None, "bad_row", {}),
        ("in.csv", 5, None, "no_id", {"nhs": "005", "the ward": "w"}),
        ("in.csv", 6, None, "not_text", {}),
        ("in.csv", 7, "e", "café", {"nhs": "007", "the ward": "w"}),
    ]


def test_source_reads_a_note_of_ten_megabytes_from_csv(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"id,text\na,{'long ' * 2_000_000}\nb,short\n")
    assert [len(row.content or "") for row in read(tmp_path / "in.csv")] == [10_000_000, 5]


@pytest.mark.parametrize("name", ["in.csv", "in.tsv"])
def test_source_names_the_columns_where_one_is_missing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("id,body\na,x\n".replace(",", "\t" if name.endswith("tsv") else ","))
    with pytest.raises(ConfigError, match=rf"{name}: no column 'text' but id, body; .*--text-column"):
        read(tmp_path / name)
    with pytest.raises(ConfigError, match="no column 'ward'"):
        read(tmp_path / name, columns=Columns(text="body", carry=("ward",)))
    assert len(read(tmp_path / name, columns=Columns(text="BODY", carry=()))) == 1


def test_source_refuses_a_folder_of_tables_that_differ(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\na,x\n")
    (tmp_path / "b.csv").write_text("id,text,ward\nb,x,w\n")
    with pytest.raises(ConfigError, match=r"b.csv: other columns than a.csv"):
        open_source(tmp_path)


def test_source_reads_parquet_with_partitions_and_types(tmp_path: Path) -> None:
    for year, ids in ((2019, ["a", "b"]), (2020, ["c"])):
        (tmp_path / f"year={year}").mkdir()
        seen = [datetime.date(year, 1, 1)] * len(ids)
        table = pa.table({"id": ids, "text": [f"text {one}" for one in ids], "seen": seen})
        pq.write_table(table, tmp_path / f"year={year}" / "notes.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".notes.parquet.crc").touch()
    source = open_source(tmp_path)
    assert source.total == 3
    assert source.types == pa.schema({"seen": pa.date32(), "year": pa.int32()})
    first, second = datetime.date(2019, 1, 1), datetime.date(2020, 1, 1)
    assert brief(list(source.rows())) == [
        ("year=2019/notes.parquet", 1, "a", "text a", {"seen": first, "year": 2019}),
        ("year=2019/notes.parquet", 2, "b", "text b", {"seen": first, "year": 2019}),
        ("year=2020/notes.parquet", 1, "c", "text c", {"seen": second, "year": 2020}),
    ]


def test_source_finds_the_parquet_rows_that_cannot_be_used(tmp_path: Path) -> None:
    texts = pa.array([b"x", None, b"\xff\xfe", "café".encode()], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"id": pa.array([1, 2, 3, None]), "text": texts}), tmp_path / "in.parquet")
    assert brief(read(tmp_path / "in.parquet")) == [
        ("in.parquet", 1, "1", "x", {}),
        ("in.parquet", 2, "2", "no_text", {}),
        ("in.parquet", 3, "3", "not_text", {}),
        ("in.parquet", 4, None, "no_id", {}),
    ]


def test_source_refuses_parquet_that_is_cut_off(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"] * 9, "text": ["x" * 99] * 9}), tmp_path / "in.parquet")
    whole = (tmp_path / "in.parquet").read_bytes()
    (tmp_path / "in.parquet").write_bytes(whole[:-20])
    with pytest.raises(ConfigError, match=r"in.parquet: not sound Parquet, or cut off"):
        open_source(tmp_path / "in.parquet")
    (tmp_path / "in.parquet").write_bytes(whole[:4] + b"\xff" * 60 + whole[64:])
    with pytest.raises(ConfigError, match=r"in.parquet, row 1: not sound Parquet, or cut off"):
        read(tmp_path / "in.parquet")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_source_reads_omop_notes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"NOTE.{suffix}"
    if suffix == "csv":
        path.write_text("NOTE_ID,PERSON_ID,NOTE_TEXT\n12,3,seizures\nx,3,seizures\n")
    else:
        pq.write_table(pa.table({"note_id": [12], "person_id": [3], "note_text": ["seizures"]}), path)
    rows = read(path, Kind.OMOP)
    assert (rows[0].id, rows[0].content) == ("12", "seizures")
    assert [*rows[0].carried] == (["PERSON_ID"] if suffix == "csv" else ["person_id"])
    assert [row.error for row in rows[1:]] == (["bad_row"] if suffix == "csv" else [])


def test_source_reads_fhir_ndjson(tmp_path: Path) -> None:
    letter = {"contentType": "text/plain", "data": base64.b64encode(b"seizures").decode()}
    resource = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": letter}],
    }
    path = tmp_path / "DocumentReference.ndjson"
    path.write_text(json.dumps(resource) + '\n{"resourceType": "DocumentReference"}\n[]\n')
    rows = read(path, Kind.FHIR)
    assert [(row.id, row.error) for row in rows] == [("d1", None), (None, "no_id"), (None, "bad_json")]
    assert rows[0].carried == {"subject": {"reference": "Patient/p1"}}


def test_source_reads_a_folder_of_letters(tmp_path: Path) -> None:
    (tmp_path / "clinic").mkdir()
    (tmp_path / "clinic" / "b.txt").write_bytes(b"seizures")
    (tmp_path / "a.docx").write_bytes(b"PK")
    (tmp_path / "notes.md").write_bytes(b"left out")
    source = open_source(tmp_path)
    assert (source.kind, source.total) == (Kind.LETTERS, 2)
    assert [(row.id, row.content) for row in source.rows()] == [("a.docx", b"PK"), ("clinic/b.txt", b"seizures")]


@pytest.mark.parametrize(
    ("names", "says"),
    [([], "no files that can be read"), (["a.csv", "b.jsonl"], "jsonl and csv files"), (["a.xyz"], "no files")],
)
def test_source_that_cannot_be_guessed_must_be_named(tmp_path: Path, names: list[str], says: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=f"{says}.*--from"):
        guess_kind(tmp_path)


def test_source_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or folder"):
        open_source(tmp_path / "no.jsonl")
    with pytest.raises(ConfigError, match=r"no \.parquet files in this folder"):
        open_source(tmp_path, Kind.PARQUET)
    with pytest.raises(ConfigError, match="standard input cannot be read as parquet"):
        open_source(Path("-"), Kind.PARQUET)


def test_source_says_which_extra_to_install(tmp_path: Path) -> None:
    (tmp_path / "in.parquet").touch()
    (tmp_path / "in.jsonl").write_bytes(NOTES)
    probe = (
        "import sys; sys.modules['pyarrow'] = None; sys.path[:0] = ['.'];"
        "from pathlib import Path; from phenoextract.batch.sources import open_source;"
        "print(len(list(open_source(Path('in.jsonl')).rows())));"
        "open_source(Path('in.parquet'))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout == "2\n"
    assert done.stderr.rstrip().endswith("Parquet needs pyarrow: pip install 'phenoextract[batch]'")


def test_source_leaves_no_line_longer_than_it_may_be_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phenoextract.batch.sources.MAX_BYTES", 100)
    (tmp_path / "in.jsonl").write_bytes(b'{"id": "a", "text": "' + b"x" * 1000 + b'"}\n' + NOTES)
    assert [(row.number, row.id, row.error) for row in read(tmp_path / "in.jsonl")] == [
        (1, None, "too_long"),
        (2, "a", None),
        (3, "b", None),
    ]
