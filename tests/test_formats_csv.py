from __future__ import annotations

import csv as stdlib_csv
import io
from collections.abc import Callable
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenoextract.formats import csv
from phenoextract.types import Confirmation, Report


def _rows(text: str) -> list[dict[str, str]]:
    return list(stdlib_csv.DictReader(io.StringIO(text, newline="")))


def test_csv_golden(report: Report, golden: Callable[[str, str], None]) -> None:
    golden("report.csv", csv.render([report]))


def test_csv_has_a_row_for_each_place_that_supports_a_term(report: Report) -> None:
    rows = _rows(csv.render([report, report]))
    assert len(rows) == 2 * sum(len(feature.evidence) for feature in report.features)
    assert [row["status"] for row in rows[:4]] == ["present", "uncertain", "family", "absent"]
    assert [row["polarity"] for row in rows[:4]] == ["present", "present", "present", "absent"]
    assert [row["experiencer"] for row in rows[:4]] == ["patient", "patient", "family", "patient"]
    assert [row["certainty"] for row in rows[:4]] == ["certain", "uncertain", "certain", "certain"]


def test_csv_keeps_a_term_that_a_person_added_without_a_place(report: Report) -> None:
    added = report.features[0]._replace(evidence=(), needs_review=False)
    [row] = _rows(csv.render([replace(report, features=(added,))]))
    assert (row["hpo_id"], row["needs_review"]) == (added.hpo_id, "no")
    assert (row["start"], row["text"], row["rule"]) == ("", "", "")


def test_csv_mark_for_spreadsheets_is_optional(report: Report) -> None:
    assert csv.render([report], bom=True) == "\ufeff" + csv.render([report])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(), prefix=st.sampled_from(["", "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]))
def test_csv_no_cell_is_a_formula_and_none_is_lost(report: Report, text: str, prefix: str) -> None:
    hostile = prefix + text
    annotation = report.annotations[0]._replace(text=hostile, section=hostile, review_reason=hostile)
    made = replace(report, id=hostile, annotations=(annotation, *report.annotations[1:]))
    row = _rows(csv.render([made]))[0]
    for column in ("doc_id", "text", "section", "review_reason"):
        assert row[column].removeprefix("'") == hostile.removeprefix("'")
        assert not row[column].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


def test_csv_names_who_confirmed(report: Report, confirmation: Confirmation) -> None:
    rows = _rows(csv.render([report], confirmation=replace(confirmation, patient_ref="=P")))
    assert {(row["patient_ref"], row["reviewer"], row["reviewed_at"]) for row in rows} == {
        ("'=P", "a.clerk", "2026-03-01T09:30:00+00:00")
    }
