"""Which features of a report a format may state as facts about the patient."""

from __future__ import annotations

from phenoextract.types import Feature, Report, Status


def facts(report: Report, *, unreviewed: bool = False) -> tuple[Feature, ...]:
    """Give the present and absent features, without those that still need review unless `unreviewed`.

    What is uncertain is never a fact, and what is said of a relative is none about the patient.
    """
    return tuple(
        feature
        for feature in report.features
        if feature.status in (Status.PRESENT, Status.ABSENT) and (unreviewed or not feature.needs_review)
    )
