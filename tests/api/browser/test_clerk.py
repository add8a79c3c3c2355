"""A clerk's whole job in a real browser: by keyboard alone, and with JavaScript switched off."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from phenoextract_api.routes.pages import example_letter

from .conftest import Open, Serve

pytestmark = [pytest.mark.browser, pytest.mark.artefacts]


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called so."""
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim().replace(/\\s+/g, ' ')") == name:
            return
    raise AssertionError(f"Tab does not reach {name}")


def focused(page: Page) -> str:
    """Give the name of the card that has the focus, or holds what has it."""
    return str(
        page.evaluate(
            "document.activeElement.closest('.card')?.querySelector('.card__name').firstChild.data.trim() ?? ''"
        )
    )


def wait_for(page: Page, text: str) -> None:
    expect(page.locator("#said")).to_contain_text(text)


def undecided(page: Page) -> int:
    found = re.match(r"\d+", page.locator(".progress__counts").inner_text())
    assert found
    return int(found[0])


def decide(page: Page, key: str) -> None:
    """Press a key and wait until its decision is recorded."""
    etag = page.locator('#progress input[name="etag"]').get_attribute("value")
    page.keyboard.press(key)
    expect(page.locator('#progress input[name="etag"]')).not_to_have_value(etag or "")


def test_a_clerk_does_the_whole_job_by_keyboard_alone(
    serve: Serve, open_page: Open, store_url: str, store_key: str, tmp_path: Path
) -> None:
    page = open_page(serve(database_url=store_url, encryption_key=store_key))
    assert page.url.endswith("/example")
    tab_to(page, "Code a letter of your own")
    page.keyboard.press("Enter")
    page.wait_for_url("**/letters/new")
    page.locator("#text").focus()
    page.keyboard.insert_text(example_letter())
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("P-0001")
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/*")

    page.keyboard.press("j")
    assert focused(page) == "Autistic behavior"
    before = undecided(page)
    decide(page, "a")
    wait_for(page, f"accepted Autistic behavior. {before - 1} to decide.")
    assert focused(page) == "Cafe-au-lait spot", "the focus goes on to the next suggestion"
    decide(page, "r")
    wait_for(page, "rejected Cafe-au-lait spot")
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert focused(page) == "Autistic behavior"
    decide(page, "n")
    expect(page.locator("#f1 .card__name .status")).to_have_text("Absent")

    page.keyboard.press("j")
    assert focused(page) == "Cafe-au-lait spot"
    page.keyboard.press("e")
    page.keyboard.type("mongolian blue")
    option = page.get_by_role("option", name="Mongolian blue spot").first
    expect(option).to_be_visible()
    while option.get_attribute("aria-selected") != "true":
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    wait_for(page, "replaced by")

    page.keyboard.press("k")  # the caret starts at the words of the suggestion that has the focus
    page.keyboard.press("m")
    for _ in range(200):
        page.keyboard.press("ArrowRight")
        if page.evaluate("getSelection().toString()") == "laughs":
            break
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#add-phrase")).to_have_value("laughs often")
    page.keyboard.press("Control+a")
    page.keyboard.type("inappropriate laught")
    expect(page.get_by_role("option", name="Inappropriate laughter").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    wait_for(page, "added Inappropriate laughter")
    expect(page.locator('.letter a[data-card^="m"]')).to_have_text("laughs often")

    page.keyboard.press("t")
    page.keyboard.type("Ask the parents: ajar")  # j, a and r are letters here
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for(page, "note on Inappropriate laughter")
    left = undecided(page)
    page.keyboard.press("j")
    decide(page, "z")
    wait_for(page, "Undone")
    assert undecided(page) == left
    expect(page.locator(".note")).to_have_count(0)

    page.keyboard.press("a")  # on a suggestion that is decided it goes on to one that is not
    while undecided(page):
        decide(page, "a")
    expect(page.locator("#progress")).to_be_focused()
    page.keyboard.press("s")
    page.wait_for_url("**/summary")
    tab_to(page, "Confirm")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/requests/[^/]+$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Confirmed")
    tab_to(page, "GA4GH Phenopacket")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    download.value.save_as(tmp_path / "exported.json")
    features = json.loads((tmp_path / "exported.json").read_text("utf-8"))["phenotypicFeatures"]
    coded = {one["type"]["label"]: one.get("excluded", False) for one in features}
    assert coded["Inappropriate laughter"] is False
    assert coded["Autistic behavior"] is True
    assert coded["Cleft palate"] is True
    assert "Cafe-au-lait spot" not in coded and "Ptosis" not in coded


