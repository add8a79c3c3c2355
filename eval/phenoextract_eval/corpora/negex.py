"""NegEx's test set: one concept in one sentence a row, and whether it is affirmed or negated.

Chapman et al. 2001, "A simple algorithm for identifying negated findings and diseases in discharge summaries".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from phenoextract.types import Span, Status
from phenoextract_eval.corpora.text import decoded
from phenoextract_eval.gold import GoldDocument, GoldMention, Kind, Problem


def concept_status(label: str, experiencer: str = "Patient") -> Status:
    """Give the status of a row: negated, else someone else's, else the patient's."""
    if label.strip().lower().startswith("neg"):
        return Status.ABSENT
    return Status.PRESENT if experiencer.strip().lower() == "patient" else Status.FAMILY


def is_negex(head: str) -> bool:
    """Tell from its first lines whether a file is the table."""
    rows = [line.split("\t") for line in head.split("\n")[:5]]
    return any(len(row) >= 4 and _is_label(row[3]) for row in rows)


def read_negex(path: Path, problems: list[Problem]) -> Iterator[GoldDocument]:
    """Read the tab-separated table (number, concept, sentence, label): the concept is looked up in the sentence.

    The published sentences upper-case their concept; it is put back into lower case, so that the case tells nothing.
    """
    for number, line in enumerate(decoded(path, problems).split("\n"), 1):
        if not line.strip():
            continue
        cells = [cell.strip().strip('"') for cell in line.split("\t")]
        if len(cells) < 4 or not _is_label(cells[3]):
            if number > 1:
                problems.append(Problem(Kind.UNREADABLE, cells[0], number))
            continue
        row, concept, sentence, label = cells[:4]
        start = sentence.lower().find(concept.lower())
        spans = (Span(start, start + len(concept)),) if concept and start >= 0 else ()
        if spans:
            end = start + len(concept)
            sentence = sentence[:start] + sentence[start:end].lower() + sentence[end:]
        else:
            problems.append(Problem(Kind.UNLOCATED, row, number))
        yield GoldDocument(row, sentence, (GoldMention(spans, None, concept_status(label)),), line=number)


def _is_label(cell: str) -> bool:
    return cell.strip().strip('"').lower() in {"negated", "affirmed", "possible"}
