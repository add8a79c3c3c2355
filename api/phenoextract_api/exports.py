"""A confirmed request in every format that leaves the house."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import assert_never

from phenoextract.formats import csv, exomiser, fhir, lirical, omop, phenopacket, phenotips
from phenoextract.formats import json as report_json
from phenoextract.formats.deidentify import withhold
from phenoextract.ontology import Ontology
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.types import Coding, Confirmation, Report, Status
from phenoextract_api.auth import Actor
from phenoextract_api.requests import export_report, get_request
from phenoextract_api.settings import Settings
from phenoextract_api.store.engine import Store

_ABSENT = {
    "not-detected": fhir.POLARITY[Status.ABSENT],
    "absent": (Coding("http://snomed.info/sct", "2667000", "Absent"), fhir.POLARITY[Status.ABSENT][1]),
}


class ExportFormat(StrEnum):
    """A format of confirmed requests."""

    FHIR = "fhir"
    PHENOPACKET = "phenopacket"
    PHENOTIPS = "phenotips"
    EXOMISER = "exomiser"
    LIRICAL = "lirical"
    OMOP = "omop"
    CSV = "csv"
    JSON = "json"


MEDIA_TYPES = {
    ExportFormat.FHIR: "application/fhir+json",
    ExportFormat.PHENOPACKET: "application/json",
    ExportFormat.PHENOTIPS: "application/json",
    ExportFormat.EXOMISER: "application/yaml",
    ExportFormat.LIRICAL: "application/yaml",
    ExportFormat.OMOP: "text/csv",
    ExportFormat.CSV: "text/csv",
    ExportFormat.JSON: "application/json",
}
_ENDINGS = {"application/fhir+json": "json", "application/json": "json", "application/yaml": "yaml", "text/csv": "csv"}


@dataclass(frozen=True, slots=True)
class Export:
    """A file to hand over; its name holds the request's id and nothing of the patient."""

    filename: str
    media_type: str
    content: str = field(repr=False)


def export(
    store: Store,
    actor: Actor,
    ontology: Ontology,
    settings: Settings,
    request_id: str,
    form: ExportFormat,
    *,
    version: int | None = None,
    quote: bool = False,
) -> Export:
    """Give what was confirmed in a format; raises as `export_report`, which says which version is given.

    Without `quote` no words of the letter leave, only terms and the places that support them.
    FHIR marks what the version before it confirmed as replaced or withdrawn.
    """
    confirmed, confirmation = export_report(store, actor, request_id, version=version)
    report = confirmed if quote else withhold(confirmed)
    previous = None
    if form is ExportFormat.FHIR and confirmation.version > 1:
        previous = get_request(store, actor, request_id, version=confirmation.version - 1).coded
    media_type = MEDIA_TYPES[form]
    ending = _ENDINGS[media_type]
    return Export(
        filename=f"{request_id}.{confirmation.version}" + (f".{form}.{ending}" if form != ending else f".{ending}"),
        media_type=media_type,
        content=_rendered(form, report, confirmation, previous, ontology, settings),
    )


def polarity(settings: Settings) -> fhir.Polarity:
    """Give the codings of present and absent that an installation uses in FHIR."""
    return {**fhir.POLARITY, Status.ABSENT: _ABSENT[settings.absent_coding]}


def _rendered(
    form: ExportFormat,
    report: Report,
    confirmation: Confirmation,
    previous: Report | None,
    ontology: Ontology,
    settings: Settings,
) -> str:
    match form:
        case ExportFormat.FHIR:
            codings = polarity(settings)
            return json.dumps(fhir.bundle(report, confirmation=confirmation, previous=previous, polarity=codings))
        case ExportFormat.PHENOPACKET:
            return phenopacket.render(report, confirmation=confirmation, ontology=ontology)
        case ExportFormat.PHENOTIPS:
            return phenotips.render(report, confirmation=confirmation, ontology=ontology)
        case ExportFormat.EXOMISER:
            return exomiser.render(report, confirmation=confirmation, ontology=ontology)
        case ExportFormat.LIRICAL:
            return lirical.render(report, confirmation=confirmation)
        case ExportFormat.OMOP:
            return omop.render([report], nlp_datetime=confirmation.confirmed_at)
        case ExportFormat.CSV:
            return csv.render([report], confirmation=confirmation)
        case ExportFormat.JSON:
            confirmed = asdict(confirmation) | {"confirmed_at": confirmation.confirmed_at.isoformat()}
            whole = {"purpose": INTENDED_PURPOSE, "confirmation": confirmed, "report": report_json.to_dict(report)}
            return json.dumps(whole)
    assert_never(form)
