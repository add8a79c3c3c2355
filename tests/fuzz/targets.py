"""What holds for any input whatever: a target takes bytes, and raises only where the product is at fault."""

from __future__ import annotations

import base64
import functools
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import phenoextract
from phenoextract import readers
from phenoextract.batch.sources import Kind, open_source
from phenoextract.errors import ConfigError, DocumentError
from phenoextract.formats import csv, fhir, html, omop, terminal
from phenoextract.formats import json as report_json
from phenoextract.readers.fhir import read_fhir
from phenoextract.readers.hl7v2 import read_hl7v2
from phenoextract.types import Document, Report
from tests.fuzz import hostile

ROOT = Path(__file__).parents[2]
_SOURCES = ((Kind.JSONL, ".jsonl"), (Kind.CSV, ".csv"), (Kind.CSV, ".tsv"), (Kind.FHIR, ".ndjson"), (Kind.OMOP, ".csv"))
_MADE = ("name", "raw", "docx", "pdf", "pdf", "zip")


@functools.cache
def extractor() -> phenoextract.Extractor:
    """Give the extractor that users get."""
    return phenoextract.load()


def check_report(text: str, report: Report) -> None:
    """Hold a report to what it promises of its letter: every offset, cue and index."""
    for found in report.annotations:
        pieces = [text[span.start : span.end] for span in found.spans]
        assert " … ".join(pieces) == found.text, "the words are not those at the offsets"
        assert 0 <= found.start < found.end <= len(text), "outside the letter"
        assert (found.start, found.end) == (found.spans[0].start, found.spans[-1].end), "other than its pieces"
        for cue in found.cues:
            assert text[cue.start : cue.end].strip() == cue.text, "the cue is not at its offsets"
    for feature in report.features:
        assert feature.evidence, "a term without evidence"
        for index in feature.evidence:
            assert report.annotations[index].not_coded is None, "what is not coded is evidence"


def letters(data: bytes) -> None:
    """Any text is coded with true offsets, and its report can be shown and exported in every format."""
    choice, text = (data[:1] or b"\0")[0], data[1:].decode("utf-8", "replace")
    report = extractor()(Document("fuzz", text))
    check_report(text, report)
    assert report_json.parse(report_json.render(report)) == report, "JSON does not come back as it went"
    match choice % 5:
        case 0:
            fhir.render(report)
        case 1:
            csv.render([report])
        case 2:
            omop.render([report])
        case 3:
            html.render([(text, report)])
        case _:
            terminal.render(report, text, width=80, colour=False)


