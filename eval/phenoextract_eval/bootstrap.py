"""How sure a figure is: resampling whole documents, for sentences of one document are not independent.

Percentile intervals (Efron and Tibshirani 1993, chapter 13) and, for two systems on the same documents,
approximate randomisation (Noreen 1989; Yeh 2000). Both are seeded: the same input gives the same figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from phenoextract_eval.metrics import Counts

Floats = NDArray[np.float64]
_CHUNK_CELLS = 2_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How much one system's F1 exceeds another's on the same documents, its 95 % interval, and a two-sided p."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Precision, recall and F1 over pooled documents, and F1 averaged over them."""

    precision: Estimate
    recall: Estimate
    f1: Estimate
    macro_f1: Estimate


def scores(figures: Mapping[str, Sequence[Counts]], *, samples: int = 1000, seed: int = 0) -> dict[str, Scores]:
    """Estimate every figure of one corpus from the counts of its documents, all on the same resamples.

    Every figure must hold one entry a document, in one order.
    """
    if not figures:
        return {}
    tables = {name: as_array(counts) for name, counts in figures.items()}
    documents = len(next(iter(tables.values())))
    width = 5  # four counts and the document's own F1
    stacked = np.hstack([np.column_stack([table, _rates(table)[:, 2]]) for table in tables.values()])
    drawn = np.vstack([weights @ stacked for weights in _resamples(documents, samples, seed)])
    drawn = drawn.reshape(samples, len(tables), width)
    result = {}
    for position, (name, table) in enumerate(tables.items()):
        sampled = _rates(drawn[:, position, :4])
        macro = drawn[:, position, 4] / documents
        observed = [*_rates(table.sum(axis=0)[np.newaxis])[0], _rates(table)[:, 2].mean()]
        columns = [sampled[:, 0], sampled[:, 1], sampled[:, 2], macro]
        result[name] = Scores(*(_estimate(v, column) for v, column in zip(observed, columns, strict=True)))
    return result


def compare(ours: Sequence[Counts], theirs: Sequence[Counts], *, samples: int = 1000, seed: int = 0) -> Difference:
    """Compare the pooled F1 of two systems on the same documents in the same order."""
    a, b = as_array(ours), as_array(theirs)
    observed = _f1(a.sum(axis=0)) - _f1(b.sum(axis=0))
    drawn = np.concatenate([_f1(w @ a) - _f1(w @ b) for w in _resamples(len(a), samples, seed)])
    coins = np.random.default_rng(seed).integers(0, 2, size=(samples, len(a))).astype(np.float64)
    swapped = coins @ (b - a)
    shuffled = _f1(a.sum(axis=0) + swapped) - _f1(b.sum(axis=0) - swapped)
    as_large = int((np.abs(shuffled) >= abs(float(observed)) - 1e-12).sum())
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Difference(float(observed), float(low), float(high), (as_large + 1) / (samples + 1))


def as_array(counts: Sequence[Counts]) -> Floats:
    """Give counts as rows of found, gold, correct, predicted."""
    return np.array([astuple(c) for c in counts], dtype=np.float64).reshape(-1, 4)


def _resamples(documents: int, samples: int, seed: int) -> Iterator[Floats]:
    """Draw how often each document counts in each resample, in blocks that stay small."""
    generator = np.random.default_rng(seed)
    block = max(1, _CHUNK_CELLS // documents)
    for start in range(0, samples, block):
        rows = min(block, samples - start)
        picks = generator.integers(0, documents, size=(rows, documents)) + documents * np.arange(rows)[:, np.newaxis]
        yield np.bincount(picks.ravel(), minlength=rows * documents).reshape(rows, documents).astype(np.float64)


def _rates(table: Floats) -> Floats:
    """Give precision, recall and F1 of each row, by the rule of the empty document in `metrics`."""
    found, gold, correct, predicted = (table[..., i] for i in range(4))
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(predicted > 0, correct / predicted, (gold == 0).astype(np.float64))
        recall = np.where(gold > 0, found / gold, (predicted == 0).astype(np.float64))
        both = precision + recall
        f1 = np.where(both > 0, 2 * precision * recall / both, 0.0)
    return np.stack([precision, recall, f1], axis=-1)


def _f1(table: Floats) -> Floats:
    rates: Floats = _rates(table)[..., 2]
    return rates


def _estimate(value: float, drawn: Floats) -> Estimate:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(float(value), float(low), float(high))
