from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright

import phenoextract
from phenoextract_api.app import create_app
from phenoextract_api.settings import read_settings

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_SECONDS = 60
expect.set_options(timeout=WAIT_SECONDS * 1000)
Serve = Callable[..., str]
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium as Debian packages it."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (Debian's package chromium)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def serve(tmp_path: Path, real_extractor: phenoextract.Extractor) -> Iterator[Serve]:
    """Start real servers on ports of their own and give their addresses."""
    with ExitStack() as stack:

        def start(**settings: Any) -> str:
            app = create_app(read_settings(data_dir=tmp_path / "data", **settings), extractor=real_extractor)
            server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False))
            thread = threading.Thread(target=server.run)
            thread.start()
            stack.callback(thread.join)
            stack.callback(setattr, server, "should_exit", True)
            deadline = time.monotonic() + WAIT_SECONDS
            while not server.started:
                assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
                time.sleep(0.05)
            return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

        yield start


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open pages in a browser of their own; the test fails if one asks another host or complains."""
    outside: list[str] = []
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def open_one(address: str, *, plain: bool = False, **options: Any) -> Page:
        context = browser.new_context(viewport=options.pop("viewport", {"width": 1280, "height": 900}), **options)
        contexts.append(context)
        context.set_default_timeout(WAIT_SECONDS * 1000)
        host = urlsplit(address).netloc

        def pass_on(route: Route) -> None:
            asked = urlsplit(route.request.url)
            if asked.netloc != host:
                outside.append(asked.netloc)
                route.abort()
            elif plain and asked.path.startswith("/static/nhsuk/"):
                route.fulfill(status=200, content_type="text/css", body="")
            else:
                route.continue_()

        def listen(message: ConsoleMessage) -> None:
            if message.type == "error" and not message.text.startswith("Failed to load resource"):
                complaints.append(message.text)

        context.route("**/*", pass_on)
        context.on("console", listen)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        page = context.new_page()
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not outside
    assert not complaints
