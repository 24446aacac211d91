"""The list of messages: long rooms, jumps, the keyboard, and what once was wrong with it."""

import itertools
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.lists import rows, top_of, walked
from tests.page.people import Person, PersonFactory, Server
from tests.page.waiting import place_of
from tests.waiting import wait_until

pytestmark = pytest.mark.long

_numbers = itertools.count(1)
MOST_ROWS = 150
MOST_MESSAGES = 400


def fresh(name: str) -> str:
    return f"{name}-list{next(_numbers)}"


@pytest.fixture
def two(person: PersonFactory, server: Server) -> tuple[Person, Person, str]:
    """Two people in one room that the first has made."""
    room = fresh("Room ")
    aya = person(server).sign_up(fresh("aya"), "Aya")
    ben = person(server).sign_up(fresh("ben"), "Ben")
    aya.create_room(room)
    ben.join_room(room)
    return aya, ben, room


def asked(person: Person) -> list[str]:
    """From now on, the operations `history` of this person's page are added to the list."""
    frames: list[str] = []

    def on_socket(socket: object) -> None:
        socket.on(  # type: ignore[attr-defined]
            "framesent", lambda text: frames.append(text) if '"history"' in str(text) else None
        )

    person.page.on("websocket", on_socket)
    person.page.reload()
    person.connected()
    return frames


def row_of(page: Page, text: str) -> Locator:
    return page.get_by_test_id("message").filter(has=page.get_by_text(text, exact=True))


def search(page: Page, text: str) -> None:
    page.get_by_test_id("search").click()
    page.get_by_test_id("search-text").fill(text)
    page.get_by_test_id("search-text").press("Enter")


@pytest.fixture(scope="module")
def long_room(server: Server, browser: object) -> tuple[Person, str]:
    """A room of 2,500 messages, whose first is looked for, and its author."""
    aya = Person(browser, server.url).sign_up(fresh("aya"), "Aya")  # type: ignore[arg-type]
    room = fresh("Long ")
    aya.create_room(room)
    aya.post_over_http(["the oldest needle", *(f"line {number}" for number in range(1, 2_500))])
    return aya, room


def test_a_search_hit_far_back_is_shown_with_its_surroundings_by_one_request(
    person: PersonFactory, server: Server, long_room: tuple[Person, str]
) -> None:
    _, room = long_room
    ben = person(server).sign_up(fresh("ben"), "Ben")
    ben.join_room(room)
    expect(ben.page.get_by_text("line 2499", exact=True)).to_be_in_viewport()
    ben.page.evaluate("location.hash = ''")
    frames = asked(ben)
    search(ben.page, "needle")
    ben.page.get_by_test_id("found-message").click()
    row = row_of(ben.page, "the oldest needle")
    expect(row).to_be_focused()
    expect(row).to_be_in_viewport()
    expect(ben.page.get_by_text("line 2", exact=True)).to_be_in_viewport()
    assert '"around"' in frames[0]
    assert not [frame for frame in frames[1:] if '"around"' in frame or '"before"' in frame]
    assert rows(ben.page) <= MOST_ROWS

    ben.page.get_by_test_id("jump").click()
    expect(ben.page.get_by_text("line 2499", exact=True)).to_be_in_viewport()
    expect(ben.page.get_by_test_id("jump")).to_be_hidden()


def test_from_a_hit_one_reads_on_to_the_newest_message_in_order(
    person: PersonFactory, server: Server, long_room: tuple[Person, str]
) -> None:
    _, room = long_room
    ben = person(server).sign_up(fresh("ben"), "Ben")
    ben.join_room(room)
    search(ben.page, '"line 1250"')
    ben.page.get_by_test_id("found-message").first.click()
    expect(row_of(ben.page, "line 1250")).to_be_focused()
    texts = walked(ben.page)
    assert texts == ["the oldest needle", *(f"line {number}" for number in range(1, 2_500))]
    assert rows(ben.page) <= MOST_ROWS
    assert (
        ben.page.evaluate(
            "document.querySelector('message-list').store.room(location.hash.split('=')[1]).messages.length"
        )
        <= MOST_MESSAGES
    )
    nodes = ben.page.evaluate("document.querySelectorAll('message-list *').length")
    assert nodes < 40 * MOST_ROWS


