"""Buttons, menus and forms of messages on the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "plugins.folder": str(Path(__file__).parent / "plugins"),
        "plugins.enabled": "memory,password,metrics,audit,choices,greeter",
    }
    server = Server(tmp_path_factory.mktemp("parts"), "memory", settings)
    server.start()
    yield server
    server.stop()


def test_what_one_chooses_all_see_and_the_answer_is_for_one(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    ben = person(server).sign_up("ben", "Ben")
    aya.create_room("Room")
    ben.join_room("Room")
    aya.say("choose")
    ours, theirs = (each.page.get_by_test_id("parts") for each in (ben, aya))
    expect(theirs).to_contain_text("Nothing yet.")
    yes = ours.get_by_role("button", name="<b>Yes</b>")
    yes.focus()
    ben.page.keyboard.press("Enter")
    for shown in (ours, theirs):
        expect(shown).to_contain_text("Last: yes")
    expect(ours.get_by_test_id("note")).to_have_text("Only for you: yes")
    expect(theirs.get_by_test_id("note")).to_have_count(0)
    expect(yes).to_be_focused()
    ours.get_by_label("Colour").select_option(label="Green")
    expect(theirs).to_contain_text("Last: colour g")
    order = ours.get_by_role("button", name="Order")
    order.click()
    expect(theirs).to_contain_text("Last: colour g")
    typed = theirs.get_by_label("What")
    typed.fill("Cof")
    ours.get_by_label("What").fill("Tea, much too long")
    ours.get_by_label("Size").select_option(label="Red")
    order.click()
    expect(theirs).to_contain_text("Last: order Tea, much r")
    expect(ours.get_by_test_id("note")).to_have_text("Only for you: order Tea, much r")
    expect(typed).to_be_focused()
    typed.press_sequentially("fee")
    expect(typed).to_have_value("Coffee")
    assert ours.locator("b").count() == 0
    expect(ben.page.get_by_text("edited")).to_have_count(0)


def test_a_machine_is_marked_beside_its_name(person: PersonFactory, server: Server) -> None:
    cleo = person(server).sign_up("cleo", "Cleo")
    cleo.create_room("Hall")
    cleo.say("hello")
    rows = cleo.page.get_by_test_id("message")
    answer = rows.filter(has_text="Hello, Cleo!")
    expect(answer.get_by_test_id("bot-mark")).to_have_text("bot")
    expect(rows.first.get_by_test_id("bot-mark")).to_have_count(0)
    cleo.page.get_by_test_id("people").click()
    members = cleo.page.get_by_test_id("members").locator("li")
    expect(members.filter(has_text="Greeter").get_by_test_id("bot-mark")).to_be_visible()
    expect(members.filter(has_text="Cleo").get_by_test_id("bot-mark")).to_have_count(0)
