"""Annotated corpora in, one reader a format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from phenoextract.errors import ConfigError
from phenoextract.ontology import Ontology
from phenoextract_eval.corpora.check import checked
from phenoextract_eval.corpora.house import read_house
from phenoextract_eval.gold import Corpus, GoldDocument, Problem

Reader = Callable[[Path, list[Problem]], Iterator[GoldDocument]]


def read_corpus(path: Path, ontology: Ontology) -> Corpus:
    """Read one corpus, its format told by its name and content; raises ConfigError where no known format fits."""
    problems: list[Problem] = []
    documents = checked(reader_of(path)(path, problems), ontology, problems)
    return Corpus(path.stem, path, digest(path), tuple(documents), tuple(problems))


def reader_of(path: Path) -> Reader:
    """Tell which reader a file or folder needs; raises ConfigError where none fits."""
    if path.suffix == ".jsonl":
        return read_house
    raise ConfigError(f"{path}: not a corpus of a known format")


def find_corpora(paths: Sequence[Path], names: Sequence[str] = ()) -> list[Path]:
    """Give the corpora among paths and inside folders, in name order, only those named if any are."""
    found = [corpus for path in paths for corpus in ([path] if path.is_file() else sorted(path.glob("*.jsonl")))]
    missing = set(names) - {path.stem for path in found}
    if missing:
        raise ConfigError(f"no corpus named {', '.join(sorted(missing))}")
    return [path for path in found if not names or path.stem in names]


def digest(path: Path) -> str:
    """Give the sha256 of a file, or of every file of a folder in name order."""
    whole = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(child for child in path.rglob("*") if child.is_file()):
        whole.update(file.read_bytes())
    return whole.hexdigest()
