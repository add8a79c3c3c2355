"""The text of the XHTML or HTML in which some systems keep a letter."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    "address article blockquote caption dd div dl dt footer h1 h2 h3 h4 h5 h6 header hr li ol p pre section table "
    "tbody tfoot thead tr ul".split()
)
_CELLS = frozenset({"td", "th"})
_NOT_TEXT = frozenset({"head", "script", "style", "template"})


def read_narrative(markup: str) -> str:
    """Give the text as a page shows it: a line for each block, a tab between the cells of a row."""
    parser = _Text()
    parser.feed(markup)
    parser.close()
    lines = (re.sub(r"[^\S\t\n]+", " ", line).strip(" ").rstrip("\t") for line in "".join(parser.pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0
        self._verbatim = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden = 0 if tag == "body" else self._hidden + (tag in _NOT_TEXT)  # </head> may be left out
        self._verbatim += tag == "pre"
        if tag == "br":
            self.pieces.append("\n")
        self._edge(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _NOT_TEXT and self._hidden > 0
        self._verbatim -= tag == "pre" and self._verbatim > 0
        if tag in _CELLS:
            self.pieces.append("\t")
        self._edge(tag)

    def handle_data(self, data: str) -> None:
        between_blocks = data.isspace() and (not self.pieces or self.pieces[-1].endswith("\n"))
        if self._verbatim and not self._hidden:
            self.pieces.append(data)
        elif not self._hidden and not between_blocks:
            self.pieces.append(re.sub(r"\s+", " ", data))

    def _edge(self, tag: str) -> None:
        if tag in _BLOCKS and any(self.pieces[-1:]) and not self.pieces[-1].endswith("\n"):
            self.pieces.append("\n")