def test_a_refused_message_stays_where_it_was_and_later_ones_are_in_sight(
    two: tuple[Person, Person, str],
) -> None:
    aya, ben, _ = two
    ben.say("before")
    ben.sees("before")
    composer = ben.page.get_by_test_id("composer")
    composer.fill("long " * 3_000)
    composer.press("Enter")
    refused = ben.page.locator("[data-testid=message][data-state=failed]")
    expect(refused).to_have_count(1)
    aya.say("the first one after")
    ben.sees("the first one after")
    order = ben.page.get_by_test_id("message")
    expect(order.last).to_contain_text("the first one after")
    expect(ben.page.get_by_text("the first one after", exact=True)).to_be_in_viewport()
    assert order.nth(order.count() - 2).get_attribute("data-state") == "failed"
    for number in range(5):
        aya.say(f"after {number}")
        expect(ben.page.get_by_text(f"after {number}", exact=True)).to_be_in_viewport()
    ben.page.reload()
    ben.sees("after 4")


def test_a_room_with_many_unread_messages_opens_where_they_begin_and_does_not_grow(
    two: tuple[Person, Person, str],
) -> None:
    aya, ben, room = two
    aya.say("read")
    ben.sees("read")
    other = fresh("Elsewhere ")
    ben.create_room(other)
    aya.post_over_http([f"line {number}" for number in range(300)])
    expect(
        ben.page.get_by_test_id("room").filter(has_text=room).get_by_test_id("unread")
    ).to_have_text("99+")
    kept, tops = [], set()
    for _ in range(4):
        ben.open_room(room)
        expect(ben.page.get_by_text("line 0", exact=True)).to_be_in_viewport()
        expect(ben.page.get_by_test_id("new-line")).to_be_in_viewport()
        still(ben.page)
        tops.add(round(place_of(ben.page.get_by_test_id("new-line"))["y"]))
        ben.open_room(other)
        kept.append(
            ben.page.evaluate(
                """(name) => [...document.querySelector("room-list").store.rooms.values()]
                     .find((room) => room.name === name).messages.length""",
                room,
            )
        )
    assert max(kept) <= 150 and kept[1:] == kept[:1] * 3
    assert len(tops) == 1
    ben.open_room(room)
    expect(ben.page.get_by_test_id("jump")).to_have_attribute("title", "Go to the latest: 300 new")
    ben.page.get_by_test_id("jump").click()
    expect(ben.page.get_by_text("line 299", exact=True)).to_be_in_viewport()


def test_a_room_opens_again_where_the_line_of_new_messages_is_half_in_sight(
    two: tuple[Person, Person, str],
) -> None:
    aya, ben, room = two
    aya.say("read")
    ben.sees("read")
    other = fresh("Elsewhere ")
    ben.create_room(other)
    aya.post_over_http([f"line {number}" for number in range(120)])
    count = ben.page.get_by_test_id("room").filter(has_text=room).get_by_test_id("unread")
    expect(count).to_have_text("99+")
    ben.open_room(room)
    expect(ben.page.get_by_test_id("new-line")).to_be_in_viewport()
    still(ben.page)
    ben.page.evaluate(
        """() => {
          const scroller = document.querySelector("[data-testid=scroller]");
          const { top, height } = document.querySelector("[data-testid=new-line]").getBoundingClientRect();
          scroller.scrollTop += top + height / 2 - scroller.getBoundingClientRect().top;
        }"""
    )
    still(ben.page)
    before = top_of(ben.page, "line 0")
    ben.open_room(other)
    ben.open_room(room)
    still(ben.page)
    assert top_of(ben.page, "line 0") == pytest.approx(before, abs=1)


def test_a_room_opens_again_where_one_read(two: tuple[Person, Person, str]) -> None:
    aya, ben, room = two
    aya.post_over_http([f"line {number}" for number in range(200)])
    expect(ben.page.get_by_text("line 199", exact=True)).to_be_in_viewport()
    other = fresh("Elsewhere ")
    ben.create_room(other)
    ben.open_room(room)
    expect(ben.page.get_by_text("line 199", exact=True)).to_be_in_viewport()
    ben.page.get_by_test_id("scroller").hover()
    ben.page.mouse.wheel(0, -2_300)
    expect(ben.page.get_by_test_id("jump")).to_be_visible()
    still(ben.page)
    text = first_in_sight(ben.page)
    top = top_of(ben.page, text)
    for _ in range(3):
        ben.open_room(other)
        ben.open_room(room)
        still(ben.page)
        assert abs(top_of(ben.page, text) - top) < 2


