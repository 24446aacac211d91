"""A real server and a real browser for the page's tests.

Without Chromium the browser tests are skipped, except in CI, where that is a failure.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.page.people import Person, PersonFactory, Server

BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def missing(what: str) -> None:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module only: while it runs, Playwright keeps an event loop in this thread."""
    path = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if path is None:
        missing("Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("page"), "memory")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def durable_server(tmp_path: Path) -> Iterator[Server]:
    """One that may be killed: what it has acknowledged is on the disk."""
    server = Server(tmp_path, "mongo")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def person(browser: Browser, request: pytest.FixtureRequest) -> Iterator[PersonFactory]:
    """Makes people. At the end, none of them may have an error in the console (a CSP violation is one)."""
    people: list[Person] = []

    def make(server: Server, **options: object) -> Person:
        people.append(Person(browser, server.url, **options))
        return people[-1]

    yield make
    complaints = [text for each in people for text in each.complaints()]
    for each in people:
        each.context.close()
    assert complaints == []
