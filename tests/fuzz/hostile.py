"""Files of letters made by hand, so that any part of them can be hostile; none of a real person."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from functools import cache

import docx

from phenoextract.readers.docx import MAX_MARKUP_BYTES

DOCX_PARTS = (
    "word/document.xml",
    "[Content_Types].xml",
    "_rels/.rels",
    "word/_rels/document.xml.rels",
    "word/styles.xml",
)
_OFFICE = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONSHIPS = (
    b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>'
)
_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx_with(part: str, content: bytes) -> bytes:
    """Give a Word file of which one part is replaced."""
    return packed({**_docx_parts(), part: content})


def docx_body(body: str) -> bytes:
    """Give the main part of a Word file with this WordprocessingML in its body."""
    return f"<w:document {_WORD}><w:body>{body}</w:body></w:document>".encode()


def packed(members: dict[str, bytes]) -> bytes:
    """Give a zip archive of the members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 1)
    return out.getvalue()


def pdf(content: bytes, *more: bytes, stream: bytes = b"", page: bytes = b"", resources: bytes = b"") -> bytes:
    """Give a PDF of one page with this content stream; objects given beside it are numbered from 6.

    `stream`, `page` and `resources` are further entries of those dictionaries.
    """
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> "
        + resources
        + b" >> "
        + page
        + b" >>",
        b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), stream, content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        *more,
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return bytes(out) + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (len(objects) + 1, table, trailer)


def docx_part(name: str) -> bytes:
    """Give a part of the sound Word file."""
    return _docx_parts()[name]


@cache
def _docx_parts() -> dict[str, bytes]:
    """Give a sound Word file without the pictures and themes that python-docx puts into a new one."""
    document, out = docx.Document(), io.BytesIO()
    document.add_paragraph("No seizures. ?Ptosis.")
    document.add_table(rows=1, cols=2).cell(0, 0).text = "OFC 45 cm (<0.4th)"
    document.save(out)
    with zipfile.ZipFile(out) as archive:
        parts = {name: archive.read(name) for name in DOCX_PARTS}
    parts["word/_rels/document.xml.rels"] = (
        _RELATIONSHIPS
        % b'<Relationship Id="rId1" Type="%s/styles" %s/>'
        % (
            _OFFICE,
            b'Target="styles.xml"',
        )
    )
    parts["_rels/.rels"] = (
        _RELATIONSHIPS
        % b'<Relationship Id="rId1" Type="%s/officeDocument" %s/>'
        % (
            _OFFICE,
            b'Target="word/document.xml"',
        )
    )
    parts["word/styles.xml"] = b'<w:styles %s><w:style w:styleId="a" w:type="paragraph"/></w:styles>' % _WORD.encode()
    return parts


def zip_bomb() -> bytes:
    """Give a Word file of some kilobytes whose main part unpacks to 300 MB of empty paragraphs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _docx_parts().items():
            if name != "word/document.xml":
                archive.writestr(name, content)
        with archive.open("word/document.xml", "w") as part:
            before, after = docx_body("|").split(b"|")
            part.write(before)
            for _ in range(30):
                part.write(b"<w:p/>" * 1_700_000)
            part.write(after)
    return out.getvalue()


def lying_zip_bomb() -> bytes:
    """Give the same with headers that say that it is small."""
    bomb = bytearray(zip_bomb())
    with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
        true = archive.getinfo("word/document.xml").file_size.to_bytes(4, "little")
    return bytes(bomb).replace(true, (1000).to_bytes(4, "little"))


def markup_at_the_limit() -> bytes:
    """Give a Word file whose main part is as long as may be, all of the smallest elements."""
    return docx_with("word/document.xml", docx_body("<w:p/>" * ((MAX_MARKUP_BYTES - 10_000) // 6)))


def billion_laughs() -> bytes:
    """Give a Word file whose entities stand for 10 to the power of 9 words, and for a file and an address."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    outside = '<!ENTITY f SYSTEM "file:///etc/hostname"><!ENTITY h SYSTEM "http://127.0.0.1:9/x">'
    body = docx_body("<w:p><w:r><w:t>&l9;&f;&h;</w:t></w:r></w:p>").decode()
    return docx_with("word/document.xml", f'<!DOCTYPE d [<!ENTITY l0 "ha">{entities}{outside}]>{body}'.encode())


