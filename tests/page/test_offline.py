"""What was read is there without a server, comes up to date when it is back, and goes with the session."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.bench.loading import prepare
from tests.page.people import PASSWORD, Person, PersonFactory, Server, sign_out
from tests.page.test_accessibility import findings
from tests.page.test_updates import AWAY, kept
from tests.page.tools import axe_script

pytestmark = pytest.mark.long

READ = """async () => {
  const open = indexedDB.open("reading");
  const database = await new Promise((resolve) => (open.onsuccess = () => resolve(open.result)));
  const all = (name) => new Promise((resolve) => {
    const request = database.transaction(name).objectStore(name).getAll();
    request.onsuccess = () => resolve(request.result);
  });
  const found = { state: await all("state"), pages: await all("pages") };
  database.close();
  return found;
}"""
HIDE = """() => {
  Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
  delete document.visibilityState;
}"""
BLOCKED = """Object.defineProperty(window, "indexedDB", {
  get() { throw new DOMException("blocked", "SecurityError"); },
});"""
FULL = """IDBObjectStore.prototype.put = function () {
  this.transaction.abort();
  throw new DOMException("full", "QuotaExceededError");
};"""
HANGS = """IDBFactory.prototype.open = () => ({});"""


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, "sqlite")
    server.start()
    yield server
    server.stop()


def written(page: Page, text: str) -> None:
    """The browser has kept a message with this text."""
    page.evaluate(HIDE)
    for _ in range(600):
        pages = page.evaluate(READ)["pages"]
        if any(text in each["body"] for found in pages for each in found["messages"]):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"not kept: {text}")


def test_rooms_and_messages_are_there_without_a_server(
    built: Server, person: PersonFactory
) -> None:
    aya = person(built, service_workers="allow").sign_up("aya", "Aya")
    aya.create_room("Tea")
    aya.say("the water boils")
    written(aya.page, "the water boils")
    boils = aya.page.get_by_test_id("message").get_attribute("data-id")
    aya.create_room("Cake")
    aya.say("with cream")
    kept(aya)
    written(aya.page, "with cream")
    ben = person(built).sign_up("ben", "Ben")
    ben.expected.append(AWAY)
    ben.join_room("Tea")
    address = aya.page.url
    aya.page.close()
    built.stop()
    aya.page = aya.new_page()
    aya.page.goto(address)
    expect(aya.page.get_by_test_id("room-title")).to_have_text("Cake")
    aya.sees("with cream")
    expect(aya.page.get_by_test_id("my-name")).to_have_text("Aya")
    aya.page.get_by_test_id("room").filter(has_text="Tea").click()
    aya.sees("the water boils")
    expect(aya.page.get_by_test_id("connection-status")).to_contain_text("No connection")
    aya.page.goto("about:blank")
    aya.page.goto(f"{built.url}/m/{boils}")
    expect(aya.page.locator(":focus")).to_have_attribute("data-id", str(boils))
    built.start()
    ben.connected()
    ben.say("is it ready?")
    aya.connected()
    aya.sees("is it ready?")
    aya.sees("the water boils")
    expect(aya.page.get_by_test_id("message")).to_have_count(2)
    written(aya.page, "is it ready?")


def test_a_room_that_was_not_kept_says_so_until_the_connection_is_back(
    built: Server, person: PersonFactory
) -> None:
    aya = person(built, service_workers="allow").sign_up("aya", "Aya")
    prepare(aya, 1)
    aya.create_room("Cake")
    aya.say("with cream")
    listed(aya.page, "Room 0")
    written(aya.page, "with cream")
    kept(aya)
    address = aya.page.url
    aya.page.close()
    built.stop()
    aya.page = page = aya.new_page()
    page.goto(address)
    aya.sees("with cream")
    expect(page.get_by_test_id("not-kept")).to_be_empty()
    page.get_by_test_id("room").filter(has_text="Room 0").click()
    state = page.get_by_role("status").filter(has_text="not on this device")
    expect(state).to_have_text(
        "The messages of this room are not on this device.They will be shown when the connection is back."
    )
    composer = page.get_by_test_id("composer")
    composer.fill("from here")
    composer.press("Enter")
    expect(page.get_by_test_id("message")).to_have_text(re.compile("from here"))
    expect(state).to_be_visible()
    assert findings(page, axe_script()) == []
    page.goto(f"{built.url}/#room=unheard-of")
    expect(state).to_be_visible()
    page.get_by_test_id("room").filter(has_text="Room 0").click()
    built.start()
    aya.sees("Hello")
    aya.sees("from here")
    expect(state).to_have_count(0)
    expect(page.get_by_test_id("not-kept")).to_be_empty()


def listed(page: Page, name: str) -> None:
    """The browser has kept a room of this name in its list."""
    page.evaluate(HIDE)
    for _ in range(600):
        found = page.evaluate(READ)["state"]
        if any(room["name"] == name for state in found for room in state["rooms"]):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"not listed: {name}")


def test_nothing_stays_after_the_session(built: Server, person: PersonFactory) -> None:
    aya = person(built, service_workers="allow").sign_up("aya", "Aya")
    aya.create_room("Tea")
    aya.say("a secret")
    written(aya.page, "a secret")
    sign_out(aya.page)
    expect(aya.page.get_by_test_id("submit")).to_be_visible()
    gone(aya.page)
    sign_in(aya)
    aya.open_room("Tea")
    written(aya.page, "a secret")
    # The session ends elsewhere while the page is closed: it is shown until the server says so.
    aya.page.evaluate(
        "fetch('/api/v1/logout', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' })"
    )
    aya.expected.append(AWAY)
    aya.page.goto("about:blank")
    aya.page.goto(built.url)
    expect(aya.page.get_by_test_id("submit")).to_be_visible()
    gone(aya.page)


def gone(page: Page) -> None:
    for _ in range(600):
        if page.evaluate(READ) == {"state": [], "pages": []}:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"stays: {page.evaluate(READ)}")


def sign_in(person: Person) -> None:
    person.page.get_by_test_id("username").fill(person.username)
    person.page.get_by_test_id("password").fill(PASSWORD)
    person.page.get_by_test_id("submit").click()
    person.connected()


def test_another_user_sees_nothing_of_the_one_before(built: Server, person: PersonFactory) -> None:
    aya = person(built, service_workers="allow").sign_up("aya", "Aya")
    aya.create_room("Tea", "private")
    aya.say("a secret")
    written(aya.page, "a secret")
    address = aya.page.url
    aya.page.goto("about:blank")
    ben = person(built).sign_up("ben", "Ben")
    aya.expected.append(AWAY)  # the connection of the one before is ended
    aya.context.clear_cookies()
    aya.context.add_cookies(ben.context.cookies())  # type: ignore[arg-type]
    aya.page.goto(address)
    expect(aya.page.get_by_test_id("my-name")).to_have_text("Ben")
    aya.connected()
    expect(aya.page.get_by_test_id("room")).to_have_count(0)
    expect(aya.page.get_by_text("a secret")).to_have_count(0)
    aya.page.evaluate(HIDE)
    for _ in range(600):
        found = aya.page.evaluate(READ)
        if [state["me"]["name"] for state in found["state"]] == ["Ben"]:
            break
        aya.page.wait_for_timeout(100)
    assert (found["pages"], found["state"][0]["rooms"]) == ([], [])


@pytest.mark.parametrize("broken", [BLOCKED, FULL, HANGS], ids=["blocked", "full", "hangs"])
def test_storage_that_does_not_work_breaks_nothing(
    built: Server, person: PersonFactory, broken: str
) -> None:
    aya = person(built, service_workers="allow")
    aya.context.add_init_script(broken)
    aya.sign_up("aya", "Aya")
    aya.create_room("Tea")
    aya.say("hello")
    aya.page.evaluate(HIDE)
    aya.page.reload()
    aya.connected()
    aya.sees("hello")
    sign_out(aya.page)
    expect(aya.page.get_by_test_id("submit")).to_be_visible()
