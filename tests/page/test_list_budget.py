"""What the list of messages may use: nodes, memory, and work for each message. Bounds in time: tests/bench."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.bench.message_list import Reader, fill
from tests.page.people import Person, PersonFactory, Server

pytestmark = pytest.mark.long

MESSAGES = 2_500
MOST_NODES = 4_000
MOST_GROWTH_BYTES = 600_000  # of the heap; the messages alone would be some 2 MB
ARRIVING = 20
MOST_LAYOUTS, MOST_STYLES = 4, 5  # for each of them

# To the first message of the room, page by page, and back to the last one.
_THROUGH = """async () => {
  const scroller = document.querySelector("[data-testid=scroller]");
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  while (document.querySelector("[data-testid=room-start]").hidden || scroller.scrollTop > 0) {
    scroller.scrollTop = 0;
    await frame();
  }
  const jump = document.querySelector("[data-testid=jump]");
  const isAway = () => !jump.hidden || document.querySelector(".messages").ariaBusy === "true";
  while (isAway()) {
    if (!jump.hidden) jump.click();
    await frame();
  }
}"""
# Counts, from now on, rows that are made, and changes of the title.
_COUNT = """() => {
  window.counted = { rows: 0, titles: 0 };
  const rows = (nodes) => [...nodes].filter((node) => node.localName === "article").length;
  const add = (changes) => changes.forEach(({ addedNodes }) => (window.counted.rows += rows(addedNodes)));
  new MutationObserver(add).observe(document.querySelector(".messages"), { childList: true });
  const title = { childList: true, characterData: true, subtree: true };
  new MutationObserver(() => (window.counted.titles += 1)).observe(document.querySelector("title"), title);
}"""
# The pointer comes to the first of the last four rows, and rests; the list moves the others below it.
_PASS = """() => {
  const rows = [...document.querySelectorAll("message-list article")].slice(-4);
  window.bars = [];
  new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes)
      if ([...addedNodes].some((node) => node.matches?.(".actions"))) window.bars.push(rows.indexOf(target));
  }).observe(document.querySelector(".messages"), { childList: true, subtree: true });
  const at = { bubbles: true, pointerType: "mouse", screenX: 7, screenY: 7 };
  for (const row of rows) row.dispatchEvent(new PointerEvent("pointerover", at));
}"""


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> Iterator[tuple[Server, str]]:
    """A server with a public room `Long`, and the room's id."""
    folder = tmp_path_factory.mktemp("filled")
    server = Server(folder, "sqlite")
    server.start()
    aya = Person(browser, server.url).sign_up("aya", "Aya")
    aya.create_room("Long")
    room = str(aya.page.locator("room-view").get_attribute("data-room"))
    aya.context.close()
    server.stop()
    with ThreadPoolExecutor(1) as thread:  # Playwright keeps an event loop in this one
        filling = fill(folder / "data/sqlite/chat.db", {room: MESSAGES})
        thread.submit(asyncio.run, filling).result()
    server.start()
    yield server, room
    server.stop()


def at_the_end(person: PersonFactory, server: Server, name: str) -> Person:
    ben = person(server).sign_up(name, "Ben")
    ben.join_room("Long")
    expect(ben.page.locator("message-list article").last).to_be_in_viewport()
    expect(ben.page.get_by_test_id("jump")).to_be_hidden()
    return ben


def test_nodes_and_memory_stay_the_same_while_one_reads_thousands_of_messages(
    person: PersonFactory, filled: tuple[Server, str]
) -> None:
    server, _ = filled
    page = at_the_end(person, server, "ben-nodes").page
    reader = Reader(page)
    page.locator("message-list article").last.focus()
    for late in ("saved.save", "receipts.readers"):  # what comes late is here
        expect(page.get_by_test_id(f"place-{late}")).to_be_visible()
    page.get_by_test_id("scroller").evaluate("(node) => (node.scrollTop = 0)")
    expect(page.get_by_test_id("jump")).to_be_visible()
    page.get_by_test_id("jump").click()
    expect(page.get_by_test_id("jump")).to_be_hidden()
    before = reader.metrics()
    for _ in range(2):
        page.evaluate(_THROUGH)
    after = reader.metrics()
    assert after["Nodes"] < MOST_NODES
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 10
    assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] < MOST_GROWTH_BYTES


def test_a_message_that_arrives_makes_one_row_and_few_layouts(
    person: PersonFactory, filled: tuple[Server, str]
) -> None:
    server, _ = filled
    cleo = at_the_end(person, server, "cleo")
    ben = at_the_end(person, server, "ben-rows")
    reader = Reader(ben.page)
    cleo.say("the first one")
    ben.sees("the first one")
    expect(ben.page).to_have_title("Long · chatserver")
    ben.page.evaluate(_COUNT)
    before = reader.metrics()
    for number in range(ARRIVING):
        cleo.say(f"arriving {number}")
        in_the_page(ben.page, f"arriving {number}")
    after = reader.metrics()
    assert ben.page.evaluate("window.counted") == {"rows": ARRIVING, "titles": 0}
    assert after["LayoutCount"] - before["LayoutCount"] <= MOST_LAYOUTS * ARRIVING
    assert after["RecalcStyleCount"] - before["RecalcStyleCount"] <= MOST_STYLES * ARRIVING
    # Other actions or labels of plugins make no rows: a row gets them when somebody points at it.
    ben.page.evaluate("document.querySelector('chat-app').places.relabel('message.actions/v1')")
    assert ben.page.evaluate("window.counted.rows") == ARRIVING


