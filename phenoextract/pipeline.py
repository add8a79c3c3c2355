"""The Extractor: the only file that wires the stages."""

from __future__ import annotations

import gc
import hashlib
import importlib.metadata
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

from phenoextract.assertion import decide, is_letter
from phenoextract.errors import ConfigError, DocumentTooLong
from phenoextract.index import Index, Name, load_index
from phenoextract.measure import find_measurements
from phenoextract.normal_findings import NormalFindings
from phenoextract.ontology import Ontology
from phenoextract.recognize import Recognizer
from phenoextract.report import annotate, features
from phenoextract.rules import rules_digest
from phenoextract.sections import find_sections
from phenoextract.text import tokenise
from phenoextract.types import Assertion, Candidate, Document, Mention, Provenance, Report, Span


@dataclass(frozen=True, slots=True)
class ExtractConfig:
    """What changes the answer, and is therefore part of its provenance.

    `max_chars`: longest text accepted, in code points; `review_below`: confidence under which a person must
    look; `nested`: keep mentions inside longer ones.
    """

    max_chars: int = 2_000_000
    review_below: float = 0.8
    nested: bool = False

    def __post_init__(self) -> None:
        if self.max_chars < 1:
            raise ConfigError(f"max_chars must be at least 1, not {self.max_chars}")
        if not 0 <= self.review_below <= 1:
            raise ConfigError(f"review_below must lie between 0 and 1, not {self.review_below}")


class Extractor:
    """Codes documents: text in, Report out. Holds nothing of the documents it has seen but single words."""

    def __init__(self, index: Index, config: ExtractConfig | None = None) -> None:
        self.config = config or ExtractConfig()
        self.ontology: Ontology = index.ontology
        self.names: Sequence[Name] = index.names
        self._recognise = Recognizer(index, nested=self.config.nested)
        self._normal_findings = NormalFindings(index.ontology, self._recognise.link)
        self.provenance = Provenance(
            version=importlib.metadata.version("phenoextract"),
            hpo_release=index.manifest.hpo_release,
            index_sha256=index.digest,
            lexicon_sha256=index.manifest.lexicon_sha256,
            rules_sha256=rules_digest(),
            config_sha256=hashlib.sha256(json.dumps(asdict(self.config), sort_keys=True).encode()).hexdigest(),
            encoder_sha256=None,
        )

    def __call__(self, document: str | Document) -> Report:
        """Code one document. Raises DocumentTooLong."""
        if isinstance(document, str):
            document = Document("document", document)
        text = document.text
        if len(text) > self.config.max_chars:
            raise DocumentTooLong(document.id)
        tokens = tokenise(text)
        sections = find_sections(text)
        letter = is_letter(text, sections)
        mentions = merge(self._recognise(text, tokens, letter=letter), find_measurements(text, tokens, self.ontology))
        if not letter:
            mentions = merge(mentions, self._normal_findings(text, tokens))
        assertions = decide(text, tokens, sections, mentions, letter=letter)
        annotations = annotate(text, sections, mentions, assertions, review_below=self.config.review_below)
        return Report(document.id, features(text, annotations, self.ontology), annotations, self.provenance)

    def pipe(self, documents: Iterable[Document], batch_size: int = 64) -> Iterator[Report]:
        """Code many documents, in order; the size of batches never changes a result."""
        for document in documents:
            yield self(document)

    def assert_spans(self, document: Document, spans: Sequence[Span]) -> list[Assertion]:
        """Give the assertion of each span that a caller names (NegEx's protocol)."""
        tokens = tokenise(document.text)
        sections = find_sections(document.text)
        mentions = [Mention((span,), ()) for span in spans]
        return decide(document.text, tokens, sections, mentions, letter=is_letter(document.text, sections))

    def link(self, texts: Sequence[str], top_k: int = 5) -> list[tuple[Candidate, ...]]:
        """Give the best candidates for phrases that are known to name a phenotype."""
        return [self._recognise.link(text)[:top_k] for text in texts]


def merge(mentions: Sequence[Mention], measured: Sequence[Mention]) -> list[Mention]:
    """Join mentions found by name with those found by measurement or form, which replace the names inside them."""
    if not measured:
        return list(mentions)
    taken = sorted(span for other in measured for span in other.spans)
    starts = [span.start for span in taken]
    ends = list(accumulate((span.end for span in taken), max))
    kept = [m for m in mentions if not _overlaps(m, starts, ends)]
    return sorted([*kept, *measured], key=lambda m: (m.start, m.end))


def _overlaps(mention: Mention, starts: Sequence[int], ends: Sequence[int]) -> bool:
    """Tell whether a mention shares text with spans whose starts and running greatest ends are given, in order."""
    places = [(bisect_left(starts, span.end), span.start) for span in mention.spans]
    return any(before > 0 and ends[before - 1] > start for before, start in places)


def load(index: Path | None = None, config: ExtractConfig | None = None) -> Extractor:
    """Load an extractor with the index in a folder, by default the current one.

    Raises ArtefactMissing, ArtefactCorrupt or ArtefactMismatch, each with the command that mends it.
    """
    extractor = Extractor(load_index(index), config)
    gc.collect()
    gc.freeze()  # the index lives as long as the process: the collector need not walk it again and again
    return extractor
