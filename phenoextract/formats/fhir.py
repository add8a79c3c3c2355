"""Reports as FHIR R4, in the shape of NHS England's genomics implementation guide (draft, July 2026).

One Observation for each phenotype of the patient: the HPO term in `code`, its polarity in `value`, tagged as item
PCI-6 of the minimum data set. Findings in relatives are FamilyMemberHistory. What is uncertain and, unless asked for,
what still needs review stays out, because neither the guide nor this file has a place for it. A letter goes in by
digest only, unless its text is given. The same arguments give the same resources with the same ids.

https://simplifier.net/guide/fhir-genomics-implementation-guide, https://hl7.org/fhir/R4
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from phenoextract.formats.facts import facts
from phenoextract.formats.fhir_audit import Resource, instant, provenance
from phenoextract.formats.pointers import document_uri, place
from phenoextract.formats.role_codes import person, relative
from phenoextract.ontology import HPO_CITATION
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.types import Annotation, Coding, Confirmation, Feature, Report, Status

HPO = "http://human-phenotype-ontology.org"
TEST_DIRECTORY = "https://fhir.nhs.uk/CodeSystem/England-DigitalGenomicTestService"
_SNOMED, _LOINC = "http://snomed.info/sct", "http://loinc.org"
Polarity = Mapping[Status, Sequence[Coding]]
POLARITY: Polarity = {
    Status.PRESENT: (Coding(_SNOMED, "52101004", "Present"), Coding(_LOINC, "LA9633-4", "Present")),
    # the guide's one example of an absent phenotype says "not detected"; its text also allows 2667000 "Absent"
    Status.ABSENT: (Coding(_SNOMED, "260415000", "Not detected"), Coding(_LOINC, "LA9634-2", "Absent")),
}

_DATA_SET_ITEM = "https://fhir.nhs.uk/CodeSystem/mds-questiontag-genomics"
_PHENOTYPE, _FAMILY_HISTORY = "PCI-6", "PCI-15"
_EXAM = Coding("http://terminology.hl7.org/CodeSystem/observation-category", "exam", "Exam")
_REPLACES = "http://hl7.org/fhir/StructureDefinition/observation-replaces"
_SEVERITY, _ONSET, _MODIFIER = ("HP:0012824", "Severity"), ("HP:0003674", "Onset"), ("HP:0012823", "Clinical modifier")
_URI = "urn:ietf:rfc:3986"
_DOUBT = {"uncertainty", "risk"}
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "phenoextract")


def render(
    report: Report,
    *,
    confirmation: Confirmation | None = None,
    created: datetime | None = None,
    subject: str = "proband",
    unreviewed: bool = False,
    indent: int | None = None,
) -> str:
    """Give the Bundle of a report as JSON text; the arguments are those of `bundle`."""
    made = bundle(report, confirmation=confirmation, created=created, subject=subject, unreviewed=unreviewed)
    return json.dumps(made, indent=indent)


def ndjson(resources: Iterable[Resource]) -> str:
    """Give resources one a line, as FHIR's bulk data formats do."""
    return "".join(json.dumps(resource) + "\n" for resource in resources)


def observations(
    report: Report,
    *,
    confirmation: Confirmation | None = None,
    subject: str = "proband",
    unreviewed: bool = False,
    quoted: bool = False,
    polarity: Polarity = POLARITY,
) -> list[Resource]:
    """Give an Observation for each present and absent phenotype: final if confirmed, else preliminary.

    `subject` is an id that identifies nobody, and the confirmation's patient if there is one; `quoted` adds the
    words of the letter; `polarity` gives the codings of present and of absent. Each names its letter by the
    identifier that the DocumentReference of the Bundle has.
    """
    return [
        _observation(feature, report, confirmation, subject, quoted, polarity)
        for feature in facts(report, unreviewed=unreviewed)
    ]


