"""What people say about themselves: written in the settings, seen by whoever chooses their name."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_browser import fresh
from tests.page.test_staff import found

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def owner(server: Server, browser: Browser) -> Iterator[Person]:
    """The first account, which may clear the profiles of others."""
    olga = Person(browser, server.url).sign_up("olga", "Olga")
    yield olga
    olga.context.close()


@pytest.fixture
def two(owner: Person, person: PersonFactory, server: Server) -> tuple[Person, Person]:
    """Aya and Ben, in a room of theirs, where Aya has written."""
    aya, ben = (person(server).sign_up(fresh(name), name.title()) for name in ("aya", "ben"))
    room = fresh("Tea ")
    aya.create_room(room)
    ben.join_room(room)
    aya.say("Who wants tea?")
    ben.sees("Who wants tea?")
    return aya, ben


def settings(page: Page) -> Locator:
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-profile").click()
    return page.get_by_test_id("settings-page")


def card(page: Page) -> Locator:
    page.get_by_test_id("author").first.click()
    shown = page.get_by_test_id("person-card")
    expect(shown.get_by_test_id("profile-named")).to_be_visible()
    return shown


def test_what_one_writes_is_on_the_card_that_others_open(two: tuple[Person, Person]) -> None:
    aya, ben = two
    status = aya.context.request.put(
        f"{aya.url}/api/v1/me/status", data={"emoji": "🍜", "text": "at lunch"}
    )
    assert status.ok, status.text()
    shown = card(ben.page)
    expect(shown.get_by_role("heading")).to_have_text("Aya")
    expect(shown.get_by_test_id("person-says")).to_contain_text("at lunch")
    expect(shown.get_by_test_id("profile-named")).to_have_text(f"@{aya.username}")
    expect(shown.get_by_test_id("profile-title")).to_have_count(0)
    ben.page.keyboard.press("Escape")
    view = settings(aya.page)
    view.get_by_test_id("profile-own-title").fill("  Tea maker ")
    view.get_by_test_id("profile-own-pronouns").fill("she/her")
    view.get_by_test_id("profile-own-about").fill("Green <b>and</b> black.\nNo coffee.")
    view.get_by_test_id("profile-own-zone").select_option("Asia/Tokyo")
    view.get_by_test_id("profile-own-save").click()
    expect(view.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    expect(view.get_by_test_id("profile-own-title")).to_have_value("Tea maker")
    shown = card(ben.page)
    expect(shown.get_by_test_id("profile-named")).to_have_text(f"@{aya.username} · she/her")
    expect(shown.get_by_test_id("profile-title")).to_have_text("Tea maker")
    expect(shown.get_by_test_id("profile-time")).to_contain_text("local time")
    expect(shown.get_by_test_id("profile-about")).to_have_text(
        "Green <b>and</b> black.\nNo coffee."
    )


def test_a_private_talk_begins_at_the_card_and_somebody_is_blocked_there(
    two: tuple[Person, Person],
) -> None:
    aya, ben = two
    shown = card(ben.page)
    shown.get_by_test_id("person-talk").click()
    expect(ben.page.get_by_test_id("person-card")).to_have_count(0)
    ben.in_room("Aya")
    ben.say("Milk or lemon?")
    aya.page.get_by_test_id("room").filter(has_text="Ben").click()
    aya.sees("Milk or lemon?")
    aya.page.get_by_test_id("author").first.click()
    shown = aya.page.get_by_test_id("person-card")
    shown.get_by_test_id("person-block").click()
    aya.page.get_by_test_id("ask-yes").click()
    expect(shown.get_by_test_id("person-unblock")).to_be_visible()
    shown.get_by_test_id("person-unblock").click()
    expect(shown.get_by_test_id("person-block")).to_be_visible()


def test_by_keyboard_and_ones_own_card_leads_to_the_settings(two: tuple[Person, Person]) -> None:
    aya, _ = two
    row = aya.page.get_by_test_id("message").first
    row.focus()
    row.press("p")
    shown = aya.page.get_by_test_id("person-card")
    expect(shown.get_by_test_id("person-edit")).to_be_visible()
    expect(shown.get_by_test_id("person-talk")).to_have_count(0)
    aya.page.keyboard.press("Escape")
    expect(row).to_be_focused()
    row.press("p")
    shown.get_by_test_id("person-edit").press("Enter")
    expect(aya.page.get_by_test_id("profile-own-title")).to_be_visible()


def test_staff_clears_a_profile(owner: Person, two: tuple[Person, Person]) -> None:
    aya, ben = two
    said = {"title": "Rude words"}
    answer = aya.context.request.patch(f"{aya.url}/api/v1/me/profile", data=said)
    assert answer.ok, answer.text()
    found(owner.page, aya.username)
    row = owner.page.get_by_test_id("user").filter(has_text=aya.username)
    row.get_by_test_id("user-more").locator("summary").click()
    expect(row.get_by_test_id("profile-title")).to_have_text("Rude words")
    row.get_by_test_id("profile-clear").click()
    expect(row).to_contain_text("The profile is cleared.")
    expect(card(ben.page).get_by_test_id("profile-title")).to_have_count(0)
