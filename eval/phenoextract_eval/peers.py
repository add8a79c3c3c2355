"""Other extractors, run in this process on the same documents and the same HPO release.

FastHPOCR (Groza et al. 2024), fenominal (the exact-matching algorithm of Reese et al. 2023) and the plainest
baseline there is: every name of the ontology, exact and in lower case, found with an Aho-Corasick automaton.
None of them tells family or uncertain findings; only fenominal tells absent ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import re
import unicodedata
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from phenoextract.errors import ConfigError
from phenoextract.ontology import Ontology
from phenoextract.types import Document, Scope, Span, Status
from phenoextract_eval.systems import Coded, CodedMention, System, coded_from_mentions

_FASTHPOCR_WORDS = 3_000  # beyond 10,000 of its tokens it gives a hit the offset -1
_EXACT_MINIMUM = 4
_PLAIN = {"\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{HYPHEN}": "-"}


def peer(name: str, obo: Path, ontology: Ontology, cache: Path) -> System:
    """Load a peer by name, compiling its index into `cache` if that is not there yet.

    Raises ConfigError for an unknown name and for one that is not installed.
    """
    if name not in PEERS:
        raise ConfigError(f"no peer named {name}; there are {', '.join(PEERS)}")
    try:
        return PEERS[name](obo, ontology, cache)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{name} needs {error.name}: pip install 'phenoextract[peers]'") from None


def fasthpocr(obo: Path, _ontology: Ontology, cache: Path, *, longest: bool = True) -> System:
    """Load FastHPOCR, by its longest matches or with the matches nested in them (its default)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from FastHPOCR.HPOAnnotator import HPOAnnotator

    annotator = HPOAnnotator(str(compile_fasthpocr(obo, cache)))

    def mentions(document: Document) -> Iterator[CodedMention]:
        for start, part in _parts(document.text, _FASTHPOCR_WORDS):
            for hit in annotator.annotate(part, longest):
                sound = 0 <= hit.startOffset < hit.endOffset <= len(part)  # its offsets drift in text full of marks
                spans = (Span(start + hit.startOffset, start + hit.endOffset),) if sound else ()
                yield CodedMention(spans, hit.hpoUri)

    version = importlib.metadata.version("fasthpocr")
    return System("fasthpocr" if longest else "fasthpocr-nested", version, _by_document(mentions))


def fasthpocr_nested(obo: Path, ontology: Ontology, cache: Path) -> System:
    """Load FastHPOCR with nested matches."""
    return fasthpocr(obo, ontology, cache, longest=False)


def fenominal(obo: Path, ontology: Ontology, cache: Path) -> System:
    """Load fenominal; it gets ASCII, letter for letter, because its spans drift on any other text."""
    from fenominal import Fenominal

    engine = Fenominal(str(_obographs(obo, ontology, cache)))

    def mentions(document: Document) -> Iterator[CodedMention]:
        for hit in json.loads(engine.map_text("".join(map(_ascii, document.text)))):
            status = Status.ABSENT if hit["excluded"] else Status.PRESENT
            yield CodedMention((Span(hit["span"]["start"], hit["span"]["end"]),), hit["termId"], status)

    return System("fenominal", importlib.metadata.version("fenominal"), _by_document(mentions))


def exact(_obo: Path, ontology: Ontology, _cache: Path) -> System:
    """Build the baseline: names of at least four characters, whole words, the longest where they overlap."""
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for term in ontology:
        if ontology.is_phenotype(term.id):
            names = [term.label, *(s.text for s in term.synonyms if s.scope is Scope.EXACT)]
            for name in (name.lower() for name in names if len(name) >= _EXACT_MINIMUM):
                if name not in automaton:
                    automaton.add_word(name, (len(name), term.id))
    automaton.make_automaton()

    def mentions(document: Document) -> Iterator[CodedMention]:
        text = "".join(char.lower() if len(char.lower()) == 1 else char for char in document.text)
        hits = [(end + 1 - length, end + 1, hpo_id) for end, (length, hpo_id) in automaton.iter(text)]
        whole = [hit for hit in hits if _whole(text, hit[0], hit[1])]
        reach = 0
        for start, end, hpo_id in sorted(whole, key=lambda hit: (hit[0], -hit[1])):
            if start >= reach:
                reach = end
                yield CodedMention((Span(start, end),), hpo_id)

    return System("exact", importlib.metadata.version("pyahocorasick"), _by_document(mentions))