def back_to_list(page: Page) -> None:
    """By Shift+Tab from the composer, past its buttons."""
    page.get_by_test_id("composer").focus()
    for _ in range(8):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.closest('message-list') !== null"):
            return
    pytest.fail("the list is not reached")


def still(page: Page) -> None:
    """Waits until nothing scrolls and nothing is loading."""
    expect(page.locator("message-list .messages")).to_have_attribute("aria-busy", "false")
    page.evaluate(
        """async () => {
          const scroller = document.querySelector("[data-testid=scroller]");
          for (let same = 0, before = -1; same < 20; ) {
            await new Promise((resolve) => setTimeout(resolve, 20));
            same = scroller.scrollTop === before ? same + 1 : 0;
            before = scroller.scrollTop;
          }
        }"""
    )


def first_in_sight(page: Page) -> str:
    text: str = page.evaluate(
        """() => {
          const edge = document.querySelector("[data-testid=scroller]").getBoundingClientRect().top;
          const bodies = [...document.querySelectorAll("message-list .message-body")];
          return bodies.find((node) => node.getBoundingClientRect().top >= edge).textContent;
        }"""
    )
    return text


# Records each write of scrollTop by the page from now on.
_WATCH_WRITES = """() => {
  const scroller = document.querySelector("[data-testid=scroller]");
  const { get, set } = Object.getOwnPropertyDescriptor(Element.prototype, "scrollTop");
  window.writes = 0;
  Object.defineProperty(scroller, "scrollTop", {
    get,
    set(value) { window.writes += 1; set.call(this, value); },
  });
  scroller.dispatchEvent(new Event("touchstart"));
}"""
_END_TOUCH = """() => {
  const end = new Event("touchend");
  end.touches = [];
  document.querySelector("[data-testid=scroller]").dispatchEvent(end);
}"""


@pytest.mark.parametrize("touched", [False, True])
def test_what_is_in_sight_stays_when_rows_above_change(
    two: tuple[Person, Person, str], touched: bool
) -> None:
    aya, ben, _ = two
    aya.post_over_http([f"line {number}" for number in range(120)])
    expect(ben.page.get_by_text("line 119", exact=True)).to_be_in_viewport()
    ben.page.get_by_test_id("scroller").hover()
    ben.page.mouse.wheel(0, -1_500)
    expect(ben.page.get_by_test_id("jump")).to_be_visible()
    still(ben.page)
    text = first_in_sight(ben.page)
    number = int(text.split()[1])
    top = top_of(ben.page, text)
    if touched:
        ben.page.evaluate(_WATCH_WRITES)
    aya.page.evaluate(
        """async ([number]) => {
          const { session, store, dataset } = document.querySelector("message-list");
          const found = store.room(dataset.room).messages.find(({ body }) => body === `line ${number}`);
          await session.edit(dataset.room, found.id, "a\\nmuch\\nlonger\\ntext");
        }""",
        [number - 3],
    )
    expect(ben.page.get_by_text("much")).to_have_count(1)
    aya.say("something new")
    wait_until(
        lambda: (
            ben.page.evaluate(
                "document.querySelector('message-list').store.room("
                "document.querySelector('message-list').dataset.room).messages.at(-1).body"
            )
            == "something new"
        )
    )
    ben.page.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    assert abs(top_of(ben.page, text) - top) < 2
    if touched:
        assert ben.page.evaluate("window.writes") == 0
        ben.page.evaluate(_END_TOUCH)
        still(ben.page)
        assert abs(top_of(ben.page, text) - top) < 2
        assert ben.page.evaluate("window.writes") > 0


