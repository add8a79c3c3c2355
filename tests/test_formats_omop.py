from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from phenoextract.formats import omop
from phenoextract.types import Report

WHEN = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)
# as the CDM's own script for SQLite has it, where every column but these four may be null
TABLE = """CREATE TABLE note_nlp (
    note_nlp_id integer NOT NULL, note_id integer NOT NULL, section_concept_id integer, snippet TEXT, "offset" TEXT,
    lexical_variant TEXT NOT NULL, note_nlp_concept_id integer, note_nlp_source_concept_id integer, nlp_system TEXT,
    nlp_date date NOT NULL, nlp_datetime REAL, term_exists TEXT, term_temporal TEXT, term_modifiers TEXT)"""


def test_omop_golden(report: Report, golden: Callable[[str, str], None]) -> None:
    golden("report.omop.csv", omop.render([report], nlp_datetime=WHEN))


def test_omop_rows_fit_the_table_of_the_cdm(report: Report) -> None:
    table = sqlite3.connect(":memory:")
    table.execute(TABLE)
    rows = list(omop.rows(replace(report, id="41"), nlp_datetime=WHEN, first_id=7))
    names = ", ".join(f'"{name}"' for name in omop.COLUMNS)
    marks = ", ".join("?" * len(omop.COLUMNS))
    table.executemany(f"INSERT INTO note_nlp ({names}) VALUES ({marks})", [tuple(row.values()) for row in rows])  # noqa: S608
    stored = table.execute('SELECT note_nlp_id, note_id, "offset", term_exists FROM note_nlp').fetchall()
    assert stored[0] == (7, 41, "34", "Y")
    assert [row[0] for row in stored] == list(range(7, 7 + len(rows)))
    assert [row[3] for row in stored] == ["Y", "N", "N", "N", "Y", "Y"]


def test_omop_existence_is_for_the_patient_certain_and_reviewed(report: Report) -> None:
    doubtful = replace(report, features=(report.features[0]._replace(needs_review=True),))
    (row,) = omop.rows(doubtful, nlp_datetime=WHEN)
    assert row["term_exists"] == "N"
    assert "review=yes" in str(row["term_modifiers"])


def test_omop_modifiers_say_what_the_table_has_no_column_for(report: Report) -> None:
    said = [str(row["term_modifiers"]) for row in omop.rows(report, nlp_datetime=WHEN)]
    assert said[0] == (
        "hpo=HP:0001263,negated=no,subject=patient,certainty=undef,conditional=false,review=no,"
        "section=diagnosis,severity=HP:0012826"
    )
    assert "certainty=uncertain" in said[1]
    assert "subject=family" in said[2]
    assert "negated=yes" in said[3]


def test_omop_concepts_come_from_a_table_or_are_0(report: Report) -> None:
    rows = list(omop.rows(report, nlp_datetime=WHEN, concepts={"HP:0001263": 100}))
    assert [row["note_nlp_concept_id"] for row in rows] == [100, 0, 0, 0, 0, 0]


def test_omop_cells_keep_to_the_lengths_of_the_cdm(report: Report) -> None:
    long = report.annotations[0]._replace(text="x" * 300, section="y" * 3000)
    made = replace(report, annotations=(long, *report.annotations[1:]))
    row = next(omop.rows(made, nlp_datetime=WHEN))
    assert len(str(row["lexical_variant"])) == 250
    assert len(str(row["term_modifiers"])) == 2000


def test_omop_numbers_rows_through_all_notes(report: Report) -> None:
    text = omop.render([report, replace(report, id="letter-2")])
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [int(row["note_nlp_id"]) for row in rows] == list(range(1, 13))
    assert {row["note_id"] for row in rows} == {"letter-1", "letter-2"}
    assert tuple(rows[0]) == omop.COLUMNS


def test_omop_keeps_a_term_that_a_person_added_without_a_place(report: Report) -> None:
    added = report.features[0]._replace(evidence=(), needs_review=False)
    [row] = omop.rows(replace(report, features=(added,)), nlp_datetime=datetime(2026, 1, 2, tzinfo=UTC))
    assert (row["offset"], row["lexical_variant"]) == (None, added.label)
    assert f"hpo={added.hpo_id}" in str(row["term_modifiers"])
