"""The page is kept by the browser, opens without its server, and is replaced when its reader wants it."""

import re
import shutil
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.waiting import until
from tests.waiting import wait_until

pytestmark = pytest.mark.long(minutes=6)

STATIC = Path(__file__).parents[2] / "static"
AWAY = r"ERR_|Failed to fetch|WebSocket|connection\.lost|could not be reached|503|service worker|fetching the script"
BUILD = "document.querySelector('meta[name=build]').content"
KEPT = "async () => (await caches.keys()).filter((name) => name.startsWith('page-'))"

# Chromium lets an old worker that is busy go on for five minutes, and looks each minute.
LAME_DUCK_TRIES = 4_000
LAME_DUCK_MS = 400_000
FRESH_SECONDS = 4  # a server that takes longer to answer is passed over for the page that is kept
NONE_WAITS = """async () => {
  const found = await navigator.serviceWorker.getRegistration();
  return found.active !== null && found.waiting === null && found.installing === null;
}"""


class Site:
    """A server with page files of its own, which can be replaced while it is stopped."""

    def __init__(self, folder: Path) -> None:
        self.static = Path(shutil.copytree(STATIC, folder / "page"))
        self.settings = {"server.static": str(self.static)}
        self.server = Server(folder, "sqlite", self.settings)
        self.server.start()

    def replace(self, name: str) -> None:
        """Stop, change the name in the page's titles, and start again."""
        self.server.stop()
        texts = self.static / "texts/en.js"
        named = re.sub(r'"app.name": "[^"]+"', f'"app.name": "{name}"', texts.read_text("utf-8"))
        texts.write_text(named, "utf-8")
        self.server.start()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.server.stop()


def kept(person: Person) -> None:
    """The browser has the page's files, and a reload is answered by them."""
    person.expected.append(AWAY)
    person.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    person.page.reload()
    person.connected()
    assert person.page.evaluate("Boolean(navigator.serviceWorker.controller)")


def offered(page: Page) -> None:
    """The page looks for a new version when it is connected again, or a window is opened."""
    page.evaluate("navigator.serviceWorker.getRegistration().then((found) => found.update())")
    expect(page.get_by_test_id("update-line")).to_contain_text("A new version")


def test_the_page_opens_without_its_server(site: Site, person: PersonFactory) -> None:
    aya = person(site.server, service_workers="allow").sign_up("aya", "Aya")
    kept(aya)
    addresses = aya.page.evaluate(
        """async () => {
          const found = [];
          for (const name of await caches.keys())
            for (const { url } of await (await caches.open(name)).keys()) found.push(new URL(url).pathname);
          return found;
        }"""
    )
    assert "/" in addresses
    assert all(re.fullmatch(r"/|/static/[0-9a-f]{16}/.+", address) for address in addresses)
    assert not any(re.search(r"texts/ja|\.map$", address) for address in addresses)
    site.server.stop()
    again = aya.new_page()
    again.goto(site.server.url)
    expect(again.locator("#root > *")).to_be_visible()
    again.reload()
    expect(again.locator("#root > *")).to_be_visible()


def test_a_new_version_waits_until_each_window_wants_it(site: Site, person: PersonFactory) -> None:
    aya = person(site.server, service_workers="allow").sign_up("aya", "Aya")
    kept(aya)
    other = aya.new_page()
    other.goto(site.server.url)
    expect(other.get_by_test_id("my-name")).to_have_text("Aya")
    first = aya.page.evaluate(BUILD)
    old = other.evaluate("document.querySelector('script[type=module]').src")
    content = other.evaluate("(url) => fetch(url).then((answer) => answer.text())", old)
    site.replace("Second")
    aya.connected()
    offered(aya.page)
    expect(aya.page).to_have_title(re.compile("chatserver"))  # nothing happens unasked
    aya.page.get_by_test_id("update-now").click()
    expect(aya.page).to_have_title(re.compile("Second"), timeout=LAME_DUCK_MS)
    assert aya.page.evaluate(BUILD) != first
    expect(aya.page.get_by_test_id("update-line")).to_be_empty()
    # The other window goes on as it is, still finds its files, and is offered the new version.
    expect(other.get_by_test_id("update-line")).to_contain_text("A new version")
    assert other.evaluate(BUILD) == first
    assert other.evaluate("(url) => fetch(url).then((answer) => answer.text())", old) == content
    other.get_by_test_id("update-now").click()
    expect(other).to_have_title(re.compile("Second"), timeout=LAME_DUCK_MS)
    site.replace("Third")
    aya.connected()
    offered(aya.page)
    aya.page.get_by_test_id("update-now").click()
    expect(aya.page).to_have_title(re.compile("Third"), timeout=LAME_DUCK_MS)
    expect(aya.page.get_by_test_id("update-line")).to_be_empty()
    until(aya.page, f"async () => (await ({KEPT})()).length === 2")


