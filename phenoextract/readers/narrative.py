"""The text of the XHTML or HTML in which some systems keep a letter."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    "address article blockquote br caption dd div dl dt footer h1 h2 h3 h4 h5 h6 header hr li ol p pre section table "
    "tbody tfoot thead tr ul".split()
)
_CELLS = frozenset({"td", "th"})
_NOT_TEXT = frozenset({"head", "script", "style", "template"})


def read_narrative(markup: str) -> str:
    """Give the text as a page shows it: a line for each block, a tab between the cells of a row."""
    parser = _Text()
    parser.feed(markup)
    parser.close()
    lines = (re.sub(r"[^\S\t\n]+", " ", line).strip(" ") for line in "".join(parser.pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip("\t") for line in lines)).strip("\n")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0
        self._verbatim = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _NOT_TEXT
        self._verbatim += tag == "pre"
        if tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _NOT_TEXT and self._hidden > 0
        self._verbatim -= tag == "pre" and self._verbatim > 0
        if tag in _CELLS:
            self.pieces.append("\t")
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data if self._verbatim else re.sub(r"\s+", " ", data))
