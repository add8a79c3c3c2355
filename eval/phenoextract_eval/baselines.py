"""The figures a change must not worsen: eval/baselines.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phenoextract.errors import ConfigError
from phenoextract_eval.bootstrap import Estimate, Scores
from phenoextract_eval.record import CorpusResult, EvalResult

_KEPT = ("document.", "traps.", "assertion.accuracy", "assertion.absent", "linking.")
_HALF_WIDTH = 1.96


@dataclass(frozen=True, slots=True)
class Baseline:
    """The F1, recall (of incomplete gold) or share a figure had, and its standard error over resampled documents."""

    corpus: str
    figure: str
    value: float
    noise: float


@dataclass(frozen=True, slots=True)
class Drop:
    """A figure that fell below its baseline by more than its noise."""

    baseline: Baseline
    value: float

    def __str__(self) -> str:
        b = self.baseline
        return f"{b.corpus} {b.figure}: {self.value:.3f}, was {b.value:.3f} (noise {b.noise:.3f})"


def read_baselines(path: Path) -> list[Baseline]:
    """Read baselines; raises ConfigError for a file that is none."""
    try:
        corpora = tomllib.loads(path.read_text("utf-8"))
        return [
            Baseline(corpus, figure, float(kept["value"]), float(kept["noise"]))
            for corpus, figures in corpora.items()
            for figure, kept in figures.items()
        ]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{path}: not a table of baselines") from None


def drops(record: EvalResult, baselines: Sequence[Baseline]) -> list[Drop]:
    """Give the figures of the first system that fell; a corpus or figure that was not measured is passed over.

    `traps.coded` is a share of mistakes: for it a rise is the fall.
    """
    now = {
        (corpus.corpus, name): _judged(corpus, scores).value
        for corpus in record.corpora
        for name, scores in corpus.systems[0].figures.items()
    }
    found = []
    for baseline in baselines:
        value = now.get((baseline.corpus, baseline.figure))
        if value is None:
            continue
        worse = value - baseline.value if baseline.figure.startswith("traps.") else baseline.value - value
        if worse > baseline.noise:
            found.append(Drop(baseline, value))
    return found


def write_baselines(record: EvalResult, path: Path) -> None:
    """Write the current figures of the first system as the new baselines."""
    lines = [
        "# F1 (recall for jax_dev, whose gold is incomplete; for traps, assertion.accuracy and linking the share)",
        "# of the current version, and its standard error over resampled documents.",
        "# Written by: phenoextract eval PATH... --out DIR --write-baselines eval/baselines.toml",
        f"# HPO {record.hpo_release}",
    ]
    for corpus in record.corpora:
        kept = {
            name: _judged(corpus, scores)
            for name, scores in corpus.systems[0].figures.items()
            if name.startswith(_KEPT) and not name.endswith(".similarity")
        }
        if kept:
            lines += ["", f"[{corpus.corpus}]"]
        for name, estimate in sorted(kept.items()):
            noise = (estimate.high - estimate.low) / 2 / _HALF_WIDTH
            lines.append(f'"{name}" = {{ value = {estimate.value:.4f}, noise = {noise:.4f} }}')
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _judged(corpus: CorpusResult, scores: Scores) -> Estimate:
    return scores.f1 if corpus.protocol.precision else scores.recall