def test_shortcuts_do_nothing_once_they_are_switched_off(serve: Serve, open_page: Open) -> None:
    page = open_page(serve())
    page.get_by_role("button", name="Review this letter").click()
    page.wait_for_url("**/requests/*")
    page.keyboard.press("?")
    tab_to(page, "Turn shortcuts off")
    page.keyboard.press("Enter")
    expect(page.locator("#review")).to_have_attribute("data-shortcuts", "off")
    before = undecided(page)
    card = page.locator(".card").first
    card.focus()
    page.keyboard.press("a")
    page.keyboard.press("r")
    page.keyboard.press("j")
    expect(card).to_be_focused()
    assert undecided(page) == before
    tab_to(page, "Accept as uncertain Autistic behavior")
    page.keyboard.press("Enter")
    wait_for(page, "accepted Autistic behavior")


def test_the_essentials_work_without_javascript(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(), java_script_enabled=False)
    page.get_by_role("button", name="Review this letter").click()
    page.wait_for_url("**/requests/*")
    before = undecided(page)
    page.get_by_role("button", name="Accept as uncertain Autistic behavior").click()
    assert undecided(page) == before - 1
    following = page.locator(".card--to-decide").first.get_attribute("id")
    assert page.url.endswith(f"#{following}"), "the browser is led to the next undecided suggestion"
    page.get_by_role("button", name="Reject Cafe-au-lait spot").click()
    card = page.locator("article", has=page.get_by_role("heading", name=re.compile("^Constipation")))
    card.get_by_text("Change").click()
    card.get_by_label(re.compile("Find another term")).fill("diarrhoea")
    card.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Use Diarrhea", exact=True).click()
    page.get_by_label("Words in the letter").fill("laughs often")
    page.get_by_label("Term", exact=True).fill("inappropriate laughter")
    page.locator("#add").get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Use Inappropriate laughter").click()
    expect(page.locator(".evidence mark", has_text="laughs often")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".evidence mark", has_text="laughs often")).to_have_count(0)
    for _ in range(undecided(page)):
        page.locator(".card--to-decide").get_by_role("button", name="Accept").first.click()
    page.get_by_role("link", name="Summary and confirm").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Confirmed")
    expect(page.get_by_role("cell", name="Diarrhea")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith(".csv")


def test_words_are_selected_by_code_points(serve: Serve, open_page: Open, tmp_path: Path) -> None:
    letter = (
        "Dear \U0001f600 colleague\r\n\r\nCafe\u0301 visit.\r\nShe is <b>clumsy</b> \U0001f9d1\u200d\U0001f33e & merry."
    )
    path = tmp_path / "letter.txt"
    path.write_bytes(letter.encode())
    address = serve()
    page = open_page(f"{address}/letters/new")
    page.set_input_files("#file", path)
    page.fill("#patient_ref", "P-7")
    page.get_by_role("button", name="Start the review").click()
    page.wait_for_url("**/requests/*")
    page.evaluate(
        """() => {
            const node = [...document.querySelectorAll('[data-start]')].map((piece) => piece.firstChild)
                .find((node) => node.data.includes('merry'));
            const at = node.data.indexOf('merry');
            getSelection().setBaseAndExtent(node, at - 2, node, at + 5);
        }"""
    )
    page.get_by_role("button", name="Add a term for these words").click()
    page.locator("#add-q").fill("inappropriate laughter")
    page.get_by_role("option", name="Inappropriate laughter").first.click()
    wait_for(page, "added")
    request = page.context.request.get(f"{address}/v1/requests/{page.url.rsplit('/', 1)[-1]}").json()
    added = request["suggestions"][-1]
    assert request["letter"]["text"] == letter
    assert letter[added["start"] : added["end"]] == "& merry"


def test_a_lost_server_is_said_and_loses_nothing(serve: Serve, open_page: Open) -> None:
    page = open_page(serve())
    page.get_by_role("button", name="Review this letter").click()
    page.wait_for_url("**/requests/*")
    page.locator("#request-note").fill("half a note")
    page.route("**/decisions", lambda route: route.abort())
    page.locator(".card").first.focus()
    page.keyboard.press("a")
    expect(page.get_by_role("alert")).to_contain_text("nothing has been recorded")
    page.unroute("**/decisions")
    page.keyboard.press("a")
    wait_for(page, "accepted Autistic behavior")
    expect(page.locator("#request-note")).to_have_value("half a note")


def test_a_stale_decision_is_shown_in_place(serve: Serve, open_page: Open) -> None:
    page = open_page(serve())
    page.get_by_role("button", name="Review this letter").click()
    page.wait_for_url("**/requests/*")
    other = page.context.new_page()
    other.goto(page.url)
    other.locator(".card").first.focus()
    decide(other, "a")
    page.locator(".card").nth(1).focus()
    page.keyboard.press("r")
    expect(page.get_by_role("heading", level=1)).to_have_text("Somebody else changed this request")
    page.get_by_role("button", name="Record my choice now").click()
    assert page.locator(".card--rejected").count() == 1
    assert page.locator(".card--accepted").count() == 1
