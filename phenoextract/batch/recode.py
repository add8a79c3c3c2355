"""Coding again after a new release or lexicon: what is taken over from an earlier run, and what did change.

A change of the index affects some texts, and which is told in `affected`. Another version, rules, configuration or
encoder can change any result, and then all is coded again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from phenoextract.batch.affected import TakeOver, take_over
from phenoextract.batch.reports import Reports
from phenoextract.batch.sources import Kind, find_files, guess_kind, need, opened
from phenoextract.encoder import Encoder
from phenoextract.errors import ArtefactError, ConfigError
from phenoextract.formats import json as report_json
from phenoextract.index import Index, artefacts_dir, load_index
from phenoextract.ontology import Ontology
from phenoextract.pipeline import long_lived
from phenoextract.types import Provenance, Report

_STORED = 1000  # reports that are stored at once


class Earlier:
    """An earlier run's output: its reports by the digest of their text, and what `take_over` makes of them."""

    def __init__(self, output: Path, ontology: Ontology, take_over: TakeOver) -> None:
        self.take_over = take_over
        self._output, self._ontology = output, ontology
        self._store = Path()
        self._reports: Reports | None = None

    def prepare(self, store: Path) -> None:
        """Bring the earlier reports to where workers can look them up; raises ConfigError where they are none."""
        self._store = store
        if store.exists():
            return
        new = store.with_suffix(".new")
        new.unlink(missing_ok=True)
        reports = Reports(new)
        held: dict[str, Report] = {}
        for row in _rows(self._output):
            if row.get("error") is None:
                held[str(row.get("text_sha256"))] = report_json.from_dict(row)
            if len(held) == _STORED:
                reports.put(held)
                held.clear()
        reports.put(held)
        reports.close()
        new.replace(store)

    def open(self) -> None:
        """Open the store in a worker process."""
        self._reports = Reports(self._store)

    def reports(self, digests: Iterable[str]) -> dict[str, Report]:
        """Give the earlier reports of the texts with these digests."""
        if self._reports is None:
            raise RuntimeError("open() comes first")
        return self._reports.get(digests)

    def change(self, before: Report, now: Report) -> dict[str, Any] | None:
        """Say which terms of a document are new, gone, or go by a successor; None where all is as it was."""
        old = {(feature.hpo_id, feature.status): feature.label for feature in before.features}
        new = {(feature.hpo_id, feature.status): feature.label for feature in now.features}
        migrated = {
            key: successor
            for key in old.keys() - new.keys()
            for successor in [(self._ontology.current(key[0]) or "", key[1])]
            if successor in new
        }
        removed = old.keys() - new.keys() - migrated.keys()
        added = new.keys() - old.keys() - {*migrated.values()}
        if not (added or removed or migrated):
            return None
        return {
            "id": now.id,
            "added": [_named(key, new[key]) for key in sorted(added)],
            "removed": [_named(key, old[key]) for key in sorted(removed)],
            "migrated": [{"from": key[0], **_named(to, new[to])} for key, to in sorted(migrated.items())],
        }


def open_earlier(
    output: Path,
    provenance: Provenance,
    ontology: Ontology,
    index: Path,
    old: Path | None,
    encoder: Encoder | None = None,
) -> Earlier:
    """Look at an earlier run's output, made with the index in the folder `old`, by default the one it names.

    `index` is the folder of the index of now, and `encoder` what codes with it. Raises ConfigError if the output is
    none of a batch, or if the older index is needed and not there.
    """
    row = next((row for row in _rows(output) if row.get("error") is None), None)
    if row is None:
        return Earlier(output, ontology, _code_again)
    before = report_json.from_dict(row).provenance
    if before == provenance:
        return Earlier(output, ontology, _as_it_is)
    of_index = {"hpo_release", "index_sha256", "lexicon_sha256"}
    changed = {name for name, value in asdict(provenance).items() if asdict(before)[name] != value}
    if changed - of_index:
        return Earlier(output, ontology, _code_again)
    with long_lived():
        taken = take_over(_old_index(before, old), load_index(index), encoder)
    return Earlier(output, ontology, taken)


def _code_again(_text: str, _report: Report) -> None:
    return None


def _as_it_is(_text: str, report: Report) -> Report:
    return report


def _old_index(provenance: Provenance, old: Path | None) -> Index:
    path = artefacts_dir() / f"hp-{provenance.hpo_release}" if old is None else old
    wanted = f"the index of the earlier run (HPO {provenance.hpo_release}, sha256 {provenance.index_sha256[:12]})"
    try:
        index = load_index(path)
    except ArtefactError:
        raise ConfigError(f"{path}: {wanted} is not there; name its folder with --old-index") from None
    if index.digest != provenance.index_sha256:
        raise ConfigError(f"{path}: is not {wanted}; name its folder with --old-index")
    return index


def _rows(output: Path) -> Iterator[dict[str, Any]]:
    """Give the rows of an output of JSON lines or Parquet, one file or a folder of parts."""
    kind = guess_kind(output)
    for file in find_files(output, kind):
        if kind is Kind.PARQUET:
            for batch in need("pyarrow.parquet", "Parquet").ParquetFile(file).iter_batches(batch_size=64):
                yield from batch.to_pylist()
        elif kind is Kind.JSONL:
            with opened(file) as (_, lines):
                yield from map(json.loads, lines)
        else:
            raise ConfigError(f"{output}: to code again, the earlier output must be JSON lines or Parquet")


def _named(key: tuple[str, str], label: str) -> dict[str, str]:
    return {"hpo_id": key[0], "label": label, "status": key[1]}
