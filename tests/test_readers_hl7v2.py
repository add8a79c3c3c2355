from __future__ import annotations

import base64
import io
import logging
import pickle
import time

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoextract import readers
from phenoextract.errors import DocumentError, DocumentMalformed, DocumentNotText, DocumentUnreadable

CANARY = "Ms Canary"


def _message(*segments: str, kind: str = "MDM^T02^MDM_T02", charset: str = "", control_id: str = "MSG-1") -> str:
    header = f"MSH|^~\\&|PAS|TRUST|PHENO|LAB|20260102||{kind}|{control_id}|P|2.4||||||{charset}"
    return "\r".join([header, "PID|1||P-0001", *segments]) + "\r"


def _text(value: str, *, kind: str = "TX", status: str = "F") -> str:
    return f"OBX|1|{kind}|11488-4^Consultation note^LN||{value}||||||{status}"


def _read(message: str | bytes, encoding: str = "utf-8") -> list[tuple[str, str]]:
    data = message if isinstance(message, bytes) else message.encode(encoding)
    return [(made.id, made.text) for made in readers.documents(data, "upload")]


@pytest.mark.parametrize("kind", ["MDM^T02^MDM_T02", "ORU^R01", "ORU^R01^ORU_R01", "REF^I12^REF_I12", "MDM"])
def test_hl7v2_text_of_every_kind_of_message(kind: str) -> None:
    message = _message("TXA|1|CN|TX", _text("No seizures."), _text("Ptosis~Squint"), kind=kind)
    assert _read(message) == [("MSG-1", "No seizures.\nPtosis\nSquint")]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_hl7v2_segments_end_as_they_may(end: str) -> None:
    message = _message(_text("No seizures."), _text("Ptosis")).replace("\r", end)
    assert _read(message) == [("MSG-1", "No seizures.\nPtosis")]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("inside", ["\r", "\n", "\r\n"])
def test_hl7v2_line_break_inside_a_field_loses_nothing(end: str, inside: str) -> None:
    lines = ["Diagnoses", "1. Ptosis", "", "AND squint", "ASD: query", "GDD", "OFC 2nd centile"]
    message = end.join(_message(_text(inside.join(lines)), _text("Plan")).split("\rOBX"))
    message = message.replace(f"{end}|1|", f"{end}OBX|1|")
    assert _read(message) == [("MSG-1", "\n".join([*lines, "Plan"]))]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"Guy\T\s \S\ \F\ \R\ \E\ ", "Guy&s ^ | ~ \\ "),
        (r"a\.br\b\.sp\c\.sp2\d\.sp+2\e\.ce\f", "a\nb\nc\n\nd\n\ne\nf"),
        (r"\.fi\a\.in+4\b\.ti-2\c\.nf\\.sk3\d", "abc   d"),
        (r"\H\Ptosis\N\ noted", "Ptosis noted"),
        (r"caf\XC3A9\ \XE9\ \X0D0A\end", "café é \r\nend"),
        (r"C:\letters and \Zzz\ and \unknown\ stay", r"C:\letters and \Zzz\ and \unknown\ stay"),
        ("a & b ^ c", "a & b ^ c"),
    ],
)
def test_hl7v2_escapes(written: str, meant: str) -> None:
    assert _read(_message(_text(written, kind="FT"))) == [("MSG-1", meant)]


def test_hl7v2_separators_are_those_of_the_message() -> None:
    message = "MSH#*!$%#A#B#C#D#2026##MDM*T02#M#P#2.4\rOBX#1#TX#1##a $T$ b!c $F$ | d ^ e######F\r"
    made = readers.documents(message.encode(), "upload.hl7")
    assert [(one.id, one.text) for one in made] == [("M", "a % b\nc # | d ^ e")]


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("", "utf-8"), ("", "cp1252"), ("UNICODE UTF-8", "utf-8"), ("8859/1", "latin-1"), ("8859/15", "iso8859-15"),
        ("UNICODE UTF-8~8859/1", "utf-8"),
    ],
)  # fmt: skip
def test_hl7v2_character_set_is_that_of_the_header(charset: str, encoding: str) -> None:
    assert _read(_message(_text("café au lait"), charset=charset), encoding) == [("MSG-1", "café au lait")]


def test_hl7v2_framing_and_several_messages() -> None:
    framed = [f"\x0b{_message(_text(text), control_id=text)}\x1c\r" for text in ("one", "two")]
    assert _read("".join(framed)) == [("one", "one"), ("two", "two")]
    batch = ["FHS|^~\\&|A\r", "BHS|^~\\&|A\r", *(_message(_text(t), control_id=t) for t in "ab"), "BTS|2\rFTS|1\r"]
    assert _read("".join(batch)) == [("a", "a"), ("b", "b")]


