"""The whole extractor, on the real index."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenoextract import Document, ExtractConfig, Extractor, load
from phenoextract.errors import ConfigError, DocumentTooLong
from phenoextract.index import load_index
from phenoextract.types import Report, Span, Status

pytestmark = pytest.mark.artefacts
LETTER = """Dear Dr Green

Diagnosis: global developmental delay

Examination
OFC 45 cm (<0.4th centile). He has hypotonia and short 4th and 5th metacarpals, but no seizures.

Family history
His mother has ptosis.
"""
PIECES = [
    "hypotonia",
    "no ",
    "?",
    "seizures",
    "his mother has ",
    "\n\n",
    "\t",
    "é",
    "e\u0301",
    "😀",
    "\ud800",
    "שלום",
    "\x00",
]
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def real(real_extractor: Extractor) -> Extractor:
    return real_extractor


@pytest.fixture(scope="module")
def nested_real() -> Extractor:
    return load(config=ExtractConfig(nested=True))


def statuses(report: Report) -> set[tuple[str, Status]]:
    return {(feature.label, feature.status) for feature in report.features}


def test_pipeline_codes_a_letter_with_every_status_and_cue(real: Extractor) -> None:
    report = real(LETTER)
    assert statuses(report) == {
        ("Global developmental delay", Status.PRESENT),
        ("Microcephaly", Status.PRESENT),
        ("Hypotonia", Status.PRESENT),
        ("Short 4th metacarpal", Status.PRESENT),
        ("Short 5th metacarpal", Status.PRESENT),
        ("Seizure", Status.ABSENT),
        ("Ptosis", Status.FAMILY),
    }
    cues = {annotation.label: [cue.text for cue in annotation.cues] for annotation in report.annotations}
    assert (cues["Seizure"], cues["Ptosis"]) == (["no"], ["mother"])


def test_pipeline_says_what_made_an_answer(real: Extractor) -> None:
    provenance = real("").provenance
    assert provenance.hpo_release == real.ontology.release
    other = Extractor(load_index(), ExtractConfig(nested=True)).provenance
    assert other.config_sha256 != provenance.config_sha256
    assert other.index_sha256 == provenance.index_sha256


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00", "\ud800", "😀" * 1000, "שלום", "...", "?" * 500])
def test_pipeline_finds_nothing_where_there_is_nothing(real: Extractor, text: str) -> None:
    assert real(text).annotations == ()


def test_pipeline_refuses_a_text_over_the_limit_without_quoting_it() -> None:
    small = Extractor(load_index(), ExtractConfig(max_chars=20))
    with pytest.raises(DocumentTooLong) as raised:
        small(Document("letter-7", "Zaphod has hypotonia and seizures"))
    assert "letter-7" in str(raised.value)
    assert "Zaphod" not in f"{raised.value!r} {raised.value}"


def test_pipeline_refuses_settings_that_cannot_be() -> None:
    for wrong in ({"max_chars": 0}, {"review_below": 1.5}):
        with pytest.raises(ConfigError):
            ExtractConfig(**wrong)


@SLOW
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=20).map("".join))
def test_pipeline_offsets_are_exact_in_any_text(real: Extractor, text: str) -> None:
    for annotation in real(text).annotations:
        pieces = [text[span.start : span.end] for span in annotation.spans]
        assert " … ".join(pieces) == annotation.text
        assert (annotation.start, annotation.end) == (annotation.spans[0].start, annotation.spans[-1].end)
        for cue in annotation.cues:
            assert text[cue.start : cue.end].strip() == cue.text


@SLOW
@given(st.integers(min_value=0, max_value=40))
def test_pipeline_shifts_with_blank_lines_before_the_text(real: Extractor, blanks: int) -> None:
    plain, shifted = real("He has hypotonia, no seizures."), real("\n" * blanks + "He has hypotonia, no seizures.")
    assert [(a.start + blanks, a.hpo_id, a.status) for a in plain.annotations] == [
        (a.start, a.hpo_id, a.status) for a in shifted.annotations
    ]


def test_pipeline_gives_the_same_in_any_batch_and_order(real: Extractor) -> None:
    documents = [Document(str(n), text) for n, text in enumerate([LETTER, "No ataxia.", "", "Seizures?", LETTER[:90]])]
    one_by_one = [real(document) for document in documents]
    assert list(real.pipe(documents, batch_size=2)) == one_by_one
    assert list(real.pipe(reversed(documents)))[::-1] == one_by_one


def test_pipeline_reads_no_further_than_the_longest_text_may_be() -> None:
    text = "He has hypotonia and seizures."
    extractor = Extractor(load_index(), ExtractConfig(max_chars=len(text) + 1))
    taken = []

    def documents() -> Iterator[Document]:
        for number in range(5):
            taken.append(number)
            yield Document(str(number), text)

    reports = extractor.pipe(documents())
    assert next(reports).id == "0"
    assert taken == [0, 1]
    assert [report.id for report in reports] == ["1", "2", "3", "4"]


def test_pipeline_asserts_spans_that_a_caller_names(real: Extractor) -> None:
    text = "No obvious syndactyly. Ptosis in his mother. Tone: normal."
    spans = [Span(text.index(word), text.index(word) + len(word)) for word in ("No obvious syndactyly", "Ptosis")]
    decided = real.assert_spans(Document("a", "Dear Dr A, " + text), [Span(s.start + 11, s.end + 11) for s in spans])
    assert [assertion.status for assertion in decided] == [Status.ABSENT, Status.FAMILY]
    assert real.assert_spans(Document("b", "..."), [Span(0, 2)])[0].status is Status.PRESENT


def test_pipeline_links_nearly_every_label_to_its_own_term(real: Extractor) -> None:
    labels = [term for term in real.ontology if real.ontology.is_phenotype(term.id)]
    linked = real.link([term.label for term in labels])
    lost = [term.label for term, found in zip(labels, linked, strict=True) if term.id not in {c.hpo_id for c in found}]
    assert len(lost) < 0.006 * len(labels), lost[:20]  # bare numbers and everyday words


def test_pipeline_links_phrases_best_first(real: Extractor) -> None:
    (linked,) = real.link(["short hands and feet"])
    assert {candidate.label for candidate in linked} >= {"Short foot"}
    assert real.link(["nothing of the kind"]) == [()]


def test_pipeline_logs_no_text(real: Extractor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    real("Zaphod Beeblebrox has hypotonia (HT). HT is worse.")
    assert "Zaphod" not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "The renal pelvis was inspected.",
        "Streptococcus pneumoniae was grown.",
        "She is otherwise fit and well.",
        "The phenotype fits the diagnosis.",
    ],
)
def test_pipeline_finds_nothing_in_an_idiom(real: Extractor, nested_real: Extractor, text: str) -> None:
    assert real(text).features == nested_real(text).features == ()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("There is a dilated renal pelvis.", "Dilatation of the renal pelvis"),
        ("He was treated for pneumonia.", "Pneumonia"),
        ("She has had fits from birth.", "Neonatal seizure"),
        ("His first fit was at 5 months.", "Seizure"),
    ],
)
def test_pipeline_finds_what_is_only_like_an_idiom_or_longer(real: Extractor, text: str, label: str) -> None:
    assert [feature.label for feature in real(text).features] == [label]


def lines_of(name: str) -> list[str]:
    lines = Path(__file__).with_name(name).read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_pipeline_finds_nothing_in_ordinary_sentences(real: Extractor) -> None:
    sentences = lines_of("nothing_to_code.txt")
    reports = real.pipe(Document(str(number), sentence) for number, sentence in enumerate(sentences))
    found = {
        sentence: labels
        for sentence, report in zip(sentences, reports, strict=True)
        if (labels := [feature.label for feature in report.features if feature.status is Status.PRESENT])
    }
    assert found == {}


def test_pipeline_finds_what_clinics_write(real: Extractor) -> None:
    cases = [line.split(" -> ") for line in lines_of("clinic_wording.txt")]
    reports = real.pipe(Document(str(number), sentence) for number, (sentence, _) in enumerate(cases))
    found = {
        sentence: {feature.label for feature in report.features if feature.status is Status.PRESENT}
        for (sentence, _), report in zip(cases, reports, strict=True)
    }
    assert found == {sentence: set(labels.split("; ")) for sentence, labels in cases}