def test_what_waits_outlasts_an_update(site: Site, person: PersonFactory) -> None:
    aya = person(site.server, service_workers="allow")
    is_away = False

    def connect(socket: WebSocketRoute) -> None:
        if is_away:
            socket.close(code=1011)
        else:
            socket.connect_to_server()

    aya.context.route_web_socket(re.compile("/ws$"), connect)
    aya.sign_up("aya", "Aya")
    aya.create_room("Room")
    aya.say("before")
    aya.sees("before")
    kept(aya)
    aya.in_room("Room")
    is_away = True
    page = aya.page
    site.replace("Second")
    expect(page.get_by_test_id("connection-status")).to_have_attribute("data-status", "waiting")
    composer = page.get_by_test_id("composer")
    for text in ("one", "two"):
        composer.fill(text)
        composer.press("Enter")
        expect(composer).to_have_value("")
    composer.fill("half")
    expect(page.locator('[data-state="pending"][data-kept="browser"]')).to_have_count(2)
    offered(page)
    page.get_by_test_id("update-now").click()
    expect(page).to_have_title(re.compile("Second"), timeout=LAME_DUCK_MS)
    is_away = False
    page.evaluate("window.dispatchEvent(new Event('online'))")
    bodies = page.get_by_test_id("message-body")
    expect(bodies).to_have_text(["before", "one", "two"])
    expect(page.locator('[data-testid=message]:not([data-state="posted"])')).to_have_count(0)
    expect(composer).to_have_value("half")
    page.reload()
    expect(bodies).to_have_text(["before", "one", "two"])
    expect(composer).to_have_value("half")


def is_new_after_reload(page: Page, old: str) -> bool:
    """Whether a reload shows another version than this one, as it has to if the server is not late."""
    begun = time.monotonic()
    page.reload()
    is_new = bool(page.evaluate(BUILD) != old)
    assert is_new or time.monotonic() - begun > FRESH_SECONDS
    return is_new


def test_a_reload_shows_the_new_version_without_a_question(
    site: Site, person: PersonFactory
) -> None:
    aya = person(site.server, service_workers="allow").sign_up("aya", "Aya")
    kept(aya)
    first = aya.page.evaluate(BUILD)
    site.replace("Second")
    wait_until(lambda: is_new_after_reload(aya.page, first))
    expect(aya.page).to_have_title(re.compile("Second"))
    until(aya.page, f"async () => (await ({KEPT})()).length === 2")
    until(aya.page, NONE_WAITS, tries=LAME_DUCK_TRIES)
    expect(aya.page.get_by_test_id("update-line")).to_be_empty()


def test_a_server_for_development_keeps_nothing_and_ends_what_was_kept(
    site: Site, person: PersonFactory
) -> None:
    aya = person(site.server, service_workers="allow").sign_up("aya", "Aya")
    kept(aya)
    site.settings["server.debug"] = "true"
    site.replace("Dev")
    aya.page.evaluate("navigator.serviceWorker.getRegistration().then((found) => found?.update())")
    until(aya.page, f"async () => (await ({KEPT})()).length === 0", tries=LAME_DUCK_TRIES)
    aya.page.reload()
    expect(aya.page).to_have_title(re.compile("Dev"))


def test_the_icons_are_the_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STATIC.parent / "docs"))
    icons = __import__("icons")
    sys.modules.pop("icons")
    manifest = (STATIC / "manifest.webmanifest").read_text("utf-8")
    for name, (side, _) in icons.ICONS.items():
        data = (STATIC / "icons" / name).read_bytes()
        assert struct.unpack(">II", data[16:24]) == (side, side)
        assert f'"/static/icons/{name}", "sizes": "{side}x{side}"' in manifest
        assert len(data) < 10_000
    assert pixels((STATIC / "icons/192.png").read_bytes()) == pixels(icons.png(192, maskable=False))


def pixels(picture: bytes) -> bytes:
    """The lines of a picture whose one IDAT chunk comes first."""
    size = struct.unpack(">I", picture[33:37])[0]
    return zlib.decompress(picture[41 : 41 + size])
