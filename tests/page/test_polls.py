"""Polls: asked by a dialog, voted in by mouse and keyboard, and seen to change by everybody in the room."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.page.people import IS_MEMBER, Person, PersonFactory, Server
from tests.page.test_browser import fresh
from tests.page.waiting import until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def owner(server: Server, browser: Browser) -> Iterator[Person]:
    """The first account: the others are members like most."""
    olga = Person(browser, server.url).sign_up("olga", "Olga")
    yield olga
    olga.context.close()


@pytest.fixture
def two(owner: Person, person: PersonFactory, server: Server) -> tuple[Person, Person]:
    """Aya, who owns a room, and Ben, who is in it."""
    aya, ben = (person(server).sign_up(fresh(name), name.title()) for name in ("aya", "ben"))
    room = fresh("Tea ")
    aya.create_room(room)
    ben.join_room(room)
    return aya, ben


def ask(page: Page, question: str, *options: str, settings: tuple[str, ...] = ()) -> None:
    page.get_by_test_id("place-polls.ask").click()
    dialog = page.get_by_test_id("poll-dialog")
    dialog.get_by_test_id("poll-question").fill(question)
    for place, text in enumerate(options):
        if place >= 2:
            dialog.get_by_test_id("poll-add").click()
        dialog.get_by_test_id("poll-option").nth(place).fill(text)
    for name in settings:
        dialog.get_by_test_id(name).check()
    dialog.get_by_test_id("poll-create").click()
    expect(dialog).to_have_count(0)


def card(person: Person) -> Locator:
    return person.page.get_by_test_id("poll")


# The row with the focus is made anew, as when a plugin adds an action to messages.
REDRAW = """document.querySelector("chat-app").places.dispatchEvent(
  new CustomEvent("change", { detail: { place: "message.actions/v1" } }))"""

# A click, after which the card is another one before the answer comes; and what is said in cards that are there.
AND_REDRAW = """(node) => {
  window.said = [];
  new MutationObserver((changes) => {
    for (const { target } of changes) if (target.dataset.testid === "poll-said") window.said.push(target.textContent);
  }).observe(document.body, { childList: true, subtree: true });
  node.focus();
  node.click();
  REDRAW;
  if (node.isConnected) throw new Error("the card is still there");
}""".replace("REDRAW", REDRAW)


def redraw(person: Person) -> None:
    person.page.evaluate(REDRAW)


def counts(person: Person, *expected: str) -> None:
    expect(card(person).get_by_test_id("poll-count")).to_have_text(list(expected))


def test_a_room_is_asked_and_everybody_sees_the_votes_come(two: tuple[Person, Person]) -> None:
    aya, ben = two
    ask(aya.page, "What to drink?", "Tea", "Coffee", "Water")
    expect(ben.page.get_by_role("group", name="What to drink?")).to_be_visible()
    row = ben.page.get_by_test_id("message").filter(has=ben.page.get_by_test_id("poll"))
    expect(row.get_by_test_id("message-body")).to_have_count(0)  # for clients without cards
    counts(ben, "0 votes, 0%", "0 votes, 0%", "0 votes, 0%")
    card(ben).get_by_label("Coffee").check()
    card(ben).get_by_test_id("poll-vote").click()
    expect(card(ben).get_by_role("status")).to_have_text("Your vote counts: Coffee.")
    for each in two:
        counts(each, "0 votes, 0%", "1 vote, 100%", "0 votes, 0%")
        expect(card(each).get_by_test_id("poll-about")).to_contain_text("1 person voted")
    expect(card(aya).get_by_role("status")).to_be_empty()  # calm: others' votes are not announced
    card(aya).get_by_label("Tea").check()
    card(aya).get_by_test_id("poll-vote").click()
    counts(ben, "1 vote, 50%", "1 vote, 50%", "0 votes, 0%")
    card(aya).get_by_test_id("poll-who").get_by_text("Who voted").click()
    names = card(aya).get_by_test_id("poll-voters").get_by_role("listitem")
    expect(names.filter(has_text="Ben")).to_contain_text("Coffee")
    expect(names.filter(has_text="Aya")).to_contain_text("Tea")
    names.first.evaluate("(node) => (window.before = node)")
    redraw(aya)
    assert not aya.page.evaluate("window.before.isConnected")
    expect(names.filter(has_text="Aya")).to_be_visible()  # it stays open
    card(ben).get_by_test_id("poll-withdraw").click()
    expect(card(ben).get_by_role("status")).to_have_text("Your vote is withdrawn.")
    expect(card(ben).get_by_test_id("poll-vote")).to_be_focused()
    counts(aya, "1 vote, 100%", "0 votes, 0%", "0 votes, 0%")


def test_one_votes_by_keyboard_and_ends_what_one_asked(two: tuple[Person, Person]) -> None:
    aya, ben = two
    ask(aya.page, "Which?", "One", "Two")
    choice = card(ben).get_by_test_id("poll-choice")
    choice.first.focus()
    ben.page.keyboard.press("ArrowDown")
    expect(choice.nth(1)).to_be_checked()
    expect(choice.nth(1)).to_be_focused()
    choice.nth(1).evaluate("(node) => (window.before = node)")
    redraw(ben)
    assert not ben.page.evaluate("window.before.isConnected")
    expect(choice.nth(1)).to_be_checked()
    expect(choice.nth(1)).to_be_focused()
    ben.page.keyboard.press("Enter")
    counts(aya, "0 votes, 0%", "1 vote, 100%")
    expect(card(ben).get_by_test_id("poll-end")).to_be_hidden()
    end = card(aya).get_by_test_id("poll-end")
    end.focus()
    aya.page.keyboard.press("Enter")
    expect(end).to_have_text("End it for everybody?")
    for _ in range(2):
        redraw(aya)
    expect(end).to_have_text("End it for everybody?")
    expect(end).to_be_focused()
    aya.page.keyboard.press("Enter")
    for each in two:
        expect(card(each).get_by_role("status")).to_have_text(
            "The poll has ended. Most votes: Two."
        )
        expect(card(each).get_by_test_id("poll-about")).to_contain_text("Ended")
        expect(card(each).get_by_test_id("poll-vote")).to_be_hidden()
        expect(card(each).get_by_test_id("poll-choice").first).to_be_disabled()
    expect(card(aya).get_by_role("status")).to_be_focused()


def test_an_answer_comes_to_the_card_that_is_there_by_then(two: tuple[Person, Person]) -> None:
    _, ben = two
    ask(ben.page, "Which?", "One", "Two")
    card(ben).get_by_label("Two").check()
    card(ben).get_by_test_id("poll-vote").click()
    expect(card(ben).get_by_role("status")).to_have_text("Your vote counts: Two.")
    withdraw = card(ben).get_by_test_id("poll-withdraw")
    withdraw.evaluate(AND_REDRAW)
    expect(card(ben).get_by_role("status")).to_have_text("Your vote is withdrawn.")
    expect(card(ben).get_by_test_id("poll-vote")).to_be_focused()
    assert ben.page.evaluate("window.said") == ["Your vote is withdrawn."]


def test_the_text_that_people_vote_for_is_not_offered_for_editing(
    two: tuple[Person, Person],
) -> None:
    aya, _ = two
    aya.say("Who is thirsty?")
    aya.sees("Who is thirsty?")
    ask(aya.page, "Which?", "Green", "Black")
    expect(card(aya)).to_be_visible()
    for text, can in (("Who is thirsty?", 1), ("Which?", 0)):
        row = aya.page.get_by_test_id("message").filter(has_text=text)
        row.hover()
        expect(row.get_by_test_id("delete")).to_be_visible()
        expect(row.get_by_test_id("edit")).to_have_count(can)
    composer = aya.page.get_by_test_id("composer")
    composer.press("ArrowUp")
    expect(composer).to_have_value("Who is thirsty?")


def test_several_can_be_chosen_and_nobody_is_named(two: tuple[Person, Person]) -> None:
    aya, ben = two
    ask(aya.page, "When?", "Now", "Later", settings=("poll-several", "poll-anonymous"))
    for name in ("Now", "Later"):
        card(ben).get_by_role("checkbox", name=name).check()
    card(ben).get_by_test_id("poll-vote").click()
    counts(aya, "1 vote, 100%", "1 vote, 100%")
    expect(card(aya).get_by_test_id("poll-about")).to_contain_text("Anonymous")
    expect(card(aya).get_by_test_id("poll-who")).to_have_count(0)
    ben.page.reload()
    expect(card(ben).get_by_role("checkbox", checked=True)).to_have_count(2)


def test_what_is_refused_is_said_and_the_dialog_stays(two: tuple[Person, Person]) -> None:
    aya, _ = two
    aya.page.get_by_test_id("place-polls.ask").click()
    dialog = aya.page.get_by_test_id("poll-dialog")
    dialog.get_by_test_id("poll-question").fill("Which?")
    for place in range(2):
        dialog.get_by_test_id("poll-option").nth(place).fill("The same")
    dialog.get_by_test_id("poll-create").click()
    expect(dialog.get_by_test_id("poll-fault")).to_contain_text("only once")
    dialog.get_by_test_id("poll-option").nth(1).fill("Another")
    dialog.get_by_test_id("poll-create").click()
    expect(dialog).to_have_count(0)
    expect(card(aya)).to_have_count(1)


def test_a_poll_is_asked_in_a_thread_and_by_a_command(two: tuple[Person, Person]) -> None:
    aya, ben = two
    aya.say("/poll Where? | Here | There")
    expect(ben.page.get_by_role("group", name="Where?")).to_be_visible()
    row = ben.page.get_by_test_id("message").filter(has=ben.page.get_by_test_id("poll"))
    row.hover()
    row.get_by_role("button", name="Reply in thread").click()
    thread = ben.page.get_by_test_id("thread")
    thread.get_by_test_id("place-polls.ask").click()
    dialog = ben.page.get_by_test_id("poll-dialog")
    dialog.get_by_test_id("poll-question").fill("And when?")
    for place, text in enumerate(("Now", "Then")):
        dialog.get_by_test_id("poll-option").nth(place).fill(text)
    dialog.get_by_test_id("poll-create").click()
    expect(thread.get_by_role("group", name="And when?")).to_be_visible()
    expect(aya.page.get_by_role("group", name="Where?")).to_be_visible()
    expect(aya.page.get_by_test_id("thread-replies")).to_be_visible()


def test_a_reader_of_japanese_reads_it_in_japanese(
    owner: Person, browser: Browser, server: Server
) -> None:
    eri = Person(browser, server.url, locale="ja-JP").sign_up(fresh("eri"), "Eri")
    eri.create_room(fresh("お茶 "))
    ask(eri.page, "何を飲みますか？", "お茶", "コーヒー")
    expect(card(eri).get_by_test_id("poll-vote")).to_have_text("投票する")
    card(eri).get_by_label("お茶").check()
    card(eri).get_by_test_id("poll-vote").click()
    expect(card(eri).get_by_role("status")).to_have_text("投票しました：お茶")
    eri.context.close()


def test_in_an_archived_room_nobody_is_offered_to_vote(two: tuple[Person, Person]) -> None:
    aya, _ = two
    ask(aya.page, "Tea?", "Yes", "No")
    for each in two:
        expect(card(each).get_by_test_id("poll-vote")).to_be_visible()
    expect(card(aya).get_by_test_id("poll-end")).to_be_visible()
    archive = "([room, on]) => document.querySelector('chat-app').session.archive(room, on)"
    room = aya.page.locator("room-view").get_attribute("data-room")
    aya.page.evaluate(archive, [room, True])
    for each in two:
        expect(each.page.get_by_test_id("archived-bar")).to_be_visible()
        expect(card(each)).to_contain_text("Tea?")
        expect(card(each).get_by_test_id("poll-vote")).to_be_hidden()
        expect(card(each).get_by_test_id("poll-end")).to_be_hidden()
        expect(card(each).get_by_test_id("poll-choice").first).to_be_disabled()
    aya.page.evaluate(archive, [room, False])
    for each in two:
        expect(card(each).get_by_test_id("poll-vote")).to_be_visible()
    expect(card(aya).get_by_test_id("poll-end")).to_be_visible()


def test_somebody_whom_one_blocks_is_asked_for_no_vote(two: tuple[Person, Person]) -> None:
    aya, ben = two
    user = ben.context.request.get(f"{ben.url}/api/v1/me").json()["id"]
    made = aya.context.request.post(aya.rooms, data={"kind": "direct", "members": [user]}).json()
    until(aya.page, IS_MEMBER, made["id"])
    aya.page.evaluate("(room) => (location.hash = new URLSearchParams({ room }))", made["id"])
    expect(aya.page.get_by_test_id("room-title")).to_have_text("Ben")
    ask(aya.page, "Tea?", "Yes", "No")
    expect(card(aya).get_by_test_id("poll-vote")).to_be_visible()
    assert aya.context.request.put(f"{aya.url}/api/v1/me/blocks/{user}").ok
    expect(card(aya).get_by_test_id("poll-vote")).to_be_hidden()
