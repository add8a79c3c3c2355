"""Known letters, coded when the service starts."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import phenoextract
from phenoextract.types import Document, Report
from phenoextract_api import logs
from phenoextract_api.app import create_app
from phenoextract_api.monitoring.canaries import read_canaries, run_canaries
from phenoextract_api.settings import Settings


class Forgetful:
    """An extractor that no longer sees what is absent, as after a bad edit of the rules."""

    def __init__(self, extractor: phenoextract.Extractor) -> None:
        self._extractor = extractor

    def __getattr__(self, name: str) -> object:
        return getattr(self._extractor, name)

    def __call__(self, document: Document) -> Report:
        if "denies" in document.text:
            raise ValueError(document.text)
        return self._extractor(Document(document.id, document.text.replace(" no ", " ")))


@pytest.mark.artefacts
def test_canaries_all_pass_with_the_real_index(real_extractor: phenoextract.Extractor) -> None:
    run = run_canaries(real_extractor, read_canaries())
    assert (run.failed, run.unfit) == ((), ())
    assert len(run.passed) == len({canary.id for canary in read_canaries()}) >= 10


def test_canaries_cover_every_status_and_none(toy_extractor: phenoextract.Extractor) -> None:
    statuses = {status for canary in read_canaries() for _, status in canary.expected}
    assert statuses == set(phenoextract.types.Status)
    assert any(not canary.expected for canary in read_canaries())
    run = run_canaries(toy_extractor, read_canaries())
    assert not run.failed
    assert "lay" in run.unfit, "the toy ontology has no term for it"


def test_a_service_whose_canaries_pass_is_ready(client: TestClient) -> None:
    assert client.get("/ready").json() == {"status": "ready"}
    assert 'phenoextract_canaries{result="failed"} 0.0' in client.get("/metrics").text
    assert "self-check" not in client.get("/letters/new").text


def test_a_service_whose_canaries_fail_says_so_and_names_ids_only(
    settings: Settings,
    toy_extractor: phenoextract.Extractor,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = logging.getLogger().handlers[:]
    app = create_app(settings, extractor=Forgetful(toy_extractor))  # type: ignore[arg-type]
    try:
        logs.configure("info")
        with TestClient(app, base_url="http://127.0.0.1:8000", client=("127.0.0.1", 50000)) as client:
            assert client.get("/ready").json() == {"status": "degraded"}
            assert 'phenoextract_canaries{result="failed"} 2.0' in client.get("/metrics").text
            assert "The self-check of this service failed." in client.get("/letters/new").text
    finally:
        logging.getLogger().handlers[:] = before
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "canaries" in line]
    assert line["canaries"] == ["negation", "negation-ends"]
    assert set(line) == {"time", "level", "logger", "message", "canaries"}


def test_canaries_are_synthetic_and_say_so() -> None:
    assert (
        (Path(phenoextract.__file__).parents[1] / "api/phenoextract_api/monitoring/canaries.toml")
        .read_text("utf-8")
        .startswith("# Synthetic letters")
    )
