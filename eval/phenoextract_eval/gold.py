"""What annotators marked: the values every corpus reader gives and every metric takes.

Offsets are half-open and count Unicode code points. Text is left out of every repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from phenoextract.types import Span, Status


@dataclass(frozen=True, slots=True)
class GoldMention:
    """A phrase an annotator marked.

    `spans` is empty where the place is not known, `hpo_id` None where there is no id or none of the release.
    `acceptable` ids count as right when scoring leniently, and an `optional` mention then counts neither way.
    """

    spans: tuple[Span, ...]
    hpo_id: str | None
    status: Status | None = None
    acceptable: frozenset[str] = frozenset()
    optional: bool = False
    surface: str | None = field(default=None, repr=False)

    @property
    def hull(self) -> Span | None:
        """The stretch from the first piece to the last."""
        return Span(self.spans[0].start, self.spans[-1].end) if self.spans else None


@dataclass(frozen=True, slots=True)
class GoldTerm:
    """An id an annotator gave to a whole document."""

    hpo_id: str
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Trap:
    """A stretch that must get no code, and the kind of mistake it invites."""

    span: Span
    why: str


@dataclass(frozen=True, slots=True)
class GoldDocument:
    """A text with its annotations; `line` is where its file has it, `metadata` whatever else is known of it."""

    id: str
    text: str = field(repr=False)
    mentions: tuple[GoldMention, ...] = ()
    terms: tuple[GoldTerm, ...] = ()
    traps: tuple[Trap, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    line: int = 0


class Kind(StrEnum):
    """What can be wrong with a corpus."""

    UNREADABLE = "cannot be read"
    ENCODING = "not UTF-8, read as Windows-1252"
    NO_TEXT = "the document has no text"
    OUTSIDE = "offsets outside the text"
    MISMATCH = "offsets do not match their text"
    UNLOCATED = "annotation without usable offsets"
    OVERLAP = "mentions overlap in part"
    UNSORTED = "mentions are not in order"
    DUPLICATE = "the same mention twice"
    SAME_ID = "two documents of one id"
    MIGRATED = "old id mapped to the release"
    UNKNOWN_ID = "id is not in the release"
    UNKNOWN_STATUS = "status is not one of those known"
    NO_PREDICTION = "no prediction for the document"


HARMLESS = frozenset({Kind.MIGRATED, Kind.OVERLAP, Kind.UNSORTED})


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about a corpus: its kind, document, line and, where it helps, an id or offset; never text."""

    kind: Kind
    document: str
    line: int
    detail: str = ""

    def __str__(self) -> str:
        return f"line {self.line}, document {self.document!r}: {self.kind}" + (
            f" ({self.detail})" if self.detail else ""
        )


@dataclass(frozen=True, slots=True)
class Corpus:
    """A named set of gold documents, the digest of the files they come from, and what was wrong in them."""

    name: str
    path: Path
    sha256: str
    documents: tuple[GoldDocument, ...]
    problems: tuple[Problem, ...] = ()
