"""What monitoring counts: the fate of each suggestion when a request is confirmed, and the measures of each letter.

Counts hold no words and lead to no request. They are kept by week, release and type of letter, and added up in the
transaction of what they count, so that none is lost or counted twice. A correction of a confirmed request is not
counted: the figures are about what a reviewer made of the proposals on seeing them first.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from phenoextract.ontology import PHENOTYPIC_ABNORMALITY, Ontology
from phenoextract.types import Provenance, Report
from phenoextract_api.request_types import Suggestion, confidence_band
from phenoextract_api.store.tables import LetterTallyRow, ReviewTallyRow

NOT_GIVEN = ""  # a letter without a type, an addition without a band or method, a term outside every branch
_WORD = re.compile(r"[^\W\d_]{4,}")  # the list of English has no shorter ones


class Outcome(StrEnum):
    """What became of a suggestion: the first four of what was proposed, the others of what was not."""

    ACCEPTED = "accepted"
    STATUS = "status"
    REPLACED = "replaced"
    REJECTED = "rejected"
    TAKEN_IN = "taken_in"
    ADDED_WORDS = "added_words"
    ADDED = "added"


class Measure(StrEnum):
    """What is measured of a letter."""

    WORDS = "words"
    UNKNOWN = "unknown_share"
    PROPOSALS = "proposals"


# A value belongs to the first bin whose edge it does not exceed. Never change these: the counts in stores mean them.
EDGES: Mapping[Measure, tuple[float, ...]] = {
    Measure.WORDS: (50, 100, 200, 300, 450, 650, 900, 1300, 2000),
    Measure.UNKNOWN: (0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.11, 0.15, 0.25),
    Measure.PROPOSALS: (0, 3, 7, 12, 18, 25, 35, 50),
}


@dataclass(frozen=True, slots=True)
class LetterMeasures:
    """A letter in numbers: its words, the share of them that neither lexicon nor English knows, and its proposals."""

    words: int
    unknown_share: float
    proposals: int

    def bins(self) -> dict[Measure, int]:
        """Give the bin of each measure."""
        return {measure: bisect_left(EDGES[measure], getattr(self, measure)) for measure in Measure}


class Kind(NamedTuple):
    """What is told apart of a suggestion; `band` and `method` are empty for an addition."""

    branch: str
    band: str
    method: str
    outcome: str


def measure_letter(text: str, report: Report, knows: Callable[[str], bool]) -> LetterMeasures:
    """Measure a letter; only words of four letters or more count."""
    words = Counter(_WORD.findall(text))
    count = words.total()
    unknown = sum(times for word, times in words.items() if not knows(word))
    return LetterMeasures(count, unknown / count if count else 0.0, len(report.features))


def count_review(report: Report, decided: Iterable[Suggestion], ontology: Ontology) -> Counter[Kind]:
    """Count what became of the suggestions of a request; what was not coded and stayed so is not counted."""
    return Counter(kind for one in decided if (kind := _kind(report, one, ontology)) is not None)


def outcome_of(suggestion: Suggestion) -> Outcome | None:
    """Give what became of a suggestion; None for one that is undecided, or was not proposed and is not coded."""
    if suggestion.accepted is None or (not suggestion.required and not suggestion.accepted):
        return None
    if not suggestion.accepted:
        return Outcome.REJECTED
    same_term = suggestion.hpo_id == suggestion.proposed_hpo_id
    if suggestion.required:
        if not same_term:
            return Outcome.REPLACED
        return Outcome.ACCEPTED if suggestion.status is suggestion.proposed_status else Outcome.STATUS
    if suggestion.not_coded is not None and same_term:
        return Outcome.TAKEN_IN
    return Outcome.ADDED if suggestion.start is None else Outcome.ADDED_WORDS


@lru_cache(maxsize=50_000)
def branch_of(ontology: Ontology, hpo_id: str | None) -> str:
    """Give the child of Phenotypic abnormality (HP:0000118) nearest above a term; of several, the least id."""
    current = ontology.current(hpo_id) if hpo_id else None
    level = {current} if current else set()
    branches = set(ontology.children(PHENOTYPIC_ABNORMALITY))
    while level:
        if found := level & branches:
            return min(found)
        level = {parent for hpo_id in level for parent in ontology[hpo_id].parents}
    return NOT_GIVEN


def week_of(moment: datetime | date) -> date:
    """Give the Monday of a day's week."""
    day = moment.date() if isinstance(moment, datetime) else moment
    return day - timedelta(days=day.weekday())


def add_review(
    session: Session, at: datetime, provenance: Provenance, letter_type: str | None, counted: Mapping[Kind, int]
) -> None:
    """Add the outcomes of a confirmed request to the counts of its week."""
    origin = _origin(at, provenance, letter_type)
    _add(session, ReviewTallyRow, [{**origin, **kind._asdict(), "count": count} for kind, count in counted.items()])


def add_letter(
    session: Session, at: datetime, provenance: Provenance, letter_type: str | None, measures: LetterMeasures
) -> None:
    """Add the measures of a letter to the counts of its week."""
    origin = _origin(at, provenance, letter_type)
    rows = [{**origin, "measure": measure.value, "bin": bin, "count": 1} for measure, bin in measures.bins().items()]
    _add(session, LetterTallyRow, rows)


def _kind(report: Report, suggestion: Suggestion, ontology: Ontology) -> Kind | None:
    outcome = outcome_of(suggestion)
    if outcome is None:
        return None
    branch = branch_of(ontology, suggestion.proposed_hpo_id or suggestion.hpo_id)
    if not suggestion.required:
        return Kind(branch, NOT_GIVEN, NOT_GIVEN, outcome.value)
    method = report.annotations[suggestion.evidence[0]].method
    return Kind(branch, confidence_band(suggestion.confidence), method.value if method else NOT_GIVEN, outcome.value)


def _origin(at: datetime, provenance: Provenance, letter_type: str | None) -> dict[str, Any]:
    return {
        "week": week_of(at),
        "product_version": provenance.version,
        "hpo_release": provenance.hpo_release,
        "index_sha256": provenance.index_sha256,
        "letter_type": letter_type or NOT_GIVEN,
    }


def _add(session: Session, table: type[ReviewTallyRow | LetterTallyRow], rows: list[dict[str, Any]]) -> None:
    """Add to the counts of rows, which are made at need; in one order, so that no two writers wait for each other."""
    if not rows:
        return
    key = [column.name for column in table.__table__.primary_key]
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    session.execute(
        statement.on_conflict_do_update(index_elements=key, set_={"count": table.count + statement.excluded.count}),
        sorted(rows, key=lambda row: [row[name] for name in key]),
    )
