"""A toy ontology, and a toy corpus whose every figure is worked out by hand in test_figures.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pytest

from phenoextract.ontology import Ontology, Synonym, Term
from phenoextract.types import Document, Scope, Span, Status
from phenoextract_eval.gold import GoldDocument, GoldMention, Trap
from phenoextract_eval.systems import Coded, CodedMention, CodedTerm, System

HEAD, NERVOUS, PHYSIOLOGY = "HP:0000152", "HP:0000707", "HP:0012638"
SEIZURE, TONIC_CLONIC, FOCAL = "HP:0001250", "HP:0002069", "HP:0007359"
HYPOTONIA, MICROCEPHALY, MACROCEPHALY = "HP:0001252", "HP:0000252", "HP:0000256"
DOMINANT = "HP:0000006"

_TERMS = (
    ("HP:0000001", "All", ()),
    ("HP:0000005", "Mode of inheritance", ("HP:0000001",)),
    (DOMINANT, "Autosomal dominant inheritance", ("HP:0000005",)),
    ("HP:0000118", "Phenotypic abnormality", ("HP:0000001",)),
    (HEAD, "Abnormality of head or neck", ("HP:0000118",)),
    (MICROCEPHALY, "Microcephaly", (HEAD,)),
    (MACROCEPHALY, "Macrocephaly", (HEAD,)),
    (NERVOUS, "Abnormality of the nervous system", ("HP:0000118",)),
    (PHYSIOLOGY, "Abnormal nervous system physiology", (NERVOUS,)),
    (SEIZURE, "Seizure", (PHYSIOLOGY,)),
    (TONIC_CLONIC, "Bilateral tonic-clonic seizure", (SEIZURE,)),
    (FOCAL, "Focal-onset seizure", (SEIZURE,)),
    (HYPOTONIA, "Hypotonia", (PHYSIOLOGY,)),
)

A = "Seizures and hypotonia. No microcephaly. Mother has macrocephaly."
B = "A small head, perhaps floppy. Dr Fit."
C = "Fits."
D = "Thank you."


@pytest.fixture(scope="session")
def toy() -> Ontology:
    """Give thirteen terms, one replaced id and one retired one."""
    synonyms = {SEIZURE: (Synonym("Seizures", Scope.EXACT),)}
    terms = {i: Term(i, label, "", synonyms.get(i, ()), parents) for i, label, parents in _TERMS}
    return Ontology("2025-01-16", terms, {"HP:0001275": SEIZURE}, ["HP:0000057"])


@pytest.fixture
def gold() -> list[GoldDocument]:
    """Give four documents: the last has nothing to find."""
    return [
        GoldDocument(
            "a",
            A,
            (
                GoldMention((Span(0, 8),), SEIZURE, Status.PRESENT),
                GoldMention((Span(13, 22),), HYPOTONIA, Status.PRESENT),
                GoldMention((Span(27, 39),), MICROCEPHALY, Status.ABSENT),
                GoldMention((Span(52, 64),), MACROCEPHALY, Status.FAMILY),
            ),
            metadata={"sex": "female"},
        ),
        GoldDocument(
            "b",
            B,
            (
                GoldMention((Span(2, 12),), MICROCEPHALY, Status.PRESENT, acceptable=frozenset({HEAD})),
                GoldMention((Span(22, 28),), HYPOTONIA, Status.PRESENT, optional=True),
            ),
            traps=(Trap(Span(33, 36), "surname"),),
            metadata={"sex": "male"},
        ),
        GoldDocument("c", C, (GoldMention((Span(0, 4),), SEIZURE, Status.PRESENT),), metadata={"sex": "male"}),
        GoldDocument("d", D, metadata={"sex": "male"}),
    ]


@pytest.fixture
def answers() -> dict[str, Coded]:
    """Give a flawed answer for each of the four documents."""
    return {
        "a": _coded(
            "a",
            (0, 8, TONIC_CLONIC, Status.PRESENT, 0.9),
            (13, 21, HYPOTONIA, Status.PRESENT, 0.8),
            (27, 39, MICROCEPHALY, Status.PRESENT, 0.6),
            (52, 64, MACROCEPHALY, Status.FAMILY, 1.0),
        ),
        "b": _coded(
            "b",
            (2, 12, HEAD, Status.PRESENT, 0.7),
            (22, 28, HYPOTONIA, Status.PRESENT, 0.5),
            (33, 36, SEIZURE, Status.PRESENT, 0.4),
        ),
        "c": Coded("c"),
        "d": Coded("d"),
    }


@pytest.fixture
def system(answers: dict[str, Coded]) -> System:
    """Give the system that answers so, calls every span present but one, and links four phrases."""
    links = {
        "Seizures": (SEIZURE,),
        "hypotonia": (SEIZURE, HYPOTONIA),
        "microcephaly": (MICROCEPHALY,),
        "small head": (MACROCEPHALY, HEAD, MICROCEPHALY),
    }

    def code(documents: Iterable[Document]) -> Iterator[Coded]:
        return (answers[document.id] for document in documents if document.id in answers)

    def statuses(document: Document, spans: Sequence[Span]) -> list[Status]:
        words = [document.text[span.start : span.end] for span in spans]
        return [Status.FAMILY if word == "macrocephaly" else Status.PRESENT for word in words]

    return System("toy", "1", code, statuses, lambda texts: [links.get(text, ()) for text in texts])


def _coded(document: str, *marks: tuple[int, int, str, Status, float]) -> Coded:
    return Coded(
        document,
        tuple(CodedMention((Span(start, end),), hpo_id, status, sure) for start, end, hpo_id, status, sure in marks),
        tuple(CodedTerm(hpo_id, status, sure) for _, _, hpo_id, status, sure in marks),
    )
