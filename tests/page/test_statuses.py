"""A status is set in one's own menu, and shown beside the name wherever others see it, until its time is over."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_browser import fresh

pytestmark = pytest.mark.long


def ask(page: Page) -> None:
    page.get_by_test_id("user-menu").click()
    page.get_by_test_id("menu-status").click()


@pytest.fixture
def two(person: PersonFactory, server: Server) -> tuple[Person, Person]:
    """Aya and Ben, in a room of theirs, where Aya has written."""
    aya, ben = (person(server).sign_up(fresh(name), name.title()) for name in ("aya", "ben"))
    room = fresh("Tea ")
    aya.create_room(room)
    ben.join_room(room)
    aya.say("Who wants tea?")
    ben.sees("Who wants tea?")
    return aya, ben


def test_a_status_is_shown_until_its_time_is_over(two: tuple[Person, Person]) -> None:
    aya, ben = two
    ben.page.clock.install()
    ben.page.reload()
    ben.sees("Who wants tea?")
    ask(aya.page)
    aya.page.get_by_test_id("status-preset").filter(has_text="On lunch").click()
    aya.page.get_by_test_id("status-text").fill("in a <b>tea</b> garden")
    aya.page.get_by_test_id("status-set").click()
    expect(aya.page.get_by_test_id("status-dialog")).to_have_count(0)
    expect(aya.page.locator(".side-foot").get_by_test_id("status")).to_have_text("🍜")
    mark = ben.page.locator(".message-head").get_by_test_id("status")
    expect(mark).to_have_text("🍜")
    # It ends today, or, half an hour before midnight, tomorrow: the time is enough, without its seconds.
    expect(mark).to_have_attribute("title", re.compile(r"garden \(until ([^:)]* )?\d\d:\d\d\)$"))
    ben.page.get_by_test_id("people").click()
    line = ben.page.get_by_test_id("person-status").filter(has_text="in a <b>tea</b> garden")
    expect(line).to_be_visible()
    ben.page.get_by_test_id("members").get_by_test_id("talk").click()
    expect(ben.page.locator(".room-head").get_by_test_id("status")).to_have_text("🍜")
    expect(ben.page.locator(".room-topic")).to_have_text("in a <b>tea</b> garden")
    expect(ben.page.locator(".room").get_by_test_id("status")).to_have_text("🍜")
    ben.page.clock.fast_forward("29:00")
    expect(ben.page.locator(".room-head").get_by_test_id("status")).to_have_text("🍜")
    ben.page.clock.fast_forward("02:00")
    for place in (".room-head", ".room", ".message-head"):
        expect(ben.page.locator(place).get_by_test_id("status")).to_have_count(0)


def test_a_status_is_refused_with_a_reason_and_cleared(two: tuple[Person, Person]) -> None:
    aya, ben = two
    ask(aya.page)
    aya.page.get_by_test_id("status-emoji").fill("admin")
    aya.page.get_by_test_id("status-set").click()
    expect(aya.page.get_by_test_id("status-error")).to_have_text("A status has one emoji.")
    aya.page.get_by_test_id("status-emoji").fill("")
    aya.page.get_by_test_id("status-text").fill("reading")
    aya.page.get_by_test_id("status-set").click()
    expect(ben.page.locator(".message-head").get_by_test_id("status")).to_have_attribute(
        "title", "reading"
    )
    ben.page.reload()
    expect(ben.page.locator(".message-head").get_by_test_id("status")).to_have_text("💬")
    ask(aya.page)
    expect(aya.page.get_by_test_id("status-text")).to_have_value("reading")
    aya.page.get_by_test_id("status-clear").click()
    expect(ben.page.locator(".message-head").get_by_test_id("status")).to_have_count(0)
    expect(aya.page.locator(".side-foot").get_by_test_id("status")).to_have_count(0)
