"""The Extractor: the only file that wires the stages."""

from __future__ import annotations

import gc
import hashlib
import importlib.metadata
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

from threadpoolctl import threadpool_limits

from phenoextract.assertion import decide, is_letter
from phenoextract.encoder import Encoder, OnnxEncoder, encoder_digest, encoder_path
from phenoextract.errors import ArtefactMismatch, ConfigError, DocumentTooLong
from phenoextract.index import BUILD_COMMAND, Index, Name, load_index
from phenoextract.likeness import Likeness
from phenoextract.measure import find_measurements
from phenoextract.normal_findings import NormalFindings
from phenoextract.ontology import Ontology
from phenoextract.recognize import Recognizer
from phenoextract.report import annotate, features
from phenoextract.rules import rules_digest
from phenoextract.sections import find_sections
from phenoextract.text import Tokens, fold, normalise, tokenise
from phenoextract.types import Assertion, Candidate, Document, Mention, Provenance, Report, Span
from phenoextract.vocabulary import Mark

# Coded when an extractor is loaded, so that rules are compiled by then, once for all processes forked from this one.
_FIRST = "Her brother has no seizures, his IQ is 55, CK 900 (40-320)."


@dataclass(frozen=True, slots=True)
class ExtractConfig:
    """What changes the answer, and is therefore part of its provenance.

    `max_chars`: longest text accepted, in code points; `review_below`: confidence under which a person must
    look; `nested`: keep mentions inside longer ones; `encoder`: find and rank by likeness of meaning too.
    """

    max_chars: int = 2_000_000
    review_below: float = 0.6
    nested: bool = False
    encoder: bool = True

    def __post_init__(self) -> None:
        if self.max_chars < 1:
            raise ConfigError(f"max_chars must be at least 1, not {self.max_chars}")
        if not 0 <= self.review_below <= 1:
            raise ConfigError(f"review_below must lie between 0 and 1, not {self.review_below}")


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking what is being made again and again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def long_lived() -> Iterator[None]:
    """Spare the garbage collector what is made here: much, none of it garbage, and it lives as long as the process."""
    with _uncollected():
        yield
    gc.collect()
    gc.freeze()  # it need not be walked again and again


