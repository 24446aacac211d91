"""No message that somebody sent is lost or doubled: servers that are away, tabs that are closed, sessions that end."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import AWAY, PASSWORD, Person, PersonFactory, Server, sign_out

pytestmark = pytest.mark.long


@pytest.fixture
def aya(person: PersonFactory, durable_server: Server) -> Person:
    """Somebody in a room of a server that may be killed."""
    aya = person(durable_server).sign_up("aya", "Aya")
    aya.expected.append(AWAY)
    aya.create_room("Room")
    return aya


def write(page: Page, text: str) -> None:
    composer = page.get_by_test_id("composer")
    composer.fill(text)
    composer.press("Enter")
    expect(composer).to_have_value("")


def stored(page: Page) -> None:
    """All messages on their way are in the browser's database."""
    expect(page.locator('[data-state="pending"]:not([data-kept="browser"])')).to_have_count(0)


def status(page: Page, wanted: str) -> None:
    line = page.get_by_test_id("connection-status")
    expect(line).to_have_attribute("data-status", wanted)


def bodies(page: Page) -> list[str]:
    return page.get_by_test_id("message-body").all_inner_texts()


def all_posted(page: Page, wanted: list[str]) -> None:
    """These messages are in the room, once each and in this order, and the server has them."""
    expect(page.get_by_test_id("message-body")).to_have_text(wanted)
    expect(page.locator('[data-testid=message]:not([data-state="posted"])')).to_have_count(0)


def log_of(person: Person) -> list[str]:
    """What the server has in the open room."""
    posted: list[str] = person.page.evaluate(
        """async () => {
          const room = new URLSearchParams(location.hash.slice(1)).get("room");
          const answer = await fetch(`/api/v1/rooms/${room}/messages`);
          return (await answer.json()).messages.map(({ body }) => body);
        }"""
    )
    return posted


def posted_and_draft(person: Person) -> list[str]:
    """What the server has in the open room, and what stands in the composer, if anything does."""
    draft = person.page.get_by_test_id("composer").input_value()
    return [*log_of(person), *([draft] if draft else [])]


def test_messages_written_while_the_server_is_dead_outlast_the_tab(
    aya: Person, durable_server: Server
) -> None:
    aya.say("before")
    aya.sees("before")
    durable_server.kill()
    status(aya.page, "waiting")
    texts = [f"away {number}" for number in range(3)]
    for text in texts:
        write(aya.page, text)
    stored(aya.page)
    address = aya.page.url
    aya.page.close()
    durable_server.start()
    aya.page = aya.new_page()
    aya.page.goto(address)
    all_posted(aya.page, ["before", *texts])
    aya.page.reload()
    all_posted(aya.page, ["before", *texts])
    assert log_of(aya) == ["before", *texts]


def test_messages_of_a_session_that_ended_wait_for_their_author(
    aya: Person, durable_server: Server
) -> None:
    page = aya.page
    durable_server.kill()
    status(page, "waiting")
    write(page, "kept")
    stored(page)
    aya.context.clear_cookies()
    durable_server.start()
    expect(page.get_by_test_id("username")).to_be_visible()

    page.get_by_test_id("switch-mode").click()
    page.get_by_test_id("username").fill("ben")
    page.get_by_test_id("name").fill("Ben")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("Ben")
    aya.join_room("Room")
    expect(page.get_by_test_id("room-start")).to_be_visible()
    write(page, "of Ben")
    all_posted(page, ["of Ben"])
    sign_out(page)

    page.get_by_test_id("username").fill("aya")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    aya.open_room("Room")
    all_posted(page, ["of Ben", "kept"])


def test_a_refused_message_stops_its_room_alone_and_keeps_its_reason(aya: Person) -> None:
    page = aya.page
    aya.create_room("Other")
    aya.open_room("Room")
    write(page, "x" * 8001)
    failed = page.locator('[data-testid=message][data-state="failed"]')
    expect(failed).to_contain_text("at most 8000 characters")
    write(page, "behind it")
    stored(page)
    held = page.get_by_test_id("message").filter(has_text="behind it")
    expect(held).to_contain_text("Waits for the message above.")
    aya.open_room("Other")
    write(page, "elsewhere")
    aya.sees("elsewhere")
    aya.open_room("Room")
    page.reload()
    expect(failed).to_contain_text("at most 8000 characters")
    expect(held).to_have_attribute("data-state", "pending")
    assert log_of(aya) == []
    failed.get_by_role("button", name="Try again").click()
    expect(failed).to_contain_text("at most 8000 characters")
    failed.get_by_role("button", name="Discard").click()
    all_posted(page, ["behind it"])
    page.reload()
    all_posted(page, ["behind it"])


def test_a_japanese_reader_reads_why_in_japanese(
    person: PersonFactory, durable_server: Server
) -> None:
    yui = person(durable_server, locale="ja-JP").sign_up("yui", "結衣")
    yui.create_room("部屋")
    write(yui.page, "長" * 8001)
    failed = yui.page.locator('[data-testid=message][data-state="failed"]')
    expect(failed).to_contain_text("8000")
    expect(failed.get_by_role("alert")).to_contain_text(re.compile("文字|長"))


def test_a_reply_to_an_unsent_message_points_to_it(aya: Person, durable_server: Server) -> None:
    page = aya.page
    durable_server.kill()
    status(page, "waiting")
    write(page, "question")
    page.get_by_test_id("message").last.hover()
    page.get_by_test_id("reply-unsent").click()
    write(page, "answer")
    expect(page.locator(".quote")).to_have_text("Ayaquestion")
    stored(page)
    page.close()
    durable_server.start()
    aya.page = page = aya.new_page()
    page.goto(aya.url)
    aya.open_room("Room")
    all_posted(page, ["question", "answer"])
    expect(page.locator(".quote")).to_have_text("Ayaquestion")


def test_signing_out_with_unsent_messages_asks_first(aya: Person) -> None:
    page = aya.page
    for text in ("x" * 8001, "behind it"):
        write(page, text)
    sign_out(page)
    question = page.get_by_test_id("ask")
    expect(question).to_contain_text("2 messages have not been sent yet.")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("my-name")).to_be_visible()
    sign_out(page)
    page.get_by_test_id("ask-yes").click()
    page.get_by_test_id("username").fill("aya")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    aya.open_room("Room")
    expect(page.get_by_test_id("room-start")).to_be_visible()
    assert bodies(page) == []


def test_a_tab_that_is_closed_at_once_has_the_message_or_its_draft(
    aya: Person, durable_server: Server
) -> None:
    durable_server.kill()
    status(aya.page, "waiting")
    texts = [f"last words {number}" for number in range(5)]
    address = aya.page.url
    for text in texts:
        aya.page.get_by_test_id("composer").fill(text)
        aya.page.get_by_test_id("send").click()
    aya.page.close()
    durable_server.start()
    aya.page = aya.new_page()
    aya.page.goto(address)
    expect(aya.page.get_by_test_id("room-start")).to_be_visible()
    deadline = time.monotonic() + 60
    while len(found := posted_and_draft(aya)) < len(texts) and time.monotonic() < deadline:
        aya.page.wait_for_timeout(100)  # what the tab left is sent one by one
    assert found == texts
