"""Letters and notes by their sections: small synthetic ones, and what holds of any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoextract.rules import load_rules
from phenoextract.sections import BODY, find_sections, section_at

KINDS = {BODY, *load_rules("sections")["kinds"]}


def _headings(text: str) -> list[tuple[str, str]]:
    """Give the kind and the heading of each section, blanks at its ends left out."""
    return [(found.kind, text[found.start : found.heading_end].strip()) for found in find_sections(text)]


def _kind_of(text: str, words: str) -> str:
    return section_at(find_sections(text), text.index(words)).kind


CLINIC_LETTER = """General Hospital, Department of Genetics
NHS number: 000 000 0000

Dear Dr Green,

Diagnosis: Hypotonia

Family history:
His mother has ptosis.

On examination
He is tall.

Plan:
1. See in May

Yours sincerely
Dr A Brown
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty text"),
        pytest.param("\n \n", [("body", "")], id="blank text"),
        pytest.param("He has ptosis. No seizures.", [("body", "")], id="no headings"),
        pytest.param("Plan: echo", [("plan", "Plan:")], id="text behind the heading"),
        pytest.param("Plan\nSee in May.", [("plan", "Plan")], id="heading without a colon"),
        pytest.param("O/E: ptosis", [("examination", "O/E:")], id="abbreviation with a slash"),
        pytest.param("PMHx - asthma", [("history", "PMHx -")], id="heading before a dash"),
        pytest.param("FAMILY HISTORY:\nNil", [("family", "FAMILY HISTORY:")], id="capitals"),
        pytest.param("Plan:\r\nSee in May.\r\n", [("plan", "Plan:")], id="Windows line ends"),
        pytest.param(
            "1. Diagnosis: ataxia\n2. Plan: echo",
            [("diagnosis", "1. Diagnosis:"), ("plan", "2. Plan:")],
            id="numbered headings",
        ),
        pytest.param(
            "## History\nSeizures\n* Examination\nPtosis",
            [("history", "## History"), ("examination", "* Examination")],
            id="marked headings",
        ),
        pytest.param(
            "Seen today.\nExamination:\nPtosis",
            [("body", ""), ("examination", "Examination:")],
            id="text before the first heading",
        ),
        pytest.param("Her plan: echo", [("body", "")], id="heading word inside a line"),
        pytest.param("Breakfast: toast", [("body", "")], id="label that is no heading"),
        pytest.param(
            "He has ptosis.\n\nWhat the result means\nIt runs in families.",
            [("body", ""), ("explanation", "What the result means")],
            id="unlisted heading with a telling word",
        ),
        pytest.param(
            "Plan: echo\n\nThings we talked about\nHe has ptosis.",
            [("plan", "Plan:"), ("body", "Things we talked about")],
            id="unlisted heading without one",
        ),
        pytest.param(
            "Plan: echo\n\nShe walks, and runs\nHe has ptosis.",
            [("plan", "Plan:"), ("body", "")],
            id="line with a comma is no heading",
        ),
        pytest.param(
            "Dear Dr Green,\nHe has ptosis.",
            [("body", "Dear Dr Green,")],
            id="salutation",
        ),
        pytest.param(
            CLINIC_LETTER,
            [
                ("administrative", ""),
                ("body", "Dear Dr Green,"),
                ("diagnosis", "Diagnosis:"),
                ("family", "Family history:"),
                ("examination", "On examination"),
                ("plan", "Plan:"),
                ("closing", "Yours sincerely"),
            ],
            id="clinic letter",
        ),
    ],
)
def test_headings_and_what_they_open(text: str, expected: list[tuple[str, str]]) -> None:
    assert _headings(text) == expected


def test_a_family_history_goes_on_while_its_paragraphs_name_relatives() -> None:
    text = (
        "Family history:\nHis mother is well.\n\nHis uncle has ptosis.\n\nOn review he was tall.\n\nHis father came.\n"
    )
    assert _kind_of(text, "His mother") == "family"
    assert _kind_of(text, "His uncle") == "family"
    assert _kind_of(text, "On review") == BODY
    assert _kind_of(text, "His father") == BODY


def test_a_family_history_on_the_line_of_its_heading_ends_with_its_paragraph() -> None:
    text = "Family history: His mother is well.\n\nOn review he was tall.\n"
    assert [_kind_of(text, words) for words in ("His mother", "On review")] == ["family", BODY]


def test_an_administrative_line_ends_with_the_line() -> None:
    text = "Clinic date: 1 May\nHe has ptosis.\nRef: 123\n"
    assert _headings(text) == [
        ("administrative", "Clinic date:"),
        ("body", ""),
        ("administrative", "Ref:"),
        ("body", ""),
    ]
    assert _kind_of(text, "He has ptosis") == BODY


def test_administrative_lines_that_follow_each_other_leave_no_body_between() -> None:
    text = "Tel: 0000\nFax: 0000\nHe has ptosis."
    assert _headings(text) == [("administrative", "Tel:"), ("administrative", "Fax:"), ("body", "")]


@pytest.mark.parametrize("heading", ["Plan", "Medication", "Allergies", "Social history", "Diagnosis"])
def test_text_behind_a_heading_ends_with_its_paragraph(heading: str) -> None:
    text = f"{heading}: first words\nand these\n\nHe was seen today.\n"
    found = find_sections(text)
    assert [section.kind for section in found] == [section_at(found, 0).kind, BODY]
    assert text[found[1].start :] == "He was seen today.\n"


def test_text_below_a_heading_goes_on_to_the_next_heading() -> None:
    text = "Plan:\nSee in May.\n\nRepeat bloods.\n\nExamination:\nPtosis\n"
    assert [_kind_of(text, words) for words in ("See in May", "Repeat bloods", "Ptosis")] == [
        "plan",
        "plan",
        "examination",
    ]


def test_a_letterhead_is_administrative_and_a_note_before_dear_is_not() -> None:
    assert _kind_of("General Hospital\n\nDear Dr Green,\nPtosis.", "General") == "administrative"
    assert _kind_of("He has ptosis.\n\nDear Dr Green,\nSeen.", "He has") == BODY


def test_dictated_paragraphs() -> None:
    text = "seen today new paragraph family history mother has ptosis new paragraph he is well New Paragraph plan echo"
    assert _headings(text) == [
        ("body", ""),
        ("family", "new paragraph family history"),
        ("body", "new paragraph"),
        ("plan", "New Paragraph plan"),
    ]


def test_section_at_each_end() -> None:
    found = find_sections("Seen.\nPlan: echo")
    plan = found[1]
    assert section_at(found, plan.start - 1) == found[0]
    assert section_at(found, plan.start) == plan
    assert section_at(found, 10_000) == plan


# Pieces of letters, so that any text often holds headings, blank lines and salutations.
PIECES = st.sampled_from(
    "Plan:|Family history:|Examination|Clinic date: 1 May|Dear Dr Green,|Yours sincerely|new paragraph|Tel: 0|"
    "His mother is well.|What this means|General Hospital|1. |\n|\n\n|\r\n| |\t".split("|")
)
LETTERS = st.lists(PIECES | st.text(max_size=8), max_size=25).map("".join)


@settings(deadline=None)
@given(st.text(max_size=200) | LETTERS)
def test_sections_cover_any_text_without_gaps(text: str) -> None:
    found = find_sections(text)
    assert "".join(text[section.start : section.end] for section in found) == text
    for section in found:
        assert section.kind in KINDS
        assert section.start < section.end
        assert section.start <= section.heading_end <= len(text)
