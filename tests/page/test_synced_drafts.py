"""What somebody is writing on one device stands on the others: sent once, never overwritten, never brought back."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import PASSWORD, Person, PersonFactory, Server, sign_out
from tests.page.test_accessibility import findings
from tests.page.tools import axe_script
from tests.page.waiting import until, until_told

pytestmark = pytest.mark.long

KNOWN = "() => localStorage.getItem('drafts.known')"


def composer_has(page: Page, text: str) -> None:
    expect(page.get_by_test_id("composer")).to_have_value(text)


def other_device(of: Person, person: PersonFactory, server: Server, **options: object) -> Person:
    """Another device of this person, which shows the same room."""
    device = person(server, **options)
    account = {"username": of.username, "password": PASSWORD}
    assert device.context.request.post(f"{server.url}/api/v1/login", data=account).ok
    device.page.goto(of.page.url)
    device.connected()
    expect(device.page.get_by_test_id("composer")).to_be_visible()
    return device


def drafts(of: Person) -> list[str]:
    """The texts that the server has."""
    answer = of.context.request.get(f"{of.url}/api/v1/drafts")
    assert answer.ok, answer.text()
    return sorted(each["body"] for each in answer.json()["drafts"] if each["body"])


def saved(of: Person, *texts: str) -> None:
    until_told(of.page, lambda: drafts(of) == sorted(texts))


def go_offline(device: Person) -> None:
    device.expected.append("net::ERR_|Failed to fetch|WebSocket")
    device.context.set_offline(True)
    status = device.page.get_by_test_id("connection-status")
    expect(status).not_to_have_attribute("data-status", "open")


def come_back(device: Person) -> None:
    device.context.set_offline(False)
    device.connected()


def knows_what_stands(device: Person) -> None:
    """The device has compared its drafts with the server's: it knows the revision of this room's."""
    stands: Any = device.context.request.get(f"{device.url}/api/v1/drafts").json()["drafts"]
    revisions = [each["revision"] for each in stands]
    until(
        device.page,
        """(revisions) => {
          const { places = {} } = JSON.parse(localStorage.getItem("drafts.known") ?? "{}");
          const known = Object.values(places).map(({ revision }) => revision);
          return revisions.every((each) => known.includes(each));
        }""",
        revisions,
    )


def test_what_is_begun_on_one_device_is_finished_on_another(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-two", "Aya")
    aya.create_room("Two devices")
    aya.say("a question")
    aya.sees("a question")
    phone = other_device(aya, person, server, is_mobile=True, has_touch=True)
    row = aya.page.get_by_test_id("message").first
    row.hover()
    row.get_by_test_id("reply").click()
    aya.page.get_by_test_id("composer").press_sequentially("half an ans")
    composer_has(phone.page, "half an ans")
    expect(phone.page.get_by_test_id("composer-context")).to_contain_text("a question")
    assert findings(phone.page, axe_script()) == []
    phone.page.get_by_test_id("composer").press_sequentially("wer")
    composer_has(aya.page, "half an answer")
    phone.page.get_by_test_id("send").click()
    phone.sees("half an answer")
    expect(phone.page.locator(".quote")).to_contain_text("a question")
    composer_has(phone.page, "")
    aya.sees("half an answer")
    composer_has(aya.page, "")
    expect(aya.page.get_by_test_id("composer-context")).to_be_hidden()
    saved(aya)
    aya.page.reload()
    aya.connected()
    knows_what_stands(aya)
    composer_has(aya.page, "")


def test_a_draft_waits_for_a_device_that_comes_later_each_in_its_place(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-later", "Aya")
    aya.create_room("Later")
    aya.say("root")
    aya.sees("root")
    row = aya.page.get_by_test_id("message").first
    row.hover()
    row.get_by_test_id("thread-reply").click()
    panel = aya.page.locator(".room-panel")
    panel.get_by_test_id("composer").press_sequentially("in the thread")
    saved(aya, "in the thread")
    aya.page.get_by_label("Message Later").press_sequentially("in the room")
    saved(aya, "in the room", "in the thread")
    aya.context.close()
    phone = person(server)
    account = {"username": aya.username, "password": PASSWORD}
    assert phone.context.request.post(f"{server.url}/api/v1/login", data=account).ok
    phone.page.goto(server.url)
    later = phone.page.get_by_test_id("room").filter(has_text="Later")
    expect(later.get_by_test_id("draft")).to_contain_text("draft")
    phone.open_room("Later")
    expect(later.get_by_test_id("draft")).to_have_count(0)  # it is seen in the room
    composer_has(phone.page, "in the room")
    row = phone.page.get_by_test_id("message").first
    row.hover()
    row.get_by_test_id("thread-reply").click()
    expect(phone.page.locator(".room-panel").get_by_test_id("composer")).to_have_value(
        "in the thread"
    )


def test_what_was_written_offline_comes_to_the_other_device(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-offline", "Aya")
    aya.create_room("Offline")
    phone = other_device(aya, person, server)
    aya.page.get_by_test_id("composer").press_sequentially("one")
    composer_has(phone.page, "one")
    go_offline(aya)
    aya.page.get_by_test_id("composer").press_sequentially(" two")
    come_back(aya)
    composer_has(phone.page, "one two")
    composer_has(aya.page, "one two")


def test_a_device_that_was_offline_does_not_bring_back_what_was_sent(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-sent", "Aya")
    aya.create_room("Sent elsewhere")
    phone = other_device(aya, person, server)
    aya.page.get_by_test_id("composer").press_sequentially("tea at fo")
    composer_has(phone.page, "tea at fo")
    saved(aya, "tea at fo")
    knows_what_stands(aya)
    go_offline(aya)
    phone.page.get_by_test_id("composer").press_sequentially("ur")
    phone.page.get_by_test_id("send").click()
    phone.sees("tea at four")
    saved(phone)
    come_back(aya)
    composer_has(aya.page, "")
    aya.sees("tea at four")
    assert drafts(aya) == []
    composer_has(phone.page, "")


def test_what_was_typed_here_stays_and_overwrites_nothing(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-both", "Aya")
    aya.create_room("Both")
    phone = other_device(aya, person, server)
    aya.page.get_by_test_id("composer").press_sequentially("begun")
    composer_has(phone.page, "begun")
    saved(aya, "begun")
    knows_what_stands(aya)
    go_offline(aya)
    aya.page.get_by_test_id("composer").press_sequentially(" by the laptop")
    phone.page.get_by_test_id("composer").press_sequentially(" by the phone")
    saved(phone, "begun by the phone")
    come_back(aya)
    # Another draft, which is told after the first ones were compared.
    aya.create_room("Next")
    aya.page.get_by_test_id("composer").press_sequentially("next")
    saved(aya, "begun by the phone", "next")
    aya.open_room("Both")
    composer_has(aya.page, "begun by the laptop")
    composer_has(phone.page, "begun by the phone")
    aya.page.get_by_test_id("send").click()
    aya.sees("begun by the laptop")
    composer_has(aya.page, "begun by the phone")
    composer_has(phone.page, "begun by the phone")
    assert "begun by the phone" in drafts(aya)


def test_nothing_of_it_stays_in_the_browser_after_the_sign_out(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-forgets", "Aya")
    aya.create_room("Forgotten")
    aya.page.get_by_test_id("composer").press_sequentially("secret")
    saved(aya, "secret")
    knows_what_stands(aya)
    assert "secret" not in aya.page.evaluate(KNOWN)
    sign_out(aya.page)
    expect(aya.page.get_by_test_id("username")).to_be_visible()
    assert aya.page.evaluate(KNOWN) is None
