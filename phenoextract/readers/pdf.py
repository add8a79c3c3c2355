"""PDF letters that hold text; the only importer of pypdf."""

from __future__ import annotations

import io
import logging
from typing import Any

from pypdf import PasswordType, PdfReader, apply_configuration

from phenoextract.errors import (
    DocumentEncrypted,
    DocumentError,
    DocumentImageOnly,
    DocumentTooLong,
    DocumentUnreadable,
)

MAX_PAGES = 1000
MAX_STREAM_BYTES = 20_000_000
MAX_OPERATORS = 1_000_000  # of all pages and the forms that they show, again and again if need be
_COST_OF_FORM = 200  # what showing a form takes beside another operator
_LIMITS: dict[str, Any] = {
    "xform_maximum_invocations_per_extraction": MAX_OPERATORS // _COST_OF_FORM
    + 1,  # beyond, pypdf drops text in silence
    "array_based_stream_maximum_output_length": MAX_STREAM_BYTES,
    "lzw_maximum_output_length": MAX_STREAM_BYTES,
    "run_length_maximum_output_length": MAX_STREAM_BYTES,
    "zlib_maximum_output_length": MAX_STREAM_BYTES,
}

# pypdf logs what it stumbles over, which may be text of the letter.
logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)


def read_pdf(data: bytes, document_id: str) -> str:
    """Give the text of a PDF, its pages in order and each on a new line.

    Raises DocumentEncrypted if it needs a password, DocumentImageOnly if there is no text or a page is a picture
    without any, so that no scanned page is lost in silence, DocumentTooLong beyond MAX_PAGES or MAX_OPERATORS, and
    DocumentUnreadable if it is damaged or a stream of it unpacks to more than MAX_STREAM_BYTES.
    """
    operators = 0

    def count(operator: bytes, *_: object) -> None:
        nonlocal operators
        operators += _COST_OF_FORM if operator == b"Do" else 1
        if operators > MAX_OPERATORS:
            raise DocumentTooLong(document_id)

    try:
        with apply_configuration(**_LIMITS):
            reader = PdfReader(io.BytesIO(data))
            if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
                raise DocumentEncrypted(document_id)
            if len(reader.pages) > MAX_PAGES:
                raise DocumentTooLong(document_id)
            pages = [page.extract_text(visitor_operand_before=count) for page in reader.pages]
            pictured = any(len(page.images) for page, text in zip(reader.pages, pages, strict=True) if not text.strip())
        if operators > MAX_OPERATORS:  # pypdf goes on where a form fails
            raise DocumentTooLong(document_id)
    except DocumentError:
        raise
    except Exception:  # a damaged file makes pypdf raise almost anything, and it may quote the file
        raise DocumentUnreadable(document_id) from None
    text = "\n".join(pages)
    if pictured or not text.strip():
        raise DocumentImageOnly(document_id)
    return text.replace("\0", "\ufffd")  # how pypdf gives a glyph that the font does not name
