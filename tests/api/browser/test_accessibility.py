"""Every page checked by axe, at 320 pixels and for what covers the focus; the pictures of the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import Open, Serve

pytestmark = [pytest.mark.browser, pytest.mark.artefacts]
PICTURES = Path(__file__).parents[3] / "docs" / "screenshots"
MAX_PICTURE_BYTES = 200_000
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def check(page: Page) -> None:
    """Fail for anything that axe finds, and for a page that has to be scrolled sideways at 320 pixels."""
    found = Axe().run(page, options=RULES)
    faults = [
        f"{one['impact']} {one['id']}: {node['html'][:200]}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]
    assert not faults, f"{page.url}\n" + "\n".join(faults)
    before = page.viewport_size
    page.set_viewport_size({"width": 320, "height": 640})
    width = page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= 320, f"{page.url} is {width} pixels wide at 320"
    if before:
        page.set_viewport_size(before)


def open_everything(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")


@pytest.mark.parametrize("plain", [False, True], ids=["styled", "plain"])
def test_axe_finds_nothing_on_any_page(serve: Serve, open_page: Open, plain: bool) -> None:
    address = serve()
    page = open_page(address, plain=plain)
    check(page)
    for path in ("/letters/new", "/queue", "/about", "/terms/HP:0001250", "/requests/nothing"):
        page.goto(f"{address}{path}")
        check(page)
    page.goto(f"{address}/letters/new")
    page.get_by_role("button", name="Start the review").click()
    expect(page.get_by_role("alert")).to_contain_text("There is a problem")
    check(page)
    page.fill("#text", "She has ptosis and no fits.")
    page.get_by_role("button", name="Just show the terms").click()
    check(page)

    page.goto(f"{address}/example")
    page.get_by_role("button", name="Review this letter").click()
    page.wait_for_url("**/requests/*")
    review = page.url
    check(page)
    open_everything(page)
    check(page)
    page.locator("#add-q").fill("scolio")
    expect(page.locator(".options li").first).to_be_visible()
    check(page)
    stale = page.locator('#progress input[name="etag"]').get_attribute("value")
    page.get_by_role("button", name="Accept as uncertain Autistic behavior").click()
    expect(page.locator("#said")).to_contain_text("accepted Autistic behavior")
    page.locator(".mention").first.hover()
    check(page)
    page.goto(f"{review}/choose?for=f3")
    check(page)
    page.goto(f"{review}/summary")
    check(page)
    page.goto(review)
    page.locator('#f0 form.card__actions input[name="etag"]').evaluate(f"(field) => {{ field.value = '{stale}' }}")
    page.get_by_role("button", name="Accept Global developmental delay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Somebody else changed this request")
    check(page)

    page.goto(review)
    while page.locator(".card--to-decide").count():
        left = page.locator(".progress__counts").inner_text()
        page.locator(".card--to-decide").get_by_role("button", name="Accept").first.click()
        expect(page.locator(".progress__counts")).not_to_have_text(left)
    page.goto(f"{review}/summary")
    check(page)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Confirmed")
    open_everything(page)
    check(page)

    page.goto(f"{address}/admin")
    check(page)
    page.fill("#name", "lab-feed")
    page.get_by_label("pipeline").check()
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_text("shown this once")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Verify the audit now").click()
    expect(page.get_by_text("The audit is whole")).to_be_visible()
    check(page)


def test_axe_finds_nothing_on_the_sign_in_page(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(authentication="required"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    check(page)
    page.get_by_label("Your API key").fill("phx_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    check(page)


def test_what_has_the_focus_is_never_covered(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(), viewport={"width": 1280, "height": 600})
    page.get_by_role("button", name="Review this letter").click()
    page.wait_for_url("**/requests/*")
    for _ in range(page.locator(".card").count()):
        page.keyboard.press("j")
        seen = page.evaluate(
            """() => {
                const place = document.activeElement.getBoundingClientRect();
                const bar = document.getElementById("progress").getBoundingClientRect();
                const inside = place.top >= bar.bottom - 1 && place.top < innerHeight;
                return document.activeElement.matches(".card") && inside;
            }"""
        )
        assert seen, f"card {page.evaluate('document.activeElement.id')} is covered"


def test_explanations_open_by_pointer_and_focus_and_close_by_escape(serve: Serve, open_page: Open) -> None:
    page = open_page(serve())
    mention = page.locator(".mention[data-card='f1']").last
    about = page.locator(f"#{mention.get_attribute('aria-describedby')}")
    expect(about).to_be_hidden()
    mention.hover()
    expect(about).to_be_visible()
    expect(about).to_contain_text("the letter is not certain")
    page.keyboard.press("Escape")
    expect(about).to_be_hidden()
    page.mouse.move(0, 0)
    mention.focus()
    expect(about).to_be_visible()


def test_statuses_are_told_apart_without_colour(serve: Serve, open_page: Open) -> None:
    page = open_page(serve(), forced_colors="active")
    page.wait_for_load_state()
    told = page.locator(".legend .mention").evaluate_all(
        "(all) => all.map((one) => `${getComputedStyle(one).textDecorationStyle},${one.textContent.trim()[0]}`)"
    )
    assert len(set(told)) == 5
    assert len({one.split(",")[0] for one in told}) == 5


def test_pictures_of_the_documentation(serve: Serve, open_page: Open, request: pytest.FixtureRequest) -> None:
    """Walk over the pages in the pictures; --update-golden writes them, otherwise they only have to be there."""
    writes = request.config.getoption("--update-golden")
    address = serve()
    page = open_page(address, viewport={"width": 1280, "height": 800})

    def picture(name: str) -> None:
        path = PICTURES / f"{name}.png"
        if writes:
            path.parent.mkdir(exist_ok=True)
            page.screenshot(path=path)
        assert path.stat().st_size <= MAX_PICTURE_BYTES

    page.locator(".mention[data-card='f1']").last.hover()
    picture("example")
    page.goto(f"{address}/letters/new")
    picture("letter-in")
    page.goto(f"{address}/example")
    page.get_by_role("button", name="Review this letter").click()
    page.wait_for_url("**/requests/*")
    review = page.url
    page.get_by_role("button", name="Accept as uncertain Autistic behavior").click()
    expect(page.locator("#said")).to_contain_text("accepted Autistic behavior")
    picture("review")
    page.locator("#f2-change summary").click()
    page.locator("#f2-q").fill("infantile spas")
    expect(page.locator(".options li").first).to_be_visible()
    picture("replace")
    page.goto(f"{address}/queue")
    picture("queue")
    page.goto(review)
    while page.locator(".card--to-decide").count():
        left = page.locator(".progress__counts").inner_text()
        page.locator(".card--to-decide").get_by_role("button", name="Accept").first.click()
        expect(page.locator(".progress__counts")).not_to_have_text(left)
    page.get_by_role("link", name="Summary and confirm").click()
    page.wait_for_load_state()
    picture("summary")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Confirmed")
    picture("confirmed")
