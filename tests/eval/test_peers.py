"""Peers on text whose answers are plain; their figures on corpora are pinned where the corpora are."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import pytest

from phenoextract.errors import ConfigError
from phenoextract.index import load_index
from phenoextract.ontology import Ontology
from phenoextract.types import Document, Span, Status
from phenoextract_eval.corpora import read_corpus
from phenoextract_eval.figures import document_figures
from phenoextract_eval.metrics import total
from phenoextract_eval.peers import PEERS, peer
from phenoextract_eval.protocols import Protocol
from phenoextract_eval.release import release_file
from phenoextract_eval.run import answers_of
from phenoextract_eval.systems import System

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "corpora"


def need(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install 'phenoextract[peers]'")


def test_the_exact_baseline_takes_whole_words_and_the_longest_name(toy: Ontology, tmp_path: Path) -> None:
    need("ahocorasick")
    system = peer("exact", release_file("hp.obo"), toy, tmp_path)
    text = "Bilateral tonic-clonic seizure; hypotonia, not hypotonias. SEIZURES"
    (coded,) = system.code([Document("a", text)])
    assert [(m.spans[0], m.hpo_id) for m in coded.mentions] == [
        (Span(0, 30), "HP:0002069"),
        (Span(32, 41), "HP:0001252"),
        (Span(59, 67), "HP:0001250"),
    ]
    assert len(coded.terms) == 3


def test_fenominal_tells_absent_and_its_spans_are_brought_to_code_points(toy: Ontology, tmp_path: Path) -> None:
    need("fenominal")
    system = peer("fenominal", release_file("hp.obo"), toy, tmp_path)
    (coded,) = system.code([Document("a", "Café visit: microcephaly. No hypotonia.")])
    assert [(m.spans[0], m.hpo_id, m.status) for m in coded.mentions] == [
        (Span(12, 24), "HP:0000252", Status.PRESENT),
        (Span(29, 38), "HP:0001252", Status.ABSENT),
    ]


def test_unknown_peers_are_refused(toy: Ontology, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are fasthpocr, fasthpocr-nested, fenominal, exact"):
        peer("other", release_file("hp.obo"), toy, tmp_path)
    assert len(PEERS) == 4


@pytest.mark.artefacts
@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "corpus", "f1"),
    [
        ("exact", "gsc_plus", 0.570),
        ("fenominal", "gsc_plus", 0.608),
        ("fenominal", "bc8_train", 0.591),
        ("fasthpocr", "gsc_plus", 0.743),
        ("fasthpocr", "bc8_train", 0.617),
        ("fasthpocr-nested", "gsc_2024", 0.859),
    ],
)
def test_peers_have_the_figures_measured_before(name: str, corpus: str, f1: float) -> None:
    for package in ("FastHPOCR", "fenominal", "ahocorasick"):
        need(package)
    if not SHARED.is_dir():
        pytest.skip("the corpora are not there: they are looked for in ../shared/corpora")
    ontology = release()
    documents = read_corpus(SHARED / f"{corpus}.jsonl", ontology).documents
    answers = answers_of(loaded(name), documents, [])
    found = document_figures(documents, answers, ontology, Protocol())["document.present.strict"]
    assert total(found).f1 == pytest.approx(f1, abs=0.003)  # FastHPOCR orders synonyms by hash: builds differ by 0.002


@lru_cache
def release() -> Ontology:
    return load_index().ontology


@lru_cache
def loaded(name: str) -> System:
    return peer(name, release_file("hp.obo"), release(), ROOT / "out" / "peers")
