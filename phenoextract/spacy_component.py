"""phenoextract in a spaCy pipeline: `nlp.add_pipe("phenoextract")`.

The component reads `doc.text` only, so that it works after any tokeniser and beside any other component. It sets

- `doc.user_data["phenoextract"]`: the report, in the published JSON form;
- `doc.spans["phenoextract"]`: a span for each annotation behind a proposed feature, its label the HPO id, widened to
  whole tokens where the annotation cuts one;
- `span._.phenoextract`: that annotation of the report, with its exact offsets, status and cues. This extension is
  the one global name registered, and only if it is not there yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from phenoextract.formats.json import to_dict
from phenoextract.formats.marks import is_coded
from phenoextract.types import Document, Report

if TYPE_CHECKING:
    from phenoextract.pipeline import Extractor

NAME = "phenoextract"


@Language.factory(NAME, default_config={"index": None}, assigns=["doc.spans", f"span._.{NAME}"])
def create(nlp: Language, name: str, index: str | None) -> PhenoextractComponent:
    """Make the component; `index` is an index folder, None for the current one. Raises ArtefactError."""
    from phenoextract.pipeline import load  # spaCy imports this module for every pipeline, with us in it or not

    return PhenoextractComponent(load(Path(index) if index else None))


class PhenoextractComponent:
    """Codes each Doc with one extractor."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        if not Span.has_extension(NAME):
            Span.set_extension(NAME, getter=annotation_of)

    def __call__(self, doc: Doc) -> Doc:
        """Code one Doc. Raises DocumentTooLong."""
        return _mark(doc, self._extractor(_document(doc)))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Code many Docs, in order."""
        docs = iter(stream)
        while batch := list(islice(docs, batch_size)):
            reports = self._extractor.pipe(map(_document, batch), batch_size=batch_size)
            yield from map(_mark, batch, reports)


def annotation_of(span: Span) -> dict[str, Any] | None:
    """Give the annotation of a span of `doc.spans["phenoextract"]`; None for any other span."""
    report = span.doc.user_data.get(NAME)
    if report is None or not span.id_.isdecimal():
        return None
    annotation: dict[str, Any] = report["annotations"][int(span.id_)]
    return annotation


def _document(doc: Doc) -> Document:
    return Document("doc", doc.text)


def _mark(doc: Doc, report: Report) -> Doc:
    doc.user_data[NAME] = to_dict(report)
    spans = (
        doc.char_span(found.start, found.end, label=found.hpo_id or "", span_id=str(index), alignment_mode="expand")
        for index, found in enumerate(report.annotations)
        if is_coded(found)
    )
    doc.spans[NAME] = SpanGroup(doc, name=NAME, spans=[span for span in spans if span is not None])
    return doc
