"""Why a term was proposed, or was not, in words that a clerk understands: the same on pages, screens and in the API."""

from __future__ import annotations

from collections.abc import Iterable

from phenoextract.types import Annotation, Cue, Feature, Method, NotCoded, Report, Status

_FOUND = {
    Method.LABEL: "the HPO's name, “{}”",
    Method.SYNONYM: "another name of the term, “{}”",
    Method.UK_LEXICON: "how UK clinicians write it, “{}”",
    Method.ABBREVIATION: "an abbreviation, read as “{}”",
    Method.VARIANT: "another form of the name “{}”",
    Method.COORDINATION: "shares words with its neighbours, read as “{}”",
    Method.FUZZY: "a misspelling, read as “{}”",
    Method.MEASUREMENT: "a measurement: {}",
    Method.ENCODER: "not a known name, but alike in meaning to “{}”",
}
_CUES = {
    "negation": "denied by “{}”",
    "normality": "called normal by “{}”",
    "uncertainty": "in doubt because of “{}”",
    "risk": "a risk, by “{}”",
    "family": "said of a relative, “{}”",
    "section": "under the heading “{}”",
    "plan": "a plan or service, by “{}”",
    "condition": "only in case, by “{}”",
    "explanation": "said in general, by “{}”",
    "measurement": "a borderline value, “{}”",
}


def why(annotation: Annotation) -> str:
    """Tell what became of a recognised phrase and why; it quotes the letter."""
    if annotation.not_coded is not None:
        return f"Not coded: {why_not_coded(annotation)}"
    return f"Found: {why_coded(annotation)}"


def why_coded(annotation: Annotation) -> str:
    """Tell how the term was found and which words decided its status; it quotes the letter."""
    found = [_FOUND[annotation.method].format(annotation.synonym)] if annotation.method else []
    return "; ".join([*found, *_told(annotation.cues)])


def why_not_coded(annotation: Annotation) -> str:
    """Tell why a recognised phrase is not proposed, and which words decided that; it quotes the letter."""
    return "; ".join([(annotation.not_coded or NotCoded.NO_TERM).value, *_told(annotation.cues)])


def review_reason(report: Report, feature: Feature) -> str:
    """Tell why a feature needs a closer look; empty if it does not."""
    if not feature.needs_review:
        return ""
    reasons = [reason for index in feature.evidence if (reason := report.annotations[index].review_reason)]
    opposite = {Status.PRESENT: Status.ABSENT, Status.ABSENT: Status.PRESENT}.get(feature.status)
    if any(other.hpo_id == feature.hpo_id and other.status is opposite for other in report.features):
        reasons.append(f"the letter says {opposite} too")
    return "; ".join(dict.fromkeys(reasons)) or "needs review"


def _told(cues: Iterable[Cue]) -> list[str]:
    """Give the words for each cue; a kind that only a report of another version has is named as it is."""
    return [_CUES.get(cue.kind, cue.kind + " “{}”").format(cue.text) for cue in cues]
