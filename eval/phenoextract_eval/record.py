"""The typed record of a run: every figure with what made it, enough to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from phenoextract.types import Provenance
from phenoextract_eval.bootstrap import Difference, Scores
from phenoextract_eval.calibration import Calibration
from phenoextract_eval.protocols import Protocol
from phenoextract_eval.subgroups import Subgroup

RECORD_SCHEMA = "1"


@dataclass(frozen=True, slots=True)
class Volume:
    """What a system proposes, right or not: per 1,000 words and as a share of documents, by status."""

    documents: int
    words: int
    features: Mapping[str, int]
    per_1000_words: Mapping[str, float]
    documents_with: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SystemResult:
    """One system on one corpus; confusions are rows (gold status, system's status, count)."""

    system: str
    version: str
    seconds: float
    documents_per_second: float
    figures: Mapping[str, Scores]
    volume: Volume
    confusion: tuple[tuple[str, str, int], ...] = ()
    confusion_given_span: tuple[tuple[str, str, int], ...] = ()
    calibration: Calibration | None = None
    reasons: tuple[tuple[str, str, int], ...] = ()
    branches: tuple[tuple[str, int, int], ...] = ()
    subgroups: tuple[Subgroup, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first system's F1 less another's (or its own under a perturbation, or in an earlier run)."""

    corpus: str
    figure: str
    system: str
    against: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class CorpusResult:
    """One corpus: what it is, how it was scored, what was wrong in it, and each system's figures."""

    corpus: str
    sha256: str
    documents: int
    characters: int
    annotated: bool
    protocol: Protocol
    problems: Mapping[str, int]
    systems: tuple[SystemResult, ...]


@dataclass(frozen=True, slots=True)
class EvalResult:
    """A whole run; `surplus` are documents with a stored answer that are in no corpus."""

    created: str
    command: tuple[str, ...]
    seed: int
    samples: int
    hpo_release: str
    versions: Mapping[str, str]
    provenance: Provenance | None
    corpora: tuple[CorpusResult, ...]
    comparisons: tuple[Comparison, ...] = ()
    surplus: tuple[str, ...] = ()
    schema: str = RECORD_SCHEMA
