"""What a letter says of a finding: marked-up cases that a clinician can read and add to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from phenoextract.assertion import decide, is_letter
from phenoextract.sections import find_sections
from phenoextract.text import tokenise
from phenoextract.types import Candidate, Mention, Method, Span, Status

NOT_CODED = "not-coded"
OUTCOMES = frozenset({*(status.value for status in Status), NOT_CODED})
UNRECOGNISED = "The cue inside the span"  # under this heading a caller names the span, no lexicon does
FENCE = "---"
TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-z-]+)>")
CANDIDATE = Candidate("HP:0000118", "Phenotypic abnormality", 1.0, Method.LABEL, "any")


@dataclass(frozen=True)
class Case:
    """A text without its tags, and the outcome of each tagged span."""

    line: int
    heading: str
    text: str
    spans: tuple[tuple[Span, str], ...]

    def __str__(self) -> str:
        return f"{self.line}: {' '.join(self.text.split())[:50]}"


def parse_case(marked: str, line: int = 1, heading: str = "") -> Case:
    """Read one marked-up text; raise ValueError on a tag that is unknown or unbalanced, and where there is none."""
    text = ""
    spans: list[tuple[Span, str]] = []
    opened: tuple[str, int] | None = None
    place = 0
    for tag in TAG.finditer(marked):
        text += marked[place : tag.start()]
        place = tag.end()
        name = tag.group("name")
        if name not in OUTCOMES:
            raise ValueError(f"line {line}: unknown tag {tag.group()}")
        if not tag.group("end"):
            if opened is not None:
                raise ValueError(f"line {line}: {tag.group()} inside <{opened[0]}>")
            opened = (name, len(text))
        elif opened is None or opened[0] != name:
            raise ValueError(f"line {line}: {tag.group()} closes nothing")
        else:
            spans.append((Span(opened[1], len(text)), name))
            opened = None
    text += marked[place:]
    if opened is not None:
        raise ValueError(f"line {line}: <{opened[0]}> is never closed")
    if "<" in text or ">" in text:
        raise ValueError(f"line {line}: a bracket that belongs to no tag")
    if not spans:
        raise ValueError(f"line {line}: nothing is tagged")
    return Case(line, heading, text, tuple(spans))


def parse_cases(source: str) -> list[Case]:
    """Read a file of cases: one a line, or several lines between two fences, under headings."""
    cases: list[Case] = []
    heading = ""
    block: list[str] | None = None
    begun = 0
    for number, line in enumerate(source.splitlines(), 1):
        if line == FENCE and block is None:
            block, begun = [], number
        elif line == FENCE and block is not None:
            cases.append(parse_case("\n".join(block) + "\n", begun, heading))
            block = None
        elif block is not None:
            block.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.strip():
            cases.append(parse_case(line, number, heading))
    if block is not None:
        raise ValueError(f"line {begun}: the block is never closed")
    return cases


def outcomes(case: Case) -> list[str]:
    """Say what is decided of each tagged span of a case."""
    candidates = () if case.heading == UNRECOGNISED else (CANDIDATE,)
    mentions = [Mention((span,), candidates) for span, _ in case.spans]
    sections = find_sections(case.text)
    letter = is_letter(case.text, sections)
    decided = decide(case.text, tokenise(case.text), sections, mentions, letter=letter)
    return [NOT_CODED if found.not_coded is not None else found.status.value for found in decided]


CASES = parse_cases((Path(__file__).parent / "assertion_cases.txt").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_the_text_says_of_each_finding(case: Case) -> None:
    said = [case.text[span.start : span.end] for span, _ in case.spans]
    expected = [outcome for _, outcome in case.spans]
    assert list(zip(said, outcomes(case), strict=True)) == list(zip(said, expected, strict=True))


def test_every_outcome_has_cases() -> None:
    assert {outcome for case in CASES for _, outcome in case.spans} == OUTCOMES
    assert any(case.heading == UNRECOGNISED for case in CASES)


@pytest.mark.parametrize(
    ("marked", "complaint"),
    [
        ("No <absent>seizures.", "never closed"),
        ("No <absent>seizures<absent>.", "inside"),
        ("No <absent>seizures</present>.", "closes nothing"),
        ("No seizures</absent>.", "closes nothing"),
        ("No <absent><present>seizures</present></absent>.", "inside"),
        ("No <abesnt>seizures</abesnt>.", "unknown tag"),
        ("No <absent seizures</absent>.", "closes nothing"),
        ("No <absent>seizures</absent>, <ataxia.", "belongs to no tag"),
        ("No <absent></absent>seizures.", "a span needs"),
        ("No seizures.", "nothing is tagged"),
    ],
)
def test_a_case_that_would_test_nothing_is_refused(marked: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_case(marked)


def test_a_block_that_is_never_closed_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2: the block is never closed"):
        parse_cases("# Letters\n---\n<present>Ptosis</present>\n")


def test_a_file_is_read_as_lines_and_blocks_under_headings() -> None:
    source = "# Plain\nHas <present>ptosis</present>.\n\n# Letters\n---\nPlan:\n<absent>Tics</absent>\n---\n"
    line, block = parse_cases(source)
    assert (line.heading, line.text, line.spans) == ("Plain", "Has ptosis.", ((Span(4, 10), "present"),))
    assert (block.line, block.heading, block.text) == (5, "Letters", "Plan:\nTics\n")
    assert block.spans == ((Span(6, 10), "absent"),)


def test_assertion_takes_an_article_for_prose_and_a_letter_with_one_such_heading_for_a_letter() -> None:
    article = "Introduction\nThe syndrome is rare.\n\nCase presentation\nShe had ptosis.\n\nDiscussion\nIt is new.\n"
    letter = "Introduction\nI met this boy.\n\nExamination\nHe has ptosis.\n\nPlan\nWe will test.\n"
    assert not is_letter(article, find_sections(article))
    assert is_letter(letter, find_sections(letter))
