"""Plain text in the encodings that letters come in: UTF-8, UTF-16 and Windows-1252 or Latin-1."""

from __future__ import annotations

import codecs

from phenoextract.errors import DocumentNotText

_LINE_CONTROLS = frozenset("\t\n\v\f\r\x85")
_MOST_CONTROLS = 0.01
_MOST_ZEROS_OF_LETTERS = 0.05
_LEAST_ZEROS_OF_HIGH_BYTES = 0.5


def read_text(data: bytes, document_id: str) -> str:
    r"""Decode text, line ends as they are, so that offsets count what the file holds.

    Tries UTF-16 (by its mark, or by where its zero bytes lie), UTF-8 with or without a mark, then
    Windows-1252 and Latin-1. Lone surrogates, which broken converters write, are kept as code points.
    Raises DocumentNotText for binary content and for NUL characters.
    """
    text = _decode(data)
    if text is None or "\0" in text:
        raise DocumentNotText(document_id)
    return text


def _decode(data: bytes) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strict(data, "utf-16")
    if b"\0" in data:
        encoding = _utf16_without_mark(data)
        return _strict(data, encoding) if encoding else None
    text = _strict(data.removeprefix(codecs.BOM_UTF8), "utf-8")
    if text is not None:
        return text
    text = _strict(data, "cp1252")
    if text is None:
        text = data.decode("latin-1")
    controls = sum(1 for character in text if _is_control(character))
    return text if controls <= _MOST_CONTROLS * len(text) else None


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding, "surrogatepass" if encoding.startswith("utf") else "strict")
    except UnicodeDecodeError:
        return None


def _utf16_without_mark(data: bytes) -> str | None:
    """Tell the byte order by the half in which the zero high bytes of Latin letters lie; None if it is neither."""
    if len(data) % 2:
        return None
    even, odd = (half.count(0) / len(half) for half in (data[::2], data[1::2]))
    if even <= _MOST_ZEROS_OF_LETTERS and odd >= _LEAST_ZEROS_OF_HIGH_BYTES:
        return "utf-16-le"
    if odd <= _MOST_ZEROS_OF_LETTERS and even >= _LEAST_ZEROS_OF_HIGH_BYTES:
        return "utf-16-be"
    return None


def _is_control(character: str) -> bool:
    return (character < " " or "\x7f" <= character < "\xa0") and character not in _LINE_CONTROLS
