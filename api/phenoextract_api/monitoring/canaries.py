"""Canaries: synthetic letters with known answers, coded when the service starts, to see that it still codes them so."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

from phenoextract import Document, Extractor
from phenoextract.types import Status
from phenoextract_api import metrics

_log = logging.getLogger("phenoextract.monitoring")


@dataclass(frozen=True, slots=True)
class Canary:
    """A letter, and the term and status of each feature that must be proposed for it."""

    id: str
    text: str = field(repr=False)
    expected: frozenset[tuple[str, Status]]


@dataclass(frozen=True, slots=True)
class CanaryRun:
    """The ids of the canaries by what came of them; `unfit` ones name a term that the HPO release does not have."""

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    unfit: tuple[str, ...]


@lru_cache(maxsize=1)
def read_canaries() -> tuple[Canary, ...]:
    """Read the canaries that the package carries."""
    content = tomllib.loads(resources.files(__package__).joinpath("canaries.toml").read_text("utf-8"))
    return tuple(
        Canary(one["id"], one["text"], frozenset(_feature(written) for written in one["expected"]))
        for one in content["canary"]
    )


def run_canaries(extractor: Extractor, canaries: Iterable[Canary]) -> CanaryRun:
    """Code the canaries; one for which anything is raised has failed too."""
    passed, failed, unfit = [], [], []
    for canary in canaries:
        if any(hpo_id not in extractor.ontology for hpo_id, _ in canary.expected):
            unfit.append(canary.id)
        elif _found(extractor, canary) == canary.expected:
            passed.append(canary.id)
        else:
            failed.append(canary.id)
    return CanaryRun(tuple(passed), tuple(failed), tuple(unfit))


def tell(run: CanaryRun) -> None:
    """Put how many passed and failed into the metrics, and log the ids of those that failed."""
    for result in ("passed", "failed", "unfit"):
        metrics.canaries.labels(result).set(len(getattr(run, result)))
    if run.failed:
        _log.error("canaries failed", extra={"fields": {"canaries": list(run.failed)}})


def _found(extractor: Extractor, canary: Canary) -> frozenset[tuple[str, Status]] | None:
    try:
        report = extractor(Document(canary.id, canary.text))
    except Exception:
        return None
    return frozenset((feature.hpo_id, feature.status) for feature in report.features)


def _feature(written: str) -> tuple[str, Status]:
    hpo_id, status = written.split()
    return hpo_id, Status(status)
