"""Divide a letter or note into sections, by its headings and by their absence."""

from __future__ import annotations

import re
from functools import lru_cache

from phenoextract.rules import load_rules
from phenoextract.types import Section

BODY = "body"
_SALUTATION = re.compile(r"^[ \t]*Dear\b[^\n]*$", re.MULTILINE)
_HEADING = re.compile(
    r"^[ \t]*(?:[#*•\-]+[ \t]*|\d{1,2}[.)][ \t]*)?"
    r"(?P<name>[A-Za-z][A-Za-z '’/&.,\-]{0,48}?)[ \t]*(?:\([^)\n]{0,30}\)[ \t]*)?(?P<mark>:|[–—-][ \t]|\r?$|[ \t]{2,})",
    re.MULTILINE,
)
_LETTERHEAD = re.compile(
    r"\b(?:hospital|service|centre|center|clinic|department|trust|surgery|practice|road|street|tel|ref|date|typed|nhs|ward)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=1)
def _headings() -> dict[str, str]:
    return {name: kind for kind, names in load_rules("sections")["kinds"].items() for name in names}


def _kind(name: str) -> str | None:
    """Give the kind of section that a heading opens, or None if the words are no heading."""
    key = " ".join(re.findall(r"[a-z]+", name.lower()))
    return _headings().get(key)


def find_sections(text: str) -> list[Section]:
    """Give the sections of a text, in order and without gaps.

    Text before the first heading is `administrative` where a salutation follows and it looks like a
    letterhead, else `body`; a text without headings is one `body`. Offsets are code points.
    """
    if not text:
        return []
    marks: list[tuple[int, int, str]] = []
    for match in _HEADING.finditer(text):
        kind = _kind(match.group("name"))
        if kind is None:
            continue
        if match.group("mark")[:1] in ("", "\r") and len(match.group("name")) < 3:
            continue
        marks.append((match.start(), match.end(), kind))
    salutation = _SALUTATION.search(text)
    if salutation is not None and (salutation.start() == 0 or _LETTERHEAD.search(text, 0, salutation.start())):
        marks = [mark for mark in marks if mark[0] > salutation.start()]
        marks.append((salutation.start(), salutation.end(), BODY))
        if salutation.start():
            marks.append((0, 0, "administrative"))
    marks.sort()
    if not marks or marks[0][0] > 0:
        marks.insert(0, (0, 0, BODY))
    ends = [start for start, _, _ in marks[1:]] + [len(text)]
    return [
        Section(start, end, kind, heading_end)
        for (start, heading_end, kind), end in zip(marks, ends, strict=True)
        if end > start
    ]