def in_the_page(page: Page, text: str) -> None:
    """Waits without a look at boxes, which would have the page laid out."""
    page.evaluate(
        """(text) => new Promise((resolve) => {
          const isThere = () => [...document.querySelectorAll("message-list .message-body")].at(-1)?.textContent === text;
          const look = () => (isThere() ? requestAnimationFrame(() => requestAnimationFrame(resolve)) : setTimeout(look, 20));
          look();
        })""",
        text,
    )


def test_rows_that_move_under_a_pointer_that_rests_get_no_actions_until_they_rest(
    person: PersonFactory, filled: tuple[Server, str]
) -> None:
    server, _ = filled
    page = at_the_end(person, server, "ben-rests").page
    page.evaluate(_PASS)
    last = page.locator("message-list article").last
    expect(last.locator(".actions")).to_be_visible()
    expect(page.locator("message-list .actions")).to_have_count(1)
    assert page.evaluate("window.bars") == [0, 3]


RELABEL = "document.querySelector('chat-app').places.relabel('message.actions/v1')"


def test_who_scrolls_up_stays_there_though_all_rows_are_made_anew_before_an_event_tells(
    person: PersonFactory, filled: tuple[Server, str]
) -> None:
    server, _ = filled
    page = at_the_end(person, server, "ben-leaves").page
    up = "document.querySelector('[data-testid=scroller]').scrollTop = 0"
    page.evaluate(f"() => {{ {up}; {RELABEL}; }}")
    expect(page.get_by_test_id("jump")).to_be_visible()
    page.get_by_test_id("jump").click()
    expect(page.get_by_test_id("jump")).to_be_hidden()


def test_who_scrolls_up_stays_there_though_rows_are_made_in_the_frame_that_tells(
    person: PersonFactory, filled: tuple[Server, str]
) -> None:
    server, _ = filled
    page = at_the_end(person, server, "ben-slips").page
    up = "document.querySelector('[data-testid=scroller]').scrollTop = 0"
    remade = RELABEL.replace("actions", "data")
    page.evaluate(f"() => {{ requestAnimationFrame(() => {remade}); {up}; }}")
    expect(page.get_by_test_id("jump")).to_be_visible()


def test_the_focus_and_its_actions_outlast_rows_that_are_made_anew(
    person: PersonFactory, filled: tuple[Server, str]
) -> None:
    server, _ = filled
    page = at_the_end(person, server, "ben-stays").page
    last = page.locator("message-list article").last
    last.focus()
    expect(last.locator(".actions")).to_be_visible()
    last.evaluate("(row) => row.setAttribute('data-old', '')")
    page.evaluate(RELABEL)
    expect(page.locator("[data-old]")).to_have_count(0)
    expect(last).to_be_focused()
    expect(last.locator(".actions")).to_be_visible()


# A message changes and all rows are to be made anew while the button of the mouse is down on it: in one task, as a
# press does not last for ever.
_PRESSED = """async () => {
  const list = document.querySelector("message-list");
  const row = list.querySelector("article:last-of-type");
  const at = (type) => row.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerType: "mouse" }));
  const change = () => {
    const { messages } = list.flow.state;
    messages[messages.length - 1] = { ...messages.at(-1), reactions: { "🎉": [list.store.me.id] } };
    list.draw();
  };
  at("pointerdown");
  change();
  RELABEL;
  const found = [row.isConnected];
  at(END);
  found.push(row.isConnected); // the click comes after that
  const released = () => new Promise((resolve) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await released();
  found.push(row.isConnected, document.querySelectorAll("message-list [data-testid=reaction]").length);
  return found;
}"""


@pytest.mark.parametrize("end", ["pointerup", "pointercancel"])
def test_rows_stay_as_they_are_while_a_pointer_is_down(
    person: PersonFactory, filled: tuple[Server, str], end: str
) -> None:
    server, _ = filled
    page = at_the_end(person, server, f"ben-{end}").page
    pressed = _PRESSED.replace("RELABEL", RELABEL.replace("actions", "data"))
    assert page.evaluate(pressed.replace("END", f'"{end}"')) == [True, True, False, 1]


def test_a_pointer_that_stays_down_holds_nothing_up(
    person: PersonFactory, filled: tuple[Server, str]
) -> None:
    server, _ = filled
    page = at_the_end(person, server, "ben-holds").page
    last = page.locator("message-list article").last
    last.evaluate("(row) => row.setAttribute('data-old', '')")
    last.dispatch_event("pointerdown", {"bubbles": True, "pointerType": "mouse"})
    page.evaluate(RELABEL.replace("actions", "data"))
    expect(page.locator("[data-old]")).to_have_count(0)
