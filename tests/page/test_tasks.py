"""The commonest tasks as a screen reader has them: each control by its role and name, and what is said."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PASSWORD, PersonFactory, Server

pytestmark = pytest.mark.long


def test_sign_up_and_sign_in(person: PersonFactory, server: Server) -> None:
    ada = person(server)
    page = ada.page
    page.goto(server.url)
    expect(page.get_by_role("main")).to_match_aria_snapshot("""
        - main:
          - heading "Welcome" [level=1]
          - textbox "User name"
          - textbox "Password"
          - button "Sign in"
          - button "New here? Create an account"
    """)
    expect(page.get_by_role("textbox", name="User name")).to_be_focused()
    page.get_by_role("button", name="New here? Create an account").click()
    expect(page.get_by_role("main")).to_match_aria_snapshot("""
        - main:
          - heading "Create your account" [level=1]
          - textbox "User name"
          - textbox "Display name (optional)"
          - textbox "Password"
          - button "Sign up"
    """)
    page.get_by_role("textbox", name="User name").fill("ada-tasks")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Rooms")).to_be_visible()


def test_open_a_room_read_send_and_react(person: PersonFactory, server: Server) -> None:
    ada = person(server).sign_up("ada-reads", "Ada")
    ben = person(server).sign_up("ben-writes", "Ben")
    ada.create_room("Read aloud")
    ben.join_room("Read aloud")
    ben.say("Good morning")
    page = ada.page
    expect(page.get_by_test_id("announcer")).to_contain_text("Ben: Good morning")
    page.get_by_role("button", name="Read aloud").click()
    main = page.get_by_role("main")
    expect(main).to_match_aria_snapshot("""
        - main:
          - heading "Read aloud" [level=1]
    """)
    expect(main.get_by_role("textbox", name="Message Read aloud")).to_be_focused()
    page.keyboard.type("And to you")
    page.keyboard.press("Enter")
    ada.sees("And to you")
    message = page.get_by_test_id("message").filter(has_text="Good morning")
    message.focus()
    expect(message).to_match_aria_snapshot("""
        - button "Ben"
        - time
        - paragraph: Good morning
    """)
    message.get_by_role("button", name="React with 👍").click()
    expect(message.get_by_role("button", name="👍", pressed=True)).to_be_visible()


def test_reply_and_edit(person: PersonFactory, server: Server) -> None:
    ada = person(server).sign_up("ada-edits", "Ada")
    ada.create_room("Answers")
    ada.say("First")
    page = ada.page
    first = page.get_by_test_id("message").filter(has_text="First")
    first.focus()
    first.get_by_role("button", name="Reply", exact=True).click()
    field = page.get_by_role("textbox", name="Message Answers")
    expect(field).to_be_focused()
    page.keyboard.type("Second")
    page.keyboard.press("Enter")
    ada.sees("Second")
    second = page.get_by_test_id("message").filter(has_text="Second")
    expect(second).to_match_aria_snapshot("""
        - button "Ada First"
        - paragraph: Second
    """)
    second.focus()
    second.get_by_role("button", name="Edit", exact=True).click()
    field = page.get_by_role("main").get_by_role("textbox").last
    expect(field).to_be_focused()
    expect(field).to_have_value("Second")
    field.fill("Third")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("message").last).to_contain_text("Third")
    expect(page.get_by_test_id("message").last).to_contain_text("edited")


def test_search(person: PersonFactory, server: Server) -> None:
    ada = person(server).sign_up("ada-looks", "Ada")
    ada.create_room("Papers")
    ada.say("The needle is here")
    ada.sees("The needle is here")
    page = ada.page
    page.get_by_test_id("search").click()
    dialog = page.get_by_role("dialog", name="Search messages")
    expect(dialog.get_by_role("searchbox", name="Search messages")).to_be_focused()
    page.keyboard.type("needle")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    dialog.get_by_role("listitem").get_by_role("button").click()
    expect(dialog).to_have_count(0)
    ada.sees("The needle is here")


def test_invite_and_be_asked_before_leaving(person: PersonFactory, server: Server) -> None:
    ada = person(server).sign_up("ada-invites", "Ada")
    person(server).sign_up("ben-invited", "Ben")
    ada.create_room("Company", "private")
    page = ada.page
    page.get_by_role("button", name="People in this room").click()
    dialog = page.get_by_role("dialog", name="People in this room")
    expect(dialog).to_match_aria_snapshot("""
        - dialog "People in this room":
          - heading "People in this room" [level=2]
          - button "Close"
    """)
    dialog.get_by_role("combobox", name="User name").fill("ben-invited")
    page.keyboard.press("Enter")
    expect(dialog.get_by_test_id("members")).to_contain_text("Ben")
    dialog.get_by_role("button", name="Close").click()
    page.get_by_test_id("room-menu").click()
    page.get_by_test_id("leave-room").click()
    question = page.get_by_role("dialog")
    expect(question).to_match_aria_snapshot("""
        - dialog:
          - button "Cancel"
    """)
