"""Messages that wait, in two tabs and through faults of the browser and the server: each arrives once, in order."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, WebSocket, WebSocketRoute, expect

from tests.page.people import AWAY, Person, PersonFactory, Server
from tests.page.test_outbox import all_posted, log_of, status, stored, write

pytestmark = pytest.mark.long

BLOCKED = (
    """Object.defineProperty(window, "indexedDB", { get() { throw new Error("blocked"); } });"""
)
FULL = """IDBObjectStore.prototype.put = () => {
  throw new DOMException("no space left", "QuotaExceededError");
};"""
A_DAY_OFF = """{
  const Real = Date;
  const off = SIGN * 86_400_000;
  globalThis.Date = class extends Real {
    constructor(...given) {
      if (given.length) super(...given);
      else super(Real.now() + off);
    }
    static now() {
      return Real.now() + off;
    }
  };
}"""


class Sends:
    """The client_ids that the pages of somebody have sent."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def watch(self, page: Page) -> None:
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        socket.on("framesent", self._note)

    def _note(self, payload: str | bytes) -> None:
        frame = json.loads(payload)
        if frame["op"] == "send":
            self.ids.append(frame["client_id"])


@pytest.fixture
def aya(person: PersonFactory, durable_server: Server) -> Person:
    aya = person(durable_server).sign_up("aya", "Aya")
    aya.expected.append(AWAY)
    aya.create_room("Room")
    return aya


def second_tab(aya: Person) -> Page:
    page = aya.new_page()
    page.goto(aya.page.url)
    status(page, "open")
    expect(page.get_by_test_id("composer")).to_be_visible()  # it knows the room
    return page


def test_two_tabs_send_what_waits_once_and_in_order(aya: Person, durable_server: Server) -> None:
    sends = Sends()
    tabs = [aya.page, second_tab(aya)]
    durable_server.kill()
    for page in tabs:
        sends.watch(page)
        status(page, "waiting")
    texts = [f"message {number}" for number in range(10)]
    for number, text in enumerate(texts):
        write(tabs[number % 2], text)
    for page in tabs:
        expect(page.get_by_test_id("message-body")).to_have_text(texts)
    durable_server.start()
    for page in tabs:
        all_posted(page, texts)
    assert log_of(aya) == texts
    assert len(sends.ids) == len(set(sends.ids)) == len(texts)


def test_the_other_tab_sends_when_the_sending_one_is_closed(
    aya: Person, durable_server: Server
) -> None:
    first, second = aya.page, second_tab(aya)
    durable_server.kill()
    for page in (first, second):
        status(page, "waiting")
    write(first, "one")
    write(second, "two")
    expect(second.get_by_test_id("message-body")).to_have_text(["one", "two"])
    stored(second)
    first.close()
    durable_server.start()
    aya.page = second
    all_posted(second, ["one", "two"])
    write(second, "three")
    all_posted(second, ["one", "two", "three"])
    assert log_of(aya) == ["one", "two", "three"]


def test_a_refusal_is_decided_on_in_either_tab(aya: Person) -> None:
    second = second_tab(aya)
    write(aya.page, "x" * 8001)
    write(second, "behind it")
    failed = second.locator('[data-testid=message][data-state="failed"]')
    expect(failed).to_contain_text("at most 8000 characters")
    failed.get_by_role("button", name="Discard").click()
    for page in (aya.page, second):
        all_posted(page, ["behind it"])


@pytest.mark.parametrize("fault", [BLOCKED, FULL], ids=["blocked", "full"])
def test_without_a_database_messages_last_as_long_as_the_tab(
    fault: str, person: PersonFactory, durable_server: Server
) -> None:
    aya = person(durable_server)
    aya.expected.append(AWAY)
    page = aya.page
    page.add_init_script(fault)
    aya.sign_up("aya", "Aya")
    aya.create_room("Room")
    write(page, "at once")
    all_posted(page, ["at once"])
    expect(page.get_by_test_id("storage-status")).to_have_count(0)
    durable_server.kill()
    status(page, "waiting")
    write(page, "one")
    write(page, "two")
    expect(page.get_by_test_id("storage-status")).to_contain_text(
        "only as long as this tab is open"
    )
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    durable_server.start()
    page.reload()
    all_posted(page, ["at once", "one", "two"])
    assert set(asked) <= {"beforeunload"}
    assert log_of(aya) == ["at once", "one", "two"]


@pytest.mark.parametrize("sign", ["1", "-1"], ids=["ahead", "behind"])
def test_a_clock_that_is_a_day_off_changes_no_order(
    sign: str, person: PersonFactory, durable_server: Server
) -> None:
    aya = person(durable_server)
    aya.expected.append(AWAY)
    page = aya.page
    page.add_init_script(A_DAY_OFF.replace("SIGN", sign))
    aya.sign_up("aya", "Aya")
    aya.create_room("Room")
    write(page, "before")
    all_posted(page, ["before"])
    durable_server.kill()
    status(page, "waiting")
    write(page, "one")
    write(page, "two")
    expect(page.get_by_test_id("message-body")).to_have_text(["before", "one", "two"])
    durable_server.start()
    all_posted(page, ["before", "one", "two"])
    page.reload()
    all_posted(page, ["before", "one", "two"])


