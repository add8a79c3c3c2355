"""The compiled lexicon on disk: one folder with a manifest, verified by digest and loaded without copies.

A phrase is looked up by an order-free key: the sum of a 60-bit hash of each of its normalised words (at
most fourteen, so the sum fits 64 bits). Word order is checked afterwards, where it matters, on the few hits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phenoextract.errors import ArtefactCorrupt, ArtefactMismatch, ArtefactMissing
from phenoextract.ontology import Ontology, Synonym, Term
from phenoextract.rules import load_rules
from phenoextract.text import fold, normalise
from phenoextract.types import Method, Scope

FORMAT = 4
BUILD_COMMAND = "phenoextract build-index"
FILES = ("terms.json", "names.json", "words.json", "strict.npy", "loose.npy", "pairs.npy")
VECTOR_FILES = ("vectors.npy", "postings.npy", "neighbours.npy")

_SCOPES = {str(scope): scope for scope in Scope}  # faster than calling the enumeration, of which loading does much
_METHODS = {str(method): method for method in Method}


@dataclass(frozen=True, slots=True)
class Name:
    """A string that names a term, where it comes from, and the words one of which must stand near it."""

    text: str
    hpo_id: str
    scope: Scope
    method: Method
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index was built from: versions, and the sha256 of the source and of each file."""

    format: int
    hpo_release: str
    source_sha256: str
    lexicon_sha256: str
    rules_sha256: str
    built_by: str
    encoder_sha256: str | None
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Vectors:
    """What an encoder says of an index's names.

    `table` holds 127 times the unit vector of each name, as bytes; `postings` maps the loose key of a word to the
    positions of exact names with it; `neighbours` gives for each term, in the ontology's order, the positions of the
    terms that are most like it, each with 127 times their cosine.
    """

    table: NDArray[np.int8]
    postings: Mapping[int, NDArray[np.int32]]
    neighbours: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Index:
    """A loaded index.

    `strict` and `loose` map an order-free key to positions in `names`; `pairs` holds the loose key of any two
    words that stand in one name, so that a search can end early; `words` gives for each normalised
    word of a name the length of the longest name that holds it; `surfaces` are the words as the names
    spell them, and `known` correct words that must not be taken for misspellings.
    """

    manifest: Manifest
    digest: str
    ontology: Ontology
    names: tuple[Name, ...]
    strict: Mapping[int, tuple[int, ...]]
    loose: Mapping[int, tuple[int, ...]]
    pairs: frozenset[int]
    words: Mapping[str, int]
    surfaces: tuple[str, ...]
    known: frozenset[str]
    vectors: Vectors | None = None


def word_hash(word: str) -> int:
    """Give the 60-bit hash of a normalised word; the same on every machine."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") >> 4


ABNORMAL = word_hash("=abnormal")  # the loose key of "abnormal", "anomaly" and their like
OF_DEGREE = word_hash("=degree")  # added to the loose key of names that hold words of degree or side


def word_classes() -> dict[str, str]:
    """Give the class of each word that has an equivalent inside longer names."""
    rules = load_rules("lexicon")
    classes = {**rules["equivalent"], **rules["body"]}
    return {normalise(word): f"={kind}" for kind, words in classes.items() for word in words}


@lru_cache(maxsize=1)
def function_words() -> frozenset[str]:
    """Give the words that stand in names and phrases without counting for either."""
    function = load_rules("lexicon")["function"]
    return frozenset((*function["plain"], *function["ordered"]))


def content_words(words: Sequence[str]) -> list[str]:
    """Give the words that count for a name, as written."""
    skipped = function_words()
    return [word for place, word in enumerate(words) if fold(word) not in skipped or is_letter(words, place)]


def is_letter(words: Sequence[str], place: int) -> bool:
    """Tell whether a word is the letter A ("brachydactyly type A"), not the article."""
    return words[place] == "A" and place > 0 and not words[place - 1].isupper()


def artefacts_dir() -> Path:
    """Give the folder in which indexes are kept, inside the installed package."""
    return Path(__file__).parent / "_artefacts"


def index_path(release: str | None = None) -> Path:
    """Give the folder of a release's index, or of the current one; raises ArtefactMissing where there is none."""
    root = artefacts_dir()
    if release is not None:
        return root / f"hp-{release}"
    pointer = root / "current"
    if not pointer.is_file():
        raise ArtefactMissing(str(root), expected="a compiled index", found="none", mend=BUILD_COMMAND)
    return root / pointer.read_text("utf-8").strip()


def set_current(path: Path) -> None:
    """Make an index in the artefacts folder the one that is loaded by default."""
    pointer = artefacts_dir() / "current"
    temporary = pointer.with_suffix(".new")
    temporary.write_text(path.name + "\n", "utf-8")
    temporary.replace(pointer)


