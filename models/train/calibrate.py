"""Fit the confidence: `python models/train/calibrate.py ../shared/corpora` writes phenoextract/rules/confidence.toml.

A case is a present term that phenoextract proposes for a document; it is right if the gold standard has the term. Each
corpus counts the same, however large it is. Of the gold only the fitted numbers stay: one a method, one a signal.
Corpora that neither list below names stay out, so that the calibration error can be measured on them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import phenoextract
from phenoextract.confidence import signals
from phenoextract.ontology import Ontology
from phenoextract.report import best_evidence
from phenoextract.types import Document, Method, Report, Status
from phenoextract_eval.corpora import read_corpus
from phenoextract_eval.protocols import protocol_for
from phenoextract_eval.views import wanted

CALIBRATING = ["bc8_train", "gsc_2024", "omim_val", "rag_hpo_cases_dev", "uk_letters_dev", "zankl_hpocr_dev"]
OF_OUR_OWN = ["varied_letters"]
_OWN = Path(__file__).parents[2] / "eval" / "corpora"
_OUT = Path(__file__).parents[2] / "phenoextract" / "rules" / "confidence.toml"
_HEADER = "# Weights of the confidence, written by models/train/calibrate.py: log-odds that a proposed term is right.\n"
_PENALTY = 5.0  # cases' worth of evidence against each weight


def main() -> None:
    """Propose terms for the calibrating corpora, fit, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path)
    folder = parser.parse_args().corpora
    extractor = phenoextract.load()
    known: list[dict[str, float]] = []
    right: list[bool] = []
    corpus: list[int] = []
    paths = [folder / f"{name}.jsonl" for name in CALIBRATING] + [_OWN / f"{name}.jsonl" for name in OF_OUR_OWN]
    for number, path in enumerate(paths):
        protocol = protocol_for(path.stem)
        for document in read_corpus(path, extractor.ontology).documents:
            gold = wanted(document, Status.PRESENT, extractor.ontology, protocol)
            accepted = set(gold.ids).union(*gold.ids.values())
            for hpo_id, seen in _proposals(extractor(Document(document.id, document.text)), extractor.ontology):
                if hpo_id in accepted or hpo_id not in gold.neutral:
                    known.append(seen)
                    right.append(hpo_id in accepted)
                    corpus.append(number)
        sys.stderr.write(f"{path.stem}: {sum(number == one for one in corpus)} proposals\n")
    names = [*Method, *(name for name in known[0] if name not in set(Method))]
    weights = _fit(
        np.array([[seen.get(name, 0.0) for name in names] for seen in known]), np.array(right), np.array(corpus)
    )
    _write(dict(zip(["intercept", *names], weights, strict=True)))


def _proposals(report: Report, ontology: Ontology) -> Iterator[tuple[str, dict[str, float]]]:
    for feature in report.features:
        if feature.status is Status.PRESENT and ontology.is_phenotype(feature.hpo_id):
            best = best_evidence([report.annotations[position] for position in feature.evidence])
            found = best.candidates[0]
            seen = signals(
                found.scope,
                found.score,
                words=len(best.text.split()),
                section=best.section,
                mentions=len(feature.evidence),
                ancestors=len(ontology.ancestors(feature.hpo_id)),
            )
            yield feature.hpo_id, {found.method: 1.0, **seen}


def _fit(known: NDArray[np.float64], right: NDArray[np.bool_], corpus: NDArray[np.int64]) -> list[float]:
    """Give intercept and weights of a logistic regression with an L2 penalty, by Newton's method."""
    share = (len(right) / np.unique(corpus).size / np.bincount(corpus))[corpus]
    middle, spread = known.mean(0), known.std(0) + 1e-9
    cases = np.column_stack([np.ones(len(known)), (known - middle) / spread])
    penalty = _PENALTY * np.diag([0.0, *np.ones(known.shape[1])])
    weights = np.zeros(cases.shape[1])
    for _ in range(50):
        claimed = 1 / (1 + np.exp(-cases @ weights))
        slope = cases.T @ (share * (claimed - right)) + penalty @ weights
        weights -= np.linalg.solve((cases.T * (share * claimed * (1 - claimed))) @ cases + penalty, slope)
    plain = weights[1:] / spread
    return [float(weights[0] - plain @ middle), *map(float, plain)]


def _write(weights: dict[str, float]) -> None:
    methods = "".join(f"{method} = {weights[method]:.3f}\n" for method in Method)
    others = "".join(
        f"{name} = {weight:.3f}\n" for name, weight in weights.items() if name not in {"intercept", *Method}
    )
    _OUT.write_text(
        f"{_HEADER}intercept = {weights['intercept']:.3f}\n\n[method]\n{methods}\n[signal]\n{others}", "utf-8"
    )


if __name__ == "__main__":
    main()
