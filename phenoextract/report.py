"""Assemble annotations and features from mentions and assertions: overlaps, redundancy, contradictions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from phenoextract.confidence import confidence
from phenoextract.ontology import Ontology
from phenoextract.sections import section_at
from phenoextract.types import Annotation, Assertion, Candidate, Feature, Mention, NotCoded, Scope, Section, Status

_OPPOSITE = {Status.PRESENT: Status.ABSENT, Status.ABSENT: Status.PRESENT}
_BEFORE = 14  # characters before a mention in which its severity may stand


def annotate(
    text: str,
    sections: Sequence[Section],
    mentions: Sequence[Mention],
    assertions: Sequence[Assertion],
    ontology: Ontology,
    *,
    review_below: float,
) -> tuple[Annotation, ...]:
    """Join each mention with its assertion, in order of the text."""
    return tuple(
        _annotation(text, sections, mention, assertion, ontology, review_below)
        for mention, assertion in zip(mentions, assertions, strict=True)
    )


def _annotation(
    text: str,
    sections: Sequence[Section],
    mention: Mention,
    assertion: Assertion,
    ontology: Ontology,
    review_below: float,
) -> Annotation:
    best = mention.candidates[0] if mention.candidates else None
    start, end = mention.start, mention.end
    section = section_at(sections, start).kind
    written = " … ".join([text[span.start : span.end] for span in mention.spans])
    sure = 0.0 if best is None else _confidence(best, written, section, 1, ontology)
    review = mention.review
    if review is None and assertion.status is Status.UNCERTAIN:
        review = "the letter is not certain"
    if review is None and best is not None and best.scope is not Scope.EXACT:
        review = f"the words are a {best.scope.lower()} synonym"
    if review is None and sure < review_below:
        review = "low confidence"
    return Annotation(
        start=start,
        end=end,
        spans=mention.spans,
        text=written,
        section=section,
        hpo_id=best.hpo_id if best is not None else None,
        label=best.label if best is not None else None,
        status=assertion.status,
        confidence=sure,
        needs_review=review is not None,
        review_reason=review,
        method=best.method if best is not None else None,
        synonym=best.synonym if best is not None else None,
        cues=assertion.cues,
        candidates=mention.candidates,
        not_coded=mention.not_coded or assertion.not_coded or (None if best is not None else NotCoded.NO_TERM),
    )


# HPO ids of severity (HP:0012824) by the words that a letter uses for it.
_SEVERITY = {
    "borderline": "HP:0012827",
    "mild": "HP:0012825",
    "moderate": "HP:0012826",
    "severe": "HP:0012828",
    "profound": "HP:0012829",
}
_MAY_BE_SEVERITY = re.compile("|".join(_SEVERITY))
_SEVERITY_WORD = re.compile(r"\b(borderline|mild|moderate|severe|profound)(?:ly)?\b", re.IGNORECASE)


def _severity(text: str, annotation: Annotation) -> str | None:
    """Give the severity that stands right before or inside a mention, unless the term's own name says it."""
    head = annotation.spans[0]
    nearby = max(0, head.start - _BEFORE)
    written = text[nearby : head.end].lower()
    if _MAY_BE_SEVERITY.search(written) is None:  # the other pattern, which ignores case, costs much more
        return None
    before = max(nearby, *(text.rfind(mark, nearby, head.start) + 1 for mark in ",;.:\n"))
    found = _SEVERITY_WORD.findall(text, before, head.end)
    if not found or annotation.label is None or found[-1].lower() in annotation.label.lower():
        return None
    return _SEVERITY[found[-1].lower()]


def best_evidence(evidence: Sequence[Annotation]) -> Annotation:
    """Give the annotation that decides on a feature: one that needs no review before one that does, then the surest."""
    return evidence[0] if len(evidence) == 1 else max(evidence, key=lambda a: (not a.needs_review, a.confidence))


def _confidence(candidate: Candidate, written: str, section: str, mentions: int, ontology: Ontology) -> float:
    return confidence(
        candidate.method,
        candidate.scope,
        candidate.score,
        words=len(written.split()),
        section=section,
        mentions=mentions,
        ancestors=len(ontology.ancestors(candidate.hpo_id)),
    )


def features(text: str, annotations: Sequence[Annotation], ontology: Ontology) -> tuple[Feature, ...]:
    """Give one feature for each term and status that is proposed, most secure evidence deciding.

    A term said to be both present and absent is kept twice and marked for review.
    """
    evidence: dict[tuple[str, Status], list[int]] = {}
    for position, annotation in enumerate(annotations):
        if annotation.hpo_id is not None and annotation.not_coded is None:
            evidence.setdefault((annotation.hpo_id, annotation.status), []).append(position)
    found = []
    for (hpo_id, status), positions in evidence.items():
        said = [annotations[position] for position in positions]
        best = best_evidence(said)
        contradicted = status in _OPPOSITE and (hpo_id, _OPPOSITE[status]) in evidence
        found.append(
            Feature(
                hpo_id=hpo_id,
                label=ontology.label(hpo_id),
                status=status,
                confidence=best.confidence
                if len(positions) == 1
                else _confidence(best.candidates[0], best.text, best.section, len(positions), ontology),
                needs_review=contradicted or all(one.needs_review for one in said),
                evidence=tuple(positions),
                severity=next(filter(None, (_severity(text, one) for one in said)), None),
            )
        )
    return tuple(found)