def files(data: bytes) -> None:
    """Any file is read into documents without NUL, or refused with an error that names it and quotes nothing."""
    choice, data = (data[:1] or b"\0")[0], data[1:]
    part = hostile.DOCX_PARTS[choice // len(_MADE) % len(hostile.DOCX_PARTS)]
    match _MADE[choice % len(_MADE)]:
        case "name":
            _read(data, ("upload.docx", "upload.pdf", "upload.txt")[choice % 3])
        case "docx":
            _read(hostile.docx_with(part, data), "upload.docx")
        case "pdf":
            _read(hostile.pdf(data), "upload")
        case "zip":
            _read(b"PK\x03\x04" + data, "upload")
        case _:
            _read(data, "upload")


def messages(data: bytes) -> None:
    """Any FHIR resource, HL7 v2 message or narrative is read into documents or refused with a typed error."""
    choice, data = (data[:1] or b"\0")[0], data[1:]
    match choice % 4:
        case 0:
            _check(lambda: read_fhir(data, "fuzz"), data)
        case 1:
            _check(lambda: read_hl7v2(data, "fuzz"), data)
        case 2:
            shown = data.decode("utf-8", "replace")
            narrative = {"resourceType": "Composition", "section": [{"text": {"div": shown}}]}
            _check(lambda: read_fhir(json.dumps(narrative), "fuzz"), data)
        case _:
            attachment = {"contentType": "text/html", "data": base64.b64encode(data).decode()}
            reference = {"resourceType": "DocumentReference", "content": [{"attachment": attachment}]}
            _check(lambda: read_fhir(json.dumps(reference), "fuzz"), data)


def tables(data: bytes) -> None:
    """Any table or file of lines gives rows, each with its text or why there is none, or one error for the file."""
    choice, data = (data[:1] or b"\0")[0], data[1:]
    kind, suffix = _SOURCES[choice % len(_SOURCES)]
    path = Path(tempfile.gettempdir()) / f"fuzz-{os.getpid()}{suffix}"
    path.write_bytes(data)
    try:
        for row in open_source(path, kind).rows():
            assert (row.content is None) == (row.error is not None), "neither text nor error, or both"
            assert row.error is None or row.error.isidentifier(), "not an error code"
            assert row.content is None or row.id, "a text without an id"
    except ConfigError:
        pass
    finally:
        path.unlink()


def _read(data: bytes, name: str) -> None:
    _check(lambda: readers.documents(data, name), data)


def _check(read: Callable[[], list[Document]], data: bytes) -> None:
    try:
        documents = read()
    except DocumentError as error:
        assert error.__cause__ is None, "the cause may quote the file"
        assert error.__suppress_context__ or error.__context__ is None, "the context may quote the file"
        said = str(error)
    else:
        assert documents, "nothing, and no error"
        for document in documents:
            assert "\0" not in document.text, "a NUL"
            assert document.id, "no id"
        said = repr(documents)
    quoted = data.decode("latin-1")
    assert len(quoted) < 40 or quoted not in said, "the file is quoted"


TARGETS: dict[str, Callable[[bytes], None]] = {
    "letters": letters,
    "files": files,
    "messages": messages,
    "tables": tables,
}

_HL7 = b"MSH|^~\\&|PAS|TRUST|PHENO|LAB|20260102||MDM^T02^MDM_T02|MSG-1|P|2.4\rPID|1||P-0001\r"
_FHIR = {
    "resourceType": "Bundle",
    "entry": [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Binary", "id": "b", "data": "Tm8gcHRvc2lz"}},
        {
            "resource": {
                "resourceType": "DocumentReference",
                "status": "current",
                "content": [{"attachment": {"url": "Binary/b", "contentType": "text/plain; charset=utf-8"}}],
            }
        },
    ],
}
_LINE = {"id": "1", "text": "No ptosis.", "note_id": "1", "note_text": "No ptosis.", "resourceType": "Binary"}


def seeds(target: str) -> Iterator[bytes]:
    """Give sound inputs to begin from."""
    if target == "letters":
        for path in sorted((ROOT / "examples" / "letters").glob("*.txt")):
            text = path.read_bytes()
            yield from (b"\0" + text[at : at + 300] for at in range(0, len(text), 300))
    elif target == "files":
        for number, part in enumerate(hostile.DOCX_PARTS):
            yield bytes([_MADE.index("docx") + number * len(_MADE)]) + hostile.docx_part(part)
        yield bytes([_MADE.index("pdf")]) + b"BT /F 12 Tf 72 720 Td [(No sei) -250 (zures)] TJ T* (Ptosis) ' ET"
        yield bytes([_MADE.index("raw")]) + hostile.pdf(b"BT /F 12 Tf 72 720 Td (No seizures) Tj ET")
        yield bytes([_MADE.index("raw")]) + hostile.docx_with("word/document.xml", hostile.docx_body("<w:p/>"))
        yield bytes([_MADE.index("name")]) + "Caf\u00e9 au lait".encode("utf-16")
    elif target == "messages":
        yield b"\0" + json.dumps(_FHIR).encode()
        yield b"\1" + _HL7 + b"OBX|1|FT|1||No \\T\\ seizures\\.br\\Ptosis~Squint||||||F\r"
        yield b"\1" + _HL7 + b"OBX|1|ED|1||^text^plain^Base64^Tm8gcHRvc2lz||||||F\r"
        yield b"\2<div><h1>Plan</h1><table><tr><td>Ptosis</td><td>no</td></tr></table><pre> a\n b</pre></div>"
        yield b"\3<html><head><style>p{}</style></head><body><p>No&nbsp;ptosis<br>squint</body></html>"
    else:
        yield b"\0" + json.dumps(_LINE).encode() + b"\n"
        yield b'\1id,text,age\n1,"No\nptosis",2\n'
        yield b"\2id\ttext\n1\tptosis\n"
        yield b"\3" + json.dumps(_LINE).encode() + b"\n"
        yield b"\4note_id,note_text\n1,ptosis\n"


WORDS = {
    "letters": (
        "no |not |nil |denies |? |query |r/o |mother |sister's |family history\n|examination\n|plan\n|seizures|"
        "hypotonia|cleft palate|short stature|4th and 5th|metacarpals|fingers|toes|OFC 45 cm|0.4th|centile|2nd-9th|"
        "-3.2 SDS|+2.5SD|kg|(ASD)|ASD|, | and |/|; |normal|NAD|MOUTH: |1. |\u200d|\u0301|\U0001f9ec|\u202e|\r\n|\u2028"
    ),
    "files": (
        "<w:p>|</w:p>|<w:t>|<w:tbl>|<w:tr>|<w:tc>|<w:txbxContent>|<w:del>|<!DOCTYPE |<!ENTITY |&a;|endstream|obj|/Kids|"
        "/Filter /FlateDecode|BT|ET|Tj|TJ|Tf|Td|/XObject|Do|stream|xref|trailer|/Encrypt|/ObjStm|BI|ID|EI|%PDF-"
    ),
    "messages": (
        'MSH|OBX|FT|ED|^|~|\\.br\\|\\X41\\|\\E\\|Base64|Hex|"resourceType"|"Bundle"|"entry"|"contentType"|"data"|'
        '"div"|"section"|<table>|<td>|<pre>|<br>|<!--|&amp;|&#0;|\r|\n|\x0b|\x1c|UNICODE UTF-8|8859/1'
    ),
    "tables": '"id"|"text"|"id": |null|\\ud800|,|"|""|\n|\r\n|\t|id,text\n|note_id,note_text\n|\ufeff|\0',
}
