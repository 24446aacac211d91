"""Servers, proxies and plugins that answer nonsense or nothing: the page goes on, and no message or draft is lost."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_offline import written
from tests.page.test_outbox import all_posted, log_of, status, write

pytestmark = pytest.mark.long

BAD_GATEWAY = "<html><body><h1>502 Bad Gateway</h1></body></html>"
PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a plugin whose module never ends to begin, between two that work."""
    enabled = ["memory", "password", "shortcodes", "hanging", "everywhere"]
    settings = {"plugins.folder": str(PLUGINS), "plugins.enabled": json.dumps(enabled)}
    server = Server(tmp_path_factory.mktemp("nonsense"), "memory", settings)
    server.start()
    yield server
    server.stop()


class Proxy:
    """Between somebody's page and the server; `is_away` says when it answers by itself."""

    def __init__(self, person: Person, status: int) -> None:
        self.is_away = False
        self._status = status
        person.expected += ["502", "WebSocket connection to"]
        person.context.route("**/api/v1/**", self._answer)
        person.context.route_web_socket(re.compile("/ws$"), self._connect)

    def _answer(self, route: Route) -> None:
        if self.is_away:
            route.fulfill(status=self._status, content_type="text/html", body=BAD_GATEWAY)
        else:
            route.continue_()

    def _connect(self, socket: WebSocketRoute) -> None:
        if self.is_away:
            socket.close(code=1011)
        else:
            socket.connect_to_server()


def wake(page: Page) -> None:
    """As when the window is looked at again: the connection is tried at once."""
    page.evaluate("window.dispatchEvent(new Event('online'))")


@pytest.mark.parametrize("answer", [502, 200])
def test_a_proxy_that_answers_with_a_page_of_its_own_loses_nothing(
    answer: int, person: PersonFactory, server: Server
) -> None:
    aya = person(server)
    proxy = Proxy(aya, answer)
    aya.sign_up(f"aya-proxy-{answer}", "Aya")
    aya.create_room(f"Proxy {answer}")
    write(aya.page, "before")
    all_posted(aya.page, ["before"])
    page = aya.page
    written(page, "before")
    proxy.is_away = True
    page.reload()
    expect(page.get_by_test_id("message-body")).to_have_text(["before"])
    status(page, "waiting")
    write(page, "meanwhile")
    page.get_by_test_id("composer").fill("half")
    page.reload()
    expect(page.get_by_test_id("message-body")).to_have_text(["before", "meanwhile"])
    expect(page.get_by_test_id("my-name")).to_have_text("Aya")
    proxy.is_away = False
    wake(page)
    all_posted(page, ["before", "meanwhile"])
    expect(page.get_by_test_id("composer")).to_have_value("half")
    assert log_of(aya) == ["before", "meanwhile"]


def test_who_is_not_signed_in_is_told_that_the_server_is_away(
    person: PersonFactory, server: Server
) -> None:
    yui = person(server, locale="ja-JP")
    Proxy(yui, 502).is_away = True
    yui.page.goto(server.url)
    expect(yui.page.get_by_text("サーバーに接続できません。")).to_be_visible()


def test_who_is_signed_in_is_asked_again_when_there_was_no_answer(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-asks", "Aya")
    aya.create_room("Asked")
    again = person(server)
    again.context.add_cookies(aya.context.cookies())  # type: ignore[arg-type]
    proxy = Proxy(again, 502)
    proxy.is_away = True
    again.page.goto(server.url)
    expect(again.page.get_by_test_id("submit")).to_be_visible()
    proxy.is_away = False
    expect(again.page.get_by_test_id("room").filter(has_text="Asked")).to_be_visible()


def test_events_that_are_none_break_nothing(person: PersonFactory, server: Server) -> None:
    aya = person(server)
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    aya.page.route_web_socket(re.compile("/ws$"), connect)
    aya.sign_up("aya-garbage", "Aya")
    aya.create_room("Garbage")
    page = aya.page
    write(page, "before")
    all_posted(page, ["before"])
    page.get_by_test_id("composer").fill("half")
    room = page.locator("room-view").get_attribute("data-room")
    garbage: list[object] = [
        {"ev": "message.posted", "room": room, "seq": 1_000, "id": 5, "author": None, "body": []},
        {"ev": "message.posted", "room": {"id": room}, "seq": None},
        {"ev": "message.edited", "room": room, "seq": 3, "message": ["x"], "body": 7},
        {"ev": "reaction.added", "room": room, "seq": 3, "message": 0, "emoji": {}, "author": 1},
        {"ev": "typing", "room": room},
        {"ev": "presence", "users": None},
        {"ev": {"of": "what"}, "room": room},
        {"sys": 17},
        {"re": {"no": "number"}, "ok": None},
        {"nothing": "known"},
    ]
    for frame in garbage:
        sockets[-1].send(json.dumps(frame))
    write(page, "after")
    all_posted(page, ["before", "after"])
    for text in ("[1, 2]", "null", '"text"', "{", BAD_GATEWAY):
        before = len(sockets)
        sockets[-1].send(text)
        for _ in range(600):
            if len(sockets) > before:
                break
            page.wait_for_timeout(100)
        assert len(sockets) > before, text
        status(page, "open")
    write(page, "last")
    all_posted(page, ["before", "after", "last"])
    assert log_of(aya) == ["before", "after", "last"]


def test_a_plugin_whose_module_never_ends_to_begin_holds_nothing_up(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-hangs", "Aya")
    aya.create_room("Hanging")
    expect(aya.page.locator("[data-testid^='place-everywhere']").first).to_be_visible()
    aya.say("still here")
    aya.sees("still here")
    aya.page.reload()
    aya.sees("still here")
    expect(aya.page.locator("[data-testid^='place-everywhere']").first).to_be_visible()


def test_parts_that_a_restarting_server_did_not_tell_come_with_the_next_connection(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server)
    aya.expected += ["503", "ERR_", "WebSocket connection to"]
    restarting = {"error": {"code": "server.restarting", "message": "The server is restarting."}}
    aya.page.route(
        "**/api/v1/page", lambda route: route.fulfill(status=503, json=restarting), times=1
    )
    with aya.page.expect_response(lambda answer: answer.status == 503):
        aya.sign_up("aya-parts", "Aya")
    aya.create_room("Parts")
    aya.context.set_offline(True)
    expect(aya.page.get_by_test_id("connection-status")).to_contain_text("You are offline.")
    aya.context.set_offline(False)
    expect(aya.page.locator("[data-testid^='place-everywhere']").first).to_be_visible()


def test_a_plugin_whose_file_never_comes_holds_nothing_up(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server)
    aya.page.route("**/shortcodes/**", lambda route: None)
    aya.sign_up("aya-waits", "Aya")
    aya.create_room("Waiting")
    expect(aya.page.locator("[data-testid^='place-everywhere']").first).to_be_visible()
    aya.say("still here")
    aya.sees("still here")
