"""GA4GH phenopackets beside texts: a folder of NAME.json and NAME.txt, ids per document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from phenoextract.types import Status
from phenoextract_eval.corpora.text import decoded
from phenoextract_eval.gold import GoldDocument, GoldTerm, Kind, Problem


def read_phenopackets(path: Path, problems: list[Problem]) -> Iterator[GoldDocument]:
    """Read a folder of phenopackets with their texts; `line` of a document is its number in name order."""
    for number, file in enumerate(sorted(path.glob("*.json")), 1):
        text = file.with_suffix(".txt")
        if not text.is_file():
            problems.append(Problem(Kind.NO_TEXT, file.stem, number))
            continue
        try:
            packet = json.loads(decoded(file, problems))
            features = packet.get("phenotypicFeatures", packet.get("phenotypic_features", []))
            terms = [
                GoldTerm(feature["type"]["id"], Status.ABSENT if feature.get("excluded") else Status.PRESENT)
                for feature in features
            ]
            subject = packet.get("subject") or {}
        except (ValueError, KeyError, TypeError, AttributeError):
            problems.append(Problem(Kind.UNREADABLE, file.stem, number))
            continue
        metadata = {"sex": str(subject["sex"]).lower()} if "sex" in subject else {}
        yield GoldDocument(file.stem, decoded(text, problems), (), tuple(terms), metadata=metadata, line=number)
