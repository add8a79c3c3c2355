from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phenoextract.errors import ConfigError
from phenoextract.formats import json as report_json
from phenoextract.formats import table
from phenoextract.types import Report


def test_table_holds_the_whole_report(report: Report) -> None:
    file = io.BytesIO()
    pq.write_table(table.table([table.row(report, text_sha256="5" * 64)]), file)
    [row] = pq.read_table(file).to_pylist()
    assert (row.pop("text_sha256"), row.pop("error")) == ("5" * 64, None)
    assert report_json.from_dict(row) == report


def test_table_has_a_row_for_a_failed_document() -> None:
    [row] = table.table([table.failed_row("a", "too_long")]).to_pylist()
    assert {name: value for name, value in row.items() if value is not None} == {"id": "a", "error": "too_long"}


def test_table_names_its_version_and_carries_columns(report: Report) -> None:
    carried = pa.schema({"clinic": pa.string(), "year": pa.int16()})
    made = table.table([table.row(report, text_sha256="") | {"clinic": "north", "year": 2020}], carried=carried)
    assert made.schema.metadata[b"phenoextract.table"] == table.TABLE_VERSION.encode()
    assert made.schema.names == [*table.SCHEMA.names, "clinic", "year"]
    assert made.select(["clinic", "year"]).to_pylist() == [{"clinic": "north", "year": 2020}]
    assert made.schema.field("year").type == pa.int16()


def test_table_refuses_a_carried_column_with_a_name_of_its_own() -> None:
    with pytest.raises(ConfigError, match="error"):
        table.table([], carried=pa.schema({"error": pa.string()}))
