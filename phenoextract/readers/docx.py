"""Word letters: the text of the body in the order of the page; the only importer of python-docx.

Page headers and footers are left out: they repeat addresses and page numbers. A table row becomes a line of
cells separated by tabs; inserted text counts, deleted text does not; a text box follows the paragraph that holds it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import docx
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

from phenoextract.errors import DocumentUnreadable

MAX_UNPACKED_BYTES = 200_000_000
_PARAGRAPH, _ROW, _CELL, _TEXT, _BOX = qn("w:p"), qn("w:tr"), qn("w:tc"), qn("w:t"), qn("w:txbxContent")
_SIGNS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_NOT_TEXT = {
    qn("w:pPr"),
    qn("w:del"),
    qn("w:moveFrom"),
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",  # says again what stands beside it
}


def read_docx(data: bytes, document_id: str) -> str:
    """Give the text of a .docx file, a line for each paragraph and table row.

    Raises DocumentUnreadable if it is damaged, not a Word document, or unpacks to more than MAX_UNPACKED_BYTES.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise DocumentUnreadable(document_id)
        return "\n".join(_blocks(docx.Document(io.BytesIO(data)).element.body))
    except Exception:  # a damaged file makes the parsers raise almost anything, and they may quote it
        raise DocumentUnreadable(document_id) from None


def _blocks(parent: BaseOxmlElement) -> Iterator[str]:
    for child in parent:
        if child.tag == _PARAGRAPH:
            yield "".join(_inline(child))
            for box in _boxes(child):
                yield from _blocks(box)
        elif child.tag == _ROW:
            yield "\t".join(_cells(child))
        elif child.tag not in _NOT_TEXT:
            yield from _blocks(child)


def _inline(parent: BaseOxmlElement) -> Iterator[str]:
    for child in parent:
        if child.tag == _TEXT:
            yield child.text or ""
        elif child.tag in _SIGNS:
            yield _SIGNS[child.tag]
        elif child.tag != _BOX and child.tag not in _NOT_TEXT:
            yield from _inline(child)


def _boxes(parent: BaseOxmlElement) -> Iterator[BaseOxmlElement]:
    for child in parent:
        if child.tag == _BOX:
            yield child
        elif child.tag not in _NOT_TEXT:
            yield from _boxes(child)


def _cells(row: BaseOxmlElement) -> Iterator[str]:
    for child in row:
        if child.tag == _CELL:
            yield "\n".join(_blocks(child))
        elif child.tag not in _NOT_TEXT:
            yield from _cells(child)
