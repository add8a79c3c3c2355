"""Asking in a real browser why words were not coded: selected, typed without JavaScript, and by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from .conftest import Open, Serve
from .test_accessibility import check

pytestmark = [pytest.mark.browser, pytest.mark.artefacts]
SELECT = """(words) => {
    const node = [...document.querySelectorAll('[data-start]')].map((piece) => piece.firstChild)
        .find((node) => node.data.includes(words));
    const at = node.data.indexOf(words);
    getSelection().setBaseAndExtent(node, at, node, at + words.length);
}"""


def review(serve: Serve, open_page: Open, **options: bool) -> Page:
    page = open_page(serve(), **options)
    page.get_by_role("button", name="Review this letter").click()
    page.wait_for_url("**/requests/*")
    return page


def test_words_that_are_selected_are_explained(serve: Serve, open_page: Open) -> None:
    page = review(serve, open_page)
    page.evaluate(SELECT, "laughs often")
    page.get_by_role("button", name="Why was this not coded?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Why was this not coded?")
    expect(page.locator("mark")).to_have_text("laughs often")
    expect(page.get_by_role("heading", name="Nearest terms")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Add a term for these words").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Add a term that was missed")
    page.go_back()
    page.get_by_role("link", name="Back to the review").click()
    page.wait_for_url("**/requests/*")
    page.keyboard.press("w")
    expect(page.locator("#why-phrase")).to_be_focused()
    page.keyboard.type("words of no letter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not in the letter")
    check(page)


def test_words_that_are_typed_are_explained_without_javascript(serve: Serve, open_page: Open) -> None:
    page = review(serve, open_page, java_script_enabled=False)
    page.get_by_label("Words to explain").fill("laughs")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("mark")).to_have_text("laughs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Why was this not coded?")
