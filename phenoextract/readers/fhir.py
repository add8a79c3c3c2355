"""FHIR R4 resources that carry a letter, as JSON: DocumentReference, Binary, Composition, and Bundles of them.

Of a DocumentReference its attachment counts, the plainest of those it has; its narrative counts only where it has no
attachment. Of a Composition its narrative does, section by section. A Binary of a Bundle is read through the reference
to it, or by itself where nothing refers to it. Nothing is fetched.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from email.message import Message
from typing import Any, NamedTuple

from phenoextract.errors import DocumentMalformed, DocumentNotText
from phenoextract.readers import from_bytes
from phenoextract.readers.narrative import read_narrative
from phenoextract.types import Document

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_PLAINEST = (
    "text/plain",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/pdf",
    *sorted(_HTML),
)


class _Fault(Exception):  # becomes a DocumentMalformed where the document's id is known
    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place, self.problem = place, problem


class _Element(NamedTuple):
    """A JSON object of the message and its path."""

    place: str
    value: dict[str, Any]

    def text(self, name: str) -> str | None:
        value = self.value.get(name)
        if value is not None and not isinstance(value, str):
            raise _Fault(f"{self.place}.{name}", "is not a string")
        return value

    def element(self, name: str) -> _Element | None:
        value = self.value.get(name)
        return None if value is None else _element(f"{self.place}.{name}", value)

    def elements(self, name: str) -> list[_Element]:
        values = self.value.get(name, [])
        if not isinstance(values, list):
            raise _Fault(f"{self.place}.{name}", "is not a list")
        return [_element(f"{self.place}.{name}[{index}]", value) for index, value in enumerate(values)]


def read_fhir(data: bytes | str, document_id: str) -> list[Document]:
    """Give the documents of a resource; their ids are the resources', or come of `document_id` where those have none.

    Raises DocumentMalformed, with the path of the element at fault and none of its content, for what is not such a
    resource, is marked as entered in error, or holds no letter; and the errors of `phenoextract.readers` for an
    attachment.
    """
    try:
        resource = json.loads(data)
    except (ValueError, RecursionError):
        raise DocumentMalformed(document_id, "$", "is not JSON") from None
    try:
        return _documents(_element("$", resource), document_id)
    except _Fault as fault:
        raise DocumentMalformed(document_id, fault.place, fault.problem) from None
    except RecursionError:
        raise DocumentMalformed(document_id, "$", "is nested too deeply") from None


def _documents(resource: _Element, document_id: str) -> list[Document]:
    if resource.text("resourceType") != "Bundle":
        return [_document(resource, document_id, {})]
    letters: list[_Element] = []
    binaries: list[_Element] = []
    files: dict[str, _Element] = {}  # the binaries by the urls that may refer to them
    for entry in resource.elements("entry"):
        held = entry.element("resource")
        kind = held.text("resourceType") if held else None
        if held and kind in ("DocumentReference", "Composition"):
            letters.append(held)
        elif held and kind == "Binary":
            binaries.append(held)
            files |= {f"Binary/{held.text('id')}": held, entry.text("fullUrl") or "": held}
    referred = [files[url] for found in letters for url in _urls(found) if url in files]
    letters += [binary for binary in binaries if binary not in referred]
    if not letters:
        raise _Fault("$.entry", "holds no DocumentReference, Composition or Binary")
    return [_document(found, f"{document_id}-{number}", files) for number, found in enumerate(letters, 1)]


def _document(resource: _Element, document_id: str, files: Mapping[str, _Element]) -> Document:
    own = resource.text("id") or ""
    name = own if _ID.fullmatch(own) else document_id
    for status in ("status", "docStatus"):
        if resource.text(status) == "entered-in-error":
            raise _Fault(f"{resource.place}.{status}", "is entered-in-error: its sender has withdrawn it")
    match resource.text("resourceType"):
        case "DocumentReference":
            text = _referenced(resource, name, files)
        case "Composition":
            text = _narrative(resource)
        case "Binary":
            text = _attached(resource, name)
        case _:
            raise _Fault(f"{resource.place}.resourceType", "is not Bundle, DocumentReference, Composition or Binary")
    if "\0" in text:
        raise DocumentNotText(name)
    if not text.strip():
        raise _Fault(resource.place, "holds no text")
    return Document(name, text)


def _attachments(reference: _Element) -> list[_Element]:
    found = (content.element("attachment") for content in reference.elements("content"))
    return [attachment for attachment in found if attachment]


def _urls(reference: _Element) -> list[str]:
    return [url for attachment in _attachments(reference) if (url := attachment.text("url"))]


def _referenced(reference: _Element, name: str, files: Mapping[str, _Element]) -> str:
    contained = {f"#{inner.text('id')}": inner for inner in reference.elements("contained")}
    attachments = _attachments(reference)
    held = [files.get(url) or contained.get(url) or one for one in attachments for url in [one.text("url") or ""]]
    readable = [one for one in held if one.text("data")]
    if readable:
        return _attached(min(readable, key=_plainness), name)
    if any(one.text("url") for one in held):
        raise _Fault(f"{reference.place}.content", "is elsewhere and nothing is fetched: put the data into the message")
    return _narrative(reference)


def _plainness(attachment: _Element) -> int:
    kind = _content_type(attachment)[0]
    return _PLAINEST.index(kind) if kind in _PLAINEST else len(_PLAINEST)


def _content_type(attachment: _Element) -> tuple[str, str | None]:
    """Give the type, and the character set if it is named."""
    header = Message()
    header["content-type"] = (attachment.text("contentType") or "").replace("\n", "").replace("\r", "")
    return header.get_content_type(), header.get_content_charset()


def _attached(attachment: _Element, name: str) -> str:
    try:
        data = base64.b64decode("".join((attachment.text("data") or "").split()), validate=True)
    except ValueError:
        raise _Fault(f"{attachment.place}.data", "is not base64") from None
    kind, character_set = _content_type(attachment)
    if character_set and kind.startswith("text/"):
        try:
            text = data.decode(character_set)
        except (LookupError, UnicodeError):
            raise _Fault(f"{attachment.place}.data", "is not in the character set of its contentType") from None
    else:
        text = from_bytes(data, name).text
    return _shown(text, attachment.place) if kind in _HTML else text


def _narrative(resource: _Element) -> str:
    """Give the narrative of a Composition's sections in order, each below its title; of others, their own."""
    narrative = resource.element("text")
    parts = [resource.text("title"), _shown(narrative.text("div") or "", narrative.place) if narrative else None]
    parts += [_narrative(section) for section in resource.elements("section")]
    return "\n".join(part for part in parts if part)


def _shown(markup: str, place: str) -> str:
    try:
        return read_narrative(markup)
    except ValueError as error:
        raise _Fault(place, str(error)) from None


def _element(place: str, value: Any) -> _Element:
    if not isinstance(value, dict):
        raise _Fault(place, "is not an object")
    return _Element(place, value)
