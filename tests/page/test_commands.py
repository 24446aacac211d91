"""Commands on the page: typed, suggested, run, refused; by keyboard, mouse and touch."""

import itertools
import re

import pytest
from playwright.sync_api import Locator, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.waiting import place_of

pytestmark = pytest.mark.long

_numbers = itertools.count(1)


@pytest.fixture
def two(person: PersonFactory, server: Server) -> tuple[Person, Person]:
    """Two people in one public room that the first has made."""
    number = next(_numbers)
    aya = person(server).sign_up(f"aya-c{number}", "Aya")
    ben = person(server).sign_up(f"ben-c{number}", "Ben")
    aya.create_room(f"Commands {number}")
    ben.join_room(f"Commands {number}")
    return aya, ben


def composer(person: Person) -> Locator:
    return person.page.get_by_test_id("composer")


def options(person: Person) -> Locator:
    return person.page.get_by_test_id("suggestion")


def active(person: Person) -> Locator:
    return person.page.locator('[role="option"][aria-selected="true"]')


def test_a_command_is_run_and_a_message_of_it_is_seen(two: tuple[Person, Person]) -> None:
    aya, ben = two
    ben.say("/shrug who knows")
    aya.sees("who knows ¯\\_(ツ)_/¯")
    aya.say("/topic Tea and cake")
    expect(ben.page.locator(".room-topic")).to_have_text("Tea and cake")
    expect(ben.page.get_by_test_id("typing")).to_have_text("")  # a command is nobody's business