def bundle(
    report: Report,
    *,
    confirmation: Confirmation | None = None,
    previous: Report | None = None,
    created: datetime | None = None,
    subject: str = "proband",
    unreviewed: bool = False,
    letter: str | None = None,
    polarity: Polarity = POLARITY,
    kind: Literal["collection", "transaction"] = "collection",
) -> Resource:
    """Give a report as a Bundle: a collection to hand over, or a transaction that a server may run again safely.

    A confirmation adds the ServiceRequest and who confirmed. `previous` is what the version before it confirmed:
    its Observations are marked as replaced or withdrawn, never edited. `created` needs a time zone; it is the time
    of confirmation or else now. `letter` puts the letter's text in; the other arguments are those of `observations`.
    """
    when = confirmation.confirmed_at if confirmation else created or datetime.now(UTC)
    made = observations(
        report,
        confirmation=confirmation,
        subject=subject,
        unreviewed=unreviewed,
        quoted=letter is not None,
        polarity=polarity,
    )
    made += _family_histories(report, confirmation, subject)
    withdrawn: list[Resource] = []
    if confirmation and previous:
        withdrawn = _corrected(made, previous, confirmation, polarity)
    document = _document_reference(report, confirmation, letter)
    device = _device(report)
    for observation in (one for one in [*made, *withdrawn] if one["resourceType"] == "Observation"):
        observation["device"]["reference"] = _urn(device)
        for source in observation["derivedFrom"]:
            source["reference"] = _urn(document)
    requests = [_service_request(confirmation, made)] if confirmation else []
    history = provenance(
        resource_id=_id("Provenance", *_origin(report, confirmation)),
        targets=[_urn(resource) for resource in [*requests, *made, *withdrawn]] or [_urn(document)],
        recorded=when,
        software={"reference": _urn(device)},
        confirmed_by=confirmation.confirmed_by if confirmation else None,
        source={"reference": _urn(document)},
        corrects=confirmation is not None and confirmation.version > 1,
    )
    bundle_id = _id("Bundle", *_origin(report, confirmation))
    return {
        "resourceType": "Bundle",
        "id": bundle_id,
        "identifier": {"system": _URI, "value": f"urn:uuid:{bundle_id}"},
        "type": kind,
        "timestamp": instant(when),
        "entry": [_entry(resource, kind) for resource in [*requests, *made, *withdrawn, document, device, history]],
    }


def _observation(
    feature: Feature,
    report: Report,
    confirmation: Confirmation | None,
    subject: str,
    quoted: bool,
    polarity: Polarity,
) -> Resource:
    release = report.provenance.hpo_release
    evidence = [report.annotations[index] for index in feature.evidence]
    made: Resource = {
        "resourceType": "Observation",
        "id": _id("Observation", *_origin(report, confirmation), feature.hpo_id, feature.status),
        "meta": _tag(_PHENOTYPE),
        "status": "final" if confirmation else "preliminary",
        "category": [_concept([_EXAM])],
        "code": _concept([Coding(HPO, feature.hpo_id, feature.label)], release),
        "subject": _patient(confirmation, subject),
    }
    if quoted and evidence:
        made["code"]["text"] = evidence[0].text
    if confirmation:
        made["issued"] = instant(confirmation.confirmed_at)
    made["valueCodeableConcept"] = _concept(polarity[feature.status])
    letter = {"type": "DocumentReference", "identifier": _document_identifier(report, confirmation)}
    made["device"] = {"type": "Device", "display": f"phenoextract {report.provenance.version}"}
    made["derivedFrom"] = [letter | {"display": place(annotation)} for annotation in evidence] or [letter]
    qualifiers: list[tuple[tuple[str, str], str | None]] = [(_SEVERITY, feature.severity), (_ONSET, feature.onset)]
    qualifiers += [(_MODIFIER, modifier) for modifier in feature.modifiers]
    components = [
        {
            "code": _concept([Coding(HPO, *branch)], release),
            "valueCodeableConcept": _concept([Coding(HPO, hpo_id)], release),
        }
        for branch, hpo_id in qualifiers
        if hpo_id
    ]
    return made | ({"component": components} if components else {})


def _family_histories(report: Report, confirmation: Confirmation | None, subject: str) -> list[Resource]:
    """Give a FamilyMemberHistory for each relative; one that a finding is only suspected in waits for a person."""
    found: dict[tuple[str, int], list[tuple[Feature, Annotation]]] = {}
    for feature in report.features:
        if feature.status is Status.FAMILY and not feature.needs_review:
            for annotation in (report.annotations[index] for index in feature.evidence):
                if confirmation or _DOUBT.isdisjoint(cue.kind for cue in annotation.cues):
                    found.setdefault(person(annotation), []).append((feature, annotation))
    return [
        {
            "resourceType": "FamilyMemberHistory",
            "id": _id("FamilyMemberHistory", *_origin(report, confirmation), *key),
            "meta": _tag(_FAMILY_HISTORY),
            "status": "partial",
            "patient": _patient(confirmation, subject),
            "relationship": _concept([relative(findings[0][1])]),
            "condition": [
                {"code": _concept([Coding(HPO, hpo_id, label)], report.provenance.hpo_release)}
                for hpo_id, label in dict.fromkeys((feature.hpo_id, feature.label) for feature, _ in findings)
            ],
        }
        for key, findings in found.items()
    ]


