from __future__ import annotations

import pytest
from fastapi.testclient import TestClient


def test_terms_search_offers_terms_as_one_types(stateless_client: TestClient) -> None:
    for typed in ("microc", "Microcephaly", "HP:0000252", "small head", "microcephly"):
        by_address = stateless_client.get("/v1/terms", params={"q": typed}).json()
        assert "Microcephaly" in [term["label"] for term in by_address["terms"]], typed
        assert stateless_client.post("/v1/terms/search", json={"q": typed}).json() == by_address


def test_terms_search_gives_no_more_than_asked(stateless_client: TestClient) -> None:
    assert len(stateless_client.get("/v1/terms", params={"q": "a", "limit": 3}).json()["terms"]) == 3
    assert stateless_client.get("/v1/terms", params={"q": "a", "limit": 51}).status_code == 422


def test_terms_show_a_term_in_full(stateless_client: TestClient) -> None:
    term = stateless_client.get("/v1/terms/HP:0001250").json()
    assert (term["label"], term["obsolete_id"]) == ("Seizure", None)
    assert {"hpo_id": "HP:0002197", "label": "Generalized-onset seizure"} in term["children"]
    assert [parent["label"] for parent in term["parents"]] == ["Abnormality of the nervous system"]
    assert term["definition"]
    assert term["synonyms"]


def test_terms_migrate_an_obsolete_id_and_say_so(stateless_client: TestClient, toy_index: object) -> None:
    from phenoextract.index import Index

    assert isinstance(toy_index, Index)
    for old, new in toy_index.ontology.replaced.items():
        term = stateless_client.get(f"/v1/terms/{old}").json()
        assert (term["hpo_id"], term["obsolete_id"]) == (new, old)
    for lost in toy_index.ontology.obsolete:
        answer = stateless_client.get(f"/v1/terms/{lost}")
        assert (answer.status_code, answer.json()["code"]) == (404, "obsolete_term")


@pytest.mark.parametrize(
    ("hpo_id", "status", "code"),
    [("HP:9999999", 404, "unknown_term"), ("HP:12", 422, "invalid"), ("x", 422, "invalid")],
)
def test_terms_refuse_ids_that_name_nothing(stateless_client: TestClient, hpo_id: str, status: int, code: str) -> None:
    answer = stateless_client.get(f"/v1/terms/{hpo_id}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
