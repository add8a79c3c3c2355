"""The page of monitoring in a real browser: checked by axe, without JavaScript, and pictured for the documentation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from phenoextract_api.monitoring.tallies import week_of
from phenoextract_api.settings import read_settings
from phenoextract_api.startup import open_configured_store
from tests.api.tallied import fill_weeks

from .conftest import Open, Serve
from .test_accessibility import MAX_PICTURE_BYTES, PICTURES, check, open_everything

pytestmark = [pytest.mark.browser, pytest.mark.artefacts]


@pytest.fixture
def address(serve: Serve, tmp_path: Path) -> str:
    """Start a service that has worked for twenty weeks, the last two badly, and give the address of the page."""
    started = serve()
    store = open_configured_store(read_settings(data_dir=tmp_path / "data"))
    fill_weeks(store, first=week_of(datetime.now(UTC)) - timedelta(weeks=19))
    store.close()
    return f"{started}/admin/monitoring"


def test_axe_finds_nothing_on_the_monitoring_page(
    address: str, open_page: Open, request: pytest.FixtureRequest
) -> None:
    page = open_page(address, viewport={"width": 1280, "height": 1100})
    expect(page.get_by_role("heading", name="Look into this")).to_be_visible()
    path = PICTURES / "monitoring.png"
    if request.config.getoption("--update-golden"):
        page.screenshot(path=path)
    assert path.stat().st_size <= MAX_PICTURE_BYTES
    check(page)
    open_everything(page)
    check(page)


def test_the_monitoring_page_needs_neither_script_nor_style_sheet_nor_colour(address: str, open_page: Open) -> None:
    page = open_page(address, plain=True, java_script_enabled=False, forced_colors="active")
    expect(page.get_by_role("img", name="Accepted as proposed: accepted")).to_be_visible()
    assert page.locator("rect.plot__signal").count() >= 4, "what lies beyond the limits has another shape"
    page.get_by_text("Accepted as proposed: numbers").click()
    table = page.get_by_role("table", name="Accepted as proposed by week")
    expect(table.get_by_role("cell", name="Yes", exact=True)).to_have_count(2)
    page.get_by_role("combobox", name="Release").select_option(label="0.2.0, HPO 2025-01-16, eeeeeeee")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("rowheader", name="0.1.0, HPO")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the figures").click()
    assert download.value.suggested_filename == "monitoring.csv"
