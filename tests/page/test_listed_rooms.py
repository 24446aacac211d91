"""Rooms that came with the page, before its connection: what one does with them then is done once it is there."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_browser import fresh
from tests.page.test_links import said

pytestmark = pytest.mark.long


@contextmanager
def held(page: Page) -> Iterator[None]:
    """What the page says over its connection comes to the server only when this ends."""
    waiting: list[tuple[WebSocketRoute, str | bytes]] = []
    goes_on = False

    def hold(socket: WebSocketRoute) -> None:
        upstream = socket.connect_to_server()

        def to_page(text: str | bytes) -> None:
            if goes_on:
                socket.send(text)
            else:
                waiting.append((socket, text))

        upstream.on_message(to_page)

    page.route_web_socket("**/ws", hold)
    yield
    goes_on = True
    for socket, text in waiting:
        socket.send(text)


@pytest.fixture
def ben(person: PersonFactory, server: Server) -> tuple[Person, str, str, str]:
    """Somebody in a room with a thread; the ids of the room, of the root and of the last reply."""
    aya, ben = [person(server).sign_up(fresh(name), name.title()) for name in ("aya", "ben")]
    name = fresh("Kitchen ")
    aya.create_room(name)
    room = ben.become_member(name)
    root = said(aya, "who cooks?")[1]
    path = f"{aya.rooms}/{room}/messages"
    for number in range(40):
        body = {"client_id": f"{room}{number}", "body": f"reply {number}", "thread": root}
        last = aya.context.request.post(path, data=body).json()["id"]
    return ben, name, root, last


def test_a_room_is_opened_before_the_connection_and_filled_with_it(
    ben: tuple[Person, str, str, str], server: Server
) -> None:
    reader, name, _, _ = ben
    with held(reader.page):
        reader.page.goto(server.url)
        row = reader.page.get_by_test_id("room").filter(has_text=name)
        row.click()
        expect(reader.page.get_by_role("heading", name=name)).to_be_visible()
        expect(reader.page.get_by_test_id("not-kept")).to_be_empty()
    reader.sees("who cooks?")
    reader.connected()
    reader.say("me")
    reader.sees("me")


def test_a_link_to_a_reply_opens_its_thread(
    ben: tuple[Person, str, str, str], server: Server
) -> None:
    reader, name, _, last = ben
    with held(reader.page):
        reader.page.goto(f"{server.url}/m/{last}")
        expect(reader.page.get_by_role("heading", name=name)).to_be_visible()
    thread = reader.page.get_by_test_id("thread")
    reply = thread.get_by_test_id("message").filter(has_text="reply 39")
    expect(reply).to_be_focused()
    expect(reply).to_be_in_viewport()
