"""A direct room of several people on the page: made by their names, the same for all."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.test_browser import fresh
from tests.page.tools import axe_script
from tests.page.waiting import FINDS_PEOPLE, until

pytestmark = pytest.mark.long


def test_several_are_written_to_by_their_names(person: PersonFactory, server: Server) -> None:
    names = {name: fresh(name) for name in ("aya", "ben", "cho")}
    aya, ben, cho = [person(server).sign_up(names[name], name.title()) for name in names]
    page = aya.page
    until(page, FINDS_PEOPLE)
    page.get_by_test_id("new-room").click()
    page.get_by_test_id("kind-direct").check()
    field = page.get_by_label("User names, with commas between them")
    field.fill(f"{names['ben']}, {names['cho'][:4]}")
    suggested = page.locator("[data-testid=new-room-dialog] option[label='Cho']")
    expect(suggested.first).to_be_attached()
    assert f"{names['ben']}, {names['cho']}" in suggested.evaluate_all(
        "options => options.map(({ value }) => value)"
    )
    assert findings(page, axe_script()) == []
    field.fill(f"@{names['ben']}, {names['cho']}")
    page.get_by_test_id("create-room").click()
    aya.in_room("Ben, Cho")
    aya.say("to both of you")
    for reader, title in ((ben, "Aya, Cho"), (cho, "Aya, Ben")):
        reader.open_room(title)
        reader.sees("to both of you")
    ben.page.get_by_test_id("people").click()
    members = ben.page.get_by_test_id("members")
    for name in ("Aya", "Ben", "Cho"):
        expect(members).to_contain_text(name)
    ben.page.keyboard.press("Escape")
    ben.page.get_by_test_id("room-menu").click()
    expect(ben.page.get_by_test_id("menu-people")).to_have_count(1)
    expect(ben.page.get_by_test_id("leave-room")).to_have_count(0)


def test_more_people_lead_from_a_talk_to_another_one(person: PersonFactory, server: Server) -> None:
    names = {name: fresh(name) for name in ("aya", "ben", "cho", "dan")}
    aya, ben, cho, dan = [person(server).sign_up(names[name], name.title()) for name in names]
    page = aya.page
    page.get_by_test_id("new-room").click()
    page.get_by_test_id("kind-direct").check()
    page.get_by_test_id("room-name").fill(names["ben"])
    page.get_by_test_id("create-room").click()
    aya.in_room("Ben")
    aya.say("between us two")
    for added, title in (("cho", "Ben, Cho"), ("dan", "Ben, Cho, Dan")):
        page.get_by_test_id("room-menu").click()
        page.get_by_test_id("menu-people").click()
        expect(page.get_by_test_id("members")).to_contain_text("Ben")
        page.get_by_test_id("invite-name").fill(names[added])
        page.get_by_role("button", name="Add people").click()
        aya.in_room(title)
    expect(page.get_by_text("between us two")).to_have_count(0)
    aya.say("to all of you")
    for reader, title in ((ben, "Aya, Cho, Dan"), (cho, "Aya, Ben, Dan"), (dan, "Aya, Ben, Cho")):
        reader.open_room(title)
        reader.sees("to all of you")
    # Somebody unknown is named, and nothing else happens.
    aya.expected.append("404")
    page.get_by_test_id("people").click()
    page.get_by_test_id("invite-name").fill(fresh("nobody"))
    page.get_by_role("button", name="Add people").click()
    expect(page.get_by_test_id("people-dialog").get_by_role("alert").first).not_to_be_empty()
    assert findings(page, axe_script()) == []


def test_an_eleventh_is_refused_with_the_reason(person: PersonFactory, server: Server) -> None:
    names = [fresh("many") for _ in range(10)]
    for name in names:
        person(server).sign_up(name, name)
    aya = person(server, locale="ja-JP").sign_up(fresh("aya"), "Aya")
    aya.page.get_by_test_id("new-room").click()
    aya.page.get_by_test_id("kind-direct").check()
    aya.page.get_by_test_id("room-name").fill("、".join(names))
    aya.page.get_by_test_id("create-room").click()
    refusal = aya.page.get_by_test_id("new-room-dialog").get_by_role("alert")
    expect(refusal).to_contain_text("最大 10 人")