def test_a_note_is_seen_by_its_user_alone(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.say("before")
    ben.sees("before")
    ben.say("/help shrug")
    note = ben.page.get_by_test_id("note")
    expect(note).to_contain_text("/help shrug")
    expect(note).to_contain_text("Only you see this")
    expect(note.locator(".note-body")).to_have_text(
        "/shrug [text…]: Send a shrug, behind a text if you like."
    )
    expect(ben.page.get_by_test_id("announcer")).to_contain_text("Send a shrug")
    aya.say("after")
    ben.sees("after")
    rows = ben.page.locator(".messages > .message, .messages > .note")
    expect(rows).to_have_text(
        [re.compile("before"), re.compile("Send a shrug"), re.compile("after")]
    )
    expect(aya.page.get_by_test_id("note")).to_have_count(0)
    note.get_by_test_id("drop-note").click()
    expect(note).to_have_count(0)


def test_a_refused_command_stays_to_be_changed(two: tuple[Person, Person]) -> None:
    _, ben = two
    error = ben.page.locator("message-composer .form-error")
    for text, why in (
        ("/srhug", "There is no command /srhug here. Did you mean /shrug? To send it as a message"),
        ("/topic mine", "Your role does not allow this command."),
        ("/invite", "user: it is missing."),
        ("/invite @nobody-at-all", "user: there is no such user."),
    ):
        composer(ben).fill(text)
        composer(ben).press("Enter")
        expect(error).to_contain_text(why)
        expect(composer(ben)).to_have_value(text)
    composer(ben).fill("/shrug")
    expect(error).to_have_text("")
    composer(ben).press("Enter")
    expect(composer(ben)).to_have_value("")


RUN_AND_TYPE = """(field, next) => {
  const enter = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });
  field.dispatchEvent(enter);
  field.value += next;
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}"""


def test_what_is_typed_while_a_command_runs_comes_after_it(two: tuple[Person, Person]) -> None:
    aya, ben = two
    composer(ben).fill("/shrug one")
    composer(ben).evaluate(RUN_AND_TYPE, "two")
    aya.sees("one ¯\\_(ツ)_/¯")
    expect(ben.page.get_by_test_id("command-usage")).to_be_hidden()
    expect(composer(ben)).to_have_value("two")
    composer(ben).press("Enter")
    aya.sees("two")

    composer(ben).fill("/nothing")
    composer(ben).evaluate(RUN_AND_TYPE, "three")
    expect(composer(ben)).to_have_value("/nothing\nthree")
    expect(ben.page.locator("message-composer .form-error")).to_contain_text("There is no command")


def test_two_slashes_are_a_message_with_one(two: tuple[Person, Person]) -> None:
    aya, ben = two
    ben.say("//etc/hosts is a file")
    aya.sees("/etc/hosts is a file")


def test_suggestions_are_chosen_with_the_keyboard(two: tuple[Person, Person]) -> None:
    aya, ben = two
    field = composer(ben)
    field.press_sequentially("/")
    expect(options(ben)).to_have_count(6)  # /topic is not for members
    expect(ben.page.get_by_role("listbox", name="Suggestions")).to_be_visible()
    expect(active(ben)).to_have_count(0)
    field.press("ArrowDown")
    field.press("ArrowDown")
    expect(active(ben)).to_contain_text("/invite")
    identity = active(ben).get_attribute("id") or ""
    expect(field).to_have_attribute("aria-activedescendant", identity)
    field.press("ArrowUp")
    field.press("ArrowUp")
    expect(active(ben)).to_contain_text("/shrug")
    field.press("Escape")
    expect(options(ben)).to_have_count(0)
    expect(field).to_have_value("/")

    field.press_sequentially("sh")
    expect(active(ben)).to_contain_text("/shrug [text…]")
    field.press("Enter")
    expect(field).to_have_value("/shrug ")
    expect(field).to_be_focused()
    expect(ben.page.get_by_test_id("command-usage")).to_have_text("/shrug [text…]")
    field.press_sequentially("well")
    field.press("Enter")
    aya.sees("well ¯\\_(ツ)_/¯")
    expect(ben.page.get_by_test_id("command-usage")).to_be_hidden()

    field.press_sequentially("/inv")
    expect(active(ben)).to_contain_text("/invite")
    field.press("Tab")
    field.press_sequentially(f"@{aya.username}"[:-1])
    expect(options(ben)).to_contain_text(["Aya"])
    field.press("Tab")
    expect(field).to_have_value(re.compile(rf"^/invite @{aya.username}$"))
    field.press("Enter")
    expect(ben.page.get_by_test_id("note")).to_contain_text("Aya is in this room already.")


def test_suggestions_are_chosen_with_the_mouse(two: tuple[Person, Person]) -> None:
    _, ben = two
    composer(ben).press_sequentially("/")
    options(ben).filter(has_text="/help").click()
    expect(composer(ben)).to_have_value("/help ")
    expect(composer(ben)).to_be_focused()
    options(ben).filter(has_text="leave").click()
    expect(composer(ben)).to_have_value("/help leave")
    composer(ben).press("Enter")
    expect(ben.page.get_by_test_id("note")).to_contain_text("/leave: Leave this room.")


def test_suggestions_are_chosen_by_touch_in_the_readers_language(
    person: PersonFactory, server: Server
) -> None:
    number = next(_numbers)
    touch = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
    kai = person(server, locale="ja-JP", **touch).sign_up(f"kai-c{number}", "Kai")
    kai.create_room(f"Touch {number}")
    field = composer(kai)
    field.tap()
    field.press_sequentially("/to")
    option = options(kai).filter(has_text="/topic")
    expect(active(kai)).to_contain_text("/topic")
    expect(options(kai)).to_have_count(1)
    box = place_of(option)
    assert box["height"] >= 44
    option.tap()
    expect(field).to_have_value("/topic ")
    kai.page.get_by_test_id("send").tap()
    error = kai.page.locator("message-composer .form-error")
    expect(error).to_have_text("text を入力してください。")
    field.fill("/nothing")
    kai.page.get_by_test_id("send").tap()
    expect(error).to_have_text(
        "このルームにそのコマンドはありません。 メッセージとして送るには // で始めてください。"
    )
    field.fill("/topic お茶")
    kai.page.get_by_test_id("send").tap()
    expect(kai.page.locator(".room-topic")).to_have_text("お茶")


def test_leaving_by_a_command_leads_to_the_way_in(two: tuple[Person, Person]) -> None:
    _, ben = two
    composer(ben).fill("/leave")
    composer(ben).press("Enter")
    expect(ben.page.get_by_test_id("join-room")).to_be_visible()
