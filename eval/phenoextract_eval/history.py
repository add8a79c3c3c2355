"""Two runs side by side: which figures moved, which mistakes went and which came."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from phenoextract.errors import ConfigError
from phenoextract_eval.bootstrap import compare
from phenoextract_eval.metrics import Counts
from phenoextract_eval.record import Comparison
from phenoextract_eval.run import Run

EARLIER = "earlier run"


@dataclass(frozen=True, slots=True)
class Change:
    """A mistake that one of two runs made: `better` if it went, else it came."""

    corpus: str
    better: bool
    document: str
    side: str
    status: str
    hpo_id: str
    label: str
    reason: str


def earlier_folder(path: Path) -> Path:
    """Give the folder of an earlier run from itself or its result.json; raises ConfigError if it holds no run."""
    folder = path.parent if path.is_file() else path
    for name in ("result.json", "documents.csv", "mistakes.csv"):
        if not (folder / name).is_file():
            raise ConfigError(f"{folder}: no {name}; is this the folder of an earlier run?")
    return folder


def against_earlier(run: Run, folder: Path) -> Iterator[Comparison]:
    """Compare the first system with the first of an earlier run, on the documents both have."""
    earlier: dict[tuple[str, str], dict[str, Counts]] = defaultdict(dict)
    for row in _first_system(folder / "documents.csv"):
        then = Counts(*(float(row[name]) for name in ("found", "gold", "correct", "predicted")))
        earlier[row["corpus"], row["figure"]][row["document"]] = then
    for one in run.corpora:
        first = one.measured[0]
        for name, counts in first.figures.items():
            known = earlier.get((one.corpus.name, name), {})
            pairs = [(c, known[d.id]) for d, c in zip(one.corpus.documents, counts, strict=True) if d.id in known]
            if pairs:
                ours, theirs = zip(*pairs, strict=True)
                difference = compare(ours, theirs, samples=run.record.samples, seed=run.record.seed)
                yield Comparison(one.corpus.name, name, first.result.system, EARLIER, difference)


def with_earlier(run: Run, folder: Path) -> Run:
    """Add the comparisons with an earlier run to a run's record."""
    comparisons = (*run.record.comparisons, *against_earlier(run, folder))
    return replace(run, record=replace(run.record, comparisons=comparisons))


def changes(run: Run, folder: Path) -> list[Change]:
    """Give the mistakes of the first system that only one of two runs made, in corpora both measured."""
    earlier: dict[str, dict[tuple[str, str, str, str], Change]] = defaultdict(dict)
    for row in _first_system(folder / "mistakes.csv"):
        change = Change(
            row["corpus"], True, *(row[n] for n in ("document", "side", "status", "hpo_id", "label", "reason"))
        )
        earlier[row["corpus"]][change.document, change.side, change.status, change.hpo_id] = change
    measured_then = {row["corpus"] for row in _first_system(folder / "figures.csv")}
    found: list[Change] = []
    for one in run.corpora:
        if one.corpus.name not in measured_then:
            continue
        now = {m.key: m for m in one.measured[0].mistakes}
        found += [change for key, change in earlier[one.corpus.name].items() if key not in now]
        found += [
            Change(one.corpus.name, False, m.document, m.side, m.status, m.hpo_id, m.label, m.reason)
            for key, m in now.items()
            if key not in earlier[one.corpus.name]
        ]
    return found


def _first_system(path: Path) -> Iterator[dict[str, str]]:
    first: str | None = None
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            first = first or row["system"]
            if row["system"] == first:
                yield row
