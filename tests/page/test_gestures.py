"""Fingers on a phone: a long press, and swipes that answer a message or go back. Each has a control without a gesture."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import CDPSession, Locator, Page, expect

from tests.page.people import Person, PersonFactory, Server, in_head
from tests.page.waiting import place_of, until, until_late_parts

pytestmark = pytest.mark.long

PHONE = {
    "viewport": {"width": 360, "height": 640},
    "is_mobile": True,
    "has_touch": True,
}
RIGHT_TO_LEFT = "Intl.Locale.prototype.getTextInfo = () => ({ direction: 'rtl' });"
# A finger that a slow machine lets rest before it moves does not press for long (LONG_PRESS_MS in fingers.js).
NO_LONG_PRESS = """{
  const real = setTimeout;
  globalThis.setTimeout = (run, ms, ...given) => real(ms === 450 ? () => {} : run, ms, ...given);
}"""

_numbers = itertools.count(1)


class Finger:
    """One finger on the screen, as the browser gets it from the system."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session
        self.x = self.y = 0.0

    def _send(self, kind: str, points: list[dict[str, float]]) -> None:
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def put(self, x: float, y: float) -> None:
        self.x, self.y = x, y
        self._send("touchStart", [{"x": x, "y": y}])

    def go(self, right: float = 0, down: float = 0, steps: int = 8) -> None:
        for _ in range(steps):
            self.x += right / steps
            self.y += down / steps
            self._send("touchMove", [{"x": self.x, "y": self.y}])

    def lift(self) -> None:
        self._send("touchEnd", [])

    def swipe(self, place: tuple[float, float], right: float = 0, down: float = 0) -> None:
        self.put(*place)
        self.go(right, down)
        self.lift()


@contextmanager
def finger(page: Page) -> Iterator[Finger]:
    session = page.context.new_cdp_session(page)
    yield Finger(session)
    session.detach()


def middle(node: Locator) -> tuple[float, float]:
    box = place_of(node)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def in_a_room(
    person: PersonFactory,
    server: Server,
    direction: str = "ltr",
    *,
    presses: bool = False,
    **options: object,
) -> Person:
    """Somebody with a phone in a room of their own, where fingers are followed."""
    one = person(server, **PHONE, **options)
    if direction == "rtl":
        one.page.add_init_script(RIGHT_TO_LEFT)
    if not presses:
        one.page.add_init_script(NO_LONG_PRESS)
    number = next(_numbers)
    with one.page.expect_request_finished(lambda request: request.url.endswith("/gestures.js")):
        one.sign_up(f"finn{number}", "Finn")
        one.create_room(f"Fingers {number}")
    one.post_over_http(["The tomatoes are ripe."])
    one.sees("The tomatoes are ripe.")
    return one


def row_of(one: Person, text: str = "tomatoes") -> Locator:
    return one.page.get_by_test_id("message").filter(has_text=text)


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_a_swipe_along_the_line_answers_a_message(
    person: PersonFactory, server: Server, direction: str
) -> None:
    one = in_a_room(person, server, direction)
    forwards = 90 if direction == "ltr" else -90
    context = one.page.get_by_test_id("composer-context")
    with finger(one.page) as hand:
        hand.swipe(middle(row_of(one)), right=-forwards)
        hand.swipe(middle(row_of(one)), right=forwards / 2)
        expect(context).to_be_hidden()
        hand.swipe(middle(row_of(one)), right=forwards)
    expect(context).to_contain_text("The tomatoes are ripe.")
    expect(one.page.get_by_test_id("composer")).to_be_focused()
    expect(row_of(one).locator(".swipe-sign")).to_have_count(0)


def test_the_row_follows_the_finger_unless_motion_is_not_wanted(
    person: PersonFactory, server: Server
) -> None:
    one = in_a_room(person, server)
    for motion, moved in (("no-preference", "matrix(1, 0, 0, 1, 80, 0)"), ("reduce", "none")):
        one.page.emulate_media(reduced_motion=motion)  # type: ignore[arg-type]
        with finger(one.page) as hand:
            hand.put(*middle(row_of(one)))
            hand.go(right=80)
            sign = row_of(one).locator(".swipe-sign.enough")
            expect(sign).to_be_visible()
            expect(row_of(one)).to_have_css("transform", moved)
            assert one.page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
            hand.go(right=-80)  # back again: it does not count any more
            expect(sign).to_have_count(0)
            hand.lift()
        expect(row_of(one).locator(".swipe-sign")).to_have_count(0)
    expect(one.page.get_by_test_id("composer-context")).to_be_hidden()


def test_a_finger_that_scrolls_answers_nothing(person: PersonFactory, server: Server) -> None:
    one = in_a_room(person, server)
    one.post_over_http([f"line {number}" for number in range(40)])
    one.sees("line 39")
    scroller = one.page.get_by_test_id("scroller")
    before = scroller.evaluate("(node) => node.scrollTop")
    with finger(one.page) as hand:
        hand.put(180, 300)
        hand.go(down=80)
        hand.go(right=150)
        hand.lift()
    until(one.page, "(top) => document.querySelector('.scroller').scrollTop < top - 40", before)
    expect(one.page.get_by_test_id("composer-context")).to_be_hidden()
    expect(one.page.locator(".swiped")).to_have_count(0)