def deep_docx() -> bytes:
    """Give a Word file with elements a hundred thousand deep."""
    depth = 100_000
    return docx_with("word/document.xml", docx_body("<w:p>" * depth + "</w:p>" * depth))


def slipping_zip(outside: str) -> bytes:
    """Give a Word file with members and relationships that lead out of it, to a path that must not come into being."""
    relationships = _RELATIONSHIPS % (
        b'<Relationship Id="rId1" Type="%s/styles" Target="../../../../%s"/>' % (_OFFICE, outside.encode())
        + b'<Relationship Id="rId2" Type="%s/image" Target="http://127.0.0.1:9/x" TargetMode="External"/>' % _OFFICE
    )
    return packed(
        {
            **_docx_parts(),
            "word/_rels/document.xml.rels": relationships,
            f"../../../../{outside}": b"slipped",
            f"/{outside}": b"slipped",
        }
    )


def pdf_bomb() -> bytes:
    """Give a PDF whose content is compressed thrice and unpacks to 100 MB."""
    content = zlib.compress(zlib.compress(_squeezed(100_000_000)))
    return pdf(content, stream=b"/Filter [/FlateDecode /FlateDecode /FlateDecode]")


def pdf_of_nested_forms() -> bytes:
    """Give a PDF in which ten forms each show ten more, ten deep."""
    forms = []
    for number in range(6, 16):
        below = b"/XObject << /X %d 0 R >>" % (number + 1) if number < 15 else b""
        content = b"/X Do " * 10 if below else b"BT (ha) Tj ET"
        forms.append(
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /Font << /F 5 0 R >> %s >> /Length %d >>\n"
            b"stream\n%s\nendstream" % (below, len(content), content)
        )
    return pdf(b"/X Do " * 10, *forms, resources=b"/XObject << /X 6 0 R >>")


def pdf_of_one_page_again_and_again() -> bytes:
    """Give a PDF whose tree names its one page a hundred thousand times."""
    tree = b"<< /Type /Pages /Count 99999 /Kids [%s] >>" % (b"3 0 R " * 99_999)
    return pdf(b"BT /F 12 Tf (ha) Tj ET" * 1000).replace(b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>", tree)


def pdf_of_operators() -> bytes:
    """Give a PDF with a page of two million operators."""
    return pdf(zlib.compress(b"q Q " * 1_000_000), stream=b"/Filter /FlateDecode")


def deep_json() -> bytes:
    """Give a FHIR resource nested a hundred thousand deep."""
    return b'{"resourceType":"Composition","section":' + b'[{"section":' * 100_000 + b"1" + b"}]" * 100_000 + b"}"


def deep_html() -> bytes:
    """Give a FHIR resource whose narrative is nested a hundred thousand deep."""
    div = "<div>" * 100_000 + "ha" + "</div>" * 100_000
    return json.dumps({"resourceType": "Composition", "section": [{"text": {"div": div}}]}).encode()


def long_html() -> bytes:
    """Give a FHIR resource whose narrative is forty million bytes of line breaks."""
    return json.dumps({"resourceType": "Composition", "section": [{"text": {"div": "<br>" * 10_000_000}}]}).encode()


def hl7v2_of_escapes() -> bytes:
    """Give an HL7 v2 message of a million broken escapes."""
    return b"MSH|^~\\&|A|B|C|D|2026||MDM^T02|1|P|2.4\rOBX|1|FT|1||" + b"\\X4" * 1_000_000 + b"||||||F\r"


def _squeezed(size: int) -> bytes:
    packer, block = zlib.compressobj(9), b" " * 1_000_000
    return b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()
