"""A call begins in a room, and others join it from its card, each in a tab of their own."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import PersonFactory, Server
from tests.page.waiting import until_told

pytestmark = pytest.mark.long
JITSI = "https://calls.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    plugins = ["memory", "password", "calls"]
    settings = {"plugins.enabled": json.dumps(plugins), "plugin.calls.page": JITSI}
    server = Server(tmp_path_factory.mktemp("calls"), "memory", settings)
    server.start()
    yield server
    server.stop()


def tab_of(page: Page, testid: str) -> str:
    """Where the tab leads that a click opens."""
    page.context.route(f"{JITSI}/**", lambda route: route.fulfill(body="The call"))
    with page.context.expect_page() as opened:
        page.get_by_test_id(testid).click()
    opened.value.wait_for_url(f"{JITSI}/**")
    assert opened.value.evaluate("opener") is None
    url = opened.value.url
    opened.value.close()
    return url


def test_a_call_is_begun_and_joined(person: PersonFactory, server: Server) -> None:
    aya, ben = person(server).sign_up("aya", "Aya"), person(server).sign_up("ben", "Ben")
    aya.create_room("Tea")
    ben.join_room("Tea")
    begun = tab_of(aya.page, "place-calls.begin")
    card = ben.page.get_by_test_id("message").filter(has=ben.page.get_by_test_id("call-join"))
    expect(card).to_contain_text("📞 Call")
    expect(card).not_to_contain_text("has begun")  # which is for clients without cards
    assert tab_of(ben.page, "call-join") == begun
    row = aya.page.get_by_test_id("message").first
    row.focus()
    row.get_by_test_id("delete").press("Enter")
    aya.page.get_by_test_id("ask-yes").click()
    expect(ben.page.get_by_test_id("call-join")).to_have_count(0)


def test_what_is_refused_is_said_and_leaves_no_tab(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-hasty", "Aya")
    aya.create_room("Calls")
    room = aya.page.locator("room-view").get_attribute("data-room")
    for _ in range(3):  # at once: one more would be allowed half a minute later
        begun = aya.context.request.post(f"{server.url}/api/v1/calls", data={"room": room})
        assert begun.ok, begun.text()
    aya.page.get_by_test_id("place-calls.begin").click()
    expect(aya.page.get_by_test_id("plugin-fault")).to_be_visible()
    expect(aya.page.get_by_test_id("call-join")).to_have_count(3)
    aya.expected.append("plugin calls:")
    until_told(aya.page, lambda: len(aya.context.pages) == 1)


def test_in_an_archived_room_no_call_is_offered(person: PersonFactory, server: Server) -> None:
    aya, ben = person(server).sign_up("aya-shut", "Aya"), person(server).sign_up("ben-shut", "Ben")
    aya.create_room("Shut")
    ben.join_room("Shut")
    room = aya.page.locator("room-view").get_attribute("data-room")
    assert aya.context.request.post(f"{server.url}/api/v1/calls", data={"room": room}).ok
    archive = "([room, on]) => document.querySelector('chat-app').session.archive(room, on)"
    for on in (True, False):
        aya.page.evaluate(archive, [room, on])
        for page in (aya.page, ben.page):
            expect(page.get_by_test_id("archived-bar")).to_have_count(int(on))
            expect(page.get_by_test_id("message")).to_contain_text("📞 Call")
            expect(page.get_by_test_id("call-join")).to_have_count(int(not on))
            expect(page.get_by_test_id("place-calls.begin")).to_have_count(int(not on))