def test_the_list_is_one_tab_stop_and_arrows_move_in_it(two: tuple[Person, Person, str]) -> None:
    aya, ben, _ = two
    aya.post_over_http([f"line {number} https://example.org/{number}" for number in range(30)])
    aya.say("the last one")
    ben.sees("the last one")
    page, keys = ben.page, ben.page.keyboard
    stops = page.evaluate(
        """[...document.querySelectorAll("message-list :is(a, button, input, [tabindex])")]
             .filter((node) => node.tabIndex >= 0 && node.checkVisibility()).length"""
    )
    assert stops == 1
    back_to_list(page)
    expect(row_of(page, "the last one")).to_be_focused()
    keys.press("ArrowUp")
    focused = page.locator("message-list article:focus")
    expect(focused).to_contain_text("line 29")
    keys.press("Enter")
    expect(focused).to_have_count(0)
    expect(page.locator(".actions button:focus")).to_have_count(1)
    keys.press("Enter")  # the first reaction
    expect(page.get_by_test_id("reaction")).to_have_count(1)
    expect(page.locator(".actions button:focus")).to_have_count(1)
    keys.press("Escape")
    expect(focused).to_contain_text("line 29")
    keys.press("Home")
    expect(focused).to_contain_text("line 0")
    expect(focused).to_be_in_viewport()
    keys.press("ArrowDown")
    expect(focused).to_contain_text("line 1")
    keys.press("End")
    expect(row_of(page, "the last one")).to_be_focused()
    keys.press("Tab")
    keys.press("Escape")
    keys.press("Escape")
    expect(page.get_by_test_id("composer")).to_be_focused()


def test_the_focused_row_stays_while_one_scrolls_away_and_one_that_goes_gives_its_focus_on(
    two: tuple[Person, Person, str],
) -> None:
    aya, ben, _ = two
    aya.post_over_http([f"line {number}" for number in range(200)])
    page = ben.page
    expect(page.get_by_text("line 199", exact=True)).to_be_in_viewport()
    back_to_list(page)
    expect(row_of(page, "line 199")).to_be_focused()
    page.get_by_test_id("scroller").hover()
    for _ in range(3):
        page.mouse.wheel(0, -1_500)
        still(page)
    expect(row_of(page, "line 199")).to_be_focused()
    assert rows(page) <= MOST_ROWS
    page.keyboard.press("ArrowUp")
    expect(row_of(page, "line 198")).to_be_focused()
    expect(row_of(page, "line 198")).to_be_in_viewport()

    page.get_by_test_id("composer").fill("/help shrug")
    page.get_by_test_id("composer").press("Enter")
    page.get_by_test_id("note").get_by_test_id("drop-note").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("note")).to_have_count(0)
    expect(row_of(page, "line 199")).to_be_focused()


def test_a_message_is_as_high_when_it_is_on_its_way(two: tuple[Person, Person, str]) -> None:
    _, ben, _ = two
    ben.say("first")
    ben.sees("first")
    ben.page.evaluate(
        """() => {
          window.heights = {};
          const look = () => {
            for (const node of document.querySelectorAll("message-list article")) {
              (window.heights[node.dataset.state] ??= []).push([node.textContent, node.offsetHeight]);
            }
          };
          new MutationObserver(look).observe(document.querySelector("message-list"), { childList: true, subtree: true });
        }"""
    )
    ben.say("second")
    ben.sees("second")
    heights = ben.page.evaluate("window.heights")
    (pending,) = {height for text, height in heights["pending"] if "second" in text}
    (posted,) = {height for text, height in heights["posted"] if "second" in text}
    assert pending == posted


def test_after_midnight_there_is_one_today(two: tuple[Person, Person, str]) -> None:
    aya, ben, _ = two
    aya.say("in the evening")
    ben.page.clock.install()
    ben.page.reload()
    ben.sees("in the evening")
    day = ben.page.locator("message-list .day")
    expect(day).to_have_text("Today")
    ben.page.clock.fast_forward("24:00:10")
    expect(day).to_have_text("Yesterday")


def test_times_are_those_of_the_region(two: tuple[Person, Person, str]) -> None:
    aya, _, _ = two
    aya.say("what time is it")
    aya.sees("what time is it")
    expect(aya.page.locator("message-list .message time").first).to_have_text(
        re.compile(r"^\d\d:\d\d$")
    )


def test_an_address_keeps_its_bracket(two: tuple[Person, Person, str]) -> None:
    aya, _, _ = two
    aya.say("(see https://en.wikipedia.org/wiki/Chat_(disambiguation))")
    link = aya.page.locator("message-list .message-body a")
    expect(link).to_have_attribute("href", "https://en.wikipedia.org/wiki/Chat_(disambiguation)")


