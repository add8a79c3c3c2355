"""BioC XML and JSON (Comeau et al. 2013): documents of passages, annotations located from the document's start."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from phenoextract.types import Span, Status
from phenoextract_eval.corpora.status import status_named
from phenoextract_eval.corpora.text import decoded
from phenoextract_eval.gold import GoldDocument, GoldMention, Kind, Problem

_HPO_ID = re.compile(r"HP[:_](\d{7})")
_STATUS_KEYS = ("status", "assertion", "polarity", "negation", "negated")
_Infons = Mapping[str, str]


def read_bioc_json(path: Path, problems: list[Problem]) -> Iterator[GoldDocument]:
    """Read a BioC collection in JSON; `line` of a document is its number."""
    try:
        documents = json.loads(decoded(path, problems))["documents"]
    except (ValueError, KeyError, TypeError):
        problems.append(Problem(Kind.UNREADABLE, "", 1))
        return
    for number, document in enumerate(documents, 1):
        yield _document(document, number, problems)


def read_bioc_xml(path: Path, problems: list[Problem]) -> Iterator[GoldDocument]:
    """Read a BioC collection in XML; `line` of a document is its number."""
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314 - expat loads nothing from outside and bounds expansion
    except ElementTree.ParseError as error:
        problems.append(Problem(Kind.UNREADABLE, "", error.position[0]))
        return
    for number, element in enumerate(root.iter("document"), 1):
        yield _document(_plain(element), number, problems)


def hpo_id_in(text: str) -> str | None:
    """Find an HPO id, written with a colon or an underscore."""
    found = _HPO_ID.search(text)
    return f"HP:{found.group(1)}" if found else None


def _document(raw: Mapping[str, Any], number: int, problems: list[Problem]) -> GoldDocument:
    document_id = str(raw.get("id", ""))
    text = ""
    mentions: list[GoldMention] = []
    for passage in raw.get("passages") or ():
        offset = int(passage.get("offset", 0))
        parts = [passage, *(passage.get("sentences") or ())]
        for part in parts:
            words = part.get("text")
            at = int(part.get("offset", offset))
            if words and len(text) < at + len(words):
                text = text[:at].ljust(at, "\n" if part is passage else " ") + words
        for part in parts:
            mentions += [_mention(a, document_id, number, problems) for a in part.get("annotations") or ()]
    mentions += [_mention(a, document_id, number, problems) for a in raw.get("annotations") or ()]
    infons = raw.get("infons") or {}
    return GoldDocument(
        document_id,
        text,
        tuple(mentions),
        metadata={str(key): str(value) for key, value in infons.items() if len(str(value)) <= 60},
        line=number,
    )


def _mention(raw: Mapping[str, Any], document: str, number: int, problems: list[Problem]) -> GoldMention:
    infons: _Infons = raw.get("infons") or {}
    spans: tuple[Span, ...] = ()
    try:
        starts = [(int(place["offset"]), int(place["length"])) for place in raw.get("locations") or ()]
        spans = tuple(sorted(Span(start, start + length) for start, length in starts))
    except (KeyError, ValueError, TypeError):
        pass
    if not spans:
        problems.append(Problem(Kind.UNLOCATED, document, number))
    hpo_id = next((found for value in infons.values() if (found := hpo_id_in(str(value)))), None)
    return GoldMention(spans, hpo_id, _status(infons), surface=raw.get("text"))


def _status(infons: _Infons) -> Status | None:
    for key, value in infons.items():
        if key.lower() in _STATUS_KEYS:
            negated = key.lower().startswith("negat") and str(value).strip().lower() in {"true", "yes", "1"}
            return Status.ABSENT if negated else status_named(str(value))
    return None


def _plain(element: ElementTree.Element) -> dict[str, Any]:
    """Give an XML element the shape BioC JSON has."""
    plain: dict[str, Any] = {
        "id": element.findtext("id") or element.get("id") or "",
        "offset": element.findtext("offset") or 0,
        "text": element.findtext("text"),
        "infons": {infon.get("key") or "": infon.text or "" for infon in element.findall("infon")},
        "locations": [dict(place.attrib) for place in element.findall("location")],
    }
    for name in ("passage", "sentence", "annotation"):
        plain[f"{name}s"] = [_plain(child) for child in element.findall(name)]
    return plain
