from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import phenoextract
from phenoextract.types import Coding, Status
from phenoextract_api.client import Client, ServiceProblem
from phenoextract_api.exports import ExportFormat
from phenoextract_api.request_types import Decision, Kind, State
from phenoextract_api.routes.annotate import Failure

TEXT = "He has a cleft palate. No seizures. ?microcephaly"


@pytest.fixture(scope="module")
def client(serve: Any) -> Iterator[Client]:
    with serve() as server, Client(server.url) as client:
        yield client


def test_client_gives_the_reports_of_the_library(
    client: Client, toy_extractor: phenoextract.Extractor, tmp_path: Path
) -> None:
    document = phenoextract.Document("letter.txt", TEXT)
    expected = toy_extractor(document)
    assert client.annotate(document) == expected
    (tmp_path / "letter.txt").write_text(TEXT)
    assert client.annotate_file(tmp_path / "letter.txt") == expected
    assert client.version().index_sha256 == expected.provenance.index_sha256


def test_client_streams_many_documents_in_order(client: Client) -> None:
    documents = [phenoextract.Document(str(number), TEXT) for number in range(250)]
    documents[7] = phenoextract.Document("7", "x" * 200_001)
    taken = 0

    def counted() -> Iterator[phenoextract.Document]:
        nonlocal taken
        for document in documents:
            taken += 1
            yield document

    outcomes = client.annotate_many(counted())
    assert next(outcomes).id == "0"
    assert taken < 150
    rest = list(outcomes)
    assert [outcome.id for outcome in rest] == [document.id for document in documents[1:]]
    assert rest[6] == Failure(id="7", line=8, error="too_long")
    assert sum(isinstance(outcome, phenoextract.Report) for outcome in rest) == 248


def test_client_finds_terms(client: Client) -> None:
    assert client.search_terms("microcephly")[0].label == "Microcephaly"
    assert client.term("HP:0001250").label == "Seizure"


def test_client_raises_what_the_service_refuses(client: Client) -> None:
    with pytest.raises(ServiceProblem) as raised:
        client.term("HP:9999999")
    assert (raised.value.status, raised.value.code) == (404, "unknown_term")
    assert raised.value.problem is not None
    assert raised.value.problem.request_id


def test_client_does_the_whole_job_of_a_request(client: Client) -> None:
    test = Coding("https://fhir.nhs.uk/CodeSystem/England-GenomicTestDirectory", "R29.1")
    read = client.create_request(TEXT, patient_ref="P-1", test=test, idempotency_key="once")
    again = client.create_request(TEXT, patient_ref="P-1", test=test, idempotency_key="once")
    assert again.summary.id == read.summary.id
    assert read.summary.id in [line.id for line in client.queue(State.DRAFT).items]
    with pytest.raises(ServiceProblem, match="409"):
        client.export(read.summary.id, ExportFormat.FHIR)
    stale = read
    for suggestion in read.suggestions:
        if suggestion.required:
            decision, key = Decision(Kind.REJECT, suggestion.id), f"once {suggestion.id}"
            decided = client.decide(read, decision, idempotency_key=key)
            assert client.decide(read, decision, idempotency_key=key) == decided
            read = decided
    read = client.undo(read)
    with pytest.raises(ServiceProblem) as raised:
        client.decide(stale, Decision(Kind.ADD, hpo_id="HP:0000508", status=Status.PRESENT))
    assert raised.value.status == 412
    read = client.decide(read, Decision(Kind.ADD, hpo_id="HP:0000508", status=Status.PRESENT))
    read = next(
        client.decide(read, Decision(Kind.ACCEPT, one.id))
        for one in read.suggestions
        if one.required and one.accepted is None
    )
    confirmed = client.confirm(read)
    assert confirmed.summary.state is State.CONFIRMED
    exported = client.export(confirmed.summary.id, ExportFormat.FHIR)
    assert exported.media_type == "application/fhir+json"
    assert b"HP:0000508" in exported.content
    assert client.correct(confirmed).summary.version == 2
    client.delete_request(confirmed.summary.id)
    with pytest.raises(ServiceProblem, match="404"):
        client.request(confirmed.summary.id)
