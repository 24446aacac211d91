"""The sound that tells of a message: chosen for a device, tried, and made by one tab."""

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.tools import axe_script
from tests.page.waiting import until

pytestmark = pytest.mark.long
# Counts the tones that begin; a sound has two.
FAKE = """
window.tones = 0;
window.AudioContext = class {
  state = "suspended";
  currentTime = 0;
  destination = {};
  async resume() { this.state = "running"; }
  async suspend() { this.state = "suspended"; }
  createGain() {
    const gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} };
    return { gain, connect: (node) => node };
  }
  createOscillator() {
    return { frequency: {}, connect: (node) => node, start: () => (window.tones += 1), stop() {} };
  }
};
"""
UNREAD = "(name) => [...document.querySelector('chat-app').store.rooms.values()].find((room) => room.name === name).mentions"


def tones(*pages: Page) -> int:
    return sum(page.evaluate("window.tones") for page in pages)


def follows(page: Page) -> None:
    """Until what is said in the rooms of the page's reader comes as it is said."""
    until(page, "() => document.querySelector('chat-app')?.session.isReady")


def settings_of(person: Person, page: Page | None = None) -> Page:
    page = page or person.page
    page.goto(f"{person.url}/#settings=notifications")
    expect(page.get_by_test_id("sound-try")).to_be_visible()
    return page


def test_a_sound_is_chosen_for_the_device_tried_and_heard_of_a_mention(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-loud", "Aya")
    ben = person(server)
    ben.context.add_init_script(FAKE)
    ben.sign_up("ben-hears", "Ben")
    aya.create_room("Loud")
    ben.become_member("Loud")
    page = settings_of(ben)
    expect(page.get_by_test_id("sound-off")).to_be_checked()
    page.get_by_test_id("sound-try").click()
    until(page, "window.tones === 2")
    page.get_by_test_id("sound-direct").check()
    assert findings(page, axe_script()) == []
    page.reload()
    follows(page)
    expect(page.get_by_test_id("sound-direct")).to_be_checked()
    page.get_by_test_id("sound-direct").click()  # something is pressed: it may sound
    aya.say("@ben-hears hello")
    until(page, "window.tones === 2")


def test_of_two_tabs_one_sounds(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-twice", "Aya")
    ben = person(server)
    ben.context.add_init_script(FAKE)
    ben.sign_up("ben-twice", "Ben")
    aya.create_room("Twice")
    ben.become_member("Twice")
    first = settings_of(ben)
    second = settings_of(ben, ben.new_page())
    for page in (first, second):
        page.get_by_test_id("sound-all").click()
        follows(page)
    aya.say("@ben-twice hello")
    for page in (first, second):
        until(page, f"(name) => ({UNREAD})(name) === 1", "Twice")
    for _ in range(600):
        if tones(first, second):
            break
        first.wait_for_timeout(100)
    first.wait_for_timeout(500)  # for the other one, which would be wrong
    assert tones(first, second) == 2
