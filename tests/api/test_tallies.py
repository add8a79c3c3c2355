"""What monitoring counts, on each database in turn."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

import phenoextract
from phenoextract.types import Document, NotCoded, Report, Status
from phenoextract_api.auth import Actor, Role
from phenoextract_api.monitoring.tallies import (
    EDGES,
    LetterMeasures,
    Measure,
    Outcome,
    add_review,
    branch_of,
    measure_letter,
    week_of,
)
from phenoextract_api.monitoring.tallies import (
    Kind as Counted,
)
from phenoextract_api.request_types import Decision, Kind, Request
from phenoextract_api.requests import confirm, correct, create_request, decide, undo
from phenoextract_api.store import retention
from phenoextract_api.store.engine import Store, _alembic, connect, is_current, migrate
from phenoextract_api.store.tables import LetterTallyRow, ReviewTallyRow

CLERK = Actor("Ada Clerk", frozenset({Role.CLERK}))
MEASURES = LetterMeasures(words=120, unknown_share=0.04, proposals=6)
NERVOUS, HEAD, EYE, SKELETAL = "HP:0000707", "HP:0000152", "HP:0000478", "HP:0000924"


def rows(store: Store, table: type[ReviewTallyRow | LetterTallyRow]) -> list[dict[str, Any]]:
    with store.reading() as session:
        return [dict(row) for row in session.execute(select(table.__table__)).mappings()]


def outcomes(store: Store) -> Counter[tuple[str, ...]]:
    return Counter(
        {
            (row["branch"], row["band"], row["method"], row["outcome"]): row["count"]
            for row in rows(store, ReviewTallyRow)
        }
    )


def reviewed(store: Store, ontology: phenoextract.ontology.Ontology, request: Request, *made: Decision) -> Request:
    """Decide as told, accept the rest, and confirm."""
    for decision in made:
        request = decide(store, CLERK, ontology, request.summary.id, request.summary.etag, decision)
    for one in request.suggestions:
        if one.required and one.accepted is None:
            accept = Decision(Kind.ACCEPT, one.id)
            request = decide(store, CLERK, ontology, request.summary.id, request.summary.etag, accept)
    return confirm(store, CLERK, ontology, request.summary.id, request.summary.etag)


def test_a_confirmed_request_counts_each_outcome_once(
    store: Store, toy_extractor: phenoextract.Extractor, letter: Document, report: Report
) -> None:
    ontology = toy_extractor.ontology
    request = create_request(store, CLERK, letter, report, patient_ref="P-1", letter_type="clinic_letter")
    assert outcomes(store) == Counter(), "nothing is counted before a person confirms"
    start = letter.text.index("Short 4th")
    request = decide(store, CLERK, ontology, request.summary.id, request.summary.etag, Decision(Kind.REJECT, "f0"))
    request = undo(store, CLERK, request.summary.id, request.summary.etag)
    request = reviewed(
        store,
        ontology,
        request,
        Decision(Kind.REPLACE, "f1", hpo_id="HP:0001631"),
        Decision(Kind.REJECT, "f2"),
        Decision(Kind.STATUS, "f3", status=Status.PRESENT),
        Decision(Kind.REPLACE, "a6", hpo_id="HP:0001250"),
        Decision(Kind.ADD, hpo_id="HP:0002650", status=Status.PRESENT, start=start, end=start + 9),
        Decision(Kind.ADD, hpo_id="HP:0001251", status=Status.PRESENT),
    )
    expected: Counter[tuple[str, ...]] = Counter(
        {
            (NERVOUS, "high", "label", "accepted"): 1,
            (NERVOUS, "medium", "abbreviation", "replaced"): 1,
            (EYE, "high", "label", "rejected"): 1,
            (HEAD, "high", "label", "status"): 1,
            (SKELETAL, "high", "coordination", "accepted"): 2,
            (NERVOUS, "", "", "added_words"): 1,
            (SKELETAL, "", "", "added_words"): 1,
            (NERVOUS, "", "", "added"): 1,
        }
    )
    assert outcomes(store) == expected
    (origin,) = {
        (row["week"], row["product_version"], row["hpo_release"], row["index_sha256"], row["letter_type"])
        for row in rows(store, ReviewTallyRow)
    }
    assert origin == (week_of(datetime.now(UTC)), "0.1.0", "2025-01-16", "1" * 64, "clinic_letter")

    again = correct(store, CLERK, request.summary.id, request.summary.etag)
    reviewed(store, ontology, again, Decision(Kind.REJECT, "f0"))
    assert outcomes(store) == expected, "a correction is not counted"
    retention.erase(store, "admin", [request.summary.id], "delete")
    assert outcomes(store) == expected, "counts outlive what they count"


def test_a_phrase_taken_in_as_it_was_found_is_counted_apart(
    store: Store, toy_extractor: phenoextract.Extractor, letter: Document, report: Report
) -> None:
    left_out = report.annotations[0]._replace(not_coded=NotCoded.FUTURE_RISK)
    report = replace(report, features=report.features[1:], annotations=(*report.annotations, left_out))
    request = create_request(store, CLERK, letter, report, patient_ref="P-1")
    reviewed(store, toy_extractor.ontology, request, Decision(Kind.ACCEPT, "a7"))
    assert outcomes(store)[NERVOUS, "", "", "taken_in"] == 1


def test_letters_are_counted_by_bins_once_a_request(store: Store, letter: Document, report: Report) -> None:
    for number in range(3):
        create_request(store, CLERK, letter, report, patient_ref=f"P-{number}", measures=MEASURES)
    create_request(store, CLERK, letter, report, patient_ref="P-9", measures=MEASURES, idempotency_key="once")
    create_request(store, CLERK, letter, report, patient_ref="P-9", measures=MEASURES, idempotency_key="once")
    found = {(row["measure"], row["bin"]): row["count"] for row in rows(store, LetterTallyRow)}
    assert found == {("words", 2): 4, ("unknown_share", 3): 4, ("proposals", 2): 4}


def test_counts_of_many_writers_add_up(store: Store, report: Report) -> None:
    counted = [
        Counter({Counted(f"HP:{number:07}", "high", "label", "accepted"): 1 for number in order})
        for order in (range(6), reversed(range(6)))
    ]

    def add(number: int) -> None:
        with store.writing() as session:
            add_review(session, datetime(2026, 3, 4, tzinfo=UTC), report.provenance, None, counted[number % 2])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(30)))
    assert set(outcomes(store).values()) == {30}
    assert {row["week"] for row in rows(store, ReviewTallyRow)} == {date(2026, 3, 2)}


def test_a_letter_is_measured_by_its_words(toy_extractor: phenoextract.Extractor, report: Report) -> None:
    measured = measure_letter("The child had a seizure; Xyzzyq Blorptag, aged 12.", report, toy_extractor.knows)
    assert measured == LetterMeasures(words=5, unknown_share=2 / 5, proposals=len(report.features))
    assert measure_letter("", report, toy_extractor.knows).unknown_share == 0


@given(
    st.builds(
        LetterMeasures,
        words=st.integers(0, 10**6),
        unknown_share=st.floats(0, 1),
        proposals=st.integers(0, 10**4),
    )
)
def test_every_letter_has_a_bin(measures: LetterMeasures) -> None:
    for measure, bin in measures.bins().items():
        value, edges = getattr(measures, measure), EDGES[measure]
        assert bin == len(edges) or value <= edges[bin]
        assert bin == 0 or value > edges[bin - 1]


def test_a_term_belongs_to_the_branch_nearest_above_it(toy_extractor: phenoextract.Extractor) -> None:
    ontology = toy_extractor.ontology
    assert branch_of(ontology, "HP:0001250") == NERVOUS
    assert branch_of(ontology, NERVOUS) == NERVOUS
    assert branch_of(ontology, "HP:0000118") == branch_of(ontology, "HP:0012828") == branch_of(ontology, None) == ""


def test_the_service_counts_what_it_codes_and_what_is_confirmed(client: TestClient) -> None:
    def counted(name: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    seizures = f'phenoextract_proposals_total{{band="high",branch="{NERVOUS}",status="present"}}'
    before = counted(seizures), counted("phenoextract_letter_words_count"), counted("phenoextract_letter_words_sum")
    text = "She has seizures and Blorptag."
    made = client.post("/v1/requests", json={"text": text, "patient_ref": "P-1", "letter_type": "gp"})
    assert made.status_code == 201
    assert counted(seizures) == before[0] + 1
    assert counted("phenoextract_letter_words_count") == before[1] + 1
    assert counted("phenoextract_letter_words_sum") == before[2] + 2
    assert "Blorptag" not in client.get("/metrics").text
    store = client.app.state.services.store  # type: ignore[attr-defined]
    assert {row["letter_type"] for row in rows(store, LetterTallyRow)} == {"gp"}
    assert {Measure(row["measure"]) for row in rows(store, LetterTallyRow)} == set(Measure)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_fits_its_column(outcome: Outcome) -> None:
    assert len(outcome) <= 16 and all(len(measure) <= 16 for measure in Measure)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_tables_for_counts_are_added_to_a_store_of_before(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    sqlite = database == "sqlite"
    engine = connect(f"sqlite:///{tmp_path / 'old.db'}" if sqlite else request.getfixturevalue("postgres_url"))
    with engine.begin() as connection:
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO encryption_keys (id) VALUES ('of-before')")
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(ReviewTallyRow)) == 0
        assert connection.exec_driver_sql("SELECT id FROM encryption_keys").scalar() == "of-before"
    engine.dispose()
