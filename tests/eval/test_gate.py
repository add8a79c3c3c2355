"""No figure may fall below eval/baselines.toml by more than its noise.

New baselines, once a change is meant: `phenoextract eval PATH... --out DIR --write-baselines eval/baselines.toml`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from phenoextract import ExtractConfig, Extractor, load
from phenoextract_eval.baselines import drops, read_baselines
from phenoextract_eval.product import product
from phenoextract_eval.run import Options, evaluate

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "corpora"
BASELINES = read_baselines(ROOT / "eval" / "baselines.toml")
OWN = sorted((ROOT / "eval" / "corpora").glob("*.jsonl"))
OTHERS = sorted({b.corpus for b in BASELINES} - {path.stem for path in OWN})


@pytest.mark.artefacts
@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_gate_own_letters(path: Path) -> None:
    assert any(baseline.corpus == path.stem for baseline in BASELINES)
    check(path)


@pytest.mark.artefacts
@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.parametrize("corpus", OTHERS)
def test_gate_other_corpora(corpus: str) -> None:
    path = SHARED / f"{corpus}.jsonl"
    if not path.is_file():
        pytest.skip(f"the corpus {corpus} is not there: it is looked for in ../shared/corpora")
    check(path)


def check(path: Path) -> None:
    options = Options(samples=100)
    done = evaluate([path], lambda protocol: [product(loaded(protocol.nested))], loaded(False).ontology, options)
    fallen = drops(done.record, BASELINES)
    assert not fallen, "; ".join(map(str, fallen))


@lru_cache
def loaded(nested: bool) -> Extractor:
    return load(config=ExtractConfig(nested=nested))
