"""What the product is for, said in the same words wherever its proposals are shown."""

from __future__ import annotations

import html
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from typer.testing import CliRunner

import phenoextract
from phenoextract import Report
from phenoextract.cli import app
from phenoextract.formats import exomiser, fhir, lirical, phenotips, table, terminal
from phenoextract.formats import html as html_view
from phenoextract.purpose import INTENDED_PURPOSE
from phenoextract.types import Document
from phenoextract_api import routes
from phenoextract_api.exports import ExportFormat

from .conftest import MakeClient
from .test_pages import card_of, choose, hidden, send_in, undecided

ROOT = Path(__file__).parents[2]
NO_PLACE = {ExportFormat.PHENOPACKET, ExportFormat.CSV, ExportFormat.OMOP}  # every field has a meaning of its own
HTML = {"Accept": "text/html"}


def footer(page: str) -> str:
    found = re.search(r"<footer.*?</footer>", page, re.DOTALL)
    return html.unescape(found[0]) if found else ""


def page_paths() -> Iterator[str]:
    """Give the path of every address at which a browser gets a page."""
    for module in pkgutil.iter_modules(routes.__path__, f"{routes.__name__}."):
        for router in vars(importlib.import_module(module.name)).values():
            for route in router.routes if isinstance(router, APIRouter) and not router.include_in_schema else ():
                if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
                    yield route.path


def confirmed(client: TestClient) -> str:
    """Take a letter through review and give the address of the confirmed request."""
    address = urlsplit(str(send_in(client, "P-2", "She has a cleft palate.").url)).path
    page = choose(client, address, "accept", card_of(client.get(address).text, "Cleft palate")).text
    assert undecided(page) == 0
    form = {name: hidden(client.get(f"{address}/summary").text, name) for name in ("csrf_token", "etag")}
    assert "Confirmed" in client.post(f"{address}/confirm", data=form, headers=HTML).text
    return address


def test_every_page_says_the_purpose(client: TestClient) -> None:
    draft = urlsplit(str(send_in(client).url)).path
    done = confirmed(client)
    asked = 0
    for route in page_paths():
        for address in {draft, done} if "{request_id}" in route else {""}:
            path = route.replace("/requests/{request_id}", address).replace("{hpo_id}", "HP:0000175")
            answer = client.get(path, params={"for": "f0"}, headers=HTML)
            if not answer.headers["content-type"].startswith("text/html"):
                continue  # a file to download
            assert INTENDED_PURPOSE in footer(answer.text), path
            asked += answer.is_success
    assert asked >= 10
    assert INTENDED_PURPOSE in footer(client.get("/nowhere", headers=HTML).text)
    form = {"csrf_token": hidden(client.get("/letters/new").text, "csrf_token"), "text": "Ptosis."}
    assert INTENDED_PURPOSE in footer(client.post("/coded", data=form, headers=HTML).text)


def test_the_sign_in_page_says_the_purpose(make_client: MakeClient) -> None:
    page = make_client(authentication="required").get("/sign-in", headers=HTML).text
    assert INTENDED_PURPOSE in footer(page)


def test_version_says_the_purpose(stateless_client: TestClient) -> None:
    assert stateless_client.get("/v1/version").json()["intended_purpose"] == INTENDED_PURPOSE
    assert stateless_client.get("/v1/openapi.json").json()["info"]["description"] == INTENDED_PURPOSE


def test_exports_with_a_place_for_it_say_the_purpose(client: TestClient) -> None:
    address = confirmed(client)
    for form in ExportFormat:
        text = client.get(f"/v1{address}/export", params={"format": form}).text
        assert "HP:0000175" in text
        assert (json.dumps(INTENDED_PURPOSE)[1:-1] in text) is (form not in NO_PLACE), form


def test_views_of_a_report_say_the_purpose(
    report: Report, letter: Document, toy_extractor: phenoextract.Extractor, tmp_path: Path
) -> None:
    views = [
        " ".join(terminal.render(report, letter.text, width=400).split()),
        html_view.render([(letter.text, report)]),
        exomiser.render(report, ontology=toy_extractor.ontology),
        lirical.render(report),
        phenotips.render(report),
        fhir.render(report),
    ]
    assert [INTENDED_PURPOSE in view for view in views] == [True] * len(views)
    pq.write_table(table.SCHEMA.empty_table(), tmp_path / "reports.parquet")
    assert pq.read_schema(tmp_path / "reports.parquet").metadata[b"phenoextract.purpose"].decode() == INTENDED_PURPOSE


def test_the_command_line_says_the_purpose() -> None:
    assert INTENDED_PURPOSE in " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())


@pytest.mark.artefacts
def test_info_says_the_purpose() -> None:
    assert json.loads(CliRunner().invoke(app, ["info", "--json"]).stdout)["purpose"] == INTENDED_PURPOSE


def test_the_readme_says_the_purpose() -> None:
    for name in ("README.md", "docs/transparency-record.md"):
        said = " ".join((ROOT / name).read_text("utf-8").replace("\n> ", "\n").split())
        assert INTENDED_PURPOSE in said, name
