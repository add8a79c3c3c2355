"""Why words were coded, or were not: asked of the API and on the review page."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

import phenoextract
from phenoextract.explain import explain, to_dict
from phenoextract.formats import terminal
from phenoextract.reasons import why_coded

from .test_pages import LETTER, hidden, send_in, sent

__all__ = ["sent"]


def ask(client: TestClient, text: str, words: str, **changes: int) -> Any:
    start = text.index(words)
    return client.post("/v1/explain", json={"text": text, "start": start, "end": start + len(words)} | changes)


def ask_page(client: TestClient, address: str, **fields: str) -> Any:
    page = client.get(address).text
    form = {name: hidden(page, name) for name in ("csrf_token", "etag")} | fields
    return client.post(f"{address}/why", data=form, headers={"Accept": "text/html"})


def test_explain_gives_what_the_library_gives(
    stateless_client: TestClient, toy_extractor: phenoextract.Extractor
) -> None:
    for words in ("cleft palate", "palate", "laughs", "Dear"):
        report = toy_extractor(LETTER)
        start = LETTER.index(words)
        expected = to_dict(explain(toy_extractor, LETTER, report, start, start + len(words)), report)
        assert ask(stateless_client, LETTER, words).json() == expected


def test_explain_refuses_a_stretch_outside_the_text_and_quotes_nothing(stateless_client: TestClient) -> None:
    for changes in ({"end": 1000}, {"start": 500}, {"start": -1}, {"end": 0}):
        answer = ask(stateless_client, LETTER, "laughs", **changes)
        assert answer.status_code == 422
        assert "laughs" not in answer.text and "Colleague" not in answer.text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("cleft palate", "Coded."),
        ("laughs  OFTEN", None),
        ("laughs", "No term is near."),
        ("palate", "Part of a longer phrase."),
        ("Dear Colleague", "No term is near."),
    ],
)
def test_explain_review_page_tells_why_words_were_not_coded(
    client: TestClient, sent: str, words: str, told: str | None
) -> None:
    answer = ask_page(client, sent, phrase=words)
    if told is None:
        assert answer.status_code == 422
        assert "These words are not in the letter" in html.unescape(answer.text)
        assert f'value="{words}"' in answer.text, "what was typed stays in its field"
        return
    assert f"<strong>{told}</strong>" in answer.text
    assert words in answer.text
    assert hidden(answer.text, "q") == words, "a term for the words can be looked for from here"


def test_explain_review_page_takes_the_words_that_were_selected(client: TestClient, sent: str) -> None:
    start = LETTER.index("<b>often</b>")
    answer = ask_page(client, sent, phrase="elsewhere", start=str(start), end=str(start + len("<b>often</b>")))
    assert "<mark>&lt;b&gt;often&lt;/b&gt;</mark>" in answer.text
    beyond = ask_page(client, sent, start="0", end=str(len(LETTER) + 1))
    assert beyond.status_code == 422
    assert ask_page(client, sent, phrase=" ").status_code == 422


def test_explain_page_terminal_and_api_say_the_same(
    client: TestClient, stateless_client: TestClient, toy_extractor: phenoextract.Extractor
) -> None:
    text = "No fits. His mother has ptosis. ?Scoliosis"
    address = urlsplit(str(send_in(client, text=text).url)).path
    page = html.unescape(client.get(address).text)
    report = toy_extractor(text)
    kept = client.get(f"/v1{address}").json()["suggestions"]
    screen = " ".join(terminal.render(report, text, width=400).split())
    assert len(report.annotations) == 3
    for annotation in report.annotations:
        reason = why_coded(annotation)
        assert reason in page
        assert [f"Found: {reason}"] in [one["why"] for one in kept]
        assert reason in screen
        assert reason in ask(stateless_client, text, annotation.text).json()["reason"]
        assert reason in html.unescape(ask_page(client, address, phrase=annotation.text).text)
