"""Predictions kept in a file, by this product or any other system."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from phenoextract.errors import ConfigError
from phenoextract.formats.json import from_dict
from phenoextract.types import Document, Span, Status
from phenoextract_eval.systems import Coded, CodedMention, CodedTerm, System, coded_from_mentions, coded_from_report


def stored(path: Path) -> System:
    """Read a JSONL file of answers: reports of this product, or lines with `mentions` or `doc_terms` in the house form.

    A line of a failed document (`error`) is no answer. Raises ConfigError naming the line for one that is
    neither, and for two of one id.
    """
    answers: dict[str, Coded] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                coded = _coded(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise ConfigError(f"{path}:{number}: not a stored answer") from None
            if coded is None:
                continue
            if coded.id in answers:
                raise ConfigError(f"{path}:{number}: a second answer for document {coded.id!r}")
            answers[coded.id] = coded

    def code(documents: Iterable[Document]) -> Iterator[Coded]:
        return (answers[document.id] for document in documents if document.id in answers)

    return System(path.stem, "stored", code, known=frozenset(answers))


def _coded(record: Mapping[str, Any]) -> Coded | None:
    if "error" in record:
        return None
    if "schema" in record:
        return coded_from_report(from_dict(record))
    mentions = [
        CodedMention(
            spans=tuple(Span(start, end) for start, end in raw.get("spans") or [[raw["start"], raw["end"]]]),
            hpo_id=raw["hpo_id"],
            status=Status(raw.get("status") or Status.PRESENT),
            confidence=float(raw.get("confidence", 1.0)),
        )
        for raw in record.get("mentions") or ()
    ]
    from_mentions = coded_from_mentions(str(record["id"]), mentions)
    if "doc_terms" not in record:
        return from_mentions
    terms = tuple(
        CodedTerm(raw["hpo_id"], Status(raw.get("status") or Status.PRESENT), float(raw.get("confidence", 1.0)))
        for raw in record["doc_terms"]
    )
    return Coded(from_mentions.id, from_mentions.mentions, terms or from_mentions.terms)
