from __future__ import annotations

import base64
import bz2
import csv
import gzip
import json
import lzma
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phenoextract import batch
from phenoextract.batch.journal import Summary
from phenoextract.batch.run import Options, run
from phenoextract.batch.sinks import Form
from phenoextract.batch.sources import Columns, Kind, open_source
from phenoextract.errors import ConfigError
from phenoextract.formats import csv as report_csv
from phenoextract.formats import json as report_json
from phenoextract.formats import omop, table
from phenoextract.types import Report

NOTES = "id,text,ward,bed\n1,seizures,=north,7\n2,too long,south,\n3,ptosis,south,9\n"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.csv"
    path.write_text(NOTES)
    return path


def code(extractor: batch.Pipe, source: Path, out: Path, form: Form, **columns: Any) -> Summary:
    opened = open_source(source, columns.pop("kind", None), Columns(**columns) if columns else None)
    return run(extractor, opened, out, form, Options(workers=1, part_rows=2))


def test_sink_jsonl_holds_what_was_carried(extractor: batch.Pipe, notes: Path) -> None:
    code(extractor, notes, notes.with_name("out.jsonl"), Form.JSONL)
    lines = [json.loads(line) for line in notes.with_name("out.jsonl").read_text().splitlines()]
    assert [line["carried"] for line in lines] == [
        {"ward": "=north", "bed": "7"},
        {"ward": "south", "bed": ""},
        {"ward": "south", "bed": "9"},
    ]
    assert lines[1] == {"id": "2", "error": "too_long", "carried": lines[1]["carried"]}


def test_sink_csv_has_a_row_for_each_place_and_no_formula(extractor: batch.Pipe, report: Report, notes: Path) -> None:
    code(extractor, notes, notes.with_name("out.csv"), Form.CSV, carry=("ward",))
    with notes.with_name("out.csv").open(newline="") as lines:
        header, *rows = csv.reader(lines)
    assert header == [*report_csv.COLUMNS, "ward"]
    places = sum(len(feature.evidence) for feature in report.features)
    assert [(row[0], row[-1]) for row in rows] == [("1", "'=north")] * places + [("3", "south")] * places
    plain = report_csv.render([replace(report, id="1")]).splitlines()
    assert [",".join(row[:-1]) for row in rows[:1]] == [plain[1].replace('"', "")]


@pytest.mark.parametrize("folder", [False, True])
def test_sink_parquet_is_typed_and_whole(extractor: batch.Pipe, report: Report, tmp_path: Path, folder: bool) -> None:
    carried = {"ward": pa.array([3, 4, None], pa.int8()), "seen": pa.array([None, 5, 6], pa.timestamp("ms"))}
    texts = {"id": ["a", "b", "c"], "text": ["seizures", None, "ptosis"]}
    pq.write_table(pa.table(texts | carried), tmp_path / "in.parquet")
    out = tmp_path / ("out" if folder else "out.parquet")
    code(extractor, tmp_path / "in.parquet", out, Form.PARQUET)
    if folder:
        assert [path.name for path in sorted(out.iterdir())] == ["part-000000.parquet", "part-000001.parquet"]
    made = pq.read_table(out)
    assert made.schema.metadata[b"phenoextract.table"] == table.TABLE_VERSION.encode()
    assert made.schema.names == [*table.SCHEMA.names, "ward", "seen"]
    assert made.select(["ward", "seen"]).equals(pa.table(carried))
    rows = made.to_pylist()
    assert [(row["id"], row["error"]) for row in rows] == [("a", None), ("b", "no_text"), ("c", None)]
    assert report_json.from_dict(rows[2]) == replace(report, id="c")


