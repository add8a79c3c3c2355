"""Whether a confidence means what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_BINS = 10
_COVERAGES = (0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Bin:
    """The proposals of one band of confidence: how many, what they claim on average, how many are right."""

    low: float
    high: float
    count: int
    confidence: float
    precision: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The reliability curve, the expected calibration error, and precision over the most confident shares."""

    bins: tuple[Bin, ...]
    error: float
    precision_at_coverage: tuple[tuple[float, float], ...]


def calibrate(proposals: Sequence[tuple[float, bool]]) -> Calibration | None:
    """Compare confidences with outcomes, in ten bands of equal width; None without proposals.

    The expected calibration error is the mean gap between claim and outcome, weighted by the size of the band
    (Naeini et al. 2015). At a coverage the most confident share is kept, and ties with its last one with it.
    """
    if not proposals:
        return None
    bins = []
    for i in range(_BINS):
        low, high = i / _BINS, (i + 1) / _BINS
        inside = [p for p in proposals if low <= p[0] < high or (i == _BINS - 1 and p[0] >= high)]
        if inside:
            claimed = sum(confidence for confidence, _ in inside) / len(inside)
            bins.append(Bin(low, high, len(inside), claimed, _precision(inside)))
    error = sum(b.count * abs(b.confidence - b.precision) for b in bins) / len(proposals)
    ranked = sorted((confidence for confidence, _ in proposals), reverse=True)
    at_coverage = []
    for coverage in _COVERAGES:
        least = ranked[max(0, round(coverage * len(ranked)) - 1)]
        at_coverage.append((coverage, _precision([p for p in proposals if p[0] >= least])))
    return Calibration(tuple(bins), error, tuple(at_coverage))


def _precision(proposals: Sequence[tuple[float, bool]]) -> float:
    return sum(right for _, right in proposals) / len(proposals)
