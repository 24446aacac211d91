"""Previews of links on the page: cards that say what a page says, removed by those who may, and not shown to who wants none."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.test_browser import fresh
from tests.page.tools import axe_script

pytestmark = pytest.mark.long

LONG = "<b>Beans</b> & peas " * 20
PAGE = f"""<!doctype html><title>{LONG.replace("&", "&amp;").replace("<", "&lt;")}</title>
<meta name="description" content="How to sow them"><meta property="og:site_name" content="Garden">"""


class Pages(BaseHTTPRequestHandler):
    """The same page at each address."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *given: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of somebody else's web server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, site: str) -> Iterator[Server]:
    settings = {
        "plugins.enabled": json.dumps(["memory", "password", "link_previews"]),
        "plugin.link_previews.allowed_networks": '["127.0.0.0/8"]',
        "plugin.link_previews.timeout_seconds": "60",
        "plugin.link_previews.ports": f"[{site.rpartition(':')[2]}]",
    }
    server = Server(tmp_path_factory.mktemp("link_previews"), "memory", settings)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def owner(server: Server, browser: Browser) -> Iterator[Person]:
    """The first account, of the staff: the others are members like most."""
    olga = Person(browser, server.url).sign_up("olga", "Olga")
    yield olga
    olga.context.close()


@pytest.fixture
def two(owner: Person, person: PersonFactory, server: Server) -> tuple[Person, Person]:
    """Aya, who owns a room, and Ben, who is in it."""
    aya, ben = (person(server).sign_up(fresh(name), name.title()) for name in ("aya", "ben"))
    room = fresh("Garden ")
    aya.create_room(room)
    ben.join_room(room)
    return aya, ben


def cards(person: Person) -> Locator:
    return person.page.get_by_test_id("link-preview")


def test_a_card_says_what_the_page_says_and_where_it_leads(
    two: tuple[Person, Person], site: str
) -> None:
    aya, ben = two
    ben.say(f"See {site}/beans")
    for person in two:
        title = cards(person).get_by_test_id("link-preview-title")
        expect(title).to_have_text(f"{LONG[:199].strip()}…")
        expect(title).to_have_attribute("href", f"{site}/beans")
        expect(title).to_have_attribute("rel", "noopener noreferrer nofollow")
        expect(cards(person)).to_contain_text("How to sow them")
        expect(person.page.get_by_test_id("link-preview-place")).to_have_text("Garden · 127.0.0.1")
        expect(person.page.get_by_test_id("link-previews")).to_have_role("list")
        assert findings(person.page, axe_script()) == []
    aya.page.set_viewport_size({"width": 320, "height": 640})
    room = aya.page.get_by_test_id("link-previews")
    assert room.evaluate("(list) => list.scrollWidth <= list.clientWidth")


def test_authors_and_moderators_remove_a_card_for_everybody(
    two: tuple[Person, Person], site: str
) -> None:
    aya, ben = two
    aya.say(f"First {site}/a and {site}/b")
    expect(cards(aya)).to_have_count(2)
    expect(cards(ben)).to_have_count(2)
    expect(ben.page.get_by_test_id("link-preview-remove")).to_have_count(0)
    aya.page.get_by_test_id("link-preview-remove").first.click()
    for person in two:
        expect(cards(person)).to_have_count(1)
        expect(cards(person).get_by_test_id("link-preview-title")).to_have_attribute(
            "href", f"{site}/b"
        )
    ben.say(f"Second {site}/c")
    expect(cards(aya)).to_have_count(2)
    expect(ben.page.get_by_test_id("link-preview-remove")).to_have_count(1)
    aya.page.get_by_test_id("link-preview-remove").last.press("Enter")  # as a moderator
    for person in two:
        expect(cards(person)).to_have_count(1)


def test_a_refusal_is_shown(two: tuple[Person, Person], site: str) -> None:
    aya, ben = two
    ben.say(f"{site}/d")
    expect(cards(ben)).to_have_count(1)
    aya.page.evaluate(
        "(room) => document.querySelector('chat-app').session.archive(room, true)",
        aya.page.locator("room-view").get_attribute("data-room"),
    )
    expect(ben.page.get_by_test_id("archived-bar")).to_be_visible()
    ben.page.get_by_test_id("link-preview-remove").click()
    expect(ben.page.get_by_test_id("link-preview-fault")).to_contain_text("archived")
    expect(cards(ben)).to_have_count(1)


def test_a_reader_goes_without_on_this_device(two: tuple[Person, Person], site: str) -> None:
    aya, ben = two
    aya.say(f"{site}/e")
    expect(cards(ben)).to_be_visible()
    address = ben.page.url
    ben.page.goto(f"{ben.url}/#settings=link_previews.wanted")
    ben.page.get_by_test_id("link-previews-wanted").uncheck()
    ben.page.goto(address)
    expect(ben.page.get_by_test_id("message").filter(has_text="/e")).to_be_visible()
    expect(cards(ben)).to_have_count(1)
    expect(cards(ben)).to_be_hidden()
    ben.page.reload()
    expect(cards(ben)).to_have_count(1)
    expect(cards(ben)).to_be_hidden()
    expect(cards(aya)).to_be_visible()


def test_in_japanese(
    two: tuple[Person, Person], person: PersonFactory, server: Server, site: str
) -> None:
    aya, _ = two
    aya.say(f"{site}/f")
    expect(cards(aya)).to_be_visible()
    cho = person(server, locale="ja-JP").sign_up(fresh("cho"), "Cho")
    cho.create_room(fresh("Niwa "))
    cho.say(f"{site}/g")
    expect(cho.page.get_by_test_id("link-preview-remove")).to_have_text("プレビューを削除")