def test_sink_parquet_carries_named_members_of_json_lines_as_text(extractor: batch.Pipe, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(
        '{"id": "a", "text": "x", "n": 7, "who": "J \\"K\\""}\n{"id": "b", "text": "y"}\n'
    )
    code(extractor, tmp_path / "in.jsonl", tmp_path / "out.parquet", Form.PARQUET, carry=("n", "who"))
    rows = pq.read_table(tmp_path / "out.parquet", columns=["n", "who"]).to_pylist()
    assert rows == [{"n": "7", "who": 'J "K"'}, {"n": None, "who": None}]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_sink_omop_numbers_its_rows_through_all_parts(extractor: batch.Pipe, notes: Path, suffix: str) -> None:
    out = notes.with_name(f"NOTE_NLP.{suffix}")
    summary = code(extractor, notes, out, Form.OMOP if suffix == "csv" else Form.OMOP_PARQUET)
    if suffix == "csv":
        with out.open(newline="") as lines:
            rows: list[dict[str, Any]] = list(csv.DictReader(lines))
    else:
        made = pq.read_table(out)
        assert made.schema.field("note_id").type == made.schema.field("note_nlp_id").type == pa.int64()
        assert made.schema.field("nlp_date").type == pa.date32()
        rows = made.to_pylist()
    assert [*rows[0]] == [*omop.COLUMNS]
    assert [int(row["note_nlp_id"]) for row in rows] == [*range(1, summary.places + 1)]
    assert [int(row["note_id"]) for row in rows] == [1] * (summary.places // 2) + [3] * (summary.places // 2)


def test_sink_omop_parquet_needs_whole_numbers(extractor: batch.Pipe, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "x"}\n')
    with pytest.raises(ConfigError, match="note 'a': in NOTE_NLP an id is a whole number"):
        code(extractor, tmp_path / "in.jsonl", tmp_path / "out.parquet", Form.OMOP_PARQUET)


def test_sink_fhir_points_at_the_patient_and_the_document(extractor: batch.Pipe, tmp_path: Path) -> None:
    attachment = {"contentType": "text/plain", "data": base64.b64encode(b"seizures").decode()}
    lines = [
        {
            "resourceType": "DocumentReference",
            "id": f"d{number}",
            "status": "current",
            "subject": {"reference": f"Patient/p{number}"},
            "content": [{"attachment": attachment}],
        }
        for number in range(3)
    ]
    (tmp_path / "in.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary = code(extractor, tmp_path / "in.ndjson", tmp_path / "out.ndjson", Form.FHIR, kind=Kind.FHIR)
    made = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    assert summary.coded == 3
    assert {one["resourceType"] for one in made} == {"Observation"}
    assert len({one["id"] for one in made}) == len(made)
    for one in made:
        patient, [place] = one["subject"]["reference"], one["derivedFrom"]
        assert place["reference"] == f"DocumentReference/{patient.replace('Patient/p', 'd')}"


def test_sink_fhir_keeps_the_patients_of_other_sources_apart(extractor: batch.Pipe, notes: Path) -> None:
    code(extractor, notes, notes.with_name("out.ndjson"), Form.FHIR)
    made = [json.loads(line) for line in notes.with_name("out.ndjson").read_text().splitlines()]
    assert {one["subject"]["identifier"]["value"] for one in made} == {"1", "3"}


@pytest.mark.parametrize(("suffix", "unpack"), [(".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)])
def test_sink_compresses_as_its_name_says(extractor: batch.Pipe, notes: Path, suffix: str, unpack: Any) -> None:
    code(extractor, notes, notes.with_name("plain.jsonl"), Form.JSONL)
    packed = notes.with_name(f"out.jsonl{suffix}")
    code(extractor, notes, packed, Form.JSONL)
    assert unpack(packed).read() == notes.with_name("plain.jsonl").read_bytes()


def test_sink_compresses_to_zstandard(extractor: batch.Pipe, notes: Path) -> None:
    code(extractor, notes, notes.with_name("plain.jsonl"), Form.JSONL)
    code(extractor, notes, notes.with_name("out.jsonl.zst"), Form.JSONL)
    with pa.input_stream(str(notes.with_name("out.jsonl.zst")), compression="zstd") as unpacked:
        assert unpacked.read() == notes.with_name("plain.jsonl").read_bytes()


def test_sink_folder_must_be_new(extractor: batch.Pipe, notes: Path) -> None:
    code(extractor, notes, notes.with_name("out"), Form.JSONL)
    assert len(list(notes.with_name("out").iterdir())) == 2
    with pytest.raises(ConfigError, match="exists already"):
        code(extractor, notes, notes.with_name("out"), Form.JSONL)


def test_sink_refuses_a_carried_column_with_a_name_of_its_own(extractor: batch.Pipe, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text,features\n1,x,y\n")
    with pytest.raises(ConfigError, match="features"):
        code(extractor, tmp_path / "in.csv", tmp_path / "out.parquet", Form.PARQUET)


def test_sink_reads_standard_input_and_writes_standard_output(toy_path: Path) -> None:
    command = [sys.executable, "-c", "from phenoextract.cli import app; app()", "batch", "-", "--out", "-"]
    done = subprocess.run(
        [*command, "--index", str(toy_path)],
        input=b'{"id": "a", "text": "He has ptosis."}\n',
        capture_output=True,
        check=True,
    )
    [found] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [feature["label"] for feature in found["features"]] == ["Ptosis"]
    assert done.stderr.startswith(b"phenoextract: 1 documents, 1 coded, ")


def test_sink_says_which_extra_to_install(toy_path: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "He has ptosis."}\n')
    for out, code_expected in (("out.jsonl", 0), ("out.parquet", 2)):
        probe = (
            "import sys; sys.modules['pyarrow'] = None; from phenoextract.cli import app;"
            f"app(['batch', 'in.jsonl', '--out', {out!r}, '--index', {str(toy_path)!r}])"
        )
        done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == code_expected
    assert done.stderr == "phenoextract: Parquet needs pyarrow: pip install 'phenoextract[batch]'\n"
