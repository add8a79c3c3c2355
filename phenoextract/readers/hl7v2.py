r"""HL7 v2 messages that carry a letter: MDM, ORU and REF.

The text is that of OBX-5: each TX and FT segment and each repetition is a line; an ED segment is a document of its own.
What the sender marks as wrong or deleted (OBX-11) is left out. Lines that begin no segment belong to the one above
them, because senders break long text without escaping it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import NamedTuple

from phenoextract.errors import DocumentMalformed, DocumentNotText
from phenoextract.readers import from_bytes
from phenoextract.readers.text import read_text
from phenoextract.types import Document

KINDS = frozenset({"MDM", "ORU", "REF"})
_FRAMING = bytes.maketrans(b"\x0b\x1c", b"\r\r")  # of MLLP, the minimal lower layer protocol
_MESSAGE = re.compile(rb"(?:^|[\r\n])(?=MSH)")
_WITHDRAWN = frozenset({"D", "W"})
# HL7 table 0211, as far as one byte or UTF-8 makes the letters
_CHARACTER_SETS = {
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
}
_LAYOUT = {"br": "\n", "sp": "\n", "ce": "\n", "sk": " "}


class _Signs(NamedTuple):
    """The separators that a message says it uses, MSH-1 and MSH-2."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str


def read_hl7v2(data: bytes, document_id: str) -> list[Document]:
    """Give the documents of one or more messages; their ids are the message control ids (MSH-10).

    A message of `document_id` without a control id takes that. Raises DocumentMalformed with the segment and field at
    fault for what is no such message, holds no text, or is not in the character set of MSH-18, and the errors of
    `phenoextract.readers` for an encapsulated file.
    """
    messages = [part for part in _MESSAGE.split(data.translate(_FRAMING)) if part.startswith(b"MSH")]
    if not messages:
        raise DocumentMalformed(document_id, "MSH", "is not there")
    return [document for message in messages for document in _documents(message, document_id)]


def _documents(data: bytes, document_id: str) -> Iterator[Document]:
    text = _decode(data, document_id)
    signs = _signs(text, document_id)
    header, *segments = (segment.split(signs.field) for segment in _segments(text, signs))
    if _field(header, 8).split(signs.component)[0] not in KINDS:
        raise DocumentMalformed(document_id, "MSH-9", f"is none of {', '.join(sorted(KINDS))}")
    control_id = _field(header, 9)
    name = control_id if control_id.isprintable() and control_id else document_id
    lines: list[str] = []
    files: list[bytes] = []
    for number, segment in enumerate((one for one in segments if one[0] == "OBX"), 1):
        value_type, value = _field(segment, 2), segment[5] if len(segment) > 5 else ""
        if _field(segment, 11) in _WITHDRAWN:
            continue
        if value_type in ("TX", "FT"):
            lines.append(_unescape(value.replace(signs.repetition, "\n"), signs))
        elif value_type == "ED":
            place = f"OBX[{number}]-5"
            files += [_encapsulated(file, signs, name, place) for file in value.split(signs.repetition)]
    body = "\n".join(lines)
    if "\0" in body:
        raise DocumentNotText(name)
    if not body.strip() and not files:
        raise DocumentMalformed(name, "OBX", "holds no text")
    if body.strip():
        yield Document(name, body)
    for number, file in enumerate(files, 1 + bool(body.strip())):
        yield Document(name if number == 1 else f"{name}-{number}", from_bytes(file, name).text)


def _decode(data: bytes, document_id: str) -> str:
    """Decode a message by the character set that its own header names, or by what its bytes are if it names none."""
    header = re.split(rb"[\r\n]", data, maxsplit=1)[0].decode("latin-1")
    fields = header.split(header[3:4] or "|")
    named = re.split(r"[~^]", fields[17])[0].strip() if len(fields) > 17 else ""
    if not named:
        return read_text(data, document_id)
    if named not in _CHARACTER_SETS:
        raise DocumentMalformed(document_id, "MSH-18", "names a character set that is not known")
    try:
        return data.decode(_CHARACTER_SETS[named])
    except UnicodeDecodeError:
        raise DocumentMalformed(document_id, "MSH-18", "is not the character set of the message") from None


def _signs(text: str, document_id: str) -> _Signs:
    field = text[3:4]
    if not field.strip() or field.isalnum():
        raise DocumentMalformed(document_id, "MSH-1", "is no field separator")
    named, usual = text[4:].split(field, 1)[0][:4], "^~\\&"
    return _Signs(field, *named, *usual[len(named) :])


def _segments(text: str, signs: _Signs) -> list[str]:
    """Cut a message where a line begins with a name and the field separator, MSH-1; other lines go on with a field."""
    segments = re.split(rf"[\r\n](?=[A-Z][A-Z0-9]{{2}}{re.escape(signs.field)})", text.strip())
    return [re.sub(r"\r\n|\r", "\n", segment.rstrip("\r\n")) for segment in segments]


def _field(fields: list[str], number: int) -> str:
    return fields[number].strip() if number < len(fields) else ""


def _unescape(text: str, signs: _Signs) -> str:
    """Undo the escapes of chapter 2.7 that stand for characters or line ends, and drop those that only colour."""
    mark = re.escape(signs.escape)
    sequence = rf"{mark}(?:([FSTREHN])|\.(br|sp|ce|sk|in|ti|fi|nf)[+-]?(\d{{0,3}})|X((?:[0-9A-Fa-f]{{2}})+)){mark}"
    separators = dict(zip("FSRET", signs, strict=True)) | {"H": "", "N": ""}

    def meant(found: re.Match[str]) -> str:
        sign, layout, times, octets = found.groups()
        if sign:
            return separators[sign]
        if layout:
            return _LAYOUT.get(layout, "") * max(1, int(times or 1))
        try:
            return bytes.fromhex(octets).decode("utf-8")
        except UnicodeDecodeError:
            return bytes.fromhex(octets).decode("cp1252", "replace")

    return re.sub(sequence, meant, text)


def _encapsulated(text: str, signs: _Signs, document_id: str, place: str) -> bytes:
    """Give the file of an ED value: source, type, subtype, encoding (table 0299), data."""
    encoding, data = ["", "", *text.split(signs.component, 4)][-2:]
    try:
        match encoding:
            case "Base64":
                return base64.b64decode("".join(_unescape(data, signs).split()), validate=True)
            case "Hex":
                return bytes.fromhex(_unescape(data, signs))
            case "A":
                return _unescape(data, signs).encode("utf-8")
    except ValueError:
        pass
    raise DocumentMalformed(document_id, place, "is not data in Base64, Hex or as text")
