from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.observation import Observation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenoextract.formats import fhir, role_codes
from phenoextract.formats.fhir_audit import audit_event
from phenoextract.rules import load_rules
from phenoextract.types import Annotation, Coding, Confirmation, Cue, Document, Feature, Report, Status

CREATED = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)


def _checked(resource: dict[str, Any]) -> dict[str, Any]:
    """Give a resource back if the R4B models take it, nothing is unknown to them and nothing gets lost."""
    model = get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    assert json.loads(model.model_dump_json()) == resource
    return resource


def _of(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    resources = [entry["resource"] for entry in bundle["entry"]]
    return [resource for resource in resources if resource["resourceType"] == kind]


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if "reference" in value else []
        return own + [found for inner in value.values() for found in _references(inner)]
    return [found for inner in value for found in _references(inner)] if isinstance(value, list) else []


def test_fhir_golden_of_a_proposal(report: Report, golden: Callable[[str, str], None]) -> None:
    golden("report.fhir.json", fhir.render(report, created=CREATED, indent=2) + "\n")


def test_fhir_golden_of_a_confirmed_request(
    report: Report, confirmation: Confirmation, golden: Callable[[str, str], None]
) -> None:
    golden("confirmed.fhir.json", fhir.render(report, confirmation=confirmation, indent=2) + "\n")


def test_fhir_golden_of_observations(report: Report, golden: Callable[[str, str], None]) -> None:
    golden("report.observations.ndjson", fhir.ndjson(fhir.observations(report)))


@pytest.mark.parametrize("kind", ["collection", "transaction"])
@pytest.mark.parametrize("version", [1, 2])
def test_fhir_bundle_is_valid_and_its_references_lead_somewhere(
    report: Report, letter: Document, confirmation: Confirmation, kind: Any, version: int
) -> None:
    for bundle in (
        fhir.bundle(report, created=CREATED, kind=kind),
        fhir.bundle(report, confirmation=replace(confirmation, version=version), kind=kind, letter=letter.text),
    ):
        _checked(bundle)
        names = {entry["fullUrl"] for entry in bundle["entry"]}
        assert len(names) == len(bundle["entry"])
        assert set(_references(bundle)) <= names


def test_fhir_of_a_report_without_findings_is_valid(report: Report, confirmation: Confirmation) -> None:
    _checked(fhir.bundle(replace(report, features=()), confirmation=confirmation))
    _checked(fhir.bundle(replace(report, features=()), created=CREATED))


def test_fhir_observation_says_term_release_polarity_and_tag(report: Report) -> None:
    found = {made["code"]["coding"][0]["code"]: made for made in fhir.observations(report)}
    assert set(found) == {"HP:0001263", "HP:0000175", "HP:0010044", "HP:0010047"}
    for made in found.values():
        assert made["code"]["coding"][0]["system"] == "http://human-phenotype-ontology.org"
        assert made["code"]["coding"][0]["version"] == report.provenance.hpo_release
        assert made["meta"]["tag"][0]["code"] == "PCI-6"
        assert made["status"] == "preliminary"
        Observation.model_validate(made)
    values = {term: [one["code"] for one in made["valueCodeableConcept"]["coding"]] for term, made in found.items()}
    assert values["HP:0001263"] == ["52101004", "LA9633-4"]
    assert values["HP:0000175"] == ["260415000", "LA9634-2"]
    severity = found["HP:0001263"]["component"][0]
    assert severity["code"]["coding"][0]["code"] == "HP:0012824"
    assert severity["valueCodeableConcept"]["coding"][0]["code"] == "HP:0012826"


def test_fhir_observations_alone_name_their_letter_and_what_made_them(report: Report) -> None:
    for made in map(_checked, fhir.observations(report)):
        (source,) = made["derivedFrom"]
        assert source["identifier"] == {"value": "letter-1"}
        assert source["display"].startswith("#char=")
        assert made["device"]["display"] == "phenoextract 0.1.0"
        assert not _references(made), "nothing that a server could not resolve"


def test_fhir_polarity_is_configurable(report: Report) -> None:
    absent = Coding("http://snomed.info/sct", "2667000", "Absent")
    polarity = {**fhir.POLARITY, Status.ABSENT: [absent]}
    values = [made["valueCodeableConcept"]["coding"] for made in fhir.observations(report, polarity=polarity)]
    assert values[1] == [{"system": absent.system, "code": "2667000", "display": "Absent"}]


def test_fhir_confirmed_findings_are_final_and_hang_off_the_test_request(
    report: Report, confirmation: Confirmation
) -> None:
    bundle = fhir.bundle(report, confirmation=confirmation)
    (request,) = _of(bundle, "ServiceRequest")
    (family,) = _of(bundle, "FamilyMemberHistory")
    observations = _of(bundle, "Observation")
    assert {made["status"] for made in observations} == {"final"}
    assert {made["subject"]["identifier"]["value"] for made in observations} == {"P-0001"}
    supporting = {made["reference"] for made in request["supportingInfo"]}
    assert supporting == {f"urn:uuid:{made['id']}" for made in [*observations, family]}
    assert request["status"] == "draft"
    (history,) = _of(bundle, "Provenance")
    assert {agent["type"]["coding"][0]["code"] for agent in history["agent"]} == {"assembler", "verifier"}
    assert history["agent"][1]["who"]["identifier"]["value"] == "a.clerk"
    assert history["recorded"] == bundle["timestamp"] == "2026-03-01T09:30:00Z"


@pytest.mark.parametrize(
    ("test", "place"),
    [
        (Coding(fhir.TEST_DIRECTORY, "TP001"), "reasonCode"),
        (Coding(fhir.TEST_DIRECTORY, "GT001"), "code"),
        (Coding("https://fhir.nhs.uk/CodeSystem/England-GenomicTestDirectory", "R193.4"), "code"),
        (Coding("urn:example:tests", "TP1"), "code"),
    ],
    ids=lambda value: getattr(value, "code", value),
)
def test_fhir_test_code_stands_where_the_guide_has_it(
    report: Report, confirmation: Confirmation, test: Coding, place: str
) -> None:
    bundle = _checked(fhir.bundle(report, confirmation=replace(confirmation, test=test)))
    (request,) = _of(bundle, "ServiceRequest")
    assert test.code in json.dumps(request[place])
    assert ("code" in request) != ("reasonCode" in request)


def test_fhir_request_without_a_test_has_no_code(report: Report, confirmation: Confirmation) -> None:
    (request,) = _of(_checked(fhir.bundle(report, confirmation=replace(confirmation, test=None))), "ServiceRequest")
    assert not {"code", "reasonCode"} & request.keys()


def test_fhir_leaves_out_what_is_not_a_reviewed_fact(report: Report) -> None:
    doubtful = replace(report, features=tuple(feature._replace(needs_review=True) for feature in report.features))
    assert fhir.observations(doubtful) == []
    assert not _of(fhir.bundle(doubtful), "FamilyMemberHistory")
    asked = {made["code"]["coding"][0]["code"] for made in fhir.observations(doubtful, unreviewed=True)}
    assert asked == {"HP:0001263", "HP:0000175", "HP:0010044", "HP:0010047"}, "neither uncertain nor a relative's"
    assert "HP:0000729" not in fhir.render(report, unreviewed=True)


def test_fhir_holds_letter_text_only_where_asked(report: Report, letter: Document, confirmation: Confirmation) -> None:
    bundle = fhir.bundle(report, confirmation=confirmation)
    assert "Short 4th and 5th" not in json.dumps(bundle)
    (document,) = _of(bundle, "DocumentReference")
    name = document["identifier"][0]["value"].removeprefix("ni:///sha-256;")
    assert base64.urlsafe_b64decode(name + "=").hex() == confirmation.letter_sha256
    told = fhir.bundle(report, confirmation=confirmation, letter=letter.text)
    (document,) = _of(told, "DocumentReference")
    assert base64.b64decode(document["content"][0]["attachment"]["data"]).decode() == letter.text
    assert "Short 4th and 5th metacarpals" in {made["code"]["text"] for made in _of(told, "Observation")}


def test_fhir_ids_depend_on_request_and_version_only(report: Report, confirmation: Confirmation) -> None:
    again = fhir.bundle(report, confirmation=replace(confirmation, confirmed_by="another"))
    other = fhir.bundle(report, confirmation=replace(confirmation, version=2))
    made = fhir.bundle(report, confirmation=confirmation)
    ids = [[entry["fullUrl"] for entry in bundle["entry"]] for bundle in (made, again, other)]
    assert ids[0] == ids[1]
    same = {entry["resource"]["resourceType"] for entry in made["entry"] if entry["fullUrl"] in ids[2]}
    assert same == {"ServiceRequest", "DocumentReference", "Device"}


def test_fhir_correction_replaces_and_withdraws_but_edits_nothing(report: Report, confirmation: Confirmation) -> None:
    first = fhir.bundle(report, confirmation=confirmation)
    old = {made["code"]["coding"][0]["code"]: made for made in _of(first, "Observation")}
    delay, _, _, cleft, *rest = report.features
    corrected = replace(report, features=(delay, cleft._replace(status=Status.PRESENT)))
    second = _checked(fhir.bundle(corrected, confirmation=replace(confirmation, version=2), previous=report))
    final = {made["code"]["coding"][0]["code"]: made for made in _of(second, "Observation") if "extension" in made}
    assert set(final) == {delay.hpo_id, cleft.hpo_id}
    for term, made in final.items():
        assert made["status"] == "final"
        assert made["extension"][0]["valueReference"]["reference"] == f"Observation/{old[term]['id']}"
    withdrawn = {made["id"]: made for made in _of(second, "Observation") if made["status"] == "entered-in-error"}
    assert set(withdrawn) == {old[feature.hpo_id]["id"] for feature in rest}
    (relative,) = _of(second, "FamilyMemberHistory")
    assert (relative["status"], relative["id"]) == ("entered-in-error", _of(first, "FamilyMemberHistory")[0]["id"])
    (history,) = _of(second, "Provenance")
    assert history["activity"]["coding"][0]["code"] == "UPDATE"
    supporting = json.dumps(_of(second, "ServiceRequest")[0]["supportingInfo"])
    assert not any(name in supporting for name in [*withdrawn, relative["id"]])


def _said_of(report: Report, *cues: Cue) -> Annotation:
    return report.annotations[2]._replace(cues=cues)


def test_fhir_family_history_is_one_for_each_relative(report: Report, confirmation: Confirmation) -> None:
    annotations = (
        _said_of(report, Cue("family", 0, 3, "Mum")),
        _said_of(report, Cue("family", 5, 13, "mother’s")),
        _said_of(report, Cue("family", 20, 27, "brother")),
        _said_of(report, Cue("family", 30, 37, "brother")),
        _said_of(report, Cue("section", 40, 54, "Family history")),
    )
    ptosis = report.features[2]
    made = replace(
        report,
        annotations=annotations,
        features=(
            ptosis._replace(evidence=(0, 2, 3, 4)),
            ptosis._replace(hpo_id="HP:0001250", label="Seizure", evidence=(1,)),
        ),
    )
    bundle = _checked(fhir.bundle(made, confirmation=confirmation))
    found = [
        (one["relationship"]["coding"][0]["code"], [c["code"]["coding"][0]["code"] for c in one["condition"]])
        for one in _of(bundle, "FamilyMemberHistory")
    ]
    assert found == [
        ("MTH", ["HP:0000508", "HP:0001250"]),
        ("BRO", ["HP:0000508"]),
        ("BRO", ["HP:0000508"]),
        ("FAMMEMB", ["HP:0000508"]),
    ]


def test_fhir_suspicion_about_a_relative_waits_for_a_person(report: Report, confirmation: Confirmation) -> None:
    doubtful = _said_of(report, Cue("family", 0, 6, "mother"), Cue("uncertainty", 7, 15, "possibly"))
    made = replace(report, annotations=(*report.annotations[:2], doubtful, *report.annotations[3:]))
    assert not _of(fhir.bundle(made), "FamilyMemberHistory")
    assert len(_of(fhir.bundle(made, confirmation=confirmation), "FamilyMemberHistory")) == 1


def test_fhir_knows_every_relative_of_the_rules(report: Report) -> None:
    unnamed = {
        word
        for word in load_rules("context")["kin"]["words"]
        if role_codes.relative(_said_of(report, Cue("family", 0, 1, word))).code == "FAMMEMB"
    }
    nobody = {"relative", "relatives", "kindred", "fh", "fhx", "mother s", "father s"}
    sides = {f"{parent} {word}" for parent in ("maternal", "paternal") for word in ("side", "history")}
    unknown = {word for word in unnamed if "family" in word or word.startswith("previous ")}  # whose child is not said
    assert unnamed <= nobody | sides | unknown


def test_fhir_audit_event_is_valid_and_says_who_did_what() -> None:
    event = audit_event(
        resource_id="00000000-0000-5000-8000-000000000001",
        recorded=CREATED,
        event="confirm",
        operation="U",
        actor="a.clerk",
        request_id="request-1",
        software="phenoextract 0.1.0",
        details={"sha256": "1" * 64},
    )
    assert _checked(event)["agent"][0]["who"]["identifier"]["value"] == "a.clerk"


def test_fhir_time_is_now_where_none_is_given(report: Report) -> None:
    made = Bundle.model_validate_json(fhir.render(report)).timestamp
    assert made is not None
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
HPO_IDS = st.from_regex(r"HP:[0-9]{7}", fullmatch=True)
FEATURES = st.lists(
    st.builds(
        Feature,
        hpo_id=HPO_IDS,
        label=TEXT,
        status=st.sampled_from(Status),
        confidence=st.floats(0, 1),
        needs_review=st.booleans(),
        evidence=st.lists(st.integers(0, 6), max_size=3, unique=True).map(tuple),
        onset=st.none() | HPO_IDS,
        severity=st.none() | HPO_IDS,
        modifiers=st.lists(HPO_IDS, max_size=2, unique=True).map(tuple),
    ),
    max_size=6,
    unique_by=lambda feature: (feature.hpo_id, feature.status),
).map(tuple)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(now=FEATURES, before=FEATURES, name=TEXT)
def test_fhir_of_any_report_is_valid_and_says_each_fact_once(
    report: Report, letter: Document, confirmation: Confirmation, now: Any, before: Any, name: str
) -> None:
    made, previous = replace(report, id=name, features=now), replace(report, features=before)
    second = replace(confirmation, version=2, patient_ref=name, letter_type=name)
    told = fhir.bundle(made, confirmation=second, previous=previous, letter=letter.text, kind="transaction")
    for bundle in (fhir.bundle(made, created=CREATED, unreviewed=True), told):
        _checked(bundle)
        names = [entry["fullUrl"] for entry in bundle["entry"]]
        assert len(names) == len(set(names))
    facts = {(feature.hpo_id, feature.status) for feature in now if not feature.needs_review}
    final = [made for made in _of(told, "Observation") if made["status"] == "final"]
    assert sorted(made["code"]["coding"][0]["code"] for made in final) == sorted(
        hpo_id for hpo_id, status in facts if status in (Status.PRESENT, Status.ABSENT)
    )
