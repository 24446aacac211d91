"""The page fits the window on every view: phones from 320 px, a zoom of 400 % (WCAG 1.4.10), tablets, and right to left."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.people import PersonFactory, Server
from tests.page.views import Tour, populate, server_with_all
from tests.page.waiting import until

pytestmark = pytest.mark.long

SIZES = {
    "phone": {"viewport": {"width": 320, "height": 568}, "has_touch": True, "is_mobile": True},
    # 1280 x 1024 at a zoom of 400 %.
    "zoomed": {"viewport": {"width": 320, "height": 256}, "device_scale_factor": 4},
    "tablet": {"viewport": {"width": 768, "height": 1024}, "has_touch": True},
}
# No language of the page runs from right to left yet: the browser says it of those that there are.
RIGHT_TO_LEFT = "Intl.Locale.prototype.getTextInfo = () => ({ direction: 'rtl' });"

# What reaches over the window's sides, is cut off there, or has to be scrolled sideways.
SIDEWAYS = """() => {
  const name = (node) => node.outerHTML.slice(0, 120).toWellFormed();
  const found = [];
  if (document.scrollingElement.scrollWidth > innerWidth) found.push(`the page is ${document.scrollingElement.scrollWidth} px wide`);
  const seen = [...document.querySelectorAll("body *")]
    .filter((node) => node.checkVisibility() && !node.closest(".visually-hidden, svg, option"));
  for (const node of seen) {
    const { left, right, width } = node.getBoundingClientRect();
    if (width > 0 && (right > innerWidth + 1 || left < -1)) found.push(`outside: ${name(node)}`);
    const { overflowX, textOverflow, display } = getComputedStyle(node);
    const isCut = overflowX !== "visible" && node.scrollWidth > node.clientWidth + 1;
    const isShort = textOverflow === "ellipsis" || node.matches("input, select");
    if (isCut && !isShort && display !== "inline") found.push(`cut off at ${node.clientWidth} of ${node.scrollWidth} px: ${name(node)}`);
  }
  return found;
}"""

STYLED = "() => [...document.querySelectorAll('link[rel=stylesheet]')].every(({ sheet }) => sheet)"

# Controls that nobody gets at by scrolling up and down, or that something else stands on.
OUT_OF_REACH = """() => {
  const front = [...document.querySelectorAll("dialog:modal")].at(-1) ??
    [...document.querySelectorAll("[role=menu], [role=listbox]")].find((node) => node.checkVisibility());
  const scrolled = new Map();
  const isAt = (node, over) => node.contains(over) || node.closest("label")?.contains(over);
  const found = [];
  const controls = "a[href], button, input, select, textarea, summary, [role=option], [role=menuitem]";
  for (const node of (front ?? document).querySelectorAll(controls)) {
    if (!node.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || node.closest(".visually-hidden, [inert]")) continue;
    for (let around = node.parentElement; around; around = around.parentElement) {
      if (!scrolled.has(around)) scrolled.set(around, around.scrollTop);
    }
    node.scrollIntoView({ block: "center", inline: "nearest" });
    const { left, right, top, bottom } = node.getClientRects()[0];
    if (right - left < 1 || bottom - top < 1) continue;
    const isInside = left > -1 && right < innerWidth + 1 && (top + bottom) / 2 > 0 && (top + bottom) / 2 < innerHeight;
    const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    const isPassing = over?.closest(".message:has(.actions)") && node.matches(".jump"); // what is raised goes with the pointer
    if (!isInside || (!isPassing && !isAt(node, over))) {
      found.push(`out of reach: ${node.outerHTML.slice(0, 120).toWellFormed()} ${[left, top, right, bottom].map(Math.round)} under ${over?.outerHTML.slice(0, 80).toWellFormed()}`);
    }
    for (const [around, at] of scrolled) around.scrollTop = at; // before the page is told of it
  }
  return found;
}"""

# Dialogs that are larger than the window, a composer that something stands on, and a room without room for messages.
COVERED = """() => {
  const found = [];
  for (const dialog of document.querySelectorAll("dialog[open]")) {
    const { left, right, top, bottom } = dialog.getBoundingClientRect();
    if (left < 0 || top < 0 || right > innerWidth || bottom > innerHeight) found.push(`a dialog is too large: ${[left, top, right, bottom]}`);
    return found;
  }
  const composer = document.querySelector("message-composer textarea");
  if (!composer?.checkVisibility({ visibilityProperty: true })) return found;
  const { left, right, top, bottom } = composer.getBoundingClientRect();
  for (const [x, y] of [[left + 4, top + 4], [right - 4, top + 4], [left + 4, bottom - 4], [right - 4, bottom - 4]]) {
    const over = document.elementFromPoint(x, y);
    if (over !== composer && !over?.closest("[role=menu]")) found.push(`on the composer at ${Math.round(x)}, ${Math.round(y)}: ${over?.outerHTML.slice(0, 120).toWellFormed()}`);
  }
  const { clientHeight } = document.querySelector(".scroller");
  if (clientHeight < 60) found.push(`${clientHeight} px for messages`);
  return found;
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Server]:
    server = server_with_all(tmp_path_factory.mktemp("layout"))
    try:
        populate(browser, server)
        yield server
    finally:
        server.stop()


