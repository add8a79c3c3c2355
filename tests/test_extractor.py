"""The whole extractor on the toy ontology: golden reports, any text, large texts."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoextract import Document, ExtractConfig, Extractor
from phenoextract.errors import DocumentTooLong
from phenoextract.formats import json
from phenoextract.index import Index
from phenoextract.types import Provenance, Report, Status

NOTES = sorted((Path(__file__).parent / "golden" / "notes").glob("*.txt"))
NOTHING = Provenance("0", "2000-01-01", "0" * 64, "0" * 64, "0" * 64, "0" * 64, None)
PIECES = [
    *"seizures,ptosis,axial and appendicular hypotonia,short 4th and 5th metacarpals,ASD,anaemia".split(","),
    *["cleft palate (CP)", "CP", "scoliossis", "sco1iosis", "OFC 45 cm (<0.4th)", "no ", "? ", ": nil", " or ", ", "],
    *["his mother has ", "If he has ", "Dear Dr Green,\n", "\n\nPlan\n", "Family history: ", "\n- ", "\r\n", "\n\n"],
    *[". ", "\t", "\u00a0", "\u200b", "e\u0301", "ﬁ", "😀", "\ud83d", "שלום", "\u202e", "\x00", "new paragraph "],
]
ANY_TEXT = st.lists(st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=()), max_size=5), max_size=30)
LETTER = NOTES[0].read_bytes().decode()


def said(report: Report, shift: int = 0) -> list[object]:
    """Give everything of a report's annotations, moved to the left."""
    return [
        found._replace(
            start=found.start - shift,
            end=found.end - shift,
            spans=tuple((span.start - shift, span.end - shift) for span in found.spans),  # type: ignore[misc]
            cues=tuple(replace(cue, start=cue.start - shift, end=cue.end - shift) for cue in found.cues),
        )
        for found in report.annotations
    ]


@pytest.mark.parametrize("note", NOTES, ids=lambda path: path.stem)
def test_extractor_reports_as_reviewed(
    toy_extractor: Extractor, golden: Callable[[str, str], None], note: Path
) -> None:
    report = toy_extractor(Document(note.stem, note.read_bytes().decode()))
    golden(f"notes/{note.stem}.json", json.render(replace(report, provenance=NOTHING), indent=1) + "\n")


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT.map("".join))
def test_extractor_offsets_are_exact_in_any_text(toy_extractor: Extractor, text: str) -> None:
    report = toy_extractor(text)
    for found in report.annotations:
        assert " … ".join(text[span.start : span.end] for span in found.spans) == found.text
        assert (found.start, found.end) == (found.spans[0].start, max(span.end for span in found.spans))
        assert found.end <= len(text)
        assert all(text[cue.start : cue.end].strip() == cue.text for cue in found.cues)
        assert found.hpo_id is None or toy_extractor.ontology.is_phenotype(found.hpo_id)
        assert (found.hpo_id is None) == (not found.candidates)
    proposed = [place for feature in report.features for place in feature.evidence]
    coded = [place for place, found in enumerate(report.annotations) if found.not_coded is None]
    assert sorted(proposed) == coded, "each annotation that is coded is the evidence of one feature"
    assert len({(feature.hpo_id, feature.status) for feature in report.features}) == len(report.features)
    assert all(feature.needs_review for feature in report.features if feature.status is Status.UNCERTAIN)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["\n", "\r\n", " \n", "\n\t\n"]), st.integers(0, 30))
def test_extractor_shifts_with_blank_lines_before_the_text(toy_extractor: Extractor, blank: str, count: int) -> None:
    before = blank * count
    assert said(toy_extractor(before + LETTER), len(before)) == said(toy_extractor(LETTER), 0)


@pytest.mark.parametrize(
    "before", ["She was seen today.\n\n", "😀😀.\n\n", "e\u0301" * 30 + ".\n\n", "The weather was fine.\n\n"]
)
def test_extractor_shifts_with_a_paragraph_before_a_note(toy_extractor: Extractor, before: str) -> None:
    note = "He has hypotonia, no seizures, ?ptosis and axial and appendicular hypotonia."
    assert said(toy_extractor(before + note), len(before)) == said(toy_extractor(note), 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(ANY_TEXT.map("".join), max_size=6), st.integers(1, 5), st.randoms(use_true_random=False))
def test_extractor_gives_the_same_in_any_batch_and_order(
    toy_extractor: Extractor, texts: list[str], size: int, random: object
) -> None:
    documents = [Document(str(number), text) for number, text in enumerate(texts)]
    alone = {document.id: toy_extractor(document) for document in documents}
    shuffled = documents[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert list(toy_extractor.pipe(shuffled, batch_size=size)) == [alone[document.id] for document in shuffled]


def test_extractor_remembers_nothing_of_the_texts_before(toy_index: Index, toy_extractor: Extractor) -> None:
    toy_extractor("Acme syndrome (ASD). His mother has ptosis. Hypotonai.")
    assert toy_extractor(LETTER) == Extractor(toy_index)(LETTER)


@pytest.mark.parametrize("collecting", [True, False])
def test_extractor_leaves_the_garbage_collector_as_it_was(
    toy_extractor: Extractor, collecting: bool, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(gc.enable)
    (gc.enable if collecting else gc.disable)()
    toy_extractor("She has ptosis.")
    assert gc.isenabled() is collecting
    with pytest.raises(DocumentTooLong):
        toy_extractor("ptosis " * 1_000_000)
    assert gc.isenabled() is collecting


@pytest.mark.parametrize("text", ["", " \r\n\t ", "\x00", "\ud800\udc00", "." * 9, "😀", "שלום", "\n" * 99, "(", "?"])
def test_extractor_finds_nothing_where_nothing_is_said(toy_extractor: Extractor, text: str) -> None:
    report = toy_extractor(text)
    assert (report.features, report.annotations) == ((), ())


@pytest.mark.parametrize("unit", ["\n- ptosis", "word ", "x", "\n", "? ", "\ud800 e\u0301 "])
def test_extractor_reads_a_large_text(toy_index: Index, unit: str) -> None:
    text = unit * (100_000 // len(unit))
    report = Extractor(toy_index)(text)
    assert all(text[span.start : span.end] for found in report.annotations for span in found.spans)


def test_extractor_refuses_ten_megabytes_by_its_id_alone(toy_extractor: Extractor) -> None:
    text = "Zaphod has ptosis. " * (10_000_000 // 19 + 1)
    with pytest.raises(DocumentTooLong) as raised:
        toy_extractor(Document("letter-7", text))
    assert "letter-7" in str(raised.value)
    assert "Zaphod" not in f"{raised.value} {raised.value!r} {Document('letter-7', text)!r}"


def test_extractor_takes_a_text_of_exactly_the_limit(toy_index: Index) -> None:
    small = Extractor(toy_index, ExtractConfig(max_chars=6))
    assert small("ptosis").features
    with pytest.raises(DocumentTooLong):
        small("ptosis.")


def test_extractor_never_codes_what_is_no_phenotype(toy_extractor: Extractor) -> None:
    assert (
        toy_extractor("All children. Severe form, refractory. Phenotypic abnormality. Clinical modifier.").features
        == ()
    )


def test_extractor_keeps_a_contradiction_and_marks_it(toy_extractor: Extractor) -> None:
    found = toy_extractor("He has ptosis. On examination there is no ptosis. His mother has ptosis.").features
    assert {(feature.status, feature.needs_review) for feature in found} == {
        (Status.PRESENT, True),
        (Status.ABSENT, True),
        (Status.FAMILY, False),
    }
