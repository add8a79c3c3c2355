"""Divide a letter or note into sections, by its headings and by their absence."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache

from phenoextract.rules import load_rules
from phenoextract.text import line_starts
from phenoextract.types import Section

BODY = "body"
_LETTERHEAD_KIND = "administrative"
_SALUTATION = re.compile(r"^[ \t]*Dear\b[^\n]*$", re.MULTILINE)
_HEADING = re.compile(
    r"^[ \t\u00a0]*(?:[#*•\-]+[ \t]*|\d{1,2}[.)][ \t]*)?"
    r"(?P<name>[A-Za-z][A-Za-z \t\u00a0'’/&.,\-]{0,58}?)[ \t\u00a0]*(?:\([^)\n]{0,60}\)[ \t]*)?"
    r"(?P<mark>:|\?|[–—-][ \t]|\r?$|[ \t]{2,})",
    re.MULTILINE,
)
_BLANK_LINE = re.compile(r"\n[ \t]*\r?\n")
_DICTATED = re.compile(r"\bnew paragraph\b", re.IGNORECASE)
_MAX_HEADING_WORDS = 8
_MAX_PARAGRAPHS = 12
_MAX_PARAGRAPH = 4000  # characters of a paragraph in which a relative is looked for
_LETTERHEAD = re.compile(
    r"\b(?:hospital|service|centre|center|clinic|department|trust|surgery|practice|road|street|tel|ref|date|typed|nhs|ward)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=1)
def _headings() -> dict[str, str]:
    return {name: kind for kind, names in load_rules("sections")["kinds"].items() for name in names}


@lru_cache(maxsize=1)
def _keywords() -> tuple[tuple[frozenset[str], str], ...]:
    return tuple((frozenset(words), kind) for kind, words in load_rules("sections")["keywords"].items())


def _kind(name: str) -> str | None:
    """Give the kind of section that a heading opens, or None if the words are no known heading."""
    return _headings().get(" ".join(re.findall(r"[a-z]+", name.lower())))


def _unknown_heading(text: str, match: re.Match[str]) -> str | None:
    """Give the kind of a short line that stands alone above its paragraph, as only a heading does."""
    line_end = text.find("\n", match.start())
    line = text[match.start() : line_end if line_end >= 0 else len(text)].strip()
    alone = match.start() == 0 or _BLANK_LINE.search(text, max(0, match.start() - 4), match.start()) is not None
    follows = line_end >= 0 and text[line_end + 1 : line_end + 3].strip()
    words = line.split()
    if not (alone and follows and 1 < len(words) <= _MAX_HEADING_WORDS and line[0].isupper()):
        return None
    if line[-1] in ".,;" or "," in line or any(char.isdigit() for char in line):
        return None
    found = frozenset(re.findall(r"[a-z]+", line.lower()))
    return next((kind for keys, kind in _keywords() if keys & found), BODY)


def section_at(sections: Sequence[Section], offset: int) -> Section:
    """Give the section that holds an offset; `sections` must be those of find_sections, and not empty."""
    return sections[max(0, bisect_right(sections, offset, key=lambda section: section.start) - 1)]


def find_sections(text: str) -> list[Section]:
    """Give the sections of a text, in order and without gaps.

    Text before a salutation that looks like a letterhead is `administrative`, but for what stands under a heading that
    says else; text without headings is `body`. Some kinds end before the next heading (`ends` in the rules). Offsets
    are code points.
    """
    if not text:
        return []
    dictated = "paragraph" in text.lower() and _DICTATED.search(text) is not None
    marks = _dictated_marks(text) if dictated else _marks(text)
    salutation = _SALUTATION.search(text) if "Dear" in text else None
    if salutation is not None and (salutation.start() == 0 or _LETTERHEAD.search(text, 0, salutation.start())):
        head = [mark for mark in marks if mark[0] < salutation.start()]
        body = [mark for mark in marks if mark[0] > salutation.start()]
        marks = [*_letterhead(head), (salutation.start(), salutation.end(), BODY), *body]
    marks.sort()
    if not marks or marks[0][0] > 0:
        marks.insert(0, (0, 0, BODY))
    ends = [start for start, _, _ in marks[1:]] + [len(text)]
    return [
        Section(start, end, kind, heading_end)
        for (start, heading_end, kind), end in zip(marks, ends, strict=True)
        if end > start
    ]


def _marks(text: str) -> list[tuple[int, int, str]]:
    """Give (start, end of heading, kind) for each heading, and for each place where a section ends early."""
    rules = load_rules("sections")["ends"]
    blanks = [(blank.start(), blank.end()) for blank in _BLANK_LINE.finditer(text)]
    marks: list[tuple[int, int, str]] = []
    for match in filter(None, (_HEADING.match(text, start) for start in line_starts(text))):
        own_line = match.group("mark")[:1] in ("", "\r", "?")
        kind = _kind(match.group("name"))
        if kind is None and own_line:
            kind = _unknown_heading(text, match)
        if kind is None or (own_line and len(match.group("name")) < 3):
            continue
        marks.append((match.start(), match.end(), kind))
        line_end = text.find("\n", match.end())
        if line_end < 0:
            continue
        inline = bool(text[match.end() : line_end].strip())
        if kind in rules["line"] and inline:
            marks.append((line_end, line_end, BODY))
        elif kind in rules["paragraph"]:
            marks.extend(_early_end(text, blanks, kind, match.end(), inline=inline))
    known = {start for start, heading_end, _ in marks if heading_end > start}
    return [mark for mark in marks if mark[1] > mark[0] or mark[0] + 1 not in known]


def _letterhead(marks: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Give the marks above a salutation: all is administrative but what has a heading that says else."""
    kept = [(0, 0, _LETTERHEAD_KIND)]
    for start, heading_end, kind in sorted(marks):
        told = _LETTERHEAD_KIND if kind == BODY else kind
        if told != kept[-1][2]:
            kept.append((start, heading_end, told))
    return kept


