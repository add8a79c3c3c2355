"""The words in which every view tells why a term was proposed, or was not."""

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


def why_coded(annotation: Annotation) -> str:
    """Tell how the term was found and which words decided its status."""
    found = annotation.method.value.replace("_", " ") if annotation.method else "found"
    if annotation.synonym:
        found += f" “{annotation.synonym}”"
    cues = [f"{cue.kind.replace('_', ' ')} “{cue.text}”" for cue in annotation.cues]
    return "; ".join([found, *cues])


def why_not_coded(annotation: Annotation) -> str:
    """Tell why a recognised phrase is not proposed."""
    reason = annotation.not_coded.value if annotation.not_coded else "no HPO term fits"
    return "; ".join([reason, *(f"{cue.kind.replace('_', ' ')} “{cue.text}”" for cue in annotation.cues)])


def review_reason(report: Report, feature: Feature) -> str:
    """Tell why a feature needs a closer look; empty if it does not."""
    if not feature.needs_review:
        return ""
    reasons = [reason for index in feature.evidence if (reason := report.annotations[index].review_reason)]
    opposite = {Status.PRESENT: Status.ABSENT, Status.ABSENT: Status.PRESENT}.get(feature.status)
    if any(other.hpo_id == feature.hpo_id and other.status is opposite for other in report.features):
        reasons.append(f"the letter says {opposite} too")
    return "; ".join(dict.fromkeys(reasons)) or "needs review"


def by_status(report: Report) -> list[Feature]:
    """Give the features in the order of the marks, and within one status as reported."""
    order = list(MARKS)
    return sorted(report.features, key=lambda feature: order.index(feature.status))
