from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import phenoextract
from phenoextract.build import build_index
from phenoextract.errors import ArtefactError, DocumentTooLong
from phenoextract.index import Index, load_index
from phenoextract.ontology import Ontology, Term
from phenoextract.types import (
    Annotation,
    Candidate,
    Coding,
    Confirmation,
    Cue,
    Document,
    Feature,
    Method,
    NotCoded,
    Provenance,
    Report,
    Span,
    Status,
)
from tests.canaries import Watch, canaries

# a machine that is busy with other things is no fault of the code under test
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

GOLDEN = Path(__file__).parent / "golden"
TOY_OBO = Path(__file__).parents[1] / "ontologies" / "toy.obo"
TOY_LEXICON = Path(__file__).parent / "data" / "toy_lexicon.tsv"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing")
    parser.addoption("--soak-minutes", type=float, default=0.5, help="how long the soak lasts, both databases together")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Watch(canaries(Path(__file__).parent)))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with a file under tests/golden, or write it there with --update-golden."""

    def check(name: str, actual: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(actual.encode())
        assert actual == path.read_bytes().decode(), f"{name} differs: review it, then run pytest --update-golden"

    return check


@pytest.fixture(scope="session")
def toy_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the toy ontology and lexicon into an index, once; no test may change that folder."""
    return build_index(TOY_OBO, tmp_path_factory.mktemp("index") / "toy", lexicon=TOY_LEXICON)


@pytest.fixture(scope="session")
def toy_index(toy_path: Path) -> Index:
    """Give the index of the toy ontology."""
    return load_index(toy_path)


@pytest.fixture(scope="session")
def toy_extractor(toy_index: Index) -> phenoextract.Extractor:
    """Give an extractor that knows the terms of ontologies/toy.obo only."""
    return phenoextract.Extractor(toy_index)


@pytest.fixture(scope="session")
def real_extractor() -> phenoextract.Extractor:
    """Give the extractor that users get; for tests marked `artefacts`."""
    try:
        return phenoextract.load()
    except ArtefactError as error:
        pytest.fail(f"{error}; or run make index", pytrace=False)


LETTER = """A synthetic letter.

Diagnoses
1. Global developmental delay
2. ?ASD

Family history
His mother has ptosis.

Examination
There is no cleft palate. Short 4th and 5th metacarpals. [bold]Not markup & <b>not tags</b>[/bold]
"""


@pytest.fixture
def letter() -> Document:
    """Give a synthetic letter with every status in it."""
    return Document(id="letter-1", text=LETTER)


@pytest.fixture
def report() -> Report:
    """Give the report of `letter`, made by hand."""
    annotations = (
        _annotation("Global developmental delay", "HP:0001263", "Global developmental delay", section="diagnosis"),
        _annotation(
            "ASD",
            "HP:0000729",
            "Autistic behavior",
            section="diagnosis",
            status=Status.UNCERTAIN,
            confidence=0.5,
            review_reason="the abbreviation has two meanings",
            method=Method.ABBREVIATION,
            cues=("query", "?"),
            others=(Candidate("HP:0001631", "Atrial septal defect", 0.5, Method.ABBREVIATION, "ASD"),),
        ),
        _annotation(
            "ptosis",
            "HP:0000508",
            "Ptosis",
            section="family_history",
            status=Status.FAMILY,
            cues=("relative", "mother"),
        ),
        _annotation(
            "cleft palate",
            "HP:0000175",
            "Cleft palate",
            section="examination",
            status=Status.ABSENT,
            cues=("negation", "no"),
        ),
        _annotation(
            "Short 4th and 5th metacarpals",
            "HP:0010044",
            "Short 4th metacarpal",
            section="examination",
            method=Method.COORDINATION,
            pieces=("Short 4th", "metacarpals"),
        ),
        _annotation(
            "Short 4th and 5th metacarpals",
            "HP:0010047",
            "Short 5th metacarpal",
            section="examination",
            method=Method.COORDINATION,
            pieces=("Short", "5th metacarpals"),
        ),
        _annotation("letter", None, None, section="opening", not_coded=NotCoded.NO_TERM),
    )
    return Report(
        id="letter-1",
        features=tuple(
            Feature(
                hpo_id=found.hpo_id,
                label=found.label,
                status=found.status,
                confidence=found.confidence,
                needs_review=found.needs_review,
                evidence=(index,),
                severity="HP:0012826" if found.hpo_id == "HP:0001263" else None,
            )
            for index, found in enumerate(annotations)
            if found.hpo_id is not None and found.label is not None
        ),
        annotations=annotations,
        provenance=Provenance(
            version="0.1.0",
            hpo_release="2025-01-16",
            index_sha256="1" * 64,
            lexicon_sha256="2" * 64,
            rules_sha256="3" * 64,
            config_sha256="4" * 64,
            encoder_sha256=None,
        ),
    )


@pytest.fixture
def confirmation() -> Confirmation:
    """Give who confirmed `report`, and for which test."""
    return Confirmation(
        request_id="request-1",
        version=1,
        patient_ref="P-0001",
        confirmed_by="a.clerk",
        confirmed_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        test=Coding("https://fhir.nhs.uk/CodeSystem/England-DigitalGenomicTestService", "TP001", "A test package"),
        letter_sha256=sha256(LETTER.encode()).hexdigest(),
        letter_type="Clinic letter",
    )


class FakeExtractor:
    """Gives every document the same report under its own id; fails on request of the text."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.provenance = report.provenance
        self.ontology = Ontology("2025-01-16", {"HP:0012826": Term("HP:0012826", "Moderate", "", (), ())}, {}, ())

    def __call__(self, document: Document) -> Report:
        if document.text.startswith("too long"):
            raise DocumentTooLong(document.id)
        if document.text.startswith("crash"):
            raise KeyError(document.text)
        return replace(self._report, id=document.id)

    def pipe(self, documents: Iterable[Document], batch_size: int = 64) -> Iterator[Report]:
        yield from map(self, documents)


@pytest.fixture
def extractor(report: Report) -> FakeExtractor:
    """Give an extractor that needs no index."""
    return FakeExtractor(report)


def _annotation(
    text: str,
    hpo_id: str | None,
    label: str | None,
    *,
    section: str,
    status: Status = Status.PRESENT,
    confidence: float = 1.0,
    review_reason: str | None = None,
    method: Method = Method.LABEL,
    cues: tuple[str, str] | None = None,
    pieces: tuple[str, ...] = (),
    others: tuple[Candidate, ...] = (),
    not_coded: NotCoded | None = None,
) -> Annotation:
    start = LETTER.index(text)
    chosen = (Candidate(hpo_id, label, confidence, method, label),) if hpo_id and label else ()
    return Annotation(
        start=start,
        end=start + len(text),
        spans=tuple(_span(piece, start) for piece in pieces or (text,)),
        text=text,
        section=section,
        hpo_id=hpo_id,
        label=label,
        status=status,
        confidence=confidence,
        needs_review=review_reason is not None,
        review_reason=review_reason,
        method=method if hpo_id else None,
        synonym=label,
        cues=(_cue(*cues, before=start),) if cues else (),
        candidates=chosen + others,
        not_coded=not_coded,
    )


def _span(piece: str, after: int) -> Span:
    start = LETTER.index(piece, after)
    return Span(start, start + len(piece))


def _cue(kind: str, text: str, *, before: int) -> Cue:
    start = LETTER.rindex(text, 0, before)
    return Cue(kind, start, start + len(text), text)