def read_manifest(path: Path) -> Manifest:
    """Read an index's manifest; raises ArtefactMissing, ArtefactCorrupt or ArtefactMismatch."""
    try:
        raw = json.loads((path / "manifest.json").read_text("utf-8"))
    except FileNotFoundError:
        raise ArtefactMissing(str(path), expected="a compiled index", found="none", mend=BUILD_COMMAND) from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise _corrupt(path / "manifest.json", "a readable manifest", "a damaged one") from None
    found = raw.get("format") if isinstance(raw, dict) else None
    if found != FORMAT:
        raise ArtefactMismatch(
            str(path), expected=f"index format {FORMAT}", found=f"format {found}", mend=f"{BUILD_COMMAND} --force"
        )
    try:
        return Manifest(**raw)
    except TypeError:
        raise _corrupt(path / "manifest.json", f"the fields of format {FORMAT}", "others") from None


def manifest_digest(manifest: Manifest) -> str:
    """Give the sha256 that stands for the whole index in provenance."""
    return hashlib.sha256(json.dumps(asdict(manifest), sort_keys=True).encode()).hexdigest()


def load_index(path: Path | None = None) -> Index:
    """Load an index, the current one by default.

    Every file is checked against the manifest's digest first. Raises ArtefactMissing, ArtefactCorrupt or
    ArtefactMismatch, each with the command that mends it.
    """
    path = index_path() if path is None else path
    manifest = read_manifest(path)
    content: dict[str, bytes] = {}
    for name in FILES + (VECTOR_FILES if manifest.encoder_sha256 else ()):
        try:
            content[name] = (path / name).read_bytes()
        except OSError:
            raise _corrupt(path / name, "a file of the index", "none") from None
        found = hashlib.sha256(content[name]).hexdigest()
        if found != manifest.files.get(name):
            raise _corrupt(path / name, f"sha256 {manifest.files.get(name, '')[:12]}", f"sha256 {found[:12]}")
    ontology = _ontology(manifest.hpo_release, json.loads(content["terms.json"]))
    names = tuple(
        Name(text, hpo_id, _SCOPES[scope], _METHODS[method], tuple(context))
        for text, hpo_id, scope, method, context in json.loads(content["names.json"])
    )
    words = json.loads(content["words.json"])
    return Index(
        manifest=manifest,
        digest=manifest_digest(manifest),
        ontology=ontology,
        names=names,
        strict=_key_map(np.load(path / "strict.npy", allow_pickle=False)),
        loose=_key_map(np.load(path / "loose.npy", allow_pickle=False)),
        pairs=frozenset(np.load(path / "pairs.npy", allow_pickle=False).tolist()),
        words=words["words"],
        surfaces=tuple(words["surfaces"]),
        known=frozenset(words["known"]),
        vectors=_vectors(path) if manifest.encoder_sha256 else None,
    )


def _vectors(path: Path) -> Vectors:
    """Map the encoder's arrays into memory, so that processes share them."""
    rows = np.load(path / "postings.npy", allow_pickle=False)
    keys, starts = np.unique(rows[:, 0], return_index=True)
    positions = rows[:, 1].astype(np.int32)
    return Vectors(
        table=np.asarray(np.load(path / "vectors.npy", mmap_mode="r", allow_pickle=False)),
        postings=dict(zip(keys.tolist(), np.split(positions, starts[1:]), strict=True)),
        neighbours=np.asarray(np.load(path / "neighbours.npy", mmap_mode="r", allow_pickle=False)),
    )


def _corrupt(path: Path, expected: str, found: str) -> ArtefactCorrupt:
    return ArtefactCorrupt(str(path), expected=expected, found=found, mend=f"{BUILD_COMMAND} --force")


def _key_map(rows: NDArray[np.uint64]) -> dict[int, tuple[int, ...]]:
    """Turn rows (key, name position), sorted, into a map from key to positions."""
    keys: dict[int, tuple[int, ...]] = {}
    for key, position in rows.tolist():
        found = keys.get(key)
        keys[key] = (position,) if found is None else (*found, position)
    return keys


def _ontology(release: str, raw: dict[str, Any]) -> Ontology:
    terms = {
        hpo_id: Term(
            hpo_id,
            label,
            definition,
            tuple(Synonym(text, _SCOPES[scope], kind) for text, scope, kind in synonyms),
            tuple(parents),
        )
        for hpo_id, label, definition, synonyms, parents in raw["terms"]
    }
    return Ontology(release, terms, raw["replaced"], raw["obsolete"])
