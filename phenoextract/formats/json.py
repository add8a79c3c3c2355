"""The report as JSON, and back: the one schema, published beside this file in report.schema.json.

The text is ASCII with escapes, so that any pipe carries it and a lone surrogate of the letter survives.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from phenoextract.errors import ConfigError
from phenoextract.types import (
    SCHEMA_VERSION,
    Annotation,
    Candidate,
    Cue,
    Feature,
    Method,
    NotCoded,
    Provenance,
    Report,
    Scope,
    Span,
    Status,
)


def render(report: Report, *, indent: int | None = None) -> str:
    """Give a report as JSON text; without `indent` it is one line."""
    return json.dumps(to_dict(report), indent=indent, check_circular=False)


def parse(text: str | bytes) -> Report:
    """Give the report that `render` wrote; raises ConfigError, which quotes nothing, for any other text."""
    try:
        return from_dict(json.loads(text))
    except ValueError:
        raise ConfigError("not a report: not JSON") from None


def schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of the report."""
    source = resources.files("phenoextract.formats").joinpath("report.schema.json")
    loaded: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return loaded


def to_dict(report: Report) -> dict[str, Any]:
    """Give a report as plain dictionaries, lists and strings."""
    provenance = report.provenance
    return {
        "id": report.id,
        "schema": report.schema,
        "features": [_feature_to_dict(feature) for feature in report.features],
        "annotations": [annotation_to_dict(annotation) for annotation in report.annotations],
        "provenance": {
            "version": provenance.version,
            "hpo_release": provenance.hpo_release,
            "index_sha256": provenance.index_sha256,
            "lexicon_sha256": provenance.lexicon_sha256,
            "rules_sha256": provenance.rules_sha256,
            "config_sha256": provenance.config_sha256,
            "encoder_sha256": provenance.encoder_sha256,
        },
    }


def from_dict(data: Any) -> Report:
    """Give the report that `to_dict` took apart; raises ConfigError, which quotes nothing, for any other value."""
    try:
        if data["schema"] != SCHEMA_VERSION:
            raise ConfigError(f"not a report of schema {SCHEMA_VERSION}")
        return Report(
            id=data["id"],
            features=tuple(_feature_from_dict(feature) for feature in data["features"]),
            annotations=tuple(_annotation_from_dict(annotation) for annotation in data["annotations"]),
            provenance=Provenance(**data["provenance"]),
            schema=data["schema"],
        )
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"not a report of schema {SCHEMA_VERSION}") from None


def _feature_to_dict(feature: Feature) -> dict[str, Any]:
    return {
        "hpo_id": feature.hpo_id,
        "label": feature.label,
        "status": feature.status.value,
        "confidence": feature.confidence,
        "needs_review": feature.needs_review,
        "evidence": list(feature.evidence),
        "onset": feature.onset,
        "severity": feature.severity,
        "modifiers": list(feature.modifiers),
    }


def _feature_from_dict(data: dict[str, Any]) -> Feature:
    return Feature(
        **data
        | {
            "status": Status(data["status"]),
            "evidence": tuple(data["evidence"]),
            "modifiers": tuple(data["modifiers"]),
        }
    )


def annotation_to_dict(annotation: Annotation) -> dict[str, Any]:
    """Give one annotation as plain dictionaries, lists and strings."""
    return {
        "start": annotation.start,
        "end": annotation.end,
        "spans": [[span.start, span.end] for span in annotation.spans],
        "text": annotation.text,
        "section": annotation.section,
        "hpo_id": annotation.hpo_id,
        "label": annotation.label,
        "status": annotation.status.value,
        "confidence": annotation.confidence,
        "needs_review": annotation.needs_review,
        "review_reason": annotation.review_reason,
        "method": annotation.method.value if annotation.method else None,
        "synonym": annotation.synonym,
        "cues": [{"kind": cue.kind, "start": cue.start, "end": cue.end, "text": cue.text} for cue in annotation.cues],
        "candidates": [candidate_to_dict(candidate) for candidate in annotation.candidates],
        "not_coded": annotation.not_coded.value if annotation.not_coded else None,
    }


def _annotation_from_dict(data: dict[str, Any]) -> Annotation:
    return Annotation(
        **data
        | {
            "spans": tuple(Span(start, end) for start, end in data["spans"]),
            "status": Status(data["status"]),
            "method": Method(data["method"]) if data["method"] is not None else None,
            "cues": tuple(Cue(**cue) for cue in data["cues"]),
            "candidates": tuple(_candidate_from_dict(candidate) for candidate in data["candidates"]),
            "not_coded": NotCoded(data["not_coded"]) if data["not_coded"] is not None else None,
        }
    )


def candidate_to_dict(candidate: Candidate) -> dict[str, Any]:
    """Give one candidate as a plain dictionary."""
    return {
        "hpo_id": candidate.hpo_id,
        "label": candidate.label,
        "score": candidate.score,
        "method": candidate.method.value,
        "synonym": candidate.synonym,
        "scope": candidate.scope.value,
    }


def _candidate_from_dict(data: dict[str, Any]) -> Candidate:
    return Candidate(**data | {"method": Method(data["method"]), "scope": Scope(data["scope"])})
