"""brat standoff (Stenetorp et al. 2012): a folder of NAME.txt and NAME.ann.

The id of a mention is its type (`HP_0001250`), a normalisation (`N1 Reference T1 HP:0001250`) or a note; its
status is an attribute (`A1 Negation T1`, `A2 Status T1 family`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from phenoextract.types import Span, Status
from phenoextract_eval.corpora.bioc import hpo_id_in
from phenoextract_eval.corpora.status import status_named
from phenoextract_eval.corpora.text import decoded
from phenoextract_eval.gold import GoldDocument, GoldMention, Kind, Problem


def read_brat(path: Path, problems: list[Problem]) -> Iterator[GoldDocument]:
    """Read a brat folder; `line` of a document is its number in name order."""
    for number, text_file in enumerate(sorted(path.glob("*.txt")), 1):
        document = text_file.stem
        annotations = text_file.with_suffix(".ann")
        marks: dict[str, GoldMention] = {}
        lines = decoded(annotations, problems).split("\n") if annotations.is_file() else []
        for row, line in enumerate(lines, 1):
            if line.strip() and not _take(line.rstrip("\r"), marks):
                problems.append(Problem(Kind.UNREADABLE, document, row))
        yield GoldDocument(document, decoded(text_file, problems), tuple(marks.values()), line=number)


def _take(line: str, marks: dict[str, GoldMention]) -> bool:
    """Add what a line says to the mentions so far; tell whether it could be read."""
    mark, *cells = line.split("\t")
    if not cells:
        return False
    words = cells[0].split()
    if mark.startswith("T"):
        kind, places = words[0], " ".join(words[1:])
        try:
            spans = tuple(sorted(Span(*map(int, piece.split())) for piece in places.split(";")))
        except (TypeError, ValueError):
            return False
        marks[mark] = GoldMention(spans, hpo_id_in(kind), surface=cells[1] if len(cells) > 1 else None)
        return True
    target = words[1] if len(words) > 1 else ""
    if target not in marks or mark[:1] not in "ANM#":
        return mark[:1] in "RE*#ANM"  # relations, events, and notes on them
    if mark[:1] in "AM":
        named = status_named(words[2]) if len(words) > 2 else status_named(words[0])
        negated = words[0].lower().startswith("negat")
        marks[target] = replace(marks[target], status=Status.ABSENT if negated else named)
    elif marks[target].hpo_id is None:
        marks[target] = replace(marks[target], hpo_id=hpo_id_in(line))
    return True