def test_a_long_press_opens_the_actions_as_a_tap_does(
    person: PersonFactory, server: Server
) -> None:
    one = in_a_room(person, server, presses=True)
    one.post_over_http(["The beans are not."])
    one.sees("The beans are not.")
    with finger(one.page) as hand:
        hand.put(*middle(row_of(one)))
        expect(row_of(one).get_by_test_id("reply")).to_be_visible()
        hand.lift()
    assert one.page.evaluate("getSelection().toString()") == ""
    row_of(one, "beans").tap()
    expect(row_of(one, "beans").get_by_test_id("reply")).to_be_visible()
    expect(row_of(one).get_by_test_id("reply")).to_have_count(0)
    row_of(one, "beans").get_by_test_id("reply").tap()
    expect(one.page.get_by_test_id("composer-context")).to_contain_text("The beans are not.")


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_the_rarer_actions_are_in_a_menu_with_their_names(
    person: PersonFactory, server: Server, direction: str
) -> None:
    one = in_a_room(person, server, direction)
    page = one.page
    until_late_parts(page)
    row = row_of(one)
    row.tap()
    more = row.get_by_test_id("message-more")
    expect(row.locator(".actions > button")).to_have_count(4)
    more.tap()
    menu = row.get_by_role("menu", name="More")
    names = [
        "Save for later",
        "Remind me about this…",
        "Read by…",
        "Forward…",
        "Select",
        "Copy link",
        "Pin",
        "Edit",
        "Delete",
    ]
    expect(menu.get_by_role("menuitem")).to_have_text(names)
    for item in menu.get_by_role("menuitem").all():
        box = place_of(item)
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360
        assert box["y"] >= 0 and box["y"] + box["height"] <= 640
        assert box["height"] >= 44
        item.tap(trial=True)  # nothing covers it
    # What others do meanwhile makes the row anew; the menu stays.
    page.keyboard.press("End")
    room = page.locator("room-view").get_attribute("data-room")
    liked = f"{one.rooms}/{room}/messages/{row.get_attribute('data-id')}/reactions"
    assert one.context.request.post(liked, data={"emoji": "👍"}).ok
    expect(row.get_by_test_id("reaction")).to_be_visible()
    expect(menu.get_by_role("menuitem", name="Delete")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    expect(more).to_be_focused()
    more.tap()
    menu.get_by_role("menuitem", name="Pin").tap()
    expect(row.get_by_test_id("pinned")).to_be_visible()
    row.get_by_test_id("message-more").tap()
    expect(menu.get_by_role("menuitem", name="Unpin")).to_be_visible()
    menu.get_by_role("menuitem", name="Edit").tap()
    expect(page.get_by_test_id("composer")).to_have_value("The tomatoes are ripe.")


def test_a_key_does_what_is_in_the_menu_that_is_closed(
    person: PersonFactory, server: Server
) -> None:
    one = in_a_room(person, server)
    row = row_of(one)
    row.tap()
    expect(row.get_by_test_id("message-more")).to_be_visible()
    row.press("f")
    expect(one.page.get_by_test_id("forward-dialog")).to_be_visible()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_a_swipe_from_the_edge_goes_back_to_the_list(
    person: PersonFactory, server: Server, direction: str
) -> None:
    one = in_a_room(person, server, direction)
    edge, forwards = (8, 150) if direction == "ltr" else (352, -150)
    _, y = middle(row_of(one))
    with finger(one.page) as hand:
        hand.swipe((edge, y), down=-80)
        expect(one.page.get_by_test_id("room-title")).to_be_visible()
        hand.swipe((edge, y), right=forwards)
    expect(one.page.get_by_test_id("room-list")).to_be_visible()
    expect(one.page.get_by_test_id("room-title")).to_be_hidden()


def test_a_swipe_from_the_edge_closes_a_panel_first(person: PersonFactory, server: Server) -> None:
    one = in_a_room(person, server)
    panel = one.page.get_by_test_id("room-panel")
    in_head(one.page, "room-pins")
    expect(panel).to_be_visible()
    with finger(one.page) as hand:
        hand.swipe((8, 300), right=150)
    expect(panel).to_be_hidden()
    expect(one.page.get_by_test_id("room-title")).to_be_visible()


def test_the_systems_way_back_leads_to_the_list(person: PersonFactory, server: Server) -> None:
    one = in_a_room(person, server)
    one.page.go_back()
    expect(one.page.get_by_test_id("room-list")).to_be_visible()
    expect(one.page.get_by_test_id("room-title")).to_be_hidden()


def thread_opened(one: Person) -> Locator:
    """The panel of a thread that stands on the messages, once the way back leads from it."""
    row_of(one).focus()
    row_of(one).press("t")
    panel = one.page.get_by_test_id("room-panel")
    expect(panel.get_by_test_id("thread")).to_be_visible()
    until(one.page, "() => history.state?.panel === true")
    return panel


def test_the_systems_way_back_closes_a_thread_first(person: PersonFactory, server: Server) -> None:
    one = in_a_room(person, server)
    for _ in range(2):  # also when it is opened again
        panel = thread_opened(one)
        one.page.go_back()
        expect(panel).to_be_hidden()
        expect(one.page.get_by_test_id("room-title")).to_be_visible()
    one.page.go_back()
    expect(one.page.get_by_test_id("room-list")).to_be_visible()
    one.page.go_forward()
    expect(one.page.get_by_test_id("composer")).to_be_visible()


def test_the_systems_way_back_closes_a_dialog_on_a_panel_alone(
    person: PersonFactory, server: Server
) -> None:
    one = in_a_room(person, server)
    panel = thread_opened(one)
    panel.get_by_test_id("message").first.focus()
    panel.get_by_test_id("message").first.press("p")
    expect(one.page.get_by_test_id("person-card")).to_be_visible()
    one.page.go_back()
    expect(one.page.get_by_test_id("person-card")).to_have_count(0)
    expect(panel).to_be_visible()
    one.page.go_back()
    expect(panel).to_be_hidden()
    expect(one.page.get_by_test_id("room-title")).to_be_visible()


@pytest.mark.parametrize("how", ["close", "reload"])
def test_the_systems_way_back_leads_to_the_list_once_a_panel_is_gone(
    person: PersonFactory, server: Server, how: str
) -> None:
    one = in_a_room(person, server)
    panel = thread_opened(one)
    if how == "close":
        panel.get_by_role("button", name="Close").first.tap()
    else:
        one.page.reload()
        one.connected()
    expect(panel).to_be_hidden()
    until(one.page, "() => history.state?.panel === false")
    one.page.go_back()
    expect(one.page.get_by_test_id("room-list")).to_be_visible()
    expect(one.page.get_by_test_id("room-title")).to_be_hidden()


def test_a_panel_that_was_closed_before_leads_back_from_nowhere_else(
    person: PersonFactory, server: Server
) -> None:
    one = in_a_room(person, server)
    panel = thread_opened(one)
    panel.get_by_role("button", name="Close").first.tap()
    expect(panel).to_be_hidden()
    one.page.get_by_test_id("back").tap()
    expect(one.page.get_by_test_id("room-list")).to_be_visible()
    one.page.evaluate("() => (location.hash = '#settings=')")
    expect(one.page.get_by_test_id("settings-nav")).to_be_visible()
    one.page.get_by_test_id("settings-help").tap()
    expect(one.page.get_by_test_id("settings-page")).to_be_visible()
    one.page.go_back()
    expect(one.page.get_by_test_id("settings-nav")).to_be_visible()
    one.page.evaluate("() => history.go(-3)")  # past the closed panel: to the room
    expect(one.page.get_by_test_id("composer")).to_be_visible()
    expect(panel).to_be_hidden()


def test_a_thread_stays_open_while_the_list_is_shown_on_a_phone(
    person: PersonFactory, server: Server
) -> None:
    one = in_a_room(person, server)
    panel = thread_opened(one)
    one.page.evaluate("() => (location.hash = '#settings=help')")
    expect(one.page.get_by_test_id("settings-page")).to_be_visible()
    one.page.go_back()
    expect(panel.get_by_test_id("thread")).to_be_visible()
    one.page.go_back()
    expect(panel).to_be_hidden()
    expect(one.page.get_by_test_id("room-title")).to_be_visible()
    one.page.go_back()
    expect(one.page.get_by_test_id("room-list")).to_be_visible()


def test_the_systems_way_back_leaves_no_dialog_in_front_of_the_list(
    person: PersonFactory, server: Server
) -> None:
    one = in_a_room(person, server)
    in_head(one.page, "people")
    expect(one.page.get_by_test_id("people-dialog")).to_be_visible()
    one.page.go_back()
    expect(one.page.get_by_test_id("room-list")).to_be_visible()
    expect(one.page.get_by_test_id("people-dialog")).to_have_count(0)


def test_the_systems_way_back_leads_to_the_list_from_a_room_that_a_link_opened(
    person: PersonFactory, server: Server
) -> None:
    one = in_a_room(person, server)
    with one.context.expect_page() as opened:
        one.page.evaluate("void open(location.href, '_blank', 'noopener')")
    page = opened.value
    expect(page.get_by_test_id("composer")).to_be_visible()
    page.reload()  # puts nothing there a second time
    expect(page.get_by_test_id("composer")).to_be_visible()
    page.go_back()
    expect(page.get_by_test_id("room-list")).to_be_visible()
    assert page.evaluate("history.length") == 2
    page.go_forward()
    expect(page.get_by_test_id("composer")).to_be_visible()
