"""The pages as a browser without JavaScript uses them: forms are read out of the page and sent back."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from phenoextract_api.pages.static import FOLDER
from phenoextract_api.pages.templates import KEYS

LETTER = """Dear Colleague

Diagnoses
1. Microcephaly
2. ?Ptosis

Family history
Her mother has scoliosis.

Examination
There is no cleft palate. She laughs <b>often</b> & has "fits".
"""
DIRECTORY = "https://fhir.nhs.uk/CodeSystem/England-GenomicTestDirectory"
MakeClient = Callable[..., TestClient]


@pytest.fixture
def sent(client: TestClient) -> str:
    """Send a letter in and give the address of its review."""
    page = send_in(client)
    assert page.status_code == 200, page.text
    return urlsplit(str(page.url)).path


def send_in(client: TestClient, patient_ref: str = "P-0001", text: str = LETTER, **fields: str) -> Response:
    form = {"csrf_token": token(client), "text": text, "patient_ref": patient_ref} | fields
    return client.post("/letters", data=form, headers={"Accept": "text/html"})


def token(client: TestClient) -> str:
    return hidden(client.get("/letters/new").text, "csrf_token")


def hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)">', page)
    assert found, f"the page has no field {name}"
    return html.unescape(found[1])


def card_of(page: str, name: str) -> str:
    """Give the id of the card with a name."""
    for card, shown in re.findall(r'<h4 class="card__name" id="(\w+)-name">([^<\n]+)', page):
        if html.unescape(shown).strip() == name:
            return str(card)
    raise AssertionError(f"no card {name}")


def choose(client: TestClient, address: str, choice: str, suggestion_id: str = "", **fields: str) -> Response:
    """Press a button of the review page as it is now."""
    page = client.get(address).text
    form = {name: hidden(page, name) for name in ("csrf_token", "etag")} | fields
    form |= {"choice": choice, "suggestion_id": suggestion_id}
    return client.post(f"{address}/decisions", data=form, headers={"Accept": "text/html"})


def undecided(page: str) -> int:
    found = re.search(r"<strong>(\d+) to decide</strong>", page)
    assert found
    return int(found[1])


def decide_all(client: TestClient, address: str) -> None:
    page = client.get(address).text
    for card in re.findall(r'<article class="card card--to-decide" id="(\w+)"', page):
        assert choose(client, address, "accept", card).status_code == 200


def confirm(client: TestClient, address: str) -> Response:
    page = client.get(address).text
    form = {name: hidden(page, name) for name in ("csrf_token", "etag")}
    return client.post(f"{address}/confirm", data=form, headers={"Accept": "text/html"})


def test_home_leads_to_the_example_first_and_to_the_queue_afterwards(client: TestClient) -> None:
    assert urlsplit(str(client.get("/").url)).path == "/example"
    send_in(client)
    page = client.get("/")
    assert urlsplit(str(page.url)).path == "/queue"
    assert "P-0001" in page.text


def test_example_can_be_reviewed_and_is_sent_in_once(client: TestClient) -> None:
    page = client.get("/example")
    assert "This letter is synthetic" in page.text
    form = {"csrf_token": hidden(page.text, "csrf_token")}
    first, second = (client.post("/example", data=form) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert urlsplit(str(first.url)).path == urlsplit(str(second.url)).path


def test_review_shows_every_kind_of_mention_with_words_and_reasons(client: TestClient, sent: str) -> None:
    page = client.get(sent).text
    assert undecided(page) == 5
    for status in ("present", "absent", "uncertain", "family"):
        assert f'class="mention mention--{status}"' in page
    assert "Check: the letter is not certain" in page
    assert "denied by “no”" in page
    assert "said of a relative, “mother”" in page
    assert "&lt;b&gt;often&lt;/b&gt; &amp; has" in page and "<b>often" not in page


def test_review_without_javascript_goes_from_the_letter_to_the_export(client: TestClient, sent: str) -> None:
    page = client.get(sent).text
    answer = choose(client, sent, "accept", card_of(page, "Microcephaly"))
    assert "Last: accepted Microcephaly" in answer.text
    ptosis = card_of(page, "Ptosis")
    assert choose(client, sent, "status present", ptosis).status_code == 200
    assert choose(client, sent, "replace HP:0000486", card_of(page, "Seizure")).status_code == 200
    assert choose(client, sent, "note", ptosis, note="Seen by the ophthalmologist").status_code == 200
    assert choose(client, sent, "reject", card_of(page, "Cleft palate")).status_code == 200
    undone = client.post(
        f"{sent}/undo", data={name: hidden(client.get(sent).text, name) for name in ("csrf_token", "etag")}
    )
    assert undecided(undone.text) == 2
    decide_all(client, sent)
    page = choose(client, sent, "add HP:0001251", phrase="SHE  laughs", status="present").text
    assert "She laughs</mark>" in page.replace("<mark>", "")
    summary = client.get(f"{sent}/summary").text
    assert "Seen by the ophthalmologist" in summary
    confirmed = confirm(client, sent)
    assert "Confirmed" in confirmed.text
    links = [html.unescape(link) for link in re.findall(r'href="(/v1/requests/[^"]+/export[^"]+)"', confirmed.text)]
    assert len(links) == 8
    for link in links:
        exported = client.get(link, headers={"Accept": "text/html,*/*;q=0.8"})
        assert exported.status_code == 200
        assert exported.headers["content-disposition"].startswith("attachment")
    rows = client.get(next(link for link in links if "format=csv" in link)).text
    assert {"HP:0000252", "HP:0000508", "HP:0000486", "HP:0001251", "HP:0000175", "HP:0002650"} == set(
        re.findall(r"HP:\d{7}", rows)
    )


def test_a_decision_leads_to_the_next_undecided_suggestion(client: TestClient, sent: str) -> None:
    page = client.get(sent).text
    cards = re.findall(r'<article class="card card--to-decide" id="(\w+)"', page)
    form = {name: hidden(page, name) for name in ("csrf_token", "etag")}
    form |= {"choice": "accept", "suggestion_id": cards[0]}
    answer = client.post(f"{sent}/decisions", data=form, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(f"#{cards[1]}")


def test_a_button_pressed_twice_decides_once(client: TestClient, sent: str) -> None:
    page = client.get(sent).text
    form = {name: hidden(page, name) for name in ("csrf_token", "etag")}
    form |= {"choice": "reject", "suggestion_id": card_of(page, "Microcephaly")}
    answers = [client.post(f"{sent}/decisions", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert undecided(answers[1].text) == 4


def test_a_stale_decision_shows_what_happened_and_loses_nothing(client: TestClient, sent: str) -> None:
    page = client.get(sent).text
    stale = {name: hidden(page, name) for name in ("csrf_token", "etag")}
    ptosis = card_of(page, "Ptosis")
    choose(client, sent, "accept", ptosis)
    stale |= {"choice": "note", "suggestion_id": ptosis, "note": "a long <thought>"}
    conflict = client.post(f"{sent}/decisions", data=stale, headers={"Accept": "text/html"})
    assert conflict.status_code == 412
    assert "Somebody else changed this request" in conflict.text
    assert ">a long &lt;thought&gt;</textarea>" in conflict.text
    again = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', conflict.text))
    assert again["etag"] != stale["etag"]
    recorded = client.post(f"{sent}/decisions", data=again | {"note": "a long <thought>"})
    assert recorded.status_code == 200
    assert "a long &lt;thought&gt;" in recorded.text


def test_a_stale_confirmation_shows_the_summary_again(client: TestClient, sent: str) -> None:
    decide_all(client, sent)
    page = client.get(f"{sent}/summary").text
    form = {name: hidden(page, name) for name in ("csrf_token", "etag")}
    choose(client, sent, "reject", card_of(client.get(sent).text, "Ptosis"))
    answer = client.post(f"{sent}/confirm", data=form, headers={"Accept": "text/html"})
    assert answer.status_code == 412
    assert "read the summary again" in answer.text
    assert "Rejected" in answer.text


def test_confirming_waits_for_every_decision(client: TestClient, sent: str) -> None:
    answer = confirm(client, sent)
    assert answer.status_code == 409
    assert "not decided yet" in answer.text
    assert 'id="confirm"' not in answer.text


def test_search_offers_terms_and_adds_the_words_of_the_letter(client: TestClient, sent: str) -> None:
    page = client.get(sent).text
    form = {name: hidden(page, name) for name in ("csrf_token", "etag")}
    found = client.post(f"{sent}/choose", data=form | {"q": "wobb", "phrase": "she laughs", "status": "present"})
    assert found.status_code == 200
    assert 'value="add HP:0001251"' in found.text
    start = LETTER.index("She laughs")
    assert (hidden(found.text, "start"), hidden(found.text, "end")) == (str(start), str(start + len("She laughs")))


def test_search_for_words_that_are_not_in_the_letter_says_so_and_keeps_them(client: TestClient, sent: str) -> None:
    page = client.get(sent).text
    form = {name: hidden(page, name) for name in ("csrf_token", "etag")}
    answer = client.post(f"{sent}/choose", data=form | {"q": "ataxia", "phrase": "not there"})
    assert answer.status_code == 422
    assert 'href="#add-phrase"' in answer.text
    assert 'value="not there"' in answer.text and 'value="ataxia"' in answer.text


def test_choose_lists_alternatives_and_the_terms_above_and_below(client: TestClient, sent: str) -> None:
    card = card_of(client.get(sent).text, "Seizure")
    page = client.get(f"{sent}/choose?for={card}").text
    assert "Use Generalized-onset seizure" in page
    assert "Use Abnormality of the nervous system" in page


def test_a_correction_is_a_new_version_and_the_old_one_stays(client: TestClient, sent: str) -> None:
    decide_all(client, sent)
    page = confirm(client, sent).text
    form = {name: hidden(page, name) for name in ("csrf_token", "etag")}
    draft = client.post(f"{sent}/correct", data=form)
    assert "Version 2, a draft" in draft.text
    assert "Version 1, confirmed by" in client.get(f"{sent}?version=1").text


@pytest.mark.parametrize(
    ("fields", "message", "field"),
    [
        ({"text": "  "}, "Paste the text of a letter", "text"),
        ({"patient_ref": ""}, "The patient reference is a pseudonym", "patient_ref"),
        ({"patient_ref": "943 476 5919"}, "The patient reference is", "patient_ref"),
        ({"patient_ref": "9434765919"}, "NHS number", "patient_ref"),
        ({"test_code": "R29", "test_system": "https://example.org/other"}, "system of the test code", "test_code"),
        ({"test_code": "not one word", "test_system": DIRECTORY}, "without spaces", "test_code"),
        ({"test_code": "R29"}, "Name the system of the test code", "test_code"),
    ],
)
def test_a_letter_that_cannot_be_taken_is_kept_in_the_form(
    client: TestClient, fields: dict[str, str], message: str, field: str
) -> None:
    answer = send_in(client, **{"patient_ref": "P-1", "text": "She has ptosis & more."} | fields)
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert message in answer.text
    assert 'id="errors"' in answer.text
    if "text" not in fields:
        assert ">She has ptosis &amp; more.</textarea>" in answer.text


def test_a_file_can_be_sent_in_and_its_name_is_not_kept(client: TestClient) -> None:
    answer = client.post(
        "/letters",
        data={"csrf_token": token(client), "patient_ref": "P-1", "text": ""},
        files={"file": ("Mary Example.txt", b"She has ptosis.", "text/plain")},
    )
    assert answer.status_code == 200
    assert "Ptosis" in answer.text and "Mary" not in answer.text


def test_a_file_that_is_no_letter_is_refused_in_words(client: TestClient) -> None:
    answer = client.post(
        "/letters",
        data={"csrf_token": token(client), "patient_ref": "P-1"},
        files={"file": ("letter.pdf", b"\x00\x01\x02", "application/pdf")},
    )
    assert answer.status_code == 422
    assert "The file is missing, damaged or not .txt, .docx or .pdf." in answer.text


def test_the_same_letter_again_leads_to_the_request_there_is(client: TestClient, sent: str) -> None:
    answer = send_in(client)
    assert answer.status_code == 409
    assert f'href="{sent}"' in answer.text


def test_a_letter_coded_once_is_not_stored(client: TestClient) -> None:
    page = client.post("/coded", data={"csrf_token": token(client), "text": LETTER})
    assert page.status_code == 200
    assert "Nothing of this letter is stored" in page.text
    assert 'name="choice"' not in page.text
    assert "No requests here" in client.get("/queue").text


def test_without_requests_letters_can_be_coded_and_nothing_else(make_client: MakeClient) -> None:
    client = make_client(requests_enabled=False)
    page = client.get("/")
    assert urlsplit(str(page.url)).path == "/letters/new"
    assert "patient_ref" not in page.text and "/queue" not in page.text
    assert client.get("/queue").status_code == 404


def test_queue_pages_through_the_states(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phenoextract_api.routes.pages.PAGE_SIZE", 2)
    for number in range(3):
        send_in(client, f"P-{number}")
    first = client.get("/queue").text
    assert "P-0" in first and "P-1" in first and "P-2" not in first
    link = re.search(r'<a rel="next" href="([^"]+)"', first)
    assert link
    second = client.get(html.unescape(link[1])).text
    assert "P-2" in second and "P-1" not in second
    assert "No requests here" in client.get("/queue?state=confirmed").text


def test_a_term_is_shown_with_its_neighbours_and_an_obsolete_one_as_its_successor(client: TestClient) -> None:
    page = client.get("/terms/HP:0001250").text
    assert "Generalized-onset seizure" in page and "Abnormality of the nervous system" in page
    assert client.get("/terms/HP:0000000", headers={"Accept": "text/html"}).status_code == 404


def test_shortcuts_can_be_switched_off_and_stay_so(client: TestClient, sent: str) -> None:
    assert 'data-shortcuts="on"' in client.get(sent).text
    form = {"csrf_token": token(client), "on": "no", "next": sent}
    assert 'data-shortcuts="off"' in client.post("/shortcuts", data=form).text
    assert 'data-shortcuts="off"' in client.get(sent).text


@pytest.mark.parametrize("address", ["https://example.org", "//example.org", "/\\example.org"])
def test_shortcuts_lead_to_no_other_site(client: TestClient, address: str) -> None:
    form = {"csrf_token": token(client), "on": "no", "next": address}
    answer = client.post("/shortcuts", data=form, follow_redirects=False)
    assert answer.headers["location"] == "/#shortcuts"


def test_a_form_without_its_token_changes_nothing(client: TestClient, sent: str) -> None:
    page = client.get(sent).text
    form = {"etag": hidden(page, "etag"), "choice": "accept", "suggestion_id": card_of(page, "Ptosis")}
    answer = client.post(f"{sent}/decisions", data=form, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert undecided(client.get(sent).text) == undecided(page)


def test_errors_are_pages_for_browsers(client: TestClient) -> None:
    answer = client.get("/requests/nothing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1" in answer.text and "Nothing has been changed" in answer.text


def test_pages_carry_no_script_or_style_of_their_own(client: TestClient, sent: str) -> None:
    for address in ("/letters/new", "/example", "/queue", "/about", sent, f"{sent}/summary", "/admin"):
        page = client.get(address).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
        assert all(source for source in re.findall(r'<script[^>]*src="(/static/[^"]+)"', page))
        assert page.count("<script") == len(re.findall(r'<script type="module" src="/static/', page))
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)


def test_static_files_may_be_kept_and_pages_may_not(client: TestClient) -> None:
    page = client.get("/letters/new")
    assert page.headers["cache-control"] == "no-store"
    style = re.findall(r'href="(/static/review\.css[^"]*)"', page.text)
    assert client.get(style[0]).headers["cache-control"] == "public, max-age=31536000, immutable"


def test_styles_name_no_other_host() -> None:
    for style in FOLDER.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:https?:)?//|@import", style.read_text("utf-8")), style.name


def test_docs_name_every_key() -> None:
    text = (Path(__file__).parents[2] / "docs" / "review-page.md").read_text("utf-8")
    for key, _ in KEYS:
        assert f"`{key}`" in text


def test_nothing_decides_on_more_than_one_suggestion(client: TestClient, sent: str) -> None:
    page = client.get(sent).text
    forms = re.findall(rf'<form method="post" action="{sent}/decisions".*?</form>', page, re.DOTALL)
    assert len(forms) > undecided(page)
    assert all(len(re.findall(r'name="suggestion_id"', form)) <= 1 for form in forms)
    before = undecided(page)
    answer = choose(client, sent, "accept", card_of(page, "Microcephaly"))
    assert undecided(answer.text) == before - 1
    described = client.get("/v1/openapi.json").json()
    bodies = {
        path: operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
        for path, operations in described["paths"].items()
        for operation in operations.values()
        if path.startswith("/v1/requests/")
        and "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    assert bodies, "decisions are made by requests with a body"
    for name in bodies.values():
        fields = described["components"]["schemas"][name]["properties"]
        assert "array" not in str(fields), f"{name} takes several at once"
