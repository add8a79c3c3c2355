"""Files into documents: what the bytes are decides, not what the file is called."""

from __future__ import annotations

from pathlib import Path

from phenoextract.errors import DocumentEncrypted, DocumentTooLong, DocumentUnreadable
from phenoextract.readers.text import read_text
from phenoextract.types import Document

MAX_BYTES = 200_000_000
_PDF, _ZIP, _OLE, _RTF = b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf"
_HL7, _MLLP, _BEFORE_JSON = (b"MSH|", b"FHS|", b"BHS|"), b"\x0b\r\n", b"\xef\xbb\xbf \t\r\n"
_PDF_MARK_WITHIN = 1024
_LOCKED_OFFICE = "EncryptedPackage".encode("utf-16-le")


def read(path: Path) -> Document:
    """Read a .txt, .docx or .pdf file into a document whose id is the file's name.

    Raises DocumentUnreadable for a missing file, a folder, a damaged file or another format, and the
    errors of `from_bytes`.
    """
    return from_bytes(*_content(path))


def read_all(path: Path) -> list[Document]:
    """Read a file into its documents: one for a letter, as many as a FHIR resource or HL7 v2 file holds.

    Raises the errors of `read` and of `documents`.
    """
    return documents(*_content(path))


def from_bytes(data: bytes, document_id: str) -> Document:
    """Make a document of a file's content; `document_id` with the suffix of a format insists on that format.

    Raises DocumentTooLong beyond MAX_BYTES, DocumentNotText, DocumentUnreadable, DocumentEncrypted and
    DocumentImageOnly.
    """
    if len(data) > MAX_BYTES:
        raise DocumentTooLong(document_id)
    return Document(document_id, _text(data, document_id))


def documents(data: bytes, document_id: str) -> list[Document]:
    """Make the documents of a file's content: those of its FHIR resource or HL7 v2 messages, else the one letter.

    `document_id` with the suffix .json, .fhir or .hl7 insists on that format. Raises the errors of `from_bytes` and
    DocumentMalformed.
    """
    if len(data) > MAX_BYTES:
        raise DocumentTooLong(document_id)
    if document_id.lower().endswith(".hl7") or data.lstrip(_MLLP).startswith(_HL7):
        from phenoextract.readers.hl7v2 import read_hl7v2

        return read_hl7v2(data, document_id)
    if document_id.lower().endswith((".json", ".fhir")) or _is_resource(data):
        from phenoextract.readers.fhir import read_fhir

        return read_fhir(data, document_id)
    return [from_bytes(data, document_id)]


def _content(path: Path) -> tuple[bytes, str]:
    document_id = path.name or str(path)
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1), document_id
    except OSError:
        raise DocumentUnreadable(document_id) from None


def _is_resource(data: bytes) -> bool:
    return data.lstrip(_BEFORE_JSON).startswith(b"{") and b'"resourceType"' in data


def _text(data: bytes, document_id: str) -> str:
    if _PDF in data[:_PDF_MARK_WITHIN]:
        from phenoextract.readers.pdf import read_pdf

        return read_pdf(data, document_id)
    if data.startswith(_ZIP):
        from phenoextract.readers.docx import read_docx

        return read_docx(data, document_id)
    if data.startswith(_OLE) and _LOCKED_OFFICE in data:
        raise DocumentEncrypted(document_id)
    if data.startswith((_OLE, _RTF)) or document_id.lower().endswith((".docx", ".pdf")):
        raise DocumentUnreadable(document_id)
    return read_text(data, document_id)