def answering(page: Page, answer: Callable[[WebSocketRoute, dict[str, object]], bool]) -> None:
    """`answer` may answer a send itself, and returns whether it did."""

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame["op"] != "send" or not answer(socket, frame):
                server.send(text)

        socket.on_message(pass_on)

    page.route_web_socket(re.compile("/ws$"), route)
    page.reload()
    status(page, "open")


def say_nothing(socket: WebSocketRoute, frame: dict[str, object]) -> None:
    socket.send(json.dumps({"re": frame["id"], "ok": {}}))


def drain(socket: WebSocketRoute, frame: dict[str, object]) -> None:
    error = {"code": "server.draining", "message": "no", "retry": "later", "after_ms": 100}
    socket.send(json.dumps({"re": frame["id"], "error": error}))
    socket.close(code=4301)


def garble(socket: WebSocketRoute, _frame: dict[str, object]) -> None:
    socket.send("<html>Bad gateway</html>")


def refuse_in_no_words(socket: WebSocketRoute, frame: dict[str, object]) -> None:
    socket.send(json.dumps({"re": frame["id"], "error": "no"}))


@pytest.mark.parametrize("fault", [say_nothing, drain, garble, refuse_in_no_words])
def test_a_server_out_of_its_mind_loses_and_doubles_nothing(
    fault: Callable[[WebSocketRoute, dict[str, object]], None],
    person: PersonFactory,
    server: Server,
) -> None:
    aya = person(server).sign_up(f"aya-{fault.__name__}".replace("_", "-"), "Aya")
    aya.create_room(fault.__name__)
    faults = [fault, fault]

    def answer(socket: WebSocketRoute, frame: dict[str, object]) -> bool:
        if not faults:
            return False
        faults.pop()(socket, frame)
        return True

    answering(aya.page, answer)
    aya.in_room(fault.__name__)
    for text in ("one", "two", "three"):
        write(aya.page, text)
    all_posted(aya.page, ["one", "two", "three"])
    assert log_of(aya) == ["one", "two", "three"]
    assert faults == []


def test_being_offline_is_noticed_at_once(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-offline", "Aya")
    aya.expected.append(AWAY)
    aya.create_room("Offline")
    page = aya.page
    page.evaluate(
        """() => {
          window.noticed = new Promise((resolve) => {
            addEventListener("offline", () => setTimeout(() => {
              const line = document.querySelector("connection-status");
              requestAnimationFrame(() => requestAnimationFrame(() => resolve(line.textContent)));
            }));
          });
        }"""
    )
    aya.context.set_offline(True)
    assert "You are offline." in page.evaluate("window.noticed")
    write(page, "from afar")
    aya.context.set_offline(False)
    all_posted(page, ["from afar"])
    expect(page.get_by_test_id("connection-status")).to_be_empty()


class Sockets:
    """The WebSockets that the pages of somebody have open."""

    def __init__(self) -> None:
        self._open: dict[WebSocket, Page] = {}

    def watch(self, page: Page) -> None:
        def closed(socket: WebSocket) -> None:
            self._open.pop(socket, None)

        def opened(socket: WebSocket) -> None:
            self._open[socket] = page
            socket.on("close", closed)

        page.on("websocket", opened)

    @property
    def pages(self) -> list[Page]:
        return [page for page in self._open.values() if not page.is_closed()]


def test_tabs_share_one_connection_which_passes_on(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-shares", "Aya")
    ben = person(server).sign_up("ben-shares", "Ben")
    aya.create_room("Shared")
    ben.join_room_by_button("Shared")
    sockets = Sockets()
    first = aya.page
    sockets.watch(first)
    first.reload()
    status(first, "open")
    second, third = aya.new_page(), aya.new_page()
    for page in (second, third):
        sockets.watch(page)
        page.goto(first.url)
        status(page, "open")
    assert sockets.pages == [first]
    ben.say("for all")
    for page in (first, second, third):
        all_posted(page, ["for all"])
    write(second, "from the second")
    write(third, "from the third")
    for page in (first, second, third, ben.page):
        all_posted(page, ["for all", "from the second", "from the third"])
    first.close()
    aya.page = third
    ben.say("meanwhile")
    write(third, "after it")
    for page in (second, third):
        expect(page.get_by_text("meanwhile", exact=True)).to_have_count(1)
        expect(page.get_by_text("after it", exact=True)).to_have_count(1)
        status(page, "open")
    assert len(sockets.pages) == 1
    assert sockets.pages[0] in (second, third)


def test_a_tab_that_the_browser_has_put_to_sleep_is_replaced(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-sleeps", "Aya")
    aya.create_room("Asleep")
    first, second = aya.page, second_tab(aya)
    write(second, "awake")
    all_posted(second, ["awake"])
    devtools = aya.context.new_cdp_session(first)
    devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    write(second, "while it sleeps")
    all_posted(second, ["awake", "while it sleeps"])
    devtools.send("Page.setWebLifecycleState", {"state": "active"})
    for page in (first, second):
        all_posted(page, ["awake", "while it sleeps"])
        status(page, "open")