@pytest.mark.parametrize("phone", [False, True])
def test_the_actions_of_the_topmost_message_are_in_sight(
    person: PersonFactory, server: Server, phone: bool
) -> None:
    small = {"width": 360, "height": 640} if phone else {"width": 900, "height": 600}
    options = {"viewport": small, "is_mobile": phone, "has_touch": phone}
    aya = person(server, **options).sign_up(fresh("aya"), "Aya")
    aya.create_room(fresh("Top "))
    aya.post_over_http([f"line {number}" for number in range(40)])
    expect(aya.page.get_by_text("line 39", exact=True)).to_be_in_viewport()
    aya.page.get_by_test_id("scroller").evaluate("node => node.scrollTop -= 300")
    still(aya.page)
    topmost = row_of(aya.page, first_in_sight(aya.page))
    if phone:
        topmost.get_by_test_id("message-body").tap()
    else:
        topmost.get_by_test_id("message-body").hover(position={"x": 5, "y": 5})
    actions = topmost.locator(".actions")
    expect(actions).to_be_visible()
    in_sight = """(node) => {
      const inside = document.querySelector("[data-testid=scroller]").getBoundingClientRect();
      const { top, left, right, bottom } = node.getBoundingClientRect();
      return top >= inside.top && bottom <= inside.bottom && left >= 0 && right <= innerWidth;
    }"""
    # The bar is made anew when a plugin adds to it.
    wait_until(lambda: actions.evaluate(in_sight))


def test_the_list_is_a_feed_of_articles(two: tuple[Person, Person, str]) -> None:
    aya, ben, _ = two
    aya.say("hello")
    ben.sees("hello")
    feed = ben.page.get_by_role("feed", name="Messages")
    article = feed.get_by_role("article")
    expect(article).to_have_count(1)
    expect(article).to_have_attribute("aria-setsize", "-1")
    expect(article).to_have_accessible_name(re.compile(r"^Aya \d\d:\d\d$"))
    expect(article).to_have_accessible_description("hello")
    expect(feed).to_have_attribute("aria-busy", "false")
    assert ben.page.locator("message-list :is([role=log], [aria-live])").count() == 0


@pytest.fixture
def at_end(two: tuple[Person, Person, str]) -> Page:
    """The page of somebody who sees the last of many lines."""
    aya, ben, _ = two
    aya.post_over_http([f"line {number}" for number in range(60)])
    ben.sees("line 59")
    jump = ben.page.get_by_test_id("jump")
    if jump.is_visible():
        jump.click()
    expect(row_of(ben.page, "line 59")).to_be_in_viewport()
    ben.page.wait_for_timeout(400)  # nobody scrolls any more
    return ben.page


@pytest.mark.parametrize("what", [".room-body composer-foot", ".room-body article:last-of-type"])
def test_at_the_end_one_stays_there_though_something_grows_in_the_frame_of_an_event(
    at_end: Page, what: str
) -> None:
    # It grows after the frame has begun, and before the list looks where it is.
    at_end.evaluate(
        """(what) => {
          const grown = document.querySelector(what);
          requestAnimationFrame(() => (grown.style.paddingTop = "150px"));
          document.querySelector(".room-body .scroller").dispatchEvent(new Event("scroll"));
        }""",
        what,
    )
    at_end.wait_for_timeout(400)
    expect(row_of(at_end, "line 59")).to_be_in_viewport()
    expect(at_end.get_by_test_id("jump")).to_be_hidden()


def test_one_leaves_the_end_by_small_steps(at_end: Page) -> None:
    at_end.evaluate(
        """async () => {
          const scroller = document.querySelector(".room-body .scroller");
          const jump = document.querySelector(".room-body [data-testid=jump]");
          for (let step = 0; step < 200 && jump.hidden; step += 1) {
            scroller.scrollTop -= 10;
            await new Promise(requestAnimationFrame);
          }
        }"""
    )
    expect(at_end.get_by_test_id("jump")).to_be_visible()
    at_end.wait_for_timeout(400)
    expect(at_end.get_by_test_id("jump")).to_be_visible()