class Extractor:
    """Codes documents: text in, Report out. Holds nothing of the documents it has seen but single words."""

    def __init__(self, index: Index, config: ExtractConfig | None = None, encoder: Encoder | None = None) -> None:
        """Without an `encoder`, or for an index without vectors, coding goes by the lexicon alone."""
        self.config = config or ExtractConfig()
        likeness = Likeness(index, index.vectors, encoder) if encoder and index.vectors else None
        self.encoder = encoder if likeness else None
        self.ontology: Ontology = index.ontology
        self.names: Sequence[Name] = index.names
        self._words, self._english = index.words, index.known
        self._recognise = Recognizer(index, nested=self.config.nested, likeness=likeness)
        self._normal_findings = NormalFindings(index.ontology, self._recognise.named)
        self.provenance = Provenance(
            version=importlib.metadata.version("phenoextract"),
            hpo_release=index.manifest.hpo_release,
            index_sha256=index.digest,
            lexicon_sha256=index.manifest.lexicon_sha256,
            rules_sha256=rules_digest(),
            config_sha256=hashlib.sha256(json.dumps(asdict(self.config), sort_keys=True).encode()).hexdigest(),
            encoder_sha256=self.encoder.digest if self.encoder else None,
        )

    def __call__(self, document: str | Document) -> Report:
        """Code one document. Raises DocumentTooLong."""
        if isinstance(document, str):
            document = Document("document", document)
        return self._code([document])[0]

    def _tokens(self, document: Document) -> Tokens:
        if len(document.text) > self.config.max_chars:
            raise DocumentTooLong(document.id)
        return tokenise(document.text)

    @_uncollected()
    def _code(self, documents: Sequence[Document]) -> list[Report]:
        """Code documents stage by stage, so that what a stage needs is near at hand for all of them."""
        texts = [document.text for document in documents]
        read = list(map(self._tokens, documents))
        sections = list(map(find_sections, texts))
        letters = list(map(is_letter, texts, sections))
        mentions = self._mentions(texts, read, letters)
        decided = [
            decide(text, tokens, parts, found, letter=letter)
            for text, tokens, parts, found, letter in zip(texts, read, sections, mentions, letters, strict=True)
        ]
        annotated = [
            annotate(text, parts, found, assertions, self.ontology, review_below=self.config.review_below)
            for text, parts, found, assertions in zip(texts, sections, mentions, decided, strict=True)
        ]
        return [
            Report(document.id, features(document.text, annotations, self.ontology), annotations, self.provenance)
            for document, annotations in zip(documents, annotated, strict=True)
        ]

    def _mentions(self, texts: Sequence[str], read: Sequence[Tokens], letters: Sequence[bool]) -> list[list[Mention]]:
        readings = list(map(self._recognise.vocabulary.read, read))
        found = []
        for text, reading, letter, named in zip(
            texts, readings, letters, self._recognise(texts, readings, letters), strict=True
        ):
            measured = find_measurements(text, reading.tokens, reading.marked(Mark.MEASURE), self.ontology)
            mentions = merge(named, measured)
            found.append(mentions if letter else merge(mentions, self._normal_findings(text, reading.tokens)))
        return found

    def pipe(self, documents: Iterable[Document], batch_size: int = 64) -> Iterator[Report]:
        """Code many documents, in order; the size of batches never changes a result.

        A batch ends early where its texts together are as long as the longest text may be.
        """
        batch: list[Document] = []
        length = 0
        for document in documents:
            batch.append(document)
            length += len(document.text)
            if len(batch) == batch_size or length >= self.config.max_chars:
                yield from self._code(batch)
                batch, length = [], 0
        yield from self._code(batch)

    def assert_spans(self, document: Document, spans: Sequence[Span]) -> list[Assertion]:
        """Give the assertion of each span that a caller names (NegEx's protocol)."""
        tokens = tokenise(document.text)
        sections = find_sections(document.text)
        mentions = [Mention((span,), ()) for span in spans]
        return decide(document.text, tokens, sections, mentions, letter=is_letter(document.text, sections))

    def knows(self, word: str) -> bool:
        """Tell whether a word stands in a name of the index, in any form or spelling, or is English to it."""
        return normalise(word) in self._words or fold(word) in self._english

    def names_of(self, phrase: str) -> list[Name]:
        """Give the names that have just the words of a phrase, whatever their order, case and context."""
        return self._recognise.names_of(phrase)

    def idioms(self, text: str) -> list[Span]:
        """Give the phrases of a text that hold a name and mean something else."""
        tokens = tokenise(text)
        found = self._recognise.vocabulary.idioms(self._recognise.vocabulary.read(tokens))
        return [Span(tokens.starts[first], tokens.ends[last]) for first, last in found]

    def nearest(self, phrase: str) -> tuple[Candidate, ...]:
        """Give the terms nearest to a phrase, however far: by meaning, the score a cosine; without encoder by parts."""
        return self._recognise.nearest(phrase)

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


def _encoder(index: Index) -> Encoder | None:
    """Load the encoder that an index was built with; None if it was built without one."""
    expected = index.manifest.encoder_sha256
    if expected is None:
        return None
    folder = encoder_path()
    found = encoder_digest(folder)
    if found != expected:
        raise ArtefactMismatch(
            str(folder),
            expected=f"the encoder {expected[:12]} of the index",
            found=f"encoder {found[:12]}",
            mend=f"{BUILD_COMMAND} --force",
        )
    return OnnxEncoder(folder)


def load(index: Path | None = None, config: ExtractConfig | None = None) -> Extractor:
    """Load an extractor with the index in a folder, by default the current one.

    Raises ArtefactMissing, ArtefactCorrupt or ArtefactMismatch, each with the command that mends it.
    """
    with long_lived():
        compiled = load_index(index)
        extractor = Extractor(compiled, config, _encoder(compiled) if (config or ExtractConfig()).encoder else None)
        extractor(_FIRST)
    # on matrices as small as ours more threads cost more than they give, and processes share the cores
    threadpool_limits(limits=1, user_api="blas")
    return extractor