def test_hl7v2_encapsulated_files_are_documents_of_their_own() -> None:
    word, out = docx.Document(), io.BytesIO()
    word.add_paragraph("No seizures")
    word.save(out)
    data = base64.b64encode(out.getvalue()).decode()
    file = _text(rf"TRUST^Application^docx^Base64^{data[:40]}\.br\{data[40:]}", kind="ED")
    plain = _text(r"^TEXT^^A^Ptosis \T\ squint ^ more", kind="ED")
    hexed = _text("^TEXT^^Hex^507461", kind="ED")
    assert _read(_message(file)) == [("MSG-1", "No seizures")]
    assert _read(_message(_text("Letter attached"), file, plain, hexed)) == [
        ("MSG-1", "Letter attached"),
        ("MSG-1-2", "No seizures"),
        ("MSG-1-3", "Ptosis & squint ^ more"),
        ("MSG-1-4", "Pta"),
    ]


def test_hl7v2_what_the_sender_withdrew_is_left_out() -> None:
    message = _message(_text("Ptosis", status="W"), _text("Squint", status="D"), _text("No ptosis", status="C"))
    assert _read(message) == [("MSG-1", "No ptosis")]


def test_hl7v2_message_without_a_control_id_has_the_name_of_the_file() -> None:
    assert _read(_message(_text("x"), control_id="")) == [("upload", "x")]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("", "MSH"),
        (CANARY, "MSH"),
        ("MSH", "MSH-1"),
        ("MSH|", "MSH-9"),
        (_message(_text(CANARY), kind="ADT^A01"), "MSH-9"),
        (_message(_text(CANARY), charset="GB 18030-2000"), "MSH-18"),
        (_message(_text("café"), charset="ASCII"), "MSH-18"),
        (_message(), "OBX"),
        (_message("OBX|1|TX"), "OBX"),
        (_message(_text(CANARY, status="W")), "OBX"),
        (_message(_text(" ~ ")), "OBX"),
        (_message(f"OBX|1|NM|1||{CANARY}"), "OBX"),
        (_message(_text("x"), _text(f"^A^B^Base64^{CANARY}!", kind="ED")), "OBX[2]-5"),
        (_message(_text(f"^A^B^Hex^{CANARY}", kind="ED")), "OBX[1]-5"),
        (_message(_text(CANARY, kind="ED")), "OBX[1]-5"),
        (_message(_text(f"^A^B^Quoted^{CANARY}", kind="ED")), "OBX[1]-5"),
    ],
)
def test_hl7v2_fault_names_the_field_and_quotes_nothing(
    message: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DocumentMalformed) as caught:
        readers.documents(message.encode(), "upload.hl7")
    assert caught.value.place == place
    assert CANARY not in str(caught.value) + caplog.text
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  as worker processes hand errors back
    assert (str(again), again.document_id) == (str(caught.value), caught.value.document_id)


def test_hl7v2_errors_of_a_file_are_those_of_its_format() -> None:
    with pytest.raises(DocumentUnreadable):
        _read(_message(_text("^Application^msword^Base64^0M8R4KGxGuE=", kind="ED")))
    with pytest.raises(DocumentNotText):
        _read(_message(_text(r"a\X00\b")))


ODD = st.text(st.sampled_from("MSHOBXEDTF|^~\\&.brX0\r\n\x0b\x1c 1é") | st.characters(), max_size=80)


@given(st.binary(max_size=200))
def test_hl7v2_any_bytes_give_documents_or_a_typed_error(data: bytes) -> None:
    for start in (b"MSH", b"MSH|^~\\&|A|B|C|D|2026||MDM^T02|M|P|2.4\rOBX|1|TX|||"):
        try:
            readers.documents(start + data, "upload.hl7")
        except DocumentError as error:
            assert error.document_id


@given(ODD, st.sampled_from(["TX", "FT", "ED"]))
def test_hl7v2_any_field_gives_documents_or_a_typed_error(text: str, kind: str) -> None:
    try:
        assert all("\0" not in made.text for made in readers.documents(
            _message(_text(text, kind=kind)).encode("utf-8", "replace"), "upload.hl7"))  # fmt: skip
    except DocumentError as error:
        assert error.document_id


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip))
def test_hl7v2_any_text_survives_escaping(text: str) -> None:
    escaped = text.replace("\\", "\\E\\")
    for sign, letter in zip("|^~&", "FSRT", strict=True):
        escaped = escaped.replace(sign, f"\\{letter}\\")
    assert _read(_message(_text(escaped), charset="UNICODE UTF-8")) == [("MSG-1", text)]


@pytest.mark.parametrize("filler", ["\n", "\r\n", "~", "\\", "\\X41\\", "\nABC", "\x0b"])
def test_hl7v2_long_and_odd_messages_take_time_in_proportion(filler: str) -> None:
    message = _message(_text("Ptosis" + filler * 200_000))
    started = time.process_time()
    readers.documents(message.encode(), "upload.hl7")
    assert time.process_time() - started < 5