def _early_end(
    text: str, blanks: Sequence[tuple[int, int]], kind: str, start: int, *, inline: bool
) -> list[tuple[int, int, str]]:
    """End a section with its paragraph; a family history goes on as long as each paragraph names a relative.

    `blanks` are the blank lines of the text; at most a dozen paragraphs are looked at.
    """
    if not inline and kind != "family":
        return []
    first = bisect_left(blanks, (start + (0 if inline else 2), 0))
    for number in range(first, min(first + _MAX_PARAGRAPHS, len(blanks))):
        begin = blanks[number][1]
        end = blanks[number + 1][0] if number + 1 < len(blanks) else len(text)
        if kind != "family" or _relatives().search(text[begin : min(end, begin + _MAX_PARAGRAPH)].lower()) is None:
            return [(begin, begin, BODY)]
    return []


@lru_cache(maxsize=1)
def _relatives() -> re.Pattern[str]:
    words = (*load_rules("context")["kin"]["words"], *load_rules("context")["kin"]["children"])
    return re.compile(r"\b(?:" + "|".join(map(re.escape, words)) + r")\b")


def _dictated_marks(text: str) -> list[tuple[int, int, str]]:
    """Give a mark for each spoken "new paragraph", with the heading that is spoken after it, if any."""
    marks: list[tuple[int, int, str]] = []
    for match in _DICTATED.finditer(text):
        words = list(re.finditer(r"[A-Za-z]+", text[match.end() : match.end() + 60]))[:4]
        for count in range(len(words), 0, -1):
            kind = _headings().get(" ".join(word.group().lower() for word in words[:count]))
            if kind is not None and kind != "administrative":
                marks.append((match.start(), match.end() + words[count - 1].end(), kind))
                break
        else:
            marks.append((match.start(), match.end(), BODY))
    return marks
