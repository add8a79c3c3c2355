from __future__ import annotations

import io
import logging
import zipfile
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

from phenoextract import readers
from phenoextract.errors import (
    DocumentEncrypted,
    DocumentError,
    DocumentImageOnly,
    DocumentNotText,
    DocumentTooLong,
    DocumentUnreadable,
)

LETTER = "No café au lait patches – “tone” normal.\r\nHeight 0.4th centile.\n"
IMAGE = b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>"


def _pdf(*pages: str | None) -> bytes:
    """Write a PDF by hand: a page for each text, or a page that is a picture for None."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (len(pages), b" ".join(b"%d 0 R" % (5 + 2 * number) for number in range(len(pages)))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        IMAGE + b"\nstream\n\x80\nendstream",
    ]
    for number, text in enumerate(pages):
        resources = b"/XObject << /I 4 0 R >>" if text is None else b"/Font << /F 3 0 R >>"
        content = b"/I Do" if text is None else b"BT /F 12 Tf 72 720 Td (%s) Tj ET" % text.encode("cp1252")
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << %s >> /Contents %d 0 R >>"
            % (resources, 6 + 2 * number),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (len(objects) + 1, table, trailer)


def _locked_pdf(password: str, algorithm: str) -> bytes:
    writer = PdfWriter(clone_from=io.BytesIO(_pdf("Seizures since age 2")))
    writer.encrypt(password, "owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _docx(document: docx.document.Document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"], ids=lambda name: name
)
def test_readers_text_keeps_every_character_and_line_end(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "letter.txt"
    path.write_bytes(LETTER.encode(encoding))
    document = readers.read(path)
    assert document.id == "letter.txt"
    assert document.text == LETTER


def test_readers_text_latin_1_where_windows_has_no_character() -> None:
    assert readers.from_bytes(b"caf\xe9 \x81 " + b"x" * 200, "a").text == "café \x81 " + "x" * 200


@pytest.mark.parametrize("text", ["", " \n\t ", "שלום seizures مرحبا", "seizures 🧬👩‍⚕️ and ptosis"])
def test_readers_text_of_any_script(text: str) -> None:
    assert readers.from_bytes(text.encode(), "a").text == text


@given(st.text(st.characters(exclude_categories=(), exclude_characters="\0\ufeff")))
def test_readers_text_round_trips_with_lone_surrogates(text: str) -> None:
    data = b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass")
    assert readers.from_bytes(data, "a").text == text


@given(st.binary(max_size=200))
def test_readers_any_bytes_give_a_document_or_a_typed_error(data: bytes) -> None:
    try:
        assert "\0" not in readers.from_bytes(data, "a").text
    except DocumentError as error:
        assert error.document_id == "a"


@pytest.mark.parametrize(
    "data",
    [
        b"Dear Dr\0 seizures",
        b"\0\0\0\0",
        "seizures\0 ptosis".encode("utf-16"),
        b"\xff\xfe\x00",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        bytes(range(1, 256)) * 4,
    ],
)
def test_readers_text_refuses_binary(data: bytes) -> None:
    with pytest.raises(DocumentNotText):
        readers.from_bytes(data, "letter.txt")


def test_readers_docx_gives_paragraphs_and_tables_in_order() -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Page header"
    document.sections[0].footer.paragraphs[0].text = "Page footer"
    first = document.add_paragraph("No")
    first.add_run(" ")
    first.add_run("seizures\tor\nhypotonia").bold = True
    table = document.add_table(rows=2, cols=3)
    for row, values in zip(table.rows, [("Height", "92 cm", "0.4th"), ("OFC", "45 cm", "2nd")], strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    table.cell(1, 1).merge(table.cell(1, 2))
    document.add_paragraph("Plan")
    text = readers.from_bytes(_docx(document), "letter.docx").text
    assert text == "No seizures\tor\nhypotonia\nHeight\t92 cm\t0.4th\nOFC\t45 cm\n2nd\nPlan"


def test_readers_docx_reads_controls_boxes_and_insertions_but_not_deletions() -> None:
    document = docx.Document()
    namespaces = nsdecls("w")
    box = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
    for xml in (
        f"<w:sdt {namespaces}><w:sdtContent><w:p><w:r><w:t>control</w:t></w:r></w:p></w:sdtContent></w:sdt>",
        f"<w:p {namespaces}><w:r><w:t>kept </w:t></w:r><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins>"
        f"<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        f"<w:moveFrom><w:r><w:t>moved away</w:t></w:r></w:moveFrom></w:p>",
        f'<w:p {namespaces} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:r>'
        f"<w:t>around</w:t><mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
        f"</mc:AlternateContent></w:r></w:p>",
    ):
        document.element.body.insert_element_before(parse_xml(xml), "w:sectPr")
    text = readers.from_bytes(_docx(document), "letter.docx").text
    assert text == "control\nkept inserted\naround\nboxed"


def _zip(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 cut short",
        b"plain text in disguise",
        _zip(("other.xml", b"<a/>")),
        _docx(docx.Document())[:-200],
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old .doc",
    ],
    ids=["empty", "cut", "text", "zip", "truncated", "doc"],
)
def test_readers_docx_that_is_damaged(data: bytes) -> None:
    with pytest.raises(DocumentUnreadable):
        readers.from_bytes(data, "letter.docx")


def test_readers_docx_that_unpacks_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phenoextract.readers.docx.MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(DocumentTooLong):
        readers.from_bytes(_docx(docx.Document()), "letter.docx")


def test_readers_docx_with_a_password() -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(DocumentEncrypted):
        readers.from_bytes(data, "letter.docx")


def test_readers_pdf_gives_pages_in_order() -> None:
    assert readers.from_bytes(_pdf("No seizures", "", "Café au lait"), "a.pdf").text == "No seizures\n\nCafé au lait"


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_readers_pdf_locked_against_change_only_is_read(algorithm: str) -> None:
    assert readers.from_bytes(_locked_pdf("", algorithm), "a.pdf").text == "Seizures since age 2"


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_readers_pdf_with_a_password(algorithm: str) -> None:
    with pytest.raises(DocumentEncrypted):
        readers.from_bytes(_locked_pdf("secret", algorithm), "a.pdf")


@pytest.mark.parametrize("pages", [(None,), ("",), ("Seizures", None)], ids=["scan", "blank", "scanned second page"])
def test_readers_pdf_of_pictures(pages: tuple[str | None, ...]) -> None:
    with pytest.raises(DocumentImageOnly):
        readers.from_bytes(_pdf(*pages), "a.pdf")


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.4\n%%EOF",
        b"%PDF-1.4\ncanary" + b"\0" * 50,
        _pdf("Seizures")[:300],
        b"not a PDF",
        _pdf("Seizures").replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]"),
    ],
    ids=["empty", "noise", "truncated", "text", "loop"],
)
def test_readers_pdf_that_is_damaged(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DocumentUnreadable):
        readers.from_bytes(data, "a.pdf")
    assert caplog.text == ""


def test_readers_rtf_is_not_taken_for_text() -> None:
    with pytest.raises(DocumentUnreadable):
        readers.from_bytes(rb"{\rtf1\ansi Seizures}", "letter.txt")


def test_readers_folder_and_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.txt", Path()):
        with pytest.raises(DocumentUnreadable) as caught:
            readers.read(path)
        assert caught.value.document_id


def test_readers_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phenoextract.readers.MAX_BYTES", 10)
    (tmp_path / "long.txt").write_text("x" * 11)
    with pytest.raises(DocumentTooLong):
        readers.read(tmp_path / "long.txt")
