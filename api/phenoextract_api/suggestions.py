"""What a report proposes and what its decisions make of it: pure functions over a report and a log of decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from phenoextract.ontology import Ontology
from phenoextract.reasons import why
from phenoextract.sections import find_sections, section_at
from phenoextract.types import Annotation, Feature, Report, Span, Status
from phenoextract_api.request_types import BadDecision, Decided, Decision, Kind, Suggestion, Tab, WrongState

SEVERITY = "HP:0012824"
MAX_NOTE_CHARS = 2000
_ALLOWED = {
    Kind.ACCEPT: {"suggestion_id"},
    Kind.REJECT: {"suggestion_id"},
    Kind.REPLACE: {"suggestion_id", "hpo_id", "status"},
    Kind.STATUS: {"suggestion_id", "status"},
    Kind.SEVERITY: {"suggestion_id", "hpo_id"},
    Kind.ADD: {"hpo_id", "status", "start", "end"},
    Kind.NOTE: {"suggestion_id", "note"},
}
_NEEDED = {
    Kind.ACCEPT: {"suggestion_id"},
    Kind.REJECT: {"suggestion_id"},
    Kind.REPLACE: {"suggestion_id", "hpo_id"},
    Kind.STATUS: {"suggestion_id", "status"},
    Kind.SEVERITY: {"suggestion_id"},
    Kind.ADD: {"hpo_id", "status"},
    Kind.NOTE: {"note"},
}


def standing(log: Iterable[Decided]) -> list[Decided]:
    """Give the decisions that stand; an undo takes back the last before it that does."""
    stand: list[Decided] = []
    for entry in log:
        if entry.decision.kind is Kind.UNDO:
            stand.pop()
        else:
            stand.append(entry)
    return stand


def suggestions(report: Report, decided: Sequence[Decided]) -> tuple[Suggestion, ...]:
    """Give what the report proposes, then what it did not code, then what people added, each as decided."""
    found = {proposal.id: proposal for proposal in _proposals(report)}
    for entry in decided:
        decision = entry.decision
        if decision.kind is Kind.ADD:
            found[f"m{entry.sequence}"] = _added(entry)
        elif decision.suggestion_id is not None:
            found[decision.suggestion_id] = _after(found[decision.suggestion_id], entry)
    return tuple(found.values())


def coded_report(letter: str, report: Report, decided: Sequence[Suggestion]) -> Report:
    """Give the report of what was accepted alone: features that need no review, with their evidence and no other.

    A term and status accepted more than once become one feature.
    """
    annotations: list[Annotation] = []
    features: dict[tuple[str, Status], Feature] = {}
    for suggestion in decided:
        if not suggestion.accepted or suggestion.hpo_id is None or suggestion.label is None:
            continue
        evidence = [
            _evidence(annotation, suggestion, suggestion.hpo_id, suggestion.label)
            for annotation in _annotations(letter, report, suggestion)
        ]
        feature = Feature(
            hpo_id=suggestion.hpo_id,
            label=suggestion.label,
            status=suggestion.status,
            confidence=suggestion.confidence,
            needs_review=False,
            evidence=tuple(range(len(annotations), len(annotations) + len(evidence))),
            severity=suggestion.severity,
            onset=suggestion.onset,
            modifiers=suggestion.modifiers,
        )
        annotations += evidence
        key = (feature.hpo_id, feature.status)
        features[key] = _joined(features[key], feature) if key in features else feature
    return replace(report, features=tuple(features.values()), annotations=tuple(annotations))


def contradictions(report: Report) -> list[str]:
    """Give the ids of terms that are both present and absent."""
    said = {(feature.hpo_id, feature.status) for feature in report.features}
    return sorted(hpo_id for hpo_id, status in said if status is Status.PRESENT and (hpo_id, Status.ABSENT) in said)


def brought_up_to_date(report: Report, ontology: Ontology) -> Report:
    """Give a report in the terms of the ontology's release, obsolete ids replaced by their successors.

    Raises WrongState for a term that has none, or if a successor makes a term both present and absent.
    """
    if report.provenance.hpo_release == ontology.release:
        return report
    successors = {}
    for feature in report.features:
        current = ontology.current(feature.hpo_id)
        if current is None:
            raise WrongState(f"{feature.hpo_id} is no term of HPO {ontology.release}: replace or reject it")
        successors[feature.hpo_id] = current
    features: dict[tuple[str, Status], Feature] = {}
    for old in report.features:
        hpo_id = successors[old.hpo_id]
        feature = old._replace(hpo_id=hpo_id, label=ontology.label(hpo_id))
        key = (hpo_id, feature.status)
        features[key] = _joined(features[key], feature) if key in features else feature
    annotations = list(report.annotations)
    for feature in features.values():
        for index in feature.evidence:
            annotations[index] = annotations[index]._replace(hpo_id=feature.hpo_id, label=feature.label)
    return replace(
        report,
        features=tuple(features.values()),
        annotations=tuple(annotations),
        provenance=replace(report.provenance, hpo_release=ontology.release),
    )


def checked(decision: Decision, current: Sequence[Suggestion], letter: str, ontology: Ontology) -> Decision:
    """Give the decision with its term's label, and an obsolete id replaced by its successor. Raises BadDecision."""
    if decision.kind is Kind.UNDO:
        raise BadDecision("to undo is not a decision: it has a call of its own")
    given = {name for name in _ALLOWED[Kind.ADD] | _ALLOWED[Kind.NOTE] if getattr(decision, name) is not None}
    if missing := _NEEDED[decision.kind] - given:
        raise BadDecision(f"to {decision.kind} needs {', '.join(sorted(missing))}")
    if excess := given - _ALLOWED[decision.kind]:
        raise BadDecision(f"to {decision.kind} takes no {', '.join(sorted(excess))}")
    decision = replace(decision, label=None, obsolete_id=None)
    if decision.suggestion_id is not None:
        suggestion = next((one for one in current if one.id == decision.suggestion_id), None)
        if suggestion is None:
            raise BadDecision("the request has no such suggestion")
        if decision.kind in (Kind.ACCEPT, Kind.STATUS, Kind.SEVERITY) and suggestion.hpo_id is None:
            raise BadDecision("this phrase has no term yet: replace it with one, or reject it")
    if decision.kind is Kind.ADD:
        _check_stretch(decision, letter)
    if decision.note is not None and not 0 < len(decision.note.strip()) <= MAX_NOTE_CHARS:
        raise BadDecision(f"a note has between 1 and {MAX_NOTE_CHARS} characters")
    if decision.hpo_id is None:
        return decision
    is_severity = decision.kind is Kind.SEVERITY
    return _with_term(
        decision,
        ontology,
        (lambda hpo_id: SEVERITY in ontology.ancestors(hpo_id)) if is_severity else ontology.is_phenotype,
    )


