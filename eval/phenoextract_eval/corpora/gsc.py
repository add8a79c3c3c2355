"""The Gold Standard Corpus of Groza et al. 2015: a folder with `Text` and `Annotations`, one file a document each.

[27::42]<TAB>HP_0000110 | renal dysplasia
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from phenoextract.types import Span
from phenoextract_eval.corpora.text import decoded
from phenoextract_eval.gold import GoldDocument, GoldMention, Kind, Problem

_LINE = re.compile(r"\[(\d+)::?(\d+)\]\s+HP[_:](\d{7})(?:\s*[|\t]\s*(.*))?")


def part(path: Path, name: str) -> Path | None:
    """Find the folder `Text` or `Annotations`, however it is capitalised."""
    return next((child for child in sorted(path.iterdir()) if child.is_dir() and child.name.lower() == name), None)


def read_gsc(path: Path, problems: list[Problem]) -> Iterator[GoldDocument]:
    """Read a GSC folder; `line` of a document is its number in name order."""
    texts, annotations = part(path, "text"), part(path, "annotations")
    if texts is None or annotations is None:
        problems.append(Problem(Kind.UNREADABLE, path.name, 0))
        return
    for number, file in enumerate(sorted(child for child in texts.iterdir() if child.is_file()), 1):
        mentions = []
        marked = annotations / file.name
        lines = decoded(marked, problems).split("\n") if marked.is_file() else []
        for row, line in enumerate(lines, 1):
            found = _LINE.match(line.strip())
            if found and int(found.group(1)) < int(found.group(2)):
                span = Span(int(found.group(1)), int(found.group(2)))
                mentions.append(GoldMention((span,), f"HP:{found.group(3)}", surface=found.group(4)))
            elif line.strip():
                problems.append(Problem(Kind.UNREADABLE, file.stem, row))
        yield GoldDocument(file.stem, decoded(file, problems), tuple(mentions), line=number)
