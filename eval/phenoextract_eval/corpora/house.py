"""The house format: one JSON object a line with `id`, `text`, `mentions`, `doc_terms` and `traps`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from phenoextract.types import Span, Status
from phenoextract_eval.corpora.negex import concept_status
from phenoextract_eval.corpora.status import status_named
from phenoextract_eval.corpora.text import decoded
from phenoextract_eval.gold import GoldDocument, GoldMention, GoldTerm, Kind, Problem, Trap

Note = Callable[[Kind], None]

_OWN = {"id", "text", "mentions", "doc_terms", "traps", "text_lower_concept", "concept", "start", "end"}


def read_house(path: Path, problems: list[Problem]) -> Iterator[GoldDocument]:
    """Read a house JSONL file; lines that cannot be read are reported and left out.

    A line with `concept` and `label` is one row of NegEx's set. A file `NAME.splits.json` beside `NAME.jsonl`
    names the split of each document.
    """
    splits = _splits(path)
    for number, line in enumerate(decoded(path, problems).split("\n"), 1):
        if line.strip():
            try:
                yield _document(json.loads(line), number, splits, problems)
            except (ValueError, KeyError, TypeError, AttributeError):
                problems.append(Problem(Kind.UNREADABLE, "", number))


def _document(
    record: Mapping[str, Any], number: int, splits: Mapping[str, str], problems: list[Problem]
) -> GoldDocument:
    document_id = str(record["id"])
    text = record.get("text_lower_concept") or record["text"]
    if not isinstance(text, str):
        raise TypeError

    def note(kind: Kind) -> None:
        problems.append(Problem(kind, document_id, number))

    metadata = {key: value for key, raw in _metadata(record) if (value := _shown(raw)) is not None}
    if document_id in splits:
        metadata["split"] = splits[document_id]
    if "concept" in record and "label" in record:
        mentions = [_concept(record, note)]
    else:
        mentions = [_mention(raw, note) for raw in record.get("mentions") or ()]
    return GoldDocument(
        id=document_id,
        text=text,
        mentions=tuple(mentions),
        terms=tuple(GoldTerm(raw["hpo_id"], _status(raw.get("status"), note)) for raw in record.get("doc_terms") or ()),
        traps=tuple(Trap(Span(raw["start"], raw["end"]), raw["why"]) for raw in record.get("traps") or ()),
        metadata=metadata,
        line=number,
    )


def _mention(raw: Mapping[str, Any], note: Note) -> GoldMention:
    return GoldMention(
        spans=_spans(raw.get("spans") or [[raw.get("start"), raw.get("end")]], note),
        hpo_id=raw.get("hpo_id"),
        status=_status(raw.get("status"), note),
        acceptable=frozenset(raw.get("acceptable") or ()),
        optional=bool(raw.get("optional")),
        surface=None if raw.get("spans") else raw.get("text"),
    )


def _concept(raw: Mapping[str, Any], note: Note) -> GoldMention:
    return GoldMention(
        spans=_spans([[raw.get("start"), raw.get("end")]], note),
        hpo_id=None,
        status=concept_status(raw["label"], raw.get("experiencer", "Patient")),
    )


def _spans(pieces: Sequence[Sequence[Any]], note: Note) -> tuple[Span, ...]:
    try:
        return tuple(sorted(Span(int(start), int(end)) for start, end in pieces))
    except (TypeError, ValueError):
        note(Kind.UNLOCATED)
        return ()


def _status(raw: Any, note: Note) -> Status | None:
    if raw is None:
        return None
    status = status_named(str(raw))
    if status is None:
        note(Kind.UNKNOWN_STATUS)
    return status


def _metadata(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, dict) and key not in _OWN:
            yield from value.items()
        elif key not in _OWN:
            yield key, value


def _shown(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int | float | bool) and len(str(value)) <= 60 else None


def _splits(path: Path) -> dict[str, str]:
    beside = path.with_suffix(".splits.json")
    if not beside.is_file():
        return {}
    return {
        document: split for split, documents in json.loads(beside.read_text("utf-8")).items() for document in documents
    }
