"""Annotated corpora in, one reader a format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from phenoextract.errors import ConfigError
from phenoextract.ontology import Ontology
from phenoextract_eval.corpora.bioc import read_bioc_json, read_bioc_xml
from phenoextract_eval.corpora.brat import read_brat
from phenoextract_eval.corpora.check import checked
from phenoextract_eval.corpora.gsc import part, read_gsc
from phenoextract_eval.corpora.house import read_house
from phenoextract_eval.corpora.negex import is_negex, read_negex
from phenoextract_eval.corpora.phenopackets import read_phenopackets
from phenoextract_eval.corpora.pubtator import TITLE, read_pubtator
from phenoextract_eval.corpora.table import read_table
from phenoextract_eval.gold import Corpus, GoldDocument, Problem

Reader = Callable[[Path, list[Problem]], Iterator[GoldDocument]]

_HEAD = 4096


def read_corpus(path: Path, ontology: Ontology) -> Corpus:
    """Read one corpus, its format told by its name and content; raises ConfigError where no known format fits."""
    reader = reader_of(path)
    if reader is None:
        raise ConfigError(f"{path}: not a corpus of a known format")
    problems: list[Problem] = []
    documents = checked(reader(path, problems), ontology, problems)
    return Corpus(path.stem, path, digest(path), tuple(documents), tuple(problems))


def reader_of(path: Path) -> Reader | None:
    """Tell which reader a file or folder needs; None if it is no corpus, ConfigError if it is not there."""
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder")
    if path.is_dir():
        if any(path.glob("*.ann")):
            return read_brat
        if part(path, "annotations") and part(path, "text"):
            return read_gsc
        beside = any(file.with_suffix(".txt").is_file() for file in path.glob("*.json"))
        return read_phenopackets if beside else None
    by_suffix = {".jsonl": read_house, ".xml": read_bioc_xml, ".csv": read_table, ".xlsx": read_table}
    suffix = path.suffix.lower()
    if suffix in by_suffix:
        return by_suffix[suffix]
    with path.open("rb") as file:
        head = file.read(_HEAD).decode("utf-8", errors="replace")
    if suffix == ".json":
        return read_bioc_json if '"documents"' in head or '"passages"' in head else None
    if suffix in {".txt", ".pubtator"} and TITLE.match(
        head.lstrip("\n\N{ZERO WIDTH NO-BREAK SPACE}").split("\n", 1)[0]
    ):
        return read_pubtator
    if suffix in {".txt", ".tsv"} and is_negex(head):
        return read_negex
    return read_table if suffix == ".tsv" else None


def find_corpora(paths: Sequence[Path], names: Sequence[str] = ()) -> list[Path]:
    """Give the corpora among paths and inside folders, in name order, only those named if any are.

    Raises ConfigError for a path that is no corpus and holds none, and for a name that is not found.
    """
    found: list[Path] = []
    for path in paths:
        inside = [path] if reader_of(path) else []
        if path.is_dir() and not inside:
            inside = [child for child in sorted(path.iterdir()) if reader_of(child)]
        if not inside:
            raise ConfigError(f"{path}: not a corpus of a known format, nor a folder of them")
        found += inside
    missing = set(names) - {path.stem for path in found}
    if missing:
        raise ConfigError(f"no corpus named {', '.join(sorted(missing))}")
    return [path for path in found if not names or path.stem in names]


def digest(path: Path) -> str:
    """Give the sha256 of a file, or of the names and contents of every file of a folder in name order."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    whole = hashlib.sha256()
    for file in sorted(child for child in path.rglob("*") if child.is_file()):
        whole.update(file.relative_to(path).as_posix().encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()