def misfits(page: Page) -> list[str]:
    """What does not fit, once the sheets of what was just opened are there."""
    until(page, STYLED)
    return [found for check in (SIDEWAYS, OUT_OF_REACH, COVERED) for found in page.evaluate(check)]


@pytest.mark.parametrize("size", SIZES)
def test_every_view_fits(browser: Browser, server: Server, size: str) -> None:
    tour = Tour(browser, server, **SIZES[size])
    found: list[str] = []
    seen = []
    for view in tour.views():
        seen.append(view)
        for direction in ("rtl", "ltr"):
            tour.page.evaluate("(to) => (document.documentElement.dir = to)", direction)
            found += [f"{view}, {direction}: {each}" for each in misfits(tour.page)]
    tour.close()
    assert len(seen) > 25
    assert found == [], "\n".join(dict.fromkeys(found))


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_the_page_is_laid_out_along_its_language(
    browser: Browser, server: Server, direction: str
) -> None:
    tour = Tour(browser, server, viewport={"width": 1280, "height": 800})
    page = tour.page
    if direction == "rtl":
        page.add_init_script(RIGHT_TO_LEFT)
    for view in tour.views():
        if view == "room-reply":
            break
    places = ["room-list", "message", "send"]
    boxes = [page.get_by_test_id(name).last.bounding_box() for name in places]
    order = [box["x"] + box["width"] / 2 for box in boxes if box]
    assert order == sorted(order, reverse=direction == "rtl")
    mirrored = "matrix(-1, 0, 0, 1, 0, 0)" if direction == "rtl" else "none"
    for button in (page.get_by_test_id("send"), page.get_by_test_id("reply")):
        expect(button.locator(".icon")).to_have_css("transform", mirrored)
    expect(page.get_by_test_id("search").locator(".icon")).to_have_css("transform", "none")
    tour.close()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_texts_of_people_go_their_own_way(
    person: PersonFactory, server: Server, direction: str
) -> None:
    one = person(server)
    if direction == "rtl":
        one.page.add_init_script(RIGHT_TO_LEFT)
    one.sign_up(f"own-{direction}", "ليلى")
    one.create_room(f"مرحبا {direction}")
    one.post_over_http(["مرحبا hello", "hello مرحبا"])
    page = one.page
    bodies = page.get_by_test_id("message-body")
    expect(bodies).to_have_count(2)
    room = page.get_by_test_id("room").filter(has_text=direction).locator(".room-name")
    for node in (
        bodies.first,
        room,
        page.get_by_test_id("my-name"),
        page.get_by_test_id("room-title"),
    ):
        expect(node).to_have_css("direction", "rtl")
        expect(node).to_have_css("text-align", "start")
    expect(bodies.last).to_have_css("direction", "ltr")


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
def test_the_empty_composer_says_what_it_is_for_in_full_on_a_phone(
    person: PersonFactory, server: Server, locale: str
) -> None:
    phone = person(
        server,
        locale=locale,
        viewport={"width": 360, "height": 640},
        has_touch=True,
        is_mobile=True,
    )
    phone.sign_up(f"small-{locale[:2]}", "Ria")
    phone.create_room(f"Small {locale}")
    expect(phone.page.get_by_test_id("send-menu")).to_be_visible()  # the last that takes room
    room, wanted = phone.page.get_by_test_id("composer").evaluate("""(field) => {
      const { font, paddingLeft, paddingRight } = getComputedStyle(field);
      const text = Object.assign(document.createElement("canvas").getContext("2d"), { font });
      const inside = field.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
      return [inside, text.measureText(field.placeholder).width];
    }""")
    assert 0 < wanted <= room


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
def test_on_a_phone_the_name_of_a_room_has_the_place_of_the_rarer_buttons(
    person: PersonFactory, server: Server, locale: str
) -> None:
    aya = person(
        server,
        locale=locale,
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
    ).sign_up(f"aya-head-{locale[:2]}", "Aya")
    aya.create_room(f"Summer festival {locale[:2]}")
    page = aya.page
    assert page.get_by_test_id("room-title").evaluate(
        "(node) => node.scrollWidth <= node.clientWidth"
    )
    rarer = {"room-pins": True, "room-settings": True, "people": False}  # and whether it is a panel
    for name, is_panel in rarer.items():
        expect(page.locator(f"[data-testid={name}], [data-testid=place-{name}]")).to_be_hidden()
        page.get_by_test_id("room-menu").tap()
        page.get_by_test_id(f"menu-{name}").tap()
        opened = page.get_by_test_id("room-panel" if is_panel else "people-dialog")
        expect(opened).to_be_visible()
        if is_panel:
            opened.locator("header button").tap()
            expect(opened).to_be_hidden()
            expect(page.get_by_test_id("room-menu")).to_be_focused()
        else:
            page.keyboard.press("Escape")
    page.set_viewport_size({"width": 900, "height": 844})
    page.get_by_test_id("room-menu").click()
    expect(page.get_by_test_id("leave-room")).to_be_visible()
    expect(page.get_by_test_id("menu-room-settings")).to_have_count(0)  # its button is there
    expect(page.get_by_test_id("place-room-settings")).to_be_visible()
