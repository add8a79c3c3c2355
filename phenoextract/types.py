"""The values that flow through the pipeline: one a stage, none of them mutated.

Offsets are half-open and count Unicode code points of the text as read. Fields that hold letter text
are left out of every repr, so that a traceback or a log line cannot leak them. What each letter has many of
is a NamedTuple: to make one takes a fifth of the time of a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

SCHEMA_VERSION = "1"


class Status(StrEnum):
    """What the letter says of a phenotype."""

    PRESENT = "present"
    ABSENT = "absent"
    FAMILY = "family"
    UNCERTAIN = "uncertain"


class Scope(StrEnum):
    """How closely a synonym names its term (the scopes of the OBO format 1.4)."""

    EXACT = "EXACT"
    BROAD = "BROAD"
    NARROW = "NARROW"
    RELATED = "RELATED"


class Method(StrEnum):
    """The way by which a term was found for a mention."""

    LABEL = "label"
    SYNONYM = "synonym"
    UK_LEXICON = "uk_lexicon"
    ABBREVIATION = "abbreviation"
    VARIANT = "variant"
    COORDINATION = "coordination"
    FUZZY = "fuzzy"
    MEASUREMENT = "measurement"
    ENCODER = "encoder"


class NotCoded(StrEnum):
    """Why a recognised phrase is not proposed for the patient."""

    RELATIVE_DENIED = "denied in a relative"
    FUTURE_RISK = "future or general risk, not a finding"
    EXPLANATION = "explains a disease, does not describe the patient"
    CONDITIONAL = "advice about what may happen"
    ADMINISTRATIVE = "address, name, signature, service or form text"
    PLAN = "plan, treatment or test, not a finding"
    AMBIGUOUS = "the words have another meaning here"
    NORMAL = "within the normal range"
    DIAGNOSIS = "part of the name of a disease"
    LESS_SPECIFIC = "part of a more specific finding"
    NO_TERM = "no HPO term fits"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open stretch of the original text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span needs 0 <= start < end, not {self.start}, {self.end}")


@dataclass(frozen=True, slots=True)
class Document:
    """A letter or note: an id that is safe to log, and its text."""

    id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a letter under one heading; `kind` is a name from rules/sections.toml."""

    start: int
    end: int
    kind: str
    heading_end: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A term that a mention may mean.

    `score` lies in [0, 1] and compares only within one method; `synonym` is the string of the lexicon
    that matched.
    """

    hpo_id: str
    label: str
    score: float
    method: Method
    synonym: str
    scope: Scope = Scope.EXACT


class Mention(NamedTuple):
    """A phrase that may name a phenotype: its pieces (more than one if discontinuous) and lexicon candidates.

    `status` is what the phrase itself says where no negation can apply: a number is measured or it is not, and
    "normal lips" on an examination form denies an abnormality.
    """

    spans: tuple[Span, ...]
    candidates: tuple[Candidate, ...]
    review: str | None = None
    not_coded: NotCoded | None = None
    status: Status | None = None

    @property
    def start(self) -> int:
        """The first code point of the first piece."""
        return self.spans[0].start

    @property
    def end(self) -> int:
        """One past the last code point of the last piece."""
        return self.spans[-1].end


@dataclass(frozen=True, slots=True)
class Cue:
    """The words that decided an assertion, and what kind of cue they are."""

    kind: str
    start: int
    end: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Assertion:
    """The status of a mention, the cues that decided it, and a reason if it must not be coded."""

    status: Status
    cues: tuple[Cue, ...] = ()
    not_coded: NotCoded | None = None


class Annotation(NamedTuple):
    """One mention with its term (None: no term fits), status and everything that explains them."""

    start: int
    end: int
    spans: tuple[Span, ...]
    text: str
    section: str
    hpo_id: str | None
    label: str | None
    status: Status
    confidence: float
    needs_review: bool
    review_reason: str | None
    method: Method | None
    synonym: str | None
    cues: tuple[Cue, ...]
    candidates: tuple[Candidate, ...]
    not_coded: NotCoded | None

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self._asdict().items() if name != "text")
        return f"Annotation({', '.join(shown)})"


class Feature(NamedTuple):
    """A phenotype proposed for the report, once per term and status (a GA4GH PhenotypicFeature).

    `evidence` indexes the report's annotations; `onset`, `severity` and `modifiers` are HPO ids.
    """

    hpo_id: str
    label: str
    status: Status
    confidence: float
    needs_review: bool
    evidence: tuple[int, ...]
    onset: str | None = None
    severity: str | None = None
    modifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made an answer: versions and sha256 digests."""

    version: str
    hpo_release: str
    index_sha256: str
    lexicon_sha256: str
    rules_sha256: str
    config_sha256: str
    encoder_sha256: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """The coded letter: features to propose, every annotation behind and beside them, and provenance."""

    id: str
    features: tuple[Feature, ...]
    annotations: tuple[Annotation, ...]
    provenance: Provenance
    schema: str = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Coding:
    """A code of a code system, as FHIR writes it."""

    system: str
    code: str
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Who confirmed the features of a report, when, and for which test request; it holds no letter text.

    `version` counts from 1 with every correction; `patient_ref` is a pseudonym; `confirmed_at` has a time zone.
    """

    request_id: str
    version: int
    patient_ref: str
    confirmed_by: str
    confirmed_at: datetime
    test: Coding | None
    letter_sha256: str
    letter_type: str | None
