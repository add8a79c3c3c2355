from __future__ import annotations

import base64
import io
import json
from typing import Any

import docx
import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st

from phenoextract import readers
from phenoextract.errors import DocumentError, DocumentImageOnly, DocumentMalformed, DocumentNotText
from phenoextract.readers.fhir import read_fhir
from phenoextract.readers.narrative import read_narrative

LETTER = "No café au lait patches.\r\nHeight 0.4th centile 🧬\n"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
CANARY = "Ms Canary"


def _data(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _docx(text: str) -> bytes:
    document, out = docx.Document(), io.BytesIO()
    document.add_paragraph(text)
    document.save(out)
    return out.getvalue()


def _attachment(content: bytes, kind: str | None = "text/plain; charset=utf-8") -> dict[str, Any]:
    return {"data": _data(content)} | ({"contentType": kind} if kind else {})


def _reference(*attachments: dict[str, Any], **more: Any) -> dict[str, Any]:
    content = [{"attachment": attachment} for attachment in attachments]
    return {"resourceType": "DocumentReference", "id": "letter-7", "status": "current", "content": content} | more


def _bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": inner} for number, inner in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _binary(content: bytes, kind: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Binary", "contentType": kind, "data": _data(content)} | more


def _div(text: str) -> dict[str, str]:
    return {"status": "additional", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}


def _read(resource: dict[str, Any]) -> list[tuple[str, str]]:
    """Read a resource that is valid R4B, by the public way in."""
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    return [(made.id, made.text) for made in readers.documents(json.dumps(resource).encode(), "upload")]


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [("utf-8", "utf-8"), ("UTF-8", "utf-8"), ("iso-8859-1", "latin-1"), ("utf-16", "utf-16"), (None, "utf-8")],
)
def test_fhir_text_attachment_in_any_character_set(charset: str | None, encoding: str) -> None:
    text = LETTER if encoding.startswith("utf") else LETTER.replace("🧬", "-")
    kind = f"text/plain; charset={charset}" if charset else "text/plain"
    assert _read(_reference(_attachment(text.encode(encoding), kind))) == [("letter-7", text)]


def test_fhir_line_breaks_in_base64_do_not_matter() -> None:
    data = _data(LETTER.encode())
    broken = {"contentType": "text/plain", "data": f"{data[:8]}\r\n {data[8:]}\n"}
    assert readers.documents(json.dumps(_reference(broken)).encode(), "a")[0].text == LETTER


@pytest.mark.parametrize("kind", [WORD, "application/octet-stream", None])
def test_fhir_word_attachment(kind: str | None) -> None:
    assert _read(_reference(_attachment(_docx("No seizures"), kind))) == [("letter-7", "No seizures")]


def test_fhir_html_attachment_is_read_as_a_page_shows_it() -> None:
    page = "<html><head><title>x</title></head><body><p>No&nbsp;fits</p><p>Ptosis</p></body></html>"
    assert _read(_reference(_attachment(page.encode(), "text/html; charset=utf-8"))) == [
        ("letter-7", "No fits\nPtosis")
    ]


def test_fhir_plainest_form_of_a_document_is_read_once() -> None:
    picture = {"contentType": "image/png", "data": _data(b"\x89PNG\r\n\x1a\n\0")}
    forms = [picture, _attachment(_docx("as Word"), WORD), _attachment(b"as text")]
    assert _read(_reference(*forms)) == [("letter-7", "as text")]
    assert _read(_reference(*forms[:2])) == [("letter-7", "as Word")]


@pytest.mark.parametrize("url", ["urn:uuid:1", "Binary/b1"])
def test_fhir_attachment_may_be_a_binary_of_the_bundle(url: str) -> None:
    reference = _reference({"contentType": "text/plain", "url": url})
    assert _read(_bundle(reference, _binary(LETTER.encode(), "text/plain", id="b1"))) == [("letter-7", LETTER)]


def test_fhir_attachment_may_be_contained() -> None:
    reference = _reference({"url": "#b1"}, contained=[_binary(LETTER.encode(), "text/plain", id="b1")])
    assert _read(reference) == [("letter-7", LETTER)]


def test_fhir_bundle_gives_every_letter() -> None:
    patient = {"resourceType": "Patient", "id": "p"}
    nameless = _reference(_attachment(b"second"))
    del nameless["id"]
    bundle = _bundle(patient, _reference(_attachment(b"first")), nameless, _binary(b"third", "text/plain", id="b3"))
    assert _read(bundle) == [("letter-7", "first"), ("upload-2", "second"), ("b3", "third")]


def test_fhir_narrative_counts_only_without_an_attachment() -> None:
    narrative = _div("<p>Ptosis</p>")
    assert _read(_reference({"title": "letter"}, text=narrative)) == [("letter-7", "Ptosis")]
    assert _read(_reference(_attachment(b"No ptosis"), text=narrative)) == [("letter-7", "No ptosis")]
    with pytest.raises(DocumentMalformed, match=r"\$\.content: is elsewhere"):
        _read(_reference({"url": "https://example.org/letter.pdf"}, text=narrative))


