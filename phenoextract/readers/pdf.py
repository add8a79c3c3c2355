"""PDF letters that hold text; the only importer of pypdf."""

from __future__ import annotations

import io
import logging

from pypdf import PasswordType, PdfReader

from phenoextract.errors import DocumentEncrypted, DocumentError, DocumentImageOnly, DocumentUnreadable

# pypdf logs what it stumbles over, which may be text of the letter.
logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)


def read_pdf(data: bytes, document_id: str) -> str:
    """Give the text of a PDF, its pages in order and each on a new line.

    Raises DocumentEncrypted if it needs a password, DocumentImageOnly if there is no text or a page is a picture
    without any, so that no scanned page is lost in silence, and DocumentUnreadable if it is damaged.
    """
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
            raise DocumentEncrypted(document_id)
        pages = [page.extract_text() for page in reader.pages]
        pictured = any(len(page.images) for page, text in zip(reader.pages, pages, strict=True) if not text.strip())
    except DocumentError:
        raise
    except Exception:  # a damaged file makes pypdf raise almost anything, and it may quote the file
        raise DocumentUnreadable(document_id) from None
    text = "\n".join(pages)
    if pictured or not text.strip():
        raise DocumentImageOnly(document_id)
    return text.replace("\0", "\ufffd")  # how pypdf gives a glyph that the font does not name
