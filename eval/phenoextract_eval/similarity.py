"""How near two HPO terms are, by the information they share."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

from phenoextract.ontology import PHENOTYPIC_ABNORMALITY, Ontology
from phenoextract_eval.metrics import Similarity


def information_content(ontology: Ontology, annotations: Path) -> dict[str, float]:
    """Give -ln of the share of annotated diseases that have a term or one below it.

    A term no disease has takes the content of a single disease. Negated annotations are left out.
    """
    diseases: dict[str, set[str]] = defaultdict(set)
    with annotations.open(encoding="utf-8") as lines:
        for line in lines:
            cells = line.split("\t")
            if len(cells) < 4 or cells[2] == "NOT":
                continue
            hpo_id = ontology.current(cells[3])
            if hpo_id is not None and ontology.is_phenotype(hpo_id):
                for each in (hpo_id, *ontology.ancestors(hpo_id)):
                    diseases[each].add(cells[0])
    every = len(diseases[PHENOTYPIC_ABNORMALITY])
    return {term.id: math.log(every / max(1, len(diseases.get(term.id, ())))) for term in ontology}


def lin(ontology: Ontology, content: dict[str, float]) -> Similarity:
    """Give the similarity of Lin 1998: the content of the best common ancestor over that of the two terms."""

    @lru_cache(maxsize=1 << 16)
    def similarity(a: str, b: str) -> float:
        if a == b:
            return 1.0
        common = (ontology.ancestors(a) | {a}) & (ontology.ancestors(b) | {b})
        both = content[a] + content[b]
        return 2 * max((content[c] for c in common), default=0.0) / both if both else 0.0

    return similarity
