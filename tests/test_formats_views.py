from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from phenoextract.formats import html, terminal
from phenoextract.formats.segments import segments
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.types import Annotation, Document, Report, Span, Status


def _annotation(start: int, end: int) -> Annotation:
    return Annotation(
        start=start,
        end=end,
        spans=(Span(start, end),),
        text="",
        section="",
        hpo_id="HP:0000001",
        label="All",
        status=Status.PRESENT,
        confidence=1,
        needs_review=False,
        review_reason=None,
        method=None,
        synonym=None,
        cues=(),
        candidates=(),
        not_coded=None,
    )


@given(st.data())
def test_segments_are_the_letter_whole_and_in_order(data: st.DataObject) -> None:
    text = data.draw(st.text(min_size=1))
    edges = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    found = [_annotation(*sorted(pair)) for pair in data.draw(st.lists(edges)) if pair[0] != pair[1]]
    cut = list(segments(text, found))
    assert "".join(segment.text for segment in cut) == text
    assert sorted(index for segment in cut for index in segment.ends) == list(range(len(found)))
    for index, annotation in enumerate(found):
        covered = "".join(segment.text for segment in cut if index in segment.covering)
        assert covered == text[annotation.start : annotation.end]


def test_segments_of_an_empty_letter() -> None:
    assert list(segments("", ())) == []


def test_terminal_golden(report: Report, letter: Document, golden: Callable[[str, str], None]) -> None:
    golden("report.terminal.txt", terminal.render(report, letter.text))


def test_terminal_does_not_read_the_letter_as_markup(report: Report, letter: Document) -> None:
    assert "[bold]Not markup" in terminal.render(report, letter.text)


def test_terminal_colours_only_on_request(report: Report, letter: Document) -> None:
    plain = terminal.render(report, letter.text)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", terminal.render(report, letter.text, colour=True)) == plain


def test_terminal_shows_control_characters_instead_of_obeying_them(report: Report) -> None:
    hostile = "\x1b[2Jgone \x9b31m \u202eevil \ud800 " + " " * 300
    shown = terminal.render(replace(report, id=hostile), hostile)
    assert not set(shown) & {"\x1b", "\x9b", "\u202e", "\ud800"}
    assert "\ufffd[2Jgone" in shown


def test_terminal_and_html_say_so_when_there_is_nothing(report: Report) -> None:
    bare = replace(report, features=(), annotations=())
    for shown in (terminal.render(bare, ""), html.render([("", bare)])):
        assert "No terms to propose." in shown
        assert "Nothing that was recognised was left uncoded." in shown


def test_html_golden(report: Report, letter: Document, golden: Callable[[str, str], None]) -> None:
    golden("report.html", html.render([(letter.text, report)]))


class _Letter(HTMLParser):
    """Collects the text of the letter and the attributes that load something."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.loads = "", list[str]()
        self._inside, self._skip = 0, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.loads += [name for name in attributes if name in ("src", "srcset", "onload", "onclick")]
        self.loads += [tag] if tag in ("script", "link", "img", "iframe") else []
        self._inside += tag == "div"
        self._skip |= tag == "sup"

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag == "div"
        self._skip &= tag != "sup"

    def handle_data(self, data: str) -> None:
        if self._inside and not self._skip:
            self.text += data


def test_html_shows_the_letter_whole_and_loads_nothing(report: Report, letter: Document) -> None:
    page = _Letter()
    page.feed(html.render([(letter.text, report)]))
    assert page.text == letter.text
    assert page.loads == []


def test_html_escapes_hostile_text(report: Report) -> None:
    hostile = "<script>alert(1)</script> & \"quoted\" 'so' \ud800"
    annotation = report.annotations[0]._replace(text=hostile, synonym=hostile, label=hostile, review_reason=hostile)
    feature = report.features[0]._replace(label=hostile, needs_review=True)
    made = replace(
        report,
        id=hostile,
        features=(feature, *report.features[1:]),
        annotations=(annotation, *report.annotations[1:]),
    )
    page = html.render([(hostile * 9, made)])
    assert "<script" not in page
    page.encode()


def test_html_says_what_it_is_for_and_where_the_terms_come_from(report: Report, letter: Document) -> None:
    page = html.render([(letter.text, report), (letter.text, report)])
    assert page.count(INTENDED_PURPOSE) == 1
    assert page.count("release 2025-01-16") == 1
    assert len(set(re.findall(r'id="([^"]+)"', page))) == len(re.findall(r'id="([^"]+)"', page))
