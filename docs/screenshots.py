"""`python docs/screenshots.py [FOLDER]`: pictures of the page's views, light and dark, on a desktop and a phone.

They go to `docs/screenshots/`, with a page that lists them, or to another folder. It starts a server of its own, and
takes what the package's extra `test` installs, a Chromium, and fonts with emoji. The views are those of
`tests/page/views.py`, and a conversation.
"""

import base64
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Locator, Page, expect  # noqa: E402

from tests.chromium import chromium  # noqa: E402
from tests.page.people import PASSWORD, Person, Server  # noqa: E402
from tests.page.views import Tour, populate, server_with_all  # noqa: E402

FOLDER = ROOT / "docs/screenshots"
SIZES: dict[str, dict[str, object]] = {
    "desktop": {"viewport": {"width": 1120, "height": 700}},
    "phone": {"viewport": {"width": 360, "height": 680}, "has_touch": True, "is_mobile": True},
}
THEMES = ("light", "dark")
QUALITY = 8  # of WebP, in percent: all pictures together take less than 2 MB of a checkout
# Views that look like another one.
LEFT_OUT = {
    *("list-without-hits", "sign-in-refused", "room-actions", "room-edit", "room-menu"),
    *("room-archived", "section", "ban", "delete-room"),
}

ROOM = "Harvest festival"
OTHER_ROOMS = ["Announcements", "Book club", "Design", "Kitchen", "Support"]
CONVERSATION = [
    ("olga", "Good morning! The festival is in two weeks, on the 14th. Who brings what?"),
    ("ben", "I have 20 kg of pumpkins, and I can borrow the big pot again 🎃"),
    ("aya", "Then I make the soup. It was gone by noon last year, so let's cook twice as much."),
    ("olga", "Wonderful. The poster is here: https://example.org/festival/poster"),
    (
        "ben",
        "Looks great! Two things:\n- the date is hard to read from afar\n- nobody finds the gate",
    ),
    ("aya", "I can draw a small map of the way from the station."),
    ("olga", "Yes, please. @ben, will you ask the band whether they come?"),
    ("ben", "They said yes. They only need a roof, and power for two amplifiers."),
]
ELSEWHERE = [
    ("Design", "The new poster is up for comments."),
    ("Kitchen", "@olga, is the oven free at noon?"),
]
REACTIONS = [("Then I make the soup", "🎉", ("olga", "ben")), ("small map", "👍", ("olga",))]
ANSWERED, ANSWER = "They said yes", "The barn has both. I keep it free from ten o'clock on."


def main() -> None:
    folder = Path(sys.argv[1]) if sys.argv[1:] else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    with tempfile.TemporaryDirectory() as data, chromium() as browser:
        server = server_with_all(Path(data))
        try:
            populate(browser, server)
            _talk(browser, server)
            views = {size: _take(browser, server, size, folder) for size in SIZES}
        finally:
            server.stop()
    (folder / "README.md").write_text(_page(views), encoding="utf-8")
    total = sum(picture.stat().st_size for picture in folder.glob("*.webp"))
    print(f"{folder}: {total / 1000:.0f} kB")


def _talk(browser: Browser, server: Server) -> None:
    """Fills a room with a conversation, and the list with rooms around it."""
    people = {name: _signed_in(browser, server, name) for name in ("olga", "ben")}
    people["aya"] = Person(browser, server.url).sign_up("aya", "Aya")
    for room in (*OTHER_ROOMS, ROOM):
        people["olga"].create_room(room)
    for name in ("ben", "aya"):
        people[name].join_room(ROOM)
    people["olga"].open_room(ROOM)
    for author, text in CONVERSATION:
        people[author].post_over_http([text])
    for person in people.values():
        person.sees(CONVERSATION[-1][1])
    for text, emoji, names in REACTIONS:
        for name in names:
            row = _row(people[name].page, text)
            row.hover()
            row.get_by_role("button", name=emoji).first.click()
            expect(row.get_by_role("button", name=emoji, pressed=True)).to_be_visible()
            for person in people.values():  # a reaction moves the rows above it
                expect(_row(person.page, text).get_by_test_id("reaction")).not_to_have_count(0)
    row = _row(people["olga"].page, ANSWERED)
    row.hover()
    row.get_by_test_id("reply").click()
    people["olga"].say(ANSWER)
    people["olga"].sees(ANSWER)
    for room, text in ELSEWHERE:
        people["ben"].join_room(room)
        people["ben"].post_over_http([text])
    for person in people.values():
        person.context.close()


def _signed_in(browser: Browser, server: Server, name: str) -> Person:
    """Somebody who has signed up before."""
    person = Person(browser, server.url)
    person.page.goto(server.url)
    person.page.get_by_test_id("username").fill(name)
    person.page.get_by_test_id("password").fill(PASSWORD)
    person.page.get_by_test_id("submit").click()
    person.connected()
    return person


def _row(page: Page, text: str) -> Locator:
    return page.get_by_test_id("message").filter(has_text=text)


def _take(browser: Browser, server: Server, size: str, folder: Path) -> list[str]:
    """Takes all pictures of one size. Returns the names of the views."""
    tour = Tour(browser, server, **SIZES[size])
    views = []
    for view in _views(tour):
        views.append(view)
        _settle(tour.page, view)
        for theme in THEMES:
            tour.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            (folder / _name(view, size, theme)).write_bytes(_webp(tour.page))
    tour.close()
    return views


def _settle(page: Page, view: str) -> None:
    """Waits for what comes later, with the pointer where it points at nothing."""
    page.mouse.move(0, 0)
    expect(page.get_by_text("Loading…", exact=True).filter(visible=True)).to_have_count(0)
    if view == "settings-plugins":
        expect(page.locator(".plugin-row").first).to_be_visible()


def _views(tour: Tour) -> Iterator[str]:
    for view in tour.views():
        if view not in LEFT_OUT:
            yield view
        if view == "start":
            yield from _conversation(tour)


def _conversation(tour: Tour) -> Iterator[str]:
    page = tour.page
    page.get_by_test_id("room").filter(has_text=ROOM).click()
    expect(page.get_by_test_id("message").filter(has_text=ANSWER)).to_be_visible()
    yield "conversation"
    if tour.narrow:
        page.get_by_test_id("back").click()


def _name(view: str, size: str, theme: str) -> str:
    return f"{view.replace('.', '-')}-{size}-{theme}.webp"


def _webp(page: Page) -> bytes:
    """The window as a picture; Playwright's own pictures are PNG or JPEG."""
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    session.detach()
    return base64.b64decode(taken["data"])


def _page(views: dict[str, list[str]]) -> str:
    """A table of all pictures."""
    lines = [
        "# Screenshots",
        "",
        "Each view of the page, taken by `docs/screenshots.py`.",
        "",
        "| view | " + " | ".join(f"{size}, {theme}" for size in SIZES for theme in THEMES) + " |",
        "|---|" + "---|" * (len(SIZES) * len(THEMES)),
    ]
    for view in dict.fromkeys(view for seen in views.values() for view in seen):
        cells = [
            f"[picture]({_name(view, size, theme)})" if view in views[size] else ""
            for size in SIZES
            for theme in THEMES
        ]
        lines.append(f"| {view} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
