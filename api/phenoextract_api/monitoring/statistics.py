"""The statistics of monitoring: intervals, control limits and a measure of drift, each with its source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, fmean

SIGMAS = 3
MAJOR_SHIFT = 0.25
_Z95 = NormalDist().inv_cdf(0.975)
_Z_CHANCE = NormalDist().inv_cdf(0.99865)  # as rare as a point beyond three sigmas
_MEAN_RANGE = 1.128  # d2: the mean range of two draws from a normal distribution of deviation 1
_EMPTY = 0.5  # added to each bin, so that none is empty


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a share may lie by chance."""

    lower: float
    centre: float
    upper: float

    def hold(self, share: float) -> bool:
        """Tell whether a share lies within."""
        return self.lower <= share <= self.upper


@dataclass(frozen=True, slots=True)
class Baseline:
    """A share as it was in a period that later ones are compared with; `spread` is the deviation of one draw."""

    centre: float
    spread: float

    def limits(self, total: int) -> Limits:
        """Give the control limits of a share of so many, three sigmas to either side."""
        reach = SIGMAS * self.spread / math.sqrt(total)
        return Limits(max(0.0, self.centre - reach), self.centre, min(1.0, self.centre + reach))


def wilson(events: int, total: int) -> tuple[float, float]:
    """Give the 95 % interval of a share (Wilson 1927, J Am Stat Assoc 22:209-212); (0, 1) if there is nothing."""
    if not total:
        return 0.0, 1.0
    share, square = events / total, _Z95**2
    centre = (share + square / (2 * total)) / (1 + square / total)
    reach = _Z95 * math.sqrt(share * (1 - share) / total + square / (4 * total**2)) / (1 + square / total)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def baseline(weeks: Sequence[tuple[int, int]]) -> Baseline:
    """Give the baseline of weeks of (events, total), none of them empty.

    The p' chart (Laney 2002, Quality Engineering 14:531-537): the binomial deviation of the p chart, widened by how
    much the weeks differ beyond it, because decisions on one letter go together. It is never narrowed.
    """
    events, total = sum(count for count, _ in weeks), sum(count for _, count in weeks)
    centre = events / total
    likely = (events + 2) / (total + 4)  # Agresti and Coull 1998: a share of 0 or 1 has some spread too
    deviation = math.sqrt(likely * (1 - likely))
    scores = [(count / of - centre) * math.sqrt(of) / deviation for count, of in weeks]
    ranges = [abs(after - before) for before, after in pairwise(scores)]
    return Baseline(centre, deviation * max(1.0, fmean(ranges) / _MEAN_RANGE if ranges else 1.0))


def stability_index(expected: Sequence[int], found: Sequence[int]) -> float:
    """Give the population stability index of two histograms with the same bins, 0 where they are alike.

    It is Jeffreys' divergence of their shares (Siddiqi, Credit Risk Scorecards, 2006, where 0.25 is a major shift).
    """
    before, after = _shares(expected), _shares(found)
    return sum((new - old) * math.log(new / old) for old, new in zip(before, after, strict=True))


def stability_limit(bins: int, expected: int, found: int) -> float:
    """Give the index above which two histograms of so many letters each differ more than by chance, and much.

    By chance alone the index is about chi-squared with a degree less than bins, times 1/n + 1/m, so that the fixed
    limit of 0.25 cries wolf for a few letters (Potgieter et al. 2023, arXiv:2307.11878). The quantile is that of
    Wilson and Hilferty (1931, PNAS 17:684-688).
    """
    degrees = bins - 1
    quantile = degrees * (1 - 2 / (9 * degrees) + _Z_CHANCE * math.sqrt(2 / (9 * degrees))) ** 3
    return max(MAJOR_SHIFT, quantile * (1 / expected + 1 / found))


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) + _EMPTY * len(counts)
    return [(count + _EMPTY) / total for count in counts]
