"""Coding again after a new release or lexicon: which results can change at all, and what did change.

An index tells on a text by what each word is to the scan, and by the names that its words make. So a result cannot
change if both indexes say the same of each word, and the text lacks a word of every name that they do not share: one
that the rules do not let it leave out, by itself, misspelt, run together with another, or in another word of its
class. Another version, rules, configuration or encoder can change any result, and so can a change of a term that a
rule of measurement names; then all is coded again.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from phenoextract.batch.reports import Reports
from phenoextract.batch.sources import Kind, find_files, guess_kind, need, opened
from phenoextract.errors import ArtefactError, ConfigError
from phenoextract.formats import json as report_json
from phenoextract.index import (
    Index,
    Name,
    artefacts_dir,
    content_words,
    load_index,
    word_classes,
    word_hash,
)
from phenoextract.ontology import Ontology
from phenoextract.rules import load_rules
from phenoextract.text import normalise, tokenise
from phenoextract.types import Provenance, Report
from phenoextract.vocabulary import Vocabulary, Word

_HPO_ID = re.compile(r"HP:\d{7}")
_UNSAID = (
    # what stands in names but not beside the other words of them in a letter: "lips: normal"
    "abnormal abnormality abnormalities anomaly anomalies asymmetry function morphology physiology",
    # what an enumeration of digits is read as: "metacarpals II-V"
    "1 2 3 4 5 1st 2nd 3rd 4th 5th first second third fourth fifth finger toe digit hand foot metacarpal metatarsal",
)
_STORED = 1000  # reports that are stored at once
_WORDS_KNOWN = 200_000


CanChange = Callable[[str], bool]


class Earlier:
    """An earlier run's output: its reports by the digest of their text, and whether one can have changed."""

    def __init__(self, output: Path, ontology: Ontology, can_change: CanChange) -> None:
        self.can_change = can_change
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


def open_earlier(output: Path, provenance: Provenance, ontology: Ontology, index: Path, old: Path | None) -> Earlier:
    """Look at an earlier run's output, made with the index in the folder `old`, by default the one it names.

    `index` is the folder of the index of now. Raises ConfigError if the output is none of a batch, or if the older
    index is needed and not there.
    """
    row = next((row for row in _rows(output) if row.get("error") is None), None)
    if row is None:
        return Earlier(output, ontology, _always)
    before = report_json.from_dict(row).provenance
    if before == provenance:
        return Earlier(output, ontology, _never)
    lexical = {"hpo_release", "index_sha256", "lexicon_sha256"}
    changed = {name for name, value in asdict(provenance).items() if asdict(before)[name] != value}
    if changed - lexical or provenance.encoder_sha256 is not None:
        return Earlier(output, ontology, _always)
    return Earlier(output, ontology, can_change(_old_index(before, old), load_index(index)))


def can_change(old: Index, new: Index) -> CanChange:
    """Give a function that tells whether the result of a text can differ between two indexes."""
    moved = {hpo_id for hpo_id in _rule_terms() if _term(old, hpo_id) != _term(new, hpo_id)}
    findings = load_rules("normal_findings")
    phrases = {name: hpo_id for part in ("parts", "statements") for name, hpo_id in findings[part].items()}
    if moved - {*phrases.values()}:
        return _always
    differing = _differing(old, new) | {name for name, hpo_id in phrases.items() if hpo_id in moved}
    required = {words for name in differing for words in _required(name)}
    uses = Counter(word for words in required for word in words)
    by_rarest: dict[int, list[frozenset[int]]] = defaultdict(list)
    for words in required:
        by_rarest[min(words, key=lambda word: (uses[word], word))].append(words)
    lends: dict[str, frozenset[int]] = defaultdict(frozenset)
    for heading, lent in findings["regions"].items():
        for word in _roots(heading):
            lends[word] |= frozenset(_key(root) for text in lent for root in _roots(text))
    before, after = Vocabulary(old), Vocabulary(new)

    @lru_cache(maxsize=_WORDS_KNOWN)
    def reading(word: str) -> frozenset[int] | None:
        return _hashes(word, after.classify(word)) if _reach(before, word) == _reach(after, word) else None

    def judge(text: str) -> bool:
        held: set[int] = set()
        for word in set(tokenise(text).words):
            hashes = reading(word)
            if hashes is None:
                return True
            held |= hashes | lends.get(normalise(word), frozenset())
        return any(words <= held for rarest in held & by_rarest.keys() for words in by_rarest[rarest])

    return judge


def _reach(vocabulary: Vocabulary, word: str) -> Word:
    """Give what a word is, less how long a name with it can be: that ends a search which would find nothing more."""
    found = vocabulary.classify(word)
    return found._replace(longest=min(found.longest, 2))


def _hashes(word: str, found: Word) -> frozenset[int]:
    """Give the hashes of the words that a word can stand for: itself, its correction, or two that it runs together."""
    own = word_hash(normalise(word))
    hashes = {own, _key(normalise(word)), found.strict, found.loose}
    if found.strict not in (0, own):
        hashes.update(_key(normalise(part)) for at in range(1, len(word)) for part in (word[:at], word[at:]))
    return frozenset(hashes)


def _always(_text: str) -> bool:
    return True


def _never(_text: str) -> bool:
    return False


def _differing(old: Index, new: Index) -> set[str]:
    """Give the names that only one of two indexes has, or that mean something else in the other."""
    return {text for text, *_ in _names(old) ^ _names(new)}


def _names(index: Index) -> set[tuple[Any, ...]]:
    compiled = {(*_fields(name), _term(index, name.hpo_id)) for name in index.names}
    return compiled | {
        (text, term.id, _term(index, term.id))
        for term in index.ontology
        for text in (term.label, *(synonym.text for synonym in term.synonyms))
    }


def _fields(name: Name) -> tuple[Any, ...]:
    return (name.text, name.hpo_id, name.scope, name.method, name.context)


def _term(index: Index, hpo_id: str) -> tuple[str, frozenset[str]] | None:
    """Give what the coding of a text can see of a term."""
    if hpo_id not in index.ontology:
        return None
    return index.ontology.label(hpo_id), index.ontology.ancestors(hpo_id)


def _roots(text: str) -> set[str]:
    return set(map(normalise, content_words(tokenise(text).words)))


def _required(name: str) -> list[frozenset[int]]:
    """Give sets of words; a text that says the name holds one of them whole.

    It is the set of the words that the text cannot leave out, or each word by itself if it could leave out any.
    """
    roots = _roots(name)
    needed = frozenset(map(_key, roots - _left_out()))
    return [needed] if needed else [frozenset((_key(root),)) for root in roots]


def _key(root: str) -> int:
    """Give the hash of a word, one for all words that stand for each other."""
    return word_hash(_classes().get(root, root))


@lru_cache(maxsize=1)
def _classes() -> dict[str, str]:
    return word_classes()


@lru_cache(maxsize=1)
def _left_out() -> frozenset[str]:
    lexicon = load_rules("lexicon")
    words = [word for kind in ("neutral", "modifier", "narrowing") for word in lexicon[kind]["words"]]
    return frozenset(root for text in (*words, *_UNSAID) for root in _roots(text))


def _rule_terms() -> set[str]:
    """Give the ids of terms that any rule names."""
    rules = (file for file in files("phenoextract.rules").iterdir() if file.name.endswith(".toml"))
    return {found for file in rules for found in _HPO_ID.findall(file.read_text("utf-8"))}


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
