"""Any text whatever is coded with true offsets, and in time that grows no faster than its length."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import phenoextract
from phenoextract import readers
from phenoextract.errors import DocumentNotText
from phenoextract.formats import html
from phenoextract.formats import json as report_json
from phenoextract.formats.segments import segments
from phenoextract.types import Document, Report
from tests.fuzz.targets import check_report

# every code point there is, lone surrogates and noncharacters too
ANY_TEXT = st.text(st.characters(exclude_categories=(), exclude_characters="\0"), max_size=60)
FINDINGS = (
    "cleft palate",
    "no ",
    "?",
    "ptosis",
    "mother ",
    "OFC <0.4th centile",
    "4th and 5th metacarpals",
    "\r\n",
    "\x85",
)
SIGNS = (
    "\U0001f9ec",
    "\U0001f469\u200d\u2695\ufe0f",
    "e\u0301",
    "\u202e",
    "\u2067",
    "\u05e9",
    "\ufb01",
    "\u0130",
    "\ud800",
)
PIECES = st.sampled_from((*FINDINGS, *SIGNS))
MIXED = st.lists(st.one_of(PIECES, ANY_TEXT), max_size=12).map("".join)


def check_evidence(text: str, report: Report) -> None:
    """Follow each proposed term to the words in the letter that support it, as a reader or another program does."""
    read_back = report_json.parse(report_json.render(report))
    assert read_back == report
    for feature in read_back.features:
        for index in feature.evidence:
            found = read_back.annotations[index]
            assert " … ".join(text[span.start : span.end] for span in found.spans) == found.text
    assert "".join(segment.text for segment in segments(text, report.annotations)) == text


@given(MIXED)
@example("\U0001f9ec\U0001f9ec cleft palate e\u0301\r\nNo\u00a0ptosis\u202e. \u05e9 His mother has ptosis.")
def test_hostile_text_has_true_offsets_and_evidence(toy_extractor: phenoextract.Extractor, text: str) -> None:
    report = toy_extractor(Document("any", text))
    check_report(text, report)
    check_evidence(text, report)
    html.render([(text, report)])


@given(ANY_TEXT, ANY_TEXT, st.sampled_from(["\n\n", "\r\n\r\n"]))
def test_hostile_text_around_a_finding_does_not_move_it(
    toy_extractor: phenoextract.Extractor, before: str, after: str, gap: str
) -> None:
    text = f"{before}{gap}He has a cleft palate.{gap}{after}"
    start = len(before) + len(gap) + len("He has a ")
    found = toy_extractor(Document("any", text)).annotations
    assert [one.text for one in found if (one.start, one.end) == (start, start + len("cleft palate"))] == [
        "cleft palate"
    ]


@given(MIXED, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]))
def test_hostile_text_in_a_file_keeps_its_offsets(
    toy_extractor: phenoextract.Extractor, text: str, encoding: str
) -> None:
    text = f"A letter. {text}"
    try:
        document = readers.from_bytes(text.encode(encoding, "surrogatepass"), "any")
    except DocumentNotText:  # without a mark a short text may be too odd to be told from what is none
        assert encoding == "utf-16-le"
        return
    # without a mark it may be read as something else, and UTF-16 joins the halves of a pair
    if encoding != "utf-16-le" and not re.search("[\ud800-\udfff]", text):
        assert document.text == text
    check_report(document.text, toy_extractor(document))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_hostile_text_with_nul_is_refused(encoding: str) -> None:
    with pytest.raises(DocumentNotText):
        readers.from_bytes("He has\0 ptosis".encode(encoding), "any")


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["no ", "?", "(", "a", "1.", "\n", "no ptosis, ", "4th and 5th ", "OFC 45 cm ", "e\u0301"]
)
def test_hostile_text_of_forty_thousand_characters_ends(toy_extractor: phenoextract.Extractor, piece: str) -> None:
    text = (piece * (40_000 // len(piece) + 1))[:40_000]
    started = time.process_time()
    check_report(text, toy_extractor(Document("long", text)))
    assert time.process_time() - started < 15
