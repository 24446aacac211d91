"""What a role in a room, or on the server, lets somebody do there: the page offers just that."""

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import PersonFactory, Server
from tests.page.test_browser import fresh
from tests.page.waiting import until_late_parts

pytestmark = pytest.mark.long


def actions_of(page: Page, text: str) -> list[str | None]:
    row = page.get_by_test_id("message").filter(has_text=text)
    row.focus()
    buttons = row.locator(".actions button[data-testid]")
    expect(buttons.first).to_be_visible()
    return [button.get_attribute("data-testid") for button in buttons.all()]


def test_a_moderator_deletes_what_others_wrote_in_archived_rooms_too(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up(fresh("aya"), "Aya")
    ben = person(server).sign_up(fresh("ben"), "Ben")
    room = fresh("Moderated ")
    aya.create_room(room)
    aya.say("Be kind.")
    ben.join_room(room)
    ben.say("Something rude")
    ben.say("Something worse")
    aya.sees("Something worse")
    until_late_parts(aya.page)  # as many actions as there are
    assert "delete" not in actions_of(ben.page, "Be kind.")
    assert "edit" not in actions_of(aya.page, "Something rude")
    for text in ("Something rude", "Something worse"):
        message = aya.page.get_by_test_id("message").filter(has_text=text)
        message.focus()
        message.get_by_test_id("delete").press("Enter")
        aya.page.get_by_test_id("ask-yes").press("Enter")
        expect(ben.page.get_by_text(text)).to_have_count(0)
        archive = "(room) => document.querySelector('chat-app').session.archive(room, true)"
        aya.page.evaluate(archive, aya.page.locator("room-view").get_attribute("data-room"))
        expect(aya.page.get_by_test_id("archived-bar")).to_be_visible()


def test_those_invite_who_may(person: PersonFactory, server: Server) -> None:
    person(server).sign_up(fresh("first"), "First")  # who owns the server
    aya = person(server).sign_up(fresh("aya"), "Aya")
    ben = person(server).sign_up(fresh("ben"), "Ben")
    cem = person(server).sign_up(fresh("cem"), "Cem")
    room = fresh("Invites ")
    aya.create_room(room)
    ben.join_room(room)
    page = ben.page
    page.get_by_test_id("people").click()
    page.get_by_test_id("invite-name").fill(cem.username)  # a member, in a public room
    page.get_by_test_id("invite-name").press("Enter")
    expect(page.get_by_test_id("members")).to_contain_text(f"@{cem.username}")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("people-dialog")).to_have_count(0)
    page.evaluate("() => (document.querySelector('chat-app').store.me.role = 'guest')")
    page.get_by_test_id("people").click()
    expect(page.get_by_test_id("members")).to_contain_text(f"@{cem.username}")
    expect(page.get_by_test_id("invite-name")).to_be_hidden()
