"""Figures without intervals, report or record: for a developer's loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from phenoextract import ExtractConfig, Extractor, load
from phenoextract_eval.corpora import find_corpora, read_corpus
from phenoextract_eval.metrics import macro_f1, total
from phenoextract_eval.product import product
from phenoextract_eval.protocols import protocol_for
from phenoextract_eval.run import answers_of, figures_of

Table = dict[str, dict[str, dict[str, float]]]


def quick(folder: Path, corpora: Sequence[str] = (), extractor: Extractor | None = None) -> Table:
    """Score corpora of a folder: corpus, then figure, then precision, recall, f1 and macro F1.

    Unannotated corpora are left out. An extractor given here is used as it is, nested or not.
    """
    table: Table = {}
    for path in find_corpora([folder], corpora):
        protocol = protocol_for(path.stem)
        engine = extractor or load(config=ExtractConfig(nested=protocol.nested))
        corpus = read_corpus(path, engine.ontology)
        if not any(document.mentions or document.terms for document in corpus.documents):
            continue
        system = product(engine)
        answers = answers_of(system, corpus.documents, [])
        figures, _ = figures_of(corpus.documents, answers, system, engine.ontology, protocol)
        table[corpus.name] = {
            name: {
                "p": (all_ := total(counts)).precision,
                "r": all_.recall,
                "f1": all_.f1,
                "macro_f1": macro_f1(counts),
            }
            for name, counts in figures.items()
        }
    return table
