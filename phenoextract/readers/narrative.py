"""The text of the XHTML or HTML in which some systems keep a letter; the only importer of lxml."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

MAX_CHARS = 20_000_000  # as a tree it takes many times the memory
_BLOCKS = frozenset(
    "address article blockquote body caption dd div dl dt footer h1 h2 h3 h4 h5 h6 header hr li ol p pre section table "
    "tbody tfoot thead tr ul".split()
)
_CELLS = frozenset({"td", "th"})
_NOT_TEXT = frozenset({"head", "script", "style", "template"})


def read_narrative(markup: str) -> str:
    """Give the text as a page shows it: a line for each block, a tab between the cells of a row.

    Raises ValueError, which quotes nothing, for more than MAX_CHARS and for elements nested so deeply that the parser
    would lose text.
    """
    if len(markup) > MAX_CHARS:
        raise ValueError("is too long")
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(markup.encode("utf-8", "replace"), parser)
    except etree.LxmlError:  # markup without any text
        return ""
    if any("depth" in fault.message for fault in parser.error_log):
        raise ValueError("is nested too deeply")
    lines = "".join(_pieces(root)).split("\n") if root is not None else []
    return "\n".join(line.strip(" ").rstrip("\t") for line in lines).strip("\n")


def _pieces(root: etree._Element) -> Iterator[str]:
    at_edge, verbatim = True, 0
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag, entering = element.tag, event == "start"
        verbatim += (tag == "pre") * (1 if entering else -1)
        shown = tag not in _NOT_TEXT
        if entering and not shown:
            walk.skip_subtree()
        if tag in _CELLS and not entering:
            yield "\t"
        if tag == "br" and entering:
            yield "\n"
            at_edge = True
        if tag in _BLOCKS and not at_edge:
            yield "\n"
            at_edge = True
        text = (element.text if entering and shown else None if entering else element.tail) or ""
        if not verbatim:
            text = re.sub(r"\s+", " ", text)
        if text and not (at_edge and text == " "):
            yield text
            at_edge = text.endswith("\n")
