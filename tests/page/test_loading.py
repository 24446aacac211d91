"""What a browser loads until the first message is read: a budget, so that the page stays fast on a slow network."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.bench.loading import prepare, visit
from tests.page.people import Person, PersonFactory, Server
from tests.waiting import wait_until

ROOMS = 5
MOST_BYTES = 100_000
MOST_REQUESTS = (
    18  # of them one for each plugin that has a part in the page, and one for its style sheet
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Server]:
    """A server as in production: it joins and packs the page's files."""
    server = Server(tmp_path_factory.mktemp("built"), "memory")
    server.start()
    # The first account owns the server, and is told so by a part of the page that others do not load.
    Person(browser, server.url).sign_up("olga", "Olga").context.close()
    wait_until(lambda: is_packed(server.url))
    yield server
    server.stop()


def is_packed(url: str) -> bool:
    """Whether the server has had the time to pack its largest script as small as it can."""
    page = httpx.get(url)
    (script,) = set(re.findall(r"/static/\w+/joined/app\.js", page.text))
    return httpx.get(url + script).headers["content-encoding"] == "br"


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
def test_the_first_message_costs_no_more_than_its_budget(
    person: PersonFactory, browser: Browser, built: Server, locale: str
) -> None:
    aya = person(built).sign_up(f"aya-{locale[:2]}", "Aya")
    room = prepare(aya, ROOMS)
    reader = Person(browser, built.url, locale=locale, service_workers="allow")
    reader.context.add_cookies(aya.context.cookies())  # type: ignore[arg-type]
    cold = visit(reader.context, built.url, room, 0, ROOMS)
    warm = visit(reader.context, built.url, room, 0, ROOMS)
    reader.context.close()
    assert 30_000 < cold["bytes"] <= MOST_BYTES
    assert 5 <= cold["requests"] <= MOST_REQUESTS
    assert warm["bytes"] < cold["bytes"] / 10


def test_a_reader_whose_texts_cannot_be_loaded_reads_english(
    person: PersonFactory, built: Server
) -> None:
    aya = person(built, locale="ja-JP")
    aya.expected += ["texts of ja", "ERR_FAILED"]
    aya.page.route("**/texts/ja.js", lambda route: route.abort())
    aya.page.goto(built.url)
    expect(aya.page.get_by_test_id("submit")).to_have_text("Sign in")
    expect(aya.page.locator("html")).to_have_attribute("lang", "en")


def texts(urls: list[str]) -> list[str]:
    return [url.rpartition("/joined/texts/")[2] for url in urls if "/joined/texts/" in url]


def test_other_languages_are_loaded_when_they_are_chosen(
    person: PersonFactory, built: Server
) -> None:
    aya = person(built)
    asked: list[str] = []
    aya.page.on("request", lambda request: asked.append(request.url))
    aya.page.goto(built.url)
    expect(aya.page.get_by_test_id("submit")).to_have_text("Sign in")
    assert texts(asked) == ["en.js"]
    aya.page.get_by_test_id("language").select_option("ja")
    expect(aya.page.get_by_test_id("submit")).not_to_have_text("Sign in")
    assert texts(asked) == ["en.js", "ja.js"]
