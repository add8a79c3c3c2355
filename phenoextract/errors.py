"""The errors a caller can meet.

PhenoextractError
├── ConfigError             a setting or argument that cannot be
├── ArtefactError           says path, expected, found, and the command that mends it
│   ├── ArtefactMissing
│   ├── ArtefactCorrupt     a digest differs
│   └── ArtefactMismatch    built for another format, release or encoder
└── DocumentError           carries the document's id and a code, never its text
    ├── DocumentTooLong
    ├── DocumentNotText
    ├── DocumentUnreadable
    ├── DocumentEncrypted
    ├── DocumentImageOnly
    ├── DocumentTimedOut
    └── DocumentMalformed   names the element of the message at fault
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class PhenoextractError(Exception):
    """The base of every error this package raises on purpose."""


class ConfigError(PhenoextractError):
    """A setting or argument that cannot be."""


class ArtefactError(PhenoextractError):
    """A compiled index or model that cannot be used; the message says what mends it."""

    def __init__(self, path: str, *, expected: str, found: str, mend: str) -> None:
        self.path, self.expected, self.found, self.mend = path, expected, found, mend
        super().__init__(f"{path}: expected {expected}, found {found}; to mend it run: {mend}")


class ArtefactMissing(ArtefactError):
    """There is no artefact at the path."""


class ArtefactCorrupt(ArtefactError):
    """A file of the artefact is not the one its manifest names."""


class ArtefactMismatch(ArtefactError):
    """The artefact was built for another format, release or encoder."""


class DocumentError(PhenoextractError):
    """A document that cannot be processed: its id and a code, never its text."""

    code: ClassVar[str] = "document_error"
    advice: ClassVar[str] = "the document could not be processed"

    def __init__(self, document_id: str) -> None:
        self.document_id = document_id
        super().__init__(f"document {document_id!r}: {self.code}: {self.advice}")


class DocumentTooLong(DocumentError):
    """The text is longer than the configured limit."""

    code = "too_long"
    advice = "the text is longer than max_chars; split it or raise the limit"


class DocumentNotText(DocumentError):
    """The content is not text in a known encoding."""

    code = "not_text"
    advice = "the content is not text in UTF-8, UTF-16 or Windows-1252"


class DocumentUnreadable(DocumentError):
    """The file is missing, a directory, damaged, or of an unknown type."""

    code = "unreadable"
    advice = "the file is missing, damaged or not .txt, .docx or .pdf"


class DocumentEncrypted(DocumentError):
    """The file is protected by a password."""

    code = "encrypted"
    advice = "the file is protected by a password; save it without one"


class DocumentImageOnly(DocumentError):
    """A PDF holds pictures of pages and no text."""

    code = "image_only"
    advice = "the PDF holds pictures and no text; run it through OCR first"


class DocumentTimedOut(DocumentError):
    """The document took longer than the time limit."""

    code = "timed_out"
    advice = "it took longer than the time limit; raise the limit, or look at the document alone"


class DocumentMalformed(DocumentError):
    """A FHIR resource or HL7 v2 message that holds no letter that can be read.

    `place` is the path of the element at fault and `problem` says what is wrong with it; neither quotes the message.
    """

    code = "malformed"
    advice = "the message holds no letter that can be read"

    def __init__(self, document_id: str, place: str, problem: str) -> None:
        super().__init__(document_id)
        self.place, self.problem = place, problem
        self.args = (document_id, place, problem)

    def __str__(self) -> str:
        return f"document {self.document_id!r}: {self.code}: {self.place}: {self.problem}"


def describe_fault(error: Exception) -> str:
    """Say what was raised and where, but not its message, which may quote a letter."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return type(error).__name__ + where
