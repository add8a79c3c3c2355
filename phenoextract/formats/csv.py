"""Reports as one flat table: a row for each place in a letter that supports a proposed term.

Cells that a spreadsheet would take for a formula are made harmless with a leading apostrophe. `temporality` is
always empty, and patient_ref, reviewer and reviewed_at are without a confirmation.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from phenoextract.types import Annotation, Confirmation, Report, Status

COLUMNS = (
    "doc_id",
    "patient_ref",
    "start",
    "end",
    "text",
    "section",
    "hpo_id",
    "hpo_label",
    "polarity",
    "experiencer",
    "certainty",
    "temporality",
    "onset",
    "severity",
    "confidence",
    "rule",
    "hpo_version",
    "service_version",
    "status",
    "reviewer",
    "reviewed_at",
    "modifiers",
    "needs_review",
    "review_reason",
)
# https://owasp.org/www-community/attacks/CSV_Injection, with the full-width forms some spreadsheets accept
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def render(reports: Iterable[Report], *, bom: bool = False, confirmation: Confirmation | None = None) -> str:
    r"""Give the reports as CSV (RFC 4180, lines end in \r\n); `bom` starts it with the mark that Excel wants.

    `confirmation` says who confirmed all of the reports.
    """
    out = io.StringIO(newline="")
    if bom:
        out.write("\ufeff")
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    reviewed = _reviewed(confirmation) if confirmation else {}
    for report in reports:
        writer.writerows(row | reviewed for row in rows(report))
    return out.getvalue()


def _reviewed(confirmation: Confirmation) -> dict[str, str | int | float]:
    return {
        "patient_ref": harmless(confirmation.patient_ref),
        "reviewer": harmless(confirmation.confirmed_by),
        "reviewed_at": confirmation.confirmed_at.isoformat(),
    }


def rows(report: Report) -> Iterator[dict[str, str | int | float]]:
    """Give a report's rows; columns that are empty are left out.

    A feature that a person added without pointing at the letter has one row, without a place.
    """
    for feature in report.features:
        evidence: list[Annotation | None] = [report.annotations[index] for index in feature.evidence]
        for annotation in evidence or [None]:
            yield {
                "doc_id": harmless(report.id),
                "hpo_id": feature.hpo_id,
                "hpo_label": harmless(feature.label),
                "polarity": "absent" if feature.status is Status.ABSENT else "present",
                "experiencer": "family" if feature.status is Status.FAMILY else "patient",
                "certainty": "uncertain" if feature.status is Status.UNCERTAIN else "certain",
                "onset": feature.onset or "",
                "severity": feature.severity or "",
                "confidence": feature.confidence,
                "hpo_version": report.provenance.hpo_release,
                "service_version": report.provenance.version,
                "status": feature.status.value,
                "modifiers": " ".join(feature.modifiers),
                "needs_review": "yes" if feature.needs_review else "no",
            } | (_place(annotation) if annotation else {})


def _place(annotation: Annotation) -> dict[str, str | int | float]:
    return {
        "start": annotation.start,
        "end": annotation.end,
        "text": harmless(annotation.text),
        "section": harmless(annotation.section),
        "confidence": annotation.confidence,
        "rule": annotation.method.value if annotation.method else "",
        "needs_review": "yes" if annotation.needs_review else "no",
        "review_reason": harmless(annotation.review_reason or ""),
    }


def harmless(cell: str) -> str:
    """Give a cell that no spreadsheet takes for a formula."""
    return "'" + cell if cell.startswith(_FORMULA_STARTS) else cell
