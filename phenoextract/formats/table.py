"""Reports as rows of a table: one row a document, nested as the JSON report is.

A failed document has its `error` and no `schema`, `features`, `annotations` and `provenance`. Columns that a caller
carries through come behind these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from phenoextract.errors import ConfigError
from phenoextract.formats import json as report_json
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.types import Report

TABLE_VERSION = "1"
_TEXTS = pa.list_(pa.string())
_FEATURE = pa.struct(
    {
        "hpo_id": pa.string(),
        "label": pa.string(),
        "status": pa.string(),
        "confidence": pa.float64(),
        "needs_review": pa.bool_(),
        "evidence": pa.list_(pa.int32()),
        "onset": pa.string(),
        "severity": pa.string(),
        "modifiers": _TEXTS,
    }
)
_CUE = pa.struct({"kind": pa.string(), "start": pa.int32(), "end": pa.int32(), "text": pa.string()})
_CANDIDATE = pa.struct(
    {
        "hpo_id": pa.string(),
        "label": pa.string(),
        "score": pa.float64(),
        "method": pa.string(),
        "synonym": pa.string(),
        "scope": pa.string(),
    }
)
_ANNOTATION = pa.struct(
    {
        "start": pa.int32(),
        "end": pa.int32(),
        "spans": pa.list_(pa.list_(pa.int32())),
        "text": pa.string(),
        "section": pa.string(),
        "hpo_id": pa.string(),
        "label": pa.string(),
        "status": pa.string(),
        "confidence": pa.float64(),
        "needs_review": pa.bool_(),
        "review_reason": pa.string(),
        "method": pa.string(),
        "synonym": pa.string(),
        "cues": pa.list_(_CUE),
        "candidates": pa.list_(_CANDIDATE),
        "not_coded": pa.string(),
    }
)
_PROVENANCE = pa.struct(
    {
        name: pa.string()
        for name in (
            "version",
            "hpo_release",
            "index_sha256",
            "lexicon_sha256",
            "rules_sha256",
            "config_sha256",
            "encoder_sha256",
        )
    }
)
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "text_sha256": pa.string(),
        "error": pa.string(),
        "schema": pa.string(),
        "features": pa.list_(_FEATURE),
        "annotations": pa.list_(_ANNOTATION),
        "provenance": _PROVENANCE,
    },
    metadata={"phenoextract.table": TABLE_VERSION, "phenoextract.purpose": INTENDED_PURPOSE},
)


def row(report: Report, *, text_sha256: str) -> dict[str, Any]:
    """Give the row of a coded document; `text_sha256` is that of its text in UTF-8."""
    return {**report_json.to_dict(report), "text_sha256": text_sha256, "error": None}


def failed_row(document_id: str | None, error: str) -> dict[str, Any]:
    """Give the row of a document that failed."""
    return {**dict.fromkeys(SCHEMA.names), "id": document_id, "error": error}


def table(rows: Iterable[Mapping[str, Any]], *, carried: pa.Schema | None = None) -> pa.Table:
    """Give rows as a table of `schema_with(carried)`."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema_with(carried))


def schema_with(carried: pa.Schema | None) -> pa.Schema:
    """Give SCHEMA followed by the columns that are carried through; ConfigError if one has a name of SCHEMA."""
    if carried is None:
        return SCHEMA
    if taken := set(SCHEMA.names) & set(carried.names):
        raise ConfigError(f"the output has columns of its own named {', '.join(sorted(taken))}; rename those to carry")
    return pa.schema([*SCHEMA, *carried], metadata=SCHEMA.metadata)


def texts(names: Iterable[str]) -> pa.Schema:
    """Give the schema of columns of text."""
    return pa.schema([(name, pa.string()) for name in names])
