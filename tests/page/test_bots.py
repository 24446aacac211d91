"""Bots on the page: staff, or members where they may, make bots and their tokens, and stop them."""

import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.page.people import Person, PersonFactory, Server, sent_twice
from tests.page.waiting import until_told

SECRET = "The new token"
REFUSED = r"status of 409 .*/api/v1/bots$"


def served(folder: object, makers: str) -> Iterator[Server]:
    settings = {
        "plugins.enabled": json.dumps(["memory", "password", "bots"]),
        "plugin.bots.makers": makers,
    }
    server = Server(folder, "memory", settings)  # type: ignore[arg-type]
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from served(tmp_path_factory.mktemp("bots"), "members")


@pytest.fixture(scope="module")
def owner(server: Server, browser: object) -> Iterator[Person]:
    olga = Person(browser, server.url).sign_up("olga", "Olga")  # type: ignore[arg-type]
    yield olga
    assert olga.complaints() == []
    olga.context.close()


def to_bots(page: Page, place: str) -> None:
    page.get_by_test_id("account").click()
    page.get_by_test_id(f"settings-bots.{place}").click()
    expect(page.get_by_role("button", name="Make a bot")).to_be_visible()


def make(page: Page, username: str, name: str) -> Locator:
    """Makes a bot; returns its row, which is open."""
    form = page.locator("form").filter(has=page.get_by_role("button", name="Make a bot"))
    form.get_by_label("User name", exact=True).fill(username)
    form.get_by_label("Display name").fill(name)
    form.get_by_label("What it is for").fill("says what was built")
    form.get_by_role("button", name="Make a bot").press("Enter")
    expect(page.get_by_text(f"{name} is made. Now give it a token.")).to_be_visible()
    row = page.locator(".bots-list > li").filter(has_text=f"@{username}")
    expect(row.get_by_role("button", name="Make a token")).to_be_visible()
    return row


def make_token(row: Locator, label: str) -> str:
    row.get_by_label("Where the token will be used").fill(label)
    row.get_by_role("button", name="Make a token").press("Enter")
    field = row.get_by_label(SECRET)
    expect(field).to_be_focused()
    return field.input_value()


def asked(server: Server, secret: str) -> int:
    """The status of a request with a token."""
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{server.url}/api/v1/me", headers=headers).status_code


def confirm(page: Page, title: str, action: str) -> None:
    dialog = page.get_by_role("dialog", name=title)
    dialog.get_by_role("button", name=action).click()
    expect(dialog).to_have_count(0)


def test_a_member_makes_a_bot_and_a_token_which_is_shown_once(
    server: Server, owner: Person, person: PersonFactory
) -> None:
    ben = person(server).sign_up("ben", "Ben")
    page = ben.page
    to_bots(page, "own")
    row = make(page, "robo", "Robo")
    secret = make_token(row, "the build machine")
    assert secret.startswith("chatbot_")
    assert asked(server, secret) == 200
    token = row.get_by_role("list", name="Tokens of Robo").get_by_role("listitem")
    expect(token).to_contain_text("the build machine")
    expect(token).to_contain_text("Read, Write")
    held: list[Route] = []  # who reads is known after the plugin's part has begun
    page.route("**/api/v1/me", lambda route: held.append(route), times=1)
    with page.expect_response("**/bots.js"):
        page.reload(wait_until="commit")
    until_told(page, lambda: held)
    page.wait_for_timeout(500)
    held[0].continue_()
    expect(page.locator("summary").filter(has_text="Robo")).to_be_visible()
    page.locator("summary").filter(has_text="Robo").press("Enter")
    expect(token).to_contain_text("last used")
    expect(page.get_by_label(SECRET)).to_have_count(0)
    row.get_by_role("button", name="Revoke: the build machine").click()
    confirm(page, "Revoke the token the build machine?", "Cancel")
    assert asked(server, secret) == 200
    row.get_by_role("button", name="Revoke: the build machine").click()
    confirm(page, "Revoke the token the build machine?", "Revoke")
    expect(page.get_by_text("The token the build machine is revoked.")).to_be_visible()
    assert asked(server, secret) == 401
    row.get_by_role("button", name="Delete").click()
    confirm(page, "Delete Robo?", "Delete")
    expect(page.get_by_text("There are no bots.")).to_be_visible()
    del owner


