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

from phenoextract.errors import DocumentError, DocumentTooLong, DocumentUnreadable

MAX_UNPACKED_BYTES = 200_000_000
MAX_MARKUP_BYTES = 10_000_000  # of what is no picture: as a tree it takes twenty times the memory
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM", b"\x01\0\0\0")  # no markup begins so
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

    Nothing is written to disk and no relationship is followed out of the file. Raises DocumentUnreadable if it is
    damaged or not a Word document, and DocumentTooLong if it unpacks to more than MAX_UNPACKED_BYTES, or to more than
    MAX_MARKUP_BYTES of what is no picture.
    """
    try:
        if _is_too_large(data):
            raise DocumentTooLong(document_id)
        return "\n".join(_blocks(docx.Document(io.BytesIO(data)).element.body))
    except DocumentError:
        raise
    except Exception:  # a damaged file makes the parsers raise almost anything, and they may quote it
        raise DocumentUnreadable(document_id) from None


def _is_too_large(data: bytes) -> bool:
    """Tell by the sizes that the archive names, beyond which zipfile unpacks nothing; a picture shows in its bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = markup = 0
        for member in archive.infolist():
            unpacked += member.file_size
            with archive.open(member) as content:
                markup += 0 if content.read(8).startswith(_PICTURES) else member.file_size
    return unpacked > MAX_UNPACKED_BYTES or markup > MAX_MARKUP_BYTES


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