def _with_term(decision: Decision, ontology: Ontology, fits: Callable[[str], bool]) -> Decision:
    current = ontology.current(decision.hpo_id or "")
    if current is None or not fits(current):
        what = "severity" if decision.kind is Kind.SEVERITY else "phenotypic abnormality"
        raise BadDecision(f"hpo_id names no {what} of HPO {ontology.release}: search for the term and use its id")
    obsolete = decision.hpo_id if decision.hpo_id != current else None
    return replace(decision, hpo_id=current, label=ontology.label(current), obsolete_id=obsolete)


def _check_stretch(decision: Decision, letter: str) -> None:
    if (decision.start is None) != (decision.end is None):
        raise BadDecision("start and end go together")
    if (
        decision.start is not None
        and decision.end is not None
        and not 0 <= decision.start < decision.end <= len(letter)
    ):
        raise BadDecision("start and end are no stretch of the letter")


def _proposals(report: Report) -> Iterator[Suggestion]:
    said = contradictions(report)
    for index, feature in enumerate(report.features):
        first = report.annotations[feature.evidence[0]]
        reason = "the letter says both present and absent" if feature.hpo_id in said else first.review_reason
        yield Suggestion(
            id=f"f{index}",
            tab=_tab(feature),
            hpo_id=feature.hpo_id,
            label=feature.label,
            status=feature.status,
            severity=feature.severity,
            onset=feature.onset,
            modifiers=feature.modifiers,
            proposed_hpo_id=feature.hpo_id,
            proposed_label=feature.label,
            proposed_status=feature.status,
            confidence=feature.confidence,
            reason=reason if feature.needs_review or feature.status is Status.UNCERTAIN else None,
            not_coded=None,
            evidence=feature.evidence,
            start=first.start,
            end=first.end,
            required=True,
            accepted=None,
            decided=(),
            why=tuple(why(report.annotations[place]) for place in feature.evidence),
        )
    for index, annotation in enumerate(report.annotations):
        if annotation.not_coded is not None:
            yield Suggestion(
                id=f"a{index}",
                tab=Tab.NOT_CODED,
                hpo_id=annotation.hpo_id,
                label=annotation.label,
                status=annotation.status,
                severity=None,
                onset=None,
                modifiers=(),
                proposed_hpo_id=annotation.hpo_id,
                proposed_label=annotation.label,
                proposed_status=annotation.status,
                confidence=annotation.confidence,
                reason=annotation.not_coded.value,
                not_coded=annotation.not_coded,
                evidence=(index,),
                start=annotation.start,
                end=annotation.end,
                required=False,
                accepted=None,
                decided=(),
                why=(why(annotation),),
            )