def test_fhir_composition_gives_its_sections_in_order() -> None:
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "Outpatient letter"},
        "date": "2026-01-01",
        "author": [{"display": "a clinic"}],
        "title": "Outpatient letter",
        "section": [
            {"title": "Diagnoses", "text": _div("<ul><li>Ptosis</li><li>Squint</li></ul>")},
            {"title": "Examination", "section": [{"title": "Growth", "text": _div("<p>OFC 2nd centile</p>")}]},
        ],
    }
    assert _read(_bundle(composition)) == [
        ("upload-1", "Outpatient letter\nDiagnoses\nPtosis\nSquint\nExamination\nGrowth\nOFC 2nd centile")
    ]


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        ([], "$"),
        ({}, "$.resourceType"),
        ({"resourceType": "Patient"}, "$.resourceType"),
        ({"resourceType": [CANARY]}, "$.resourceType"),
        ({"resourceType": "Bundle"}, "$.entry"),
        ({"resourceType": "Bundle", "entry": CANARY}, "$.entry"),
        ({"resourceType": "Bundle", "entry": [CANARY]}, "$.entry[0]"),
        (_bundle({"resourceType": "Patient"}), "$.entry"),
        (_bundle({}, _reference(docStatus="entered-in-error")), "$.entry[1].resource.docStatus"),
        (_reference(_attachment(b"x"), status="entered-in-error"), "$.status"),
        (_reference(), "$"),
        (_reference({"data": f"{CANARY}!"}), "$.content[0].attachment.data"),
        (_reference({"data": 1}), "$.content[0].attachment.data"),
        (_reference(_attachment("é".encode("latin-1"))), "$.content[0].attachment.data"),
        (_reference(_attachment(b"x", f"text/plain; charset={CANARY}")), "$.content[0].attachment.data"),
        (_reference({"url": "https://example.org"}), "$.content"),
        (_reference(_attachment(b" \n")), "$"),
        (_reference({"contentType": {}, "data": "eA=="}), "$.content[0].attachment.contentType"),
    ],
)
def test_fhir_fault_names_the_element_and_quotes_nothing(resource: Any, place: str) -> None:
    with pytest.raises(DocumentMalformed) as caught:
        readers.documents(json.dumps(resource).encode(), "upload.json")
    assert caught.value.place == place
    assert caught.value.document_id == "upload.json"
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_fhir_attachment_errors_are_those_of_its_format() -> None:
    with pytest.raises(DocumentNotText):
        _read(_reference(_attachment(b"a\0b")))
    with pytest.raises(DocumentImageOnly):
        _read(_reference(_attachment(_blank_pdf(), "application/pdf")))


def _blank_pdf() -> bytes:
    from pypdf import PdfWriter

    writer, out = PdfWriter(), io.BytesIO()
    writer.add_blank_page(100, 100)
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000])
def test_fhir_what_is_not_json(data: bytes) -> None:
    with pytest.raises(DocumentMalformed):
        readers.documents(data, "upload.json")


def test_fhir_sections_nested_too_deeply() -> None:
    section: dict[str, Any] = {}
    for _ in range(400):
        section = {"section": [section]}
    with pytest.raises(DocumentMalformed):
        read_fhir(json.dumps({"resourceType": "Composition", "status": "final"} | section), "a")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["resourceType", "entry", "resource", "content", "attachment", "data", "url", "contentType", "text", "div",
         "section", "title", "contained", "id", "status", "fullUrl"]), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip
KINDS = st.sampled_from(["Bundle", "DocumentReference", "Composition", "Binary", "Patient"])


@given(JSON, KINDS)
def test_fhir_any_json_gives_documents_or_a_typed_error(value: Any, kind: str) -> None:
    resource = value | {"resourceType": kind} if isinstance(value, dict) else value
    try:
        assert all(made.text.strip() for made in read_fhir(json.dumps(resource), "a"))
    except DocumentError as error:
        assert error.document_id


@given(st.binary(max_size=60), st.text(max_size=40))
def test_fhir_any_attachment_gives_a_document_or_a_typed_error(data: bytes, kind: str) -> None:
    try:
        read_fhir(json.dumps(_reference(_attachment(data, kind))), "a")
    except DocumentError as error:
        assert error.document_id in ("a", "letter-7")


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from("<>&!/[]-?;#\"'= pdiv")))
def test_narrative_reads_any_text(markup: str) -> None:
    assert "<script" not in read_narrative(f"<script>{markup.replace('<', '')}</script>")
    read_narrative(markup)


def test_narrative_hides_what_a_page_does_not_show() -> None:
    page = "<div>a<br/>b<style>c</style><script>d</script><table><tr><td>e</td><td>f</td></tr></table>g &lt; h</div>"
    assert read_narrative(page) == "a\nb\ne\tf\ng < h"


def test_narrative_keeps_the_lines_of_preformatted_text() -> None:
    assert read_narrative("<pre>a\n  b</pre>c\n d") == "a\nb\nc d"


def test_narrative_does_not_depend_on_how_the_markup_is_laid_out() -> None:
    page = (
        "<html>\n<head><title>x</title>\n<body>\n <ul>\n  <li>a</li>\n  <li>b <b>c</b></li>\n </ul>\n</body>\n</html>\n"
    )
    assert read_narrative(page) == read_narrative("<ul><li>a</li><li>b <b>c</b></li></ul>") == "a\nb c"


@pytest.mark.parametrize("markup", ["", " ", "<!-- nothing -->", "<p>", "<!--" * 50_000, "<p>" * 50_000])
def test_narrative_without_text_is_empty(markup: str) -> None:
    assert read_narrative(markup) == ""


def test_narrative_nested_so_deeply_that_text_would_be_lost_is_refused() -> None:
    composition = {"resourceType": "Composition", "status": "final", "text": _div("<div>" * 3000 + CANARY)}
    with pytest.raises(DocumentMalformed, match="nested too deeply") as caught:
        read_fhir(json.dumps(composition), "a")
    assert caught.value.place == "$.text"
