"""The signs of mentions and features, and the order in which every view shows them."""

from __future__ import annotations

from phenoextract.types import Annotation, Feature, Report, Status

MARKS = {Status.PRESENT: "+", Status.ABSENT: "-", Status.UNCERTAIN: "?", Status.FAMILY: "F"}
NOT_CODED_MARK = "x"


def mark(annotation: Annotation, index: int) -> str:
    """Give the short sign that ties a highlight to its row: what the letter says, and the annotation's number."""
    return f"{MARKS[annotation.status] if is_coded(annotation) else NOT_CODED_MARK}{index + 1}"


def is_coded(annotation: Annotation) -> bool:
    """Tell whether an annotation stands behind a proposed feature."""
    return annotation.hpo_id is not None and annotation.not_coded is None


def by_status(report: Report) -> list[Feature]:
    """Give the features in the order of the marks, and within one status as reported."""
    order = list(MARKS)
    return sorted(report.features, key=lambda feature: order.index(feature.status))
