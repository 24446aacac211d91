"""A real server and a real browser for the page's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.page.people import Person, PersonFactory, Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("page"), "memory")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def durable_server(tmp_path: Path) -> Iterator[Server]:
    """A server that may be killed: acknowledged messages are on the disk."""
    server = Server(tmp_path, "sqlite")
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
