"""Groups on the page: staff makes them, their names are completed and mention people, and members leave them."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.people import Person, PersonFactory, Server, sent_twice
from tests.page.waiting import FINDS_PEOPLE, until
from tests.waiting import wait_until

COMPLETES = (
    """() => document.querySelector("chat-app")?.places.in("composer.names/v1").length > 0"""
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    plugins = ["memory", "password", "audit", "directory", "groups"]
    settings = {"plugins.enabled": json.dumps(plugins), "plugin.groups.makers": "members"}
    server = Server(tmp_path_factory.mktemp("groups"), "memory", settings)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def owner(server: Server, browser: object) -> Iterator[Person]:
    olga = Person(browser, server.url).sign_up("olga", "Olga")  # type: ignore[arg-type]
    yield olga
    assert olga.complaints() == []
    olga.context.close()


def to_groups(page: Page) -> None:
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-groups.list").click()
    expect(page.get_by_label("What it is").first).to_be_visible()


def group(page: Page, name: str) -> Locator:
    return page.locator(".groups-list > li").filter(has_text=f"@{name}")


def make(page: Page, name: str, title: str) -> Locator:
    form = page.locator(".groups-form").first
    form.get_by_label("Name").fill(name)
    form.get_by_label("What it is").fill(title)
    form.get_by_role("button", name="Make a group").click()
    expect(page.get_by_text(f"@{name} is made.")).to_be_visible()
    return group(page, name)


def add(row: Locator, user: str) -> None:
    row.get_by_label("Add somebody to").fill(user)
    row.get_by_role("button", name="Add", exact=True).click()


def completed(person: Person, typed: str) -> Locator:
    until(person.page, COMPLETES)
    field = person.page.get_by_test_id("composer")
    field.fill("")
    field.press_sequentially(typed)
    return person.page.get_by_test_id("suggestion")


def test_a_group_is_made_completed_mentioned_left_and_removed(
    server: Server, owner: Person, person: PersonFactory
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    ben = person(server).sign_up("ben", "Ben")
    aya.create_room("Lounge")
    ben.join_room("Lounge")
    ben.create_room("Elsewhere")
    page = owner.page
    to_groups(page)
    expect(page.get_by_text("There are no groups.")).to_be_visible()
    row = make(page, "design", "All who draw")
    until(page, FINDS_PEOPLE)
    found = f"{server.url}/api/v1/directory?text=be"  # in which everybody is some time later
    wait_until(lambda: "ben" in owner.context.request.get(found).text())
    row.get_by_label("Add somebody to @design").press_sequentially("be")
    expect(row.locator("option")).to_have_attribute("value", "ben")
    add(row, "@ben")
    expect(page.get_by_text("Ben is in it now.")).to_be_visible()
    expect(row.get_by_label("Add somebody to @design")).to_be_focused()
    add(row, "aya")
    expect(row.locator("summary")).to_contain_text("All who draw · 2 people")
    expect(row.get_by_role("list").get_by_role("listitem")).to_have_count(2)

    options = completed(aya, "@des")
    expect(options).to_have_count(1)
    expect(options).to_contain_text("@designAll who draw · 2 people")
    options.click()
    field = aya.page.get_by_test_id("composer")
    expect(field).to_have_value("@design ")
    field.press_sequentially("Who draws the cat?")
    field.press("Enter")
    mentioned = ben.page.get_by_test_id("room").filter(has_text="Lounge")
    expect(mentioned.get_by_test_id("mentions")).to_have_text("1")

    to_groups(ben.page)
    own = group(ben.page, "design")
    expect(own).to_contain_text("you are in it")
    own.locator("summary").click()
    expect(own.get_by_role("button", name="Remove: Aya")).to_have_count(0)
    own.get_by_role("button", name="Leave").click()
    expect(ben.page.get_by_text("You have left @design.")).to_be_visible()
    expect(own).not_to_contain_text("you are in it")
    expect(row.locator("summary")).to_contain_text("1 person")  # elsewhere, as soon as it is so

    row.get_by_role("button", name="Remove: Aya").click()
    expect(page.get_by_text("Aya is in it no more.")).to_be_visible()
    row.get_by_label("What it is").fill("Nobody draws")
    row.get_by_role("button", name="Save").click()
    expect(row.locator("summary")).to_contain_text("Nobody draws · 0 people")
    row.get_by_role("button", name="Remove the group: @design").click()
    dialog = page.get_by_role("dialog", name="Remove @design?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Remove the group: @design").click()
    dialog.get_by_role("button", name="Remove the group").click()
    expect(page.get_by_text("@design is gone.")).to_be_visible()
    expect(row).to_have_count(0)
    expect(own).to_have_count(0)
    expect(completed(aya, "@des")).to_have_count(0)
    log = f"{server.url}/api/v1/audit?kind=account"  # which is written some time later
    wait_until(lambda: "account.group_removed" in owner.context.request.get(log).text())
    page.get_by_test_id("settings-audit.log").click()
    for text in (
        "Olga (@olga) made the group @design.",
        "Olga (@olga) added Ben (@ben) to the group @design.",
        "Ben (@ben) left the group @design.",
        "Olga (@olga) removed Aya (@aya) from the group @design.",
        "Olga (@olga) gave the group @design another title.",
        "Olga (@olga) removed the group @design.",
    ):
        expect(page.get_by_text(text, exact=True)).to_be_visible()
    page.get_by_test_id("settings-close").click()


def test_members_make_their_own_and_are_told_why_something_is_refused(
    server: Server, owner: Person, person: PersonFactory
) -> None:
    cid = person(server).sign_up("cid", "Cid")
    cid.expected += ["40[49] .*/api/v1/(groups|users)"]
    page = cid.page
    to_groups(page)
    row = make(page, "climbers", "")
    alert = page.get_by_role("alert")
    add(row, "nobody-at-all")
    expect(alert).to_have_text("There is no such user.")
    add(row, "cid")
    expect(row).to_contain_text("1 person · you are in it")
    form = page.locator(".groups-form").first
    for name in ("climbers", "olga"):
        form.get_by_label("Name").fill(name)
        form.get_by_role("button", name="Make a group").click()
        expect(alert).to_have_text("A user or a group has this name already.")
        form.get_by_label("Name").fill("")
        alert.evaluate("(node) => { node.textContent = ''; }")
    listed = owner.context.request.get(f"{server.url}/api/v1/groups").json()["groups"]
    assert [each["by"]["name"] for each in listed if each["name"] == "climbers"] == ["Cid"]


def test_a_form_that_is_sent_twice_makes_one(
    server: Server, owner: Person, person: PersonFactory
) -> None:
    tia = person(server).sign_up("tia", "Tia")
    to_groups(tia.page)
    form = tia.page.locator(".groups-form").first
    form.get_by_label("Name").fill("twins")
    button = form.get_by_role("button", name="Make a group")
    sent_twice(tia.page, "**/api/v1/groups", button)
    expect(tia.page.get_by_text("@twins is made.")).to_be_visible()
    expect(tia.page.get_by_text("has this name already")).to_have_count(0)
    make(tia.page, "triplets", "")  # the form is there for the next one
    del owner


def test_more_members_than_fit_leave_place_for_groups(
    server: Server, owner: Person, person: PersonFactory
) -> None:
    dan = person(server).sign_up("dan", "Dan")
    dan.create_room("Crowd")
    for number in range(8):
        other = person(server).sign_up(f"zed{number}", f"Zed {number}")
        other.join_room("Crowd")
        other.context.close()
    for number in range(2):
        given = {"name": f"zeds{number}", "title": ""}
        assert owner.context.request.post(f"{server.url}/api/v1/groups", data=given).ok
    options = completed(dan, "@ze")
    expect(options).to_have_count(8)
    expect(options.filter(has_text="@zeds")).to_have_count(2)
    dan.page.get_by_test_id("composer").fill("")