PEERS: dict[str, Callable[[Path, Ontology, Path], System]] = {
    "fasthpocr": fasthpocr,
    "fasthpocr-nested": fasthpocr_nested,
    "fenominal": fenominal,
    "exact": exact,
}


def _by_document(
    mentions: Callable[[Document], Iterable[CodedMention]],
) -> Callable[[Iterable[Document]], Iterator[Coded]]:
    return lambda documents: (coded_from_mentions(document.id, list(mentions(document))) for document in documents)


def _ascii(char: str) -> str:
    """Give one ASCII character for any other: its base letter, a plain quote or dash, else a space."""
    if char.isascii():
        return char
    base = unicodedata.normalize("NFKD", char)[0]
    return base if base.isascii() else _PLAIN.get(char, " ")


def _whole(text: str, start: int, end: int) -> bool:
    return not (start and text[start - 1].isalnum()) and not (end < len(text) and text[end].isalnum())


def _parts(text: str, words: int) -> Iterator[tuple[int, str]]:
    """Cut a text after every so many words."""
    ends = [match.end() for match in re.finditer(r"\S+", text)][words - 1 :: words]
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        if end > start:
            yield start, text[start:end]


def compile_fasthpocr(obo: Path, cache: Path) -> Path:
    """Compile FastHPOCR's index of a release into a folder, unless it is there, and give its path."""
    folder = cache / f"fasthpocr-{_digest(obo)}"
    if (folder / "hp.index").is_file():
        return folder / "hp.index"
    from FastHPOCR.IndexHPO import IndexHPO

    folder.mkdir(parents=True, exist_ok=True)
    indexer = IndexHPO(str(obo), str(folder))
    inverse: dict[str, list[str]] = defaultdict(list)

    def members(cluster: str, base: dict[str, str]) -> list[str]:
        if not inverse:
            for word, of in base.items():
                inverse[of].append(word)
        return list(inverse.get(cluster, ()))

    indexer.crIndexKB.compileClusterList = members  # its own walks all 300,000 words for each cluster
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        indexer.index()
    return folder / "hp.index"


def _obographs(obo: Path, ontology: Ontology, cache: Path) -> Path:
    """Write the release in the form fenominal reads, OBO Graphs JSON (github.com/geneontology/obographs)."""
    path = cache / f"hp-{_digest(obo)}.json"
    if not path.is_file():
        nodes = [
            {
                "id": _iri(term.id),
                "lbl": term.label,
                "type": "CLASS",
                "meta": {
                    "synonyms": [
                        {"pred": f"has{s.scope.capitalize()}Synonym", "val": s.text, "xrefs": []} for s in term.synonyms
                    ]
                },
            }
            for term in ontology
        ]
        edges = [
            {"sub": _iri(term.id), "pred": "is_a", "obj": _iri(parent)} for term in ontology for parent in term.parents
        ]
        version = f"http://purl.obolibrary.org/obo/hp/releases/{ontology.release}/hp.json"
        graph = {"id": "http://purl.obolibrary.org/obo/hp.json", "meta": {"version": version}, "nodes": nodes}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"graphs": [{**graph, "edges": edges}]}), "utf-8")
    return path


def _iri(hpo_id: str) -> str:
    return "http://purl.obolibrary.org/obo/" + hpo_id.replace(":", "_")


def _digest(obo: Path) -> str:
    return hashlib.sha256(obo.read_bytes()).hexdigest()[:12]
