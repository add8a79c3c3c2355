"""PubTator (Wei et al. 2013): a title line, an abstract line, then tab-separated annotations; a blank line ends it.

123|t|Title
123|a|Abstract
123<TAB>0<TAB>5<TAB>words<TAB>Phenotype<TAB>HP:0001250
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from phenoextract.types import Span
from phenoextract_eval.corpora.bioc import hpo_id_in
from phenoextract_eval.corpora.text import decoded
from phenoextract_eval.gold import GoldDocument, GoldMention, Kind, Problem

TITLE = re.compile(r"^([^|\t]+)\|([ta])\|(.*)$")


def read_pubtator(path: Path, problems: list[Problem]) -> Iterator[GoldDocument]:
    """Read a PubTator file; title and abstract are joined by one line end, as offsets count them."""
    current, first = "", 0
    text: list[str] = []
    mentions: list[GoldMention] = []
    for number, line in enumerate([*decoded(path, problems).split("\n"), ""], 1):
        line = line.rstrip("\r")
        opening = TITLE.match(line)
        if opening and opening.group(2) == "t" and text:
            yield GoldDocument(current, "\n".join(text), tuple(mentions), line=first)
            text, mentions = [], []
        if opening:
            current, first = opening.group(1), first if text else number
            text.append(opening.group(3))
        elif not line.strip():
            if text:
                yield GoldDocument(current, "\n".join(text), tuple(mentions), line=first)
            text, mentions = [], []
        else:
            mention = _mention(line)
            if mention is None:
                problems.append(Problem(Kind.UNREADABLE, current, number))
            else:
                mentions.append(mention)


def _mention(line: str) -> GoldMention | None:
    cells = line.split("\t")
    try:
        span = Span(int(cells[1]), int(cells[2]))
    except (ValueError, IndexError):
        return None
    hpo_id = next((found for cell in cells[4:] if (found := hpo_id_in(cell))), None)
    return GoldMention((span,), hpo_id, surface=cells[3] if len(cells) > 3 else None)