def test_staff_stops_the_bots_of_others_and_takes_them_over(
    server: Server, owner: Person, person: PersonFactory
) -> None:
    eve = person(server).sign_up("eve", "Eve")
    to_bots(eve.page, "own")
    row = make(eve.page, "builder", "Builder")
    secret = make_token(row, "somewhere")
    page = owner.page
    to_bots(page, "list")
    found = page.locator(".bots-list > li").filter(has_text="@builder")
    expect(found).to_contain_text("owned by Eve")
    found.locator("summary").click()
    found.get_by_role("button", name="Lock", exact=True).click()
    expect(page.get_by_text("Builder is locked")).to_be_visible()
    expect(found).to_contain_text("locked by staff")
    assert asked(server, secret) == 401
    found.get_by_role("button", name="Unlock").click()
    expect(page.get_by_text("Builder can sign in again.")).to_be_visible()
    assert asked(server, secret) == 200
    found.get_by_role("button", name="Take over").click()
    expect(found).to_contain_text("yours")
    form = found.locator("form").filter(has=page.get_by_role("button", name="Save"))
    form.get_by_label("Display name").fill("Foreman")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(found.locator("summary")).to_contain_text("Foreman")


def test_what_is_sent_twice_makes_one(server: Server, owner: Person, person: PersonFactory) -> None:
    page = person(server).sign_up("ivo", "Ivo").page
    to_bots(page, "own")
    form = page.locator("form").filter(has=page.get_by_role("button", name="Make a bot"))
    form.get_by_label("User name", exact=True).fill("twin")
    sent_twice(page, "**/api/v1/bots", form.get_by_role("button", name="Make a bot"))
    expect(page.get_by_text("twin is made. Now give it a token.")).to_be_visible()
    expect(page.get_by_text("taken")).to_have_count(0)
    row = page.locator(".bots-list > li").filter(has_text="@twin")
    lead = row.get_by_text("It has no token yet")
    expect(lead).to_be_visible()
    row.get_by_label("Where the token will be used").fill("here")
    sent_twice(page, "**/tokens", row.get_by_role("button", name="Make a token"))
    expect(row.get_by_label(SECRET)).to_be_visible()
    expect(row.get_by_role("list", name="Tokens of twin").get_by_role("listitem")).to_have_count(1)
    expect(lead).to_be_hidden()
    # The next token is asked for with the same choices as the first one.
    expect(row.get_by_label("Read", exact=False)).to_be_checked()
    expect(row.get_by_label("Write", exact=False)).to_be_checked()
    expect(row.get_by_label("How long it lasts")).to_have_value("90")
    tokens = page.request.get(f"{server.url}/api/v1/bots?whose=own").json()["bots"][0]["tokens"]
    assert len(tokens) == 1
    del owner


def test_what_is_refused_is_said(server: Server, owner: Person, person: PersonFactory) -> None:
    ida = person(server).sign_up("ida", "Ida")
    ida.expected.append(REFUSED)
    to_bots(ida.page, "own")
    form = ida.page.locator("form").filter(has=ida.page.get_by_role("button", name="Make a bot"))
    form.get_by_label("User name", exact=True).fill("ida")
    form.get_by_role("button", name="Make a bot").click()
    expect(ida.page.get_by_role("alert")).to_contain_text("is taken")
    row = make(ida.page, "checker", "Checker")
    for scope in ("Read", "Write"):
        row.get_by_label(scope).first.uncheck()
    row.get_by_label("Where the token will be used").fill("x")
    row.get_by_role("button", name="Make a token").click()
    missing = "input => input.validationMessage"
    assert row.get_by_label("Read").first.evaluate(missing) == "Choose what the token is for."
    expect(row.get_by_label(SECRET)).to_have_count(0)
    row.get_by_label("Write").first.check()
    make_token(row, "x")
    del owner


def test_a_message_of_a_bot_says_so(server: Server, owner: Person, person: PersonFactory) -> None:
    kim = person(server).sign_up("kim", "Kim")
    to_bots(kim.page, "own")
    row = make(kim.page, "crier", "Crier")
    headers = {"Authorization": f"Bearer {make_token(row, 'x')}"}
    kim.page.get_by_test_id("settings-close").click()
    kim.create_room("Square")
    room = kim.page.locator("room-view").get_attribute("data-room")
    bot = httpx.get(f"{server.url}/api/v1/me", headers=headers).json()["id"]
    invited = kim.context.request.post(f"{kim.rooms}/{room}/members", data={"user": bot})
    assert invited.ok, invited.text()
    message = {"client_id": "1", "body": "Hear ye"}
    path = f"{server.url}/api/v1/rooms/{room}/messages"
    assert httpx.post(path, json=message, headers=headers).status_code == 201
    shown = kim.page.get_by_test_id("message").filter(has_text="Hear ye")
    expect(shown.get_by_test_id("bot-mark")).to_have_text("bot")
    del owner
