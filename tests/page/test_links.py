"""Links to messages: copied, sent, and opened in the page and from a cold start."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.people import PASSWORD, Person, PersonFactory, Server
from tests.page.test_accessibility import findings
from tests.page.tools import axe_script
from tests.page.waiting import NOTE_TEXT, until

pytestmark = pytest.mark.long

# Rows are lower than the page expects before it has measured them.
BODIES = [f"line {number}" + " and on" * (number % 5 * 30) for number in range(120)]
COPIED = "navigator.clipboard.readText()"
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined })"
GONE = "This message is not there any more, or you may not read it."
CENTRED = """(id) => {
  const row = document.querySelector(`article[data-id="${id}"]`);
  const { top, bottom } = row.getBoundingClientRect();
  const list = row.closest(".scroller").getBoundingClientRect();
  return Math.abs((top + bottom) / 2 - (list.top + list.bottom) / 2) < list.height / 4;
}"""

# The newest page is asked for right after the surroundings of a message, as when a page that is opened by a link connects.
REPLACED_ONCE = """() => {
  const { session } = document.querySelector("chat-app");
  const load = session.loadAround.bind(session);
  session.loadAround = async (room, seq) => {
    session.loadAround = load;
    const around = load(room, seq);
    await session.loadNewest(room);
    await around;
  };
}"""


def row(page: Page, message: str) -> Locator:
    return page.locator(f'article[data-id="{message}"]')


def said(author: Person, text: str) -> tuple[Locator, str]:
    """The row and the id of a message that its author has just sent."""
    author.say(text)
    author.sees(text)
    found = author.page.get_by_test_id("message").filter(has_text=text)
    return found, str(found.get_attribute("data-id"))


def posted(author: Person, text: str) -> str:
    """The id of a message of any text in the open room, which its author sends over HTTP."""
    room = author.page.locator("room-view").get_attribute("data-room")
    message = {"client_id": text[:60], "body": text}
    answer = author.context.request.post(f"{author.rooms}/{room}/messages", data=message)
    assert answer.status == 201, answer.text()
    return str(answer.json()["id"])


def landed(found: Locator) -> None:
    expect(found).to_be_focused()
    expect(found).to_be_in_viewport()


def test_a_link_that_is_sent_opens_in_the_page_and_from_cold(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-links", "Aya")
    ben = person(server).sign_up("ben-links", "Ben")
    aya.context.grant_permissions(["clipboard-read", "clipboard-write"])
    aya.create_room("Links")
    ben.join_room("Links")
    meant, message = said(aya, "the one that is meant")
    meant.hover()
    aya.page.locator("notice-list").evaluate(NOTE_TEXT)
    meant.get_by_role("button", name="Copy link").click()
    until(aya.page, "() => window.noted === 'The link is copied.'")
    link = aya.page.evaluate(COPIED)
    assert link == f"{server.url}/m/{message}"
    aya.post_over_http(BODIES)
    aya.say(f"see {link}, please")

    ben.page.get_by_role("link", name=link).click()
    landed(row(ben.page, message))
    assert len(ben.context.pages) == 1

    ben.page.goto("about:blank")
    ben.page.goto(f"{server.url}/#room={message.rpartition('-')[0]}")
    expect(ben.page.get_by_role("link", name=link)).to_be_visible()
    ben.page.evaluate(REPLACED_ONCE)
    ben.page.get_by_role("link", name=link).click()
    landed(row(ben.page, message))

    ben.page.goto("about:blank")
    ben.page.goto(link)
    landed(row(ben.page, message))
    assert "/m/" not in ben.page.url
    ben.page.go_back()
    expect(ben.page.get_by_test_id("welcome")).to_be_visible()

    room, _, seq = message.rpartition("-")
    other = f"{room}-{int(seq) + 61}"  # among rows that are not as high as was thought
    ben.page.goto("about:blank")
    ben.page.goto(f"{server.url}/m/{other}")
    landed(row(ben.page, other))
    until(ben.page, CENTRED, other)


def test_somebody_who_signs_in_first_reads_a_public_room_at_the_message(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-opens", "Aya")
    aya.create_room("Open links")
    _, message = said(aya, "the first line")
    aya.post_over_http(BODIES)
    room = message.rpartition("-")[0]
    aya.context.request.put(f"{aya.rooms}/{room}/archived", data={"archived": True})

    cem = person(server)  # archived rooms are on no list of theirs
    made = cem.context.request.post(
        f"{server.url}/api/v1/register",
        data={"username": "cem-opens", "name": "Cem", "password": PASSWORD},
    )
    assert made.status == 201
    cem.context.clear_cookies()
    cem.page.goto(f"{server.url}/m/{message}")
    cem.page.get_by_test_id("username").fill("cem-opens")
    cem.page.get_by_test_id("password").fill(PASSWORD)
    cem.page.get_by_test_id("submit").click()
    preview = cem.page.get_by_test_id("room-preview")
    found = preview.locator(f'article[data-id="{message}"]')
    landed(found)
    expect(preview.get_by_text("line 119", exact=True)).to_have_count(0)
    assert findings(cem.page, axe_script()) == []


def test_a_link_that_leads_nowhere_says_so_and_one_without_a_clipboard_is_shown(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-hides", "Aya")
    ben = person(server).sign_up("ben-hides", "Ben")
    ben.expected.append(r"404 \(Not Found\).*/api/v1/messages/")
    aya.create_room("Hidden", "private")
    aya.page.add_init_script(NO_CLIPBOARD)
    aya.page.reload()
    meant, message = said(aya, "a secret")
    meant.hover()
    meant.get_by_test_id("link").click()
    field = aya.page.get_by_test_id("link-dialog").get_by_test_id("link")
    expect(field).to_have_value(f"{server.url}/m/{message}")
    expect(field).to_be_focused()
    assert findings(aya.page, axe_script()) == []
    aya.page.get_by_test_id("link-close").click()
    expect(field).to_have_count(0)

    ben.page.goto(f"{server.url}/m/{message}")
    expect(ben.page.get_by_test_id("notice-row")).to_have_text(GONE)
    expect(ben.page.get_by_test_id("welcome")).to_be_visible()