def _tab(feature: Feature) -> Tab:
    if feature.needs_review or feature.status is Status.UNCERTAIN:
        return Tab.CHECK
    return Tab(feature.status.value)


def _added(entry: Decided) -> Suggestion:
    decision = entry.decision
    status = decision.status or Status.PRESENT
    return Suggestion(
        id=f"m{entry.sequence}",
        tab=Tab(status.value) if status is not Status.UNCERTAIN else Tab.CHECK,
        hpo_id=decision.hpo_id,
        label=decision.label,
        status=status,
        severity=None,
        onset=None,
        modifiers=(),
        proposed_hpo_id=None,
        proposed_label=None,
        proposed_status=None,
        confidence=1.0,
        reason=None,
        not_coded=None,
        evidence=(),
        start=decision.start,
        end=decision.end,
        required=False,
        accepted=True,
        decided=(entry,),
    )


def _after(suggestion: Suggestion, entry: Decided) -> Suggestion:
    """Give a suggestion after one more decision on it."""
    decision = entry.decision
    suggestion = replace(suggestion, decided=(*suggestion.decided, entry))
    match decision.kind:
        case Kind.ACCEPT:
            return replace(suggestion, accepted=True)
        case Kind.REJECT:
            return replace(suggestion, accepted=False)
        case Kind.REPLACE:
            return replace(
                suggestion,
                accepted=True,
                hpo_id=decision.hpo_id,
                label=decision.label,
                status=decision.status or suggestion.status,
            )
        case Kind.STATUS:
            return replace(suggestion, accepted=True, status=decision.status or suggestion.status)
        case Kind.SEVERITY:
            return replace(suggestion, accepted=True, severity=decision.hpo_id)
    return suggestion  # a note


def _annotations(letter: str, report: Report, suggestion: Suggestion) -> list[Annotation]:
    """Give the places in the letter that support a suggestion, an addition's selected stretch among them."""
    if suggestion.evidence or suggestion.start is None or suggestion.end is None:
        return [report.annotations[index] for index in suggestion.evidence]
    return [
        Annotation(
            start=suggestion.start,
            end=suggestion.end,
            spans=(Span(suggestion.start, suggestion.end),),
            text=letter[suggestion.start : suggestion.end],
            section=section_at(find_sections(letter), suggestion.start).kind,
            hpo_id=suggestion.hpo_id,
            label=suggestion.label,
            status=suggestion.status,
            confidence=suggestion.confidence,
            needs_review=False,
            review_reason=None,
            method=None,
            synonym=None,
            cues=(),
            candidates=(),
            not_coded=None,
        )
    ]


def _evidence(annotation: Annotation, suggestion: Suggestion, hpo_id: str, label: str) -> Annotation:
    """Give an annotation as it supports what was accepted: no other term, and no method that chose another one."""
    kept = annotation.hpo_id == hpo_id
    return annotation._replace(
        hpo_id=hpo_id,
        label=label,
        status=suggestion.status,
        needs_review=False,
        review_reason=None,
        not_coded=None,
        method=annotation.method if kept else None,
        synonym=annotation.synonym if kept else None,
        candidates=(),
    )


def _joined(first: Feature, second: Feature) -> Feature:
    return first._replace(
        confidence=max(first.confidence, second.confidence),
        evidence=first.evidence + second.evidence,
        severity=first.severity or second.severity,
    )
