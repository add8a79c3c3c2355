"""What a form or a table answers to a finding: a box, or a word behind a mark ("Seizures: no", "ptosis | yes")."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from phenoextract.rules import load_rules
from phenoextract.text import Tokens
from phenoextract.types import Cue

_EMPTY_BOX = re.compile(r"\[ ?\]|[☐□]")
_UP_TO_BOX = re.compile(r"[\s:]*+(?=[\[☐□])")
_BOX = re.compile(r"\[ ?(?P<said>[xXyYnN?✓✔-]?) ?\]|[☐□☑☒]")
_BOXES_FIRST = re.compile(rf"[\s*•-]*(?:{_BOX.pattern})")
_LONGEST_LINE, _LONGEST_ITEM = 1000, 200  # code points of a form's line, and from a box to the last of its findings
_TICKS, _CROSSED, _TICKED = frozenset("xXyY✓✔"), frozenset("nN-"), frozenset("☑☒")


class Answer(StrEnum):
    """What a form says of a finding; the values are the parts of rules/context.toml with the words for it."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Answered(NamedTuple):
    """An answer and the characters that give it."""

    answer: Answer
    cue: Cue


def find_answer(text: str, tokens: Tokens, first: int, last: int) -> Answered | None:
    """Find the answer to the finding in the words `first` to `last`, the first and last of them, if there is any.

    Where boxes begin the line, a finding's box is the one before it, with "N" for no; else it is the one behind.
    """
    start, end = tokens.starts[first], tokens.ends[last]
    line = text.rfind("\n", max(0, start - _LONGEST_LINE), start) + 1 or max(0, start - _LONGEST_LINE)
    if not _BOXES_FIRST.match(text, line):
        blanks = _UP_TO_BOX.match(text, end)
        box = _EMPTY_BOX.match(text, blanks.end()) if blanks else None
        return answer_at(text, end) if box is None else _unknown(box)
    boxes = list(_BOX.finditer(text, max(line, start - _LONGEST_ITEM), start))
    if not boxes:
        return answer_at(text, end)
    own = boxes[-1]
    if own[0] in _TICKED or own["said"] in _TICKS:
        return None
    return Answered(Answer.NO, Cue("negation", *own.span(), own[0])) if own["said"] in _CROSSED else _unknown(own)


def _unknown(box: re.Match[str]) -> Answered:
    return Answered(Answer.UNKNOWN, Cue("uncertainty", box.start(), box.end(), box[0]))


def answer_at(text: str, place: int) -> Answered | None:
    """Find the answer whose mark stands at a place of a text, blanks aside."""
    said = _pattern().match(text, place)
    if said is None or said.lastgroup is None:
        return None
    answer = Answer(said.lastgroup)
    kind = "negation" if answer is Answer.NO else "uncertainty"
    return Answered(answer, Cue(kind, *said.span(said.lastgroup), said[said.lastgroup]))


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """Give the pattern of a mark, or a capital Y or N without one, and an answer that ends its clause or its row.

    A row with more cells is a table of several people. A question may be answered by another speaker.
    """
    listed = {answer: sorted(load_rules("context")["answers"][answer], key=len, reverse=True) for answer in Answer}
    words = "|".join(f"(?P<{answer}>{'|'.join(map(re.escape, said))})" for answer, said in listed.items())
    # no run of blanks is given back to try another way: a text may be full of them
    question = r"\?\s*+(?:(?:doctor|patient|parent|mother|father|mum|dad|dr|pt)[ \t]*+:\s*+)?"
    mark = rf"{question}|[:=|(\[][ \t]*+|(?<=\t)|(?<=\t )|(?<=[ \t])[-–—][ \t]++|(?<=[ \t])(?=(?-i:[YN])\b)"
    end = r"(?=[ \t]*+(?:$|[\n\r,;.)\]]|/ |\|[ \t]*+(?:[\n\r]|$)))"
    return re.compile(rf"[ \t]*+(?:{mark})(?:{words}){end}", re.IGNORECASE)