def _corrected(
    made: Sequence[Resource], previous: Report, confirmation: Confirmation, polarity: Polarity
) -> list[Resource]:
    """Mark what each new Observation replaces; give what no new one replaces, withdrawn."""
    before = replace(confirmation, version=confirmation.version - 1)
    old = observations(previous, confirmation=before, polarity=polarity)
    now = {_term(resource): resource for resource in made if resource["resourceType"] == "Observation"}
    withdrawn = _family_histories(previous, before, confirmation.patient_ref)
    for resource in old:
        successor = now.get(_term(resource))
        if successor is None:
            withdrawn.append(resource)
        else:
            reference = {"reference": f"Observation/{resource['id']}"}
            successor.setdefault("extension", []).append({"url": _REPLACES, "valueReference": reference})
    return [resource | {"status": "entered-in-error"} for resource in withdrawn]


def _service_request(confirmation: Confirmation, supporting: Sequence[Resource]) -> Resource:
    """Give the test request as a draft: this product hands over findings and orders no test."""
    test = confirmation.test
    made: Resource = {
        "resourceType": "ServiceRequest",
        "id": _id("ServiceRequest", confirmation.request_id),
        "identifier": [{"value": confirmation.request_id}],
        "status": "draft",
        "intent": "order",
    }
    # the guide has test packages in reasonCode and single tests, with the older directory's, in code
    if test and test.system == TEST_DIRECTORY and test.code.startswith("TP"):
        made["reasonCode"] = [_concept([test])]
    elif test:
        made["code"] = _concept([test])
    made["subject"] = _patient(confirmation, "")
    if supporting:
        made["supportingInfo"] = [{"reference": _urn(resource)} for resource in supporting]
    return made


def _document_reference(report: Report, confirmation: Confirmation | None, letter: str | None) -> Resource:
    made: Resource = {
        "resourceType": "DocumentReference",
        "id": _id("DocumentReference", confirmation.letter_sha256 if confirmation else report.id),
        "identifier": [_document_identifier(report, confirmation)],
        "status": "current",
    }
    if confirmation and confirmation.letter_type:
        made["type"] = {"text": confirmation.letter_type}
    attachment = {"contentType": "text/plain; charset=utf-8"}
    if letter is not None:
        attachment["data"] = base64.b64encode(letter.encode("utf-8", "replace")).decode("ascii")
    made["content"] = [{"attachment": attachment}]
    return made


def _device(report: Report) -> Resource:
    versions = {
        "software": report.provenance.version,
        "HPO release": report.provenance.hpo_release,
        "index sha256": report.provenance.index_sha256,
        "lexicon sha256": report.provenance.lexicon_sha256,
        "rules sha256": report.provenance.rules_sha256,
        "configuration sha256": report.provenance.config_sha256,
        "encoder sha256": report.provenance.encoder_sha256,
    }
    return {
        "resourceType": "Device",
        "id": _id("Device", *(value for value in versions.values() if value)),
        "deviceName": [{"name": "phenoextract", "type": "model-name"}],
        "version": [{"type": {"text": name}, "value": value} for name, value in versions.items() if value],
        "note": [
            {"text": INTENDED_PURPOSE},
            {"text": HPO_CITATION.format(release=report.provenance.hpo_release)},
        ],
    }


def _entry(resource: Resource, kind: str) -> Resource:
    entry: Resource = {"fullUrl": _urn(resource), "resource": resource}
    if kind == "transaction":  # PUT: a transaction sent twice changes nothing the second time
        entry["request"] = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
    return entry


def _origin(report: Report, confirmation: Confirmation | None) -> tuple[str | int, ...]:
    return (confirmation.request_id, confirmation.version) if confirmation else (report.id,)


def _document_identifier(report: Report, confirmation: Confirmation | None) -> Resource:
    if confirmation:
        return {"system": _URI, "value": document_uri(confirmation.letter_sha256)}
    return {"value": report.id}


def _id(*parts: str | int) -> str:
    return str(uuid.uuid5(_NAMESPACE, json.dumps(parts)))


def _urn(resource: Resource) -> str:
    return f"urn:uuid:{resource['id']}"


def _patient(confirmation: Confirmation | None, subject: str) -> Resource:
    return {"type": "Patient", "identifier": {"value": confirmation.patient_ref if confirmation else subject}}


def _tag(item: str) -> Resource:
    return {"tag": [{"system": _DATA_SET_ITEM, "code": item}]}


def _term(observation: Resource) -> str:
    term: str = observation["code"]["coding"][0]["code"]
    return term


def _concept(codings: Iterable[Coding], version: str | None = None) -> Resource:
    return {"coding": [_coding(coding, version) for coding in codings]}


def _coding(coding: Coding, version: str | None) -> Resource:
    made = {"system": coding.system, "version": version, "code": coding.code, "display": coding.display}
    return {name: value for name, value in made.items() if value is not None}
