"""How exports point at a letter without quoting it: the document by its digest, a place by its offsets."""

from __future__ import annotations

import base64

from phenoextract.types import Annotation


def document_uri(sha256: str) -> str:
    """Name a document by its hexadecimal sha256 digest (RFC 6920)."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode("ascii").rstrip("=")


def place(annotation: Annotation) -> str:
    """Name a stretch of text/plain by its half-open range of code points (RFC 5147)."""
    return f"#char={annotation.start},{annotation.end}"
