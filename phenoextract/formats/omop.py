"""Reports as rows of the table NOTE_NLP, OMOP CDM 5.4 (https://ohdsi.github.io/CommonDataModel/cdm54.html#note_nlp).

A row for each place that supports a proposed term. The CDM's standard vocabularies do not hold the HPO: the concept is
0 unless a table maps it, and `term_modifiers` always names the HPO term. `term_exists` is Y only for what the patient
has and nobody needs to review.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count

from phenoextract.types import Annotation, Feature, Report, Status

COLUMNS = (
    "note_nlp_id",
    "note_id",
    "section_concept_id",
    "snippet",
    "offset",
    "lexical_variant",
    "note_nlp_concept_id",
    "note_nlp_source_concept_id",
    "nlp_system",
    "nlp_date",
    "nlp_datetime",
    "term_exists",
    "term_temporal",
    "term_modifiers",
)
_NO_CONCEPT = 0
_LONGEST_VARIANT, _LONGEST_SYSTEM, _LONGEST_MODIFIERS = 250, 250, 2000
_NO_CONCEPTS: Mapping[str, int] = {}

Row = dict[str, str | int | None]


def rows(
    report: Report, *, nlp_datetime: datetime, first_id: int = 1, concepts: Mapping[str, int] = _NO_CONCEPTS
) -> Iterator[Row]:
    """Give the rows of one note, whose note_id is the report's id.

    `note_nlp_id` counts from `first_id`; `concepts` maps HPO ids to OMOP concept ids; `nlp_datetime` needs a time
    zone and is stored in UTC. `offset` counts code points from 0. `snippet` and `term_temporal` are always null. A
    feature that a person added without pointing at the letter has one row without an offset, its label for words.
    """
    ids = count(first_id)
    when = nlp_datetime.astimezone(UTC)
    system = f"phenoextract {report.provenance.version}; HPO {report.provenance.hpo_release}"
    for feature in report.features:
        evidence: list[Annotation | None] = [report.annotations[index] for index in feature.evidence]
        for annotation in evidence or [None]:
            yield {
                "note_nlp_id": next(ids),
                "note_id": report.id,
                "section_concept_id": _NO_CONCEPT,
                "snippet": None,
                "offset": str(annotation.start) if annotation else None,
                "lexical_variant": (annotation.text if annotation else feature.label)[:_LONGEST_VARIANT],
                "note_nlp_concept_id": concepts.get(feature.hpo_id, _NO_CONCEPT),
                "note_nlp_source_concept_id": _NO_CONCEPT,
                "nlp_system": system[:_LONGEST_SYSTEM],
                "nlp_date": when.date().isoformat(),
                "nlp_datetime": when.strftime("%Y-%m-%d %H:%M:%S"),
                "term_exists": "Y" if feature.status is Status.PRESENT and not feature.needs_review else "N",
                "term_temporal": None,
                "term_modifiers": _modifiers(feature, annotation)[:_LONGEST_MODIFIERS],
            }


def render(
    reports: Iterable[Report], *, nlp_datetime: datetime | None = None, concepts: Mapping[str, int] = _NO_CONCEPTS
) -> str:
    r"""Give the rows of all reports as CSV (RFC 4180, lines end in \r\n, null is empty); the time is now if None."""
    when = nlp_datetime or datetime.now(UTC)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    first_id = 1
    for report in reports:
        made = list(rows(report, nlp_datetime=when, first_id=first_id, concepts=concepts))
        writer.writerows(made)
        first_id += len(made)
    return out.getvalue()


def _modifiers(feature: Feature, annotation: Annotation | None) -> str:
    said = {
        "hpo": feature.hpo_id,
        "negated": "yes" if feature.status is Status.ABSENT else "no",
        "subject": "family" if feature.status is Status.FAMILY else "patient",
        "certainty": "uncertain" if feature.status is Status.UNCERTAIN else "undef",
        "conditional": "false",
        "review": "yes" if feature.needs_review else "no",
        "section": annotation.section if annotation else None,
        "severity": feature.severity,
        "onset": feature.onset,
    }
    return ",".join(f"{name}={value}" for name, value in said.items() if value is not None)
