"""Word letters: the text of the body in the order of the page; the only importer of python-docx.

Page headers and footers are left out: they repeat addresses and page numbers. Tables become lines of cells
separated by tabs; inserted text counts, deleted text does not; text boxes follow the paragraph they hang on.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import docx
from docx.oxml.ns import qn
from lxml import etree

from phenoextract.errors import DocumentUnreadable

MAX_UNPACKED_BYTES = 200_000_000
_MARKS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_GONE = frozenset({qn("w:del"), qn("w:moveFrom"), qn("w:pPr"), qn("w:rPr"), "{%s}Fallback" % (
    "http://schemas.openxmlformats.org/markup-compatibility/2006"
)})
_BOX = qn("w:txbxContent")


def read_docx(data: bytes, document_id: str) -> str:
    """Give the text of a .docx file, a line for each paragraph and table row.

    Raises DocumentUnreadable if it is damaged, not a Word document, or unpacks to more than MAX_UNPACKED_BYTES.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise DocumentUnreadable(document_id)
        body = docx.Document(io.BytesIO(data)).element.body
    except (zipfile.BadZipFile, etree.LxmlError, KeyError, ValueError, OSError, EOFError, NotImplementedError):
        raise DocumentUnreadable(document_id) from None
    return "\n".join(_blocks(body))


def _blocks(parent: etree._Element) -> Iterator[str]:
    for child in parent:
        if child.tag == qn("w:p"):
            yield "".join(_inline(child))
            for box in _boxes(child):
                yield from _blocks(box)
        elif child.tag == qn("w:tr"):
            yield "\t".join(_cells(child))
        elif child.tag not in _GONE:
            yield from _blocks(child)
