"""Every view of the page, one after the other, for checks that have to see all of them."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, FilePayload, Locator, Page, WebSocketRoute, expect

from tests.page.people import PASSWORD, Person, Server, act, in_head
from tests.page.waiting import FINDS_PEOPLE, until, until_late_parts
from tests.plugins.pictures import png

PLUGINS = [
    *("memory", "password", "metrics", "audit", "scheduled", "slash_commands", "shortcodes"),
    *(
        "disk_blobs",
        "uploads",
        "attachments",
        "pictures",
        "profiles",
        "directory",
        "polls",
        "link_previews",
        "inbox",
        "push",
        "mail_notifications",
        "bots",
        "invites",
        "reports",
        "announcements",
        "emoji",
        "groups",
        "saved",
        "reminders",
        "receipts",
        "totp",
        "webhooks",
        "wordfilter",
        "choices",
        "greeter",
    ),
]
SETTINGS = {
    "plugins.folder": str(Path(__file__).parent / "plugins"),
    "plugins.enabled": json.dumps(PLUGINS),
    "plugin.wordfilter.words": '["plugh"]',
    "plugin.link_previews.allowed_networks": '["127.0.0.0/8"]',
    "plugin.link_previews.timeout_seconds": "60",
}
# Settings whose links appear when staff's part of the page and plugins' modules have been loaded.
LOADED_LATER = (
    "plugins",
    "scheduled.list",
    "saved.list",
    "reminders.list",
    "link_previews.wanted",
    "audit.log",
    "invites.list",
    "reports.queue",
    "announcements.board",
    "emoji.list",
    "groups.list",
    "bots.list",
)
LONG = "An address https://example.org/with/a/very/long/path/that-has-to-break-somewhere-or-else and a text. "
# Each kind of formatting, as wide as a phone.
FORMATTED = """# Plan
**Water** *daily*, ~~weekly~~ with `hose -x`, ||the red can|| and [a guide](https://example.org/guide)
1. Sow
   - [x] beans
   - [ ] peas
> as grandmother said

```sh
return 2 # litres
x="$WET"
```
| bed | l |
|:-:|--:|
| a | 2 |"""


def server_with_all(data: Path) -> Server:
    """A server with the plugins that add to the page, for the people of `populate`: Olga, who owns it, and Ben and Rex."""
    settings = dict(SETTINGS)
    server = Server(data, "memory", settings)
    settings["plugin.link_previews.ports"] = f"[{server.port}]"  # it links to itself
    server.start()
    return server


def populate(browser: Browser, server: Server) -> None:
    olga = Person(browser, server.url).sign_up("olga", "Olga Ōkubo")
    ben = Person(browser, server.url).sign_up("ben", "Ben")
    olga.create_room("Finished")
    finished = olga.page.locator("room-view").get_attribute("data-room")
    archive = "(room) => document.querySelector('chat-app').session.archive(room, true)"
    olga.page.evaluate(archive, finished)
    olga.create_room("Garden")
    describe(olga, "Everything that grows.\n\nWhen to sow what: https://example.org/sowing")
    olga.create_room("Elsewhere")
    ben.create_room("Open to all")
    describe(ben, "Come in.")
    ben.join_room("Garden")
    olga.open_room("Garden")
    add_emoji(olga)
    make_group(olga, "olga", "ben")
    olga.say(FORMATTED)
    olga.say("The tomatoes are ripe.")
    olga.say(LONG * 3)
    ben.say("choose")
    ben.say("@olga hello, will you have some?")
    ben.sees("@olga hello, will you have some?")
    olga.sees("@olga hello, will you have some?")
    for person in (olga, ben):
        message = person.page.get_by_test_id("message").filter(has_text="tomatoes")
        if person is ben:  # whose row moves with the reaction
            expect(message.get_by_test_id("reaction")).to_be_visible()
        message.hover()
        message.get_by_role("button", name="👍").first.click()
        expect(message.get_by_test_id("reaction")).to_be_visible()
    olga.page.get_by_test_id("message").filter(has_text="tomatoes").hover()
    olga.page.get_by_test_id("message").filter(has_text="tomatoes").get_by_test_id("pin").click()
    expect(olga.page.get_by_test_id("pinned")).to_be_visible()
    tomatoes = olga.page.get_by_test_id("message").filter(has_text="tomatoes")
    kept = {"message": tomatoes.get_attribute("data-id")}
    assert olga.context.request.post(f"{olga.url}/api/v1/saved", data=kept).ok
    in_a_month = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    reminder = kept | {"at": in_a_month, "note": LONG[:200]}
    assert olga.context.request.post(f"{olga.url}/api/v1/reminders", data=reminder).ok
    asked = olga.page.get_by_test_id("message").filter(has_text="@olga hello")
    root = asked.get_attribute("data-id")
    reply_in_thread(olga, root, LONG)
    reply_in_thread(ben, root, "In the shade, please.")
    reply_in_thread(ben, root, "All of them?", broadcast=True)
    upload(olga)
    react(olga, "tomatoes", "party")
    poll(olga, ben)
    ben.say(f"{server.url}/")
    expect(ben.page.get_by_test_id("link-preview")).to_be_visible()
    answer = ben.context.request.put(f"{ben.url}/api/v1/me/picture", data=png(64, 64))
    assert answer.ok, answer.text()
    said = {"title": "Gardener", "pronouns": "they/them", "about": LONG, "time_zone": "Asia/Tokyo"}
    answer = ben.context.request.patch(f"{ben.url}/api/v1/me/profile", data=said)
    assert answer.ok, answer.text()
    report(olga, "@olga hello")  # whose notice would cover what is clicked next
    block(browser, server, olga)
    for person in (olga, ben):
        person.context.close()


def poll(asker: Person, voter: Person) -> None:
    """A poll with a vote in the open room, with texts as long as they may be."""
    room = asker.page.locator("room-view").get_attribute("data-room")
    options = [f"{name} {LONG}"[:100].strip() for name in ("Carrots", "Beans", "Peas")]
    asked = {"room": room, "question": f"What to sow? {LONG}"[:300].strip(), "options": options}
    answer = asker.context.request.post(f"{asker.url}/api/v1/polls", data=asked)
    assert answer.ok, answer.text()
    address = f"{asker.url}/api/v1/polls/{answer.json()['poll']['message']}/vote"
    assert voter.context.request.put(address, data={"choices": [1]}).ok


def describe(person: Person, text: str) -> None:
    """Say what the open room is about."""
    room = person.page.locator("room-view").get_attribute("data-room")
    changed = person.context.request.patch(f"{person.rooms}/{room}", data={"description": text})
    assert changed.status == 200, changed.text()


def block(browser: Browser, server: Server, blocker: Person) -> None:
    """Rex says something in the open room, and is blocked."""
    rex = Person(browser, server.url)
    account = {"username": "rex", "name": "Rex", "password": PASSWORD}
    made = rex.context.request.post(f"{server.url}/api/v1/register", data=account)
    assert made.status == 201, made.text()
    room = rex.become_member("Garden")
    message = {"client_id": "folded", "body": "Nobody wants your tomatoes."}
    posted = rex.context.request.post(f"{rex.rooms}/{room}/messages", data=message)
    assert posted.status == 201, posted.text()
    blocks = f"{server.url}/api/v1/me/blocks/{made.json()['user']['id']}"
    assert blocker.context.request.put(blocks, data={}).status == 200
    rex.context.close()


def reply_in_thread(
    person: Person, root: str | None, text: str, *, broadcast: bool = False
) -> None:
    room = person.page.locator("room-view").get_attribute("data-room")
    reply = {"client_id": text[:30], "body": text, "thread": root, "broadcast": broadcast}
    posted = person.context.request.post(f"{person.rooms}/{room}/messages", data=reply)
    assert posted.status == 201, posted.text()


def add_emoji(person: Person) -> None:
    given = {"name": "party", "picture": b64encode(png(48, 48)).decode()}
    url = person.page.url.partition("/#")[0]
    added = person.context.request.post(f"{url}/api/v1/emoji", data=given)
    assert added.status == 201, added.text()


def make_group(person: Person, *members: str) -> None:
    url = person.page.url.partition("/#")[0]
    found = [person.context.request.get(f"{url}/api/v1/users/{name}") for name in members]
    given = {
        "name": "gardeners",
        "title": LONG[:100].strip(),
        "members": [each.json()["id"] for each in found],
    }
    made = person.context.request.post(f"{url}/api/v1/groups", data=given)
    assert made.status == 201, made.text()


def report(person: Person, text: str) -> None:
    message = person.page.get_by_test_id("message").filter(has_text=text).first
    message.focus()
    message.get_by_role("button", name="Report message").press("Enter")
    dialog = person.page.get_by_role("dialog", name="Report message")
    dialog.get_by_label("Something else").check()
    dialog.get_by_role("button", name="Send report").press("Enter")
    expect(dialog).to_have_count(0)


def react(person: Person, text: str, emoji: str) -> None:
    message = person.page.get_by_test_id("message").filter(has_text=text)
    message.focus()
    message.get_by_test_id("choose").press("Enter")
    person.page.get_by_role("dialog").get_by_role("button", name=emoji, exact=True).press("Enter")
    expect(message.get_by_role("img", name=f":{emoji}:")).to_be_visible()


def add_to_message(page: Page, testid: str) -> None:
    """Press a button beside the text of a message; on phones they are in a menu."""
    shown = page.get_by_test_id("composer-add").or_(page.get_by_test_id(testid))
    expect(shown.first).to_be_visible()
    if page.get_by_test_id("composer-add").is_visible():
        page.get_by_test_id("composer-add").click()
    page.get_by_test_id(testid).click()


def attach(page: Page, file: FilePayload) -> None:
    with page.expect_file_chooser() as chosen:
        add_to_message(page, "place-attachments.upload")
    chosen.value.set_files([file])
    expect(page.get_by_test_id("chip")).to_have_attribute("data-state", "ready")


def upload(person: Person) -> None:
    attach(person.page, {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"})
    person.page.get_by_test_id("composer").press("Enter")
    sent = person.page.get_by_test_id("message").filter(has_text="notes.txt")
    expect(sent).to_have_attribute("data-state", "posted")


class Tour:
    """Leads a visitor through the page. Names are English, whatever the page's language is."""

    def __init__(self, browser: Browser, server: Server, **options: object) -> None:
        self.person = Person(browser, server.url, reduced_motion="reduce", **options)
        self.page = self.person.page
        self.narrow = options.get("viewport", {"width": 1280})["width"] <= 700  # type: ignore[index]
        self._sockets: list[WebSocketRoute] = []
        self._away = False
        self.page.route_web_socket("**/ws", self._on_socket)

    def _on_socket(self, socket: WebSocketRoute) -> None:
        if self._away:
            socket.close(code=1012)
            return
        socket.connect_to_server()
        self._sockets.append(socket)

    def close(self) -> None:
        self.person.context.close()

    def views(self) -> Iterator[str]:
        """Stands on each view in turn, and says which it is."""
        yield from self._signed_out()
        yield from self._list()
        yield from self._room()
        yield from self._dialogs()
        yield from self._settings()
        yield from self._troubles()

    def _signed_out(self) -> Iterator[str]:
        page = self.page
        page.goto(self.person.url)
        expect(page.get_by_test_id("submit")).to_be_visible()
        yield "sign-in"
        page.get_by_test_id("username").fill("olga")
        page.get_by_test_id("password").fill("a wrong one, certainly")
        page.get_by_test_id("submit").click()
        self.person.expected.append(r"401 \(Unauthorized\)")
        expect(page.locator("sign-in [role=alert]").filter(has_text=".").or_(page.locator("sign-in [role=alert]").filter(has_text="。"))).to_be_visible()  # fmt: skip
        yield "sign-in-refused"
        page.get_by_test_id("switch-mode").click()
        expect(page.get_by_test_id("name")).to_be_visible()
        yield "sign-up"
        page.get_by_test_id("switch-mode").click()
        page.get_by_test_id("username").fill("olga")
        page.get_by_test_id("password").fill(PASSWORD)
        page.get_by_test_id("submit").click()
        self.person.connected()

    def _list(self) -> Iterator[str]:
        page = self.page
        expect(page.get_by_test_id("room").filter(has_text="Garden")).to_be_visible()
        until_late_parts(page)
        yield "start"
        page.get_by_test_id("room-filter").fill("no such room")
        yield "list-without-hits"
        page.get_by_test_id("room-filter").fill("")
        page.get_by_test_id("new-room").click()
        expect(page.get_by_test_id("new-room-dialog")).to_be_visible()
        yield "new-room"
        page.keyboard.press("Escape")
        until(page, FINDS_PEOPLE)
        page.get_by_test_id("user-menu").click()
        page.get_by_test_id("menu-everybody").click()
        expect(page.get_by_test_id("everybody").locator("[data-user]").first).to_be_visible()
        yield "everybody"
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("everybody-dialog")).to_have_count(0)

    def _to_list(self) -> None:
        if self.narrow:
            self.page.get_by_test_id("back").click()

    def _open(self, name: str) -> None:
        self.page.get_by_test_id("room").filter(has_text=name).click()
        self.page.mouse.move(0, 0)  # a message under a pointer that rests gets its actions
        expect(self.page.get_by_test_id("room-title")).to_have_text(name)

    def _message(self, text: str | re.Pattern[str]) -> Locator:
        """The message of the room with this text, in the middle of the list."""
        row = self.page.get_by_test_id("message").filter(has_text=text)
        expect(row.or_(self.page.get_by_test_id("message").first).first).to_be_attached()
        for top in range(0, 2_000, 400):
            if row.count():
                break
            self.page.get_by_test_id("scroller").evaluate("(node, top) => node.scroll(0, top)", top)
            frames = (
                "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            self.page.evaluate(frames)
        row.evaluate("(node) => node.scrollIntoView({ block: 'center' })")
        return row

    def _room(self) -> Iterator[str]:
        page = self.page
        self._open("Open to all")
        expect(page.get_by_test_id("join-room")).to_be_visible()
        expect(page.get_by_test_id("room-about")).to_have_text("Come in.")
        yield "room-to-join"
        self._to_list()
        self._open("Elsewhere")
        expect(page.get_by_test_id("composer")).to_be_visible()
        yield "room-without-messages"
        attach(page, {"name": "heron.png", "mimeType": "image/png", "buffer": png(40, 30)})
        page.get_by_test_id("chip-describe").click()
        page.get_by_test_id("describe-text").fill("A heron stands on one leg in the rain")
        yield "describe"
        page.get_by_test_id("describe-save").press("Enter")
        expect(page.get_by_test_id("chip")).to_contain_text("A heron")
        yield "room-attached"
        page.get_by_test_id("chip-remove").click()
        self._to_list()
        page.locator('[data-key="group:archived"]').click()
        self._open("Finished")
        expect(page.get_by_test_id("archived-restore")).to_be_visible()
        yield "room-archived"
        self._to_list()
        page.locator('[data-key="group:archived"]').click()
        self._open("Garden")
        messages = page.get_by_test_id("message")
        expect(messages.filter(has_text="notes.txt")).to_be_visible()
        expect(messages.get_by_role("button", name="Order")).to_be_visible()
        yield "room"
        self._message("@olga hello").get_by_test_id("thread-replies").click()
        replies = page.get_by_test_id("thread").get_by_test_id("message")
        expect(replies).to_have_count(4)
        yield "thread"
        replies.last.focus()
        yield "thread-actions"
        page.get_by_test_id("room-panel").locator("header button").last.click()
        own = self._message("tomatoes")
        own.focus()
        yield "room-actions"
        if self.narrow:
            own.get_by_test_id("message-more").press("Enter")
            expect(own.get_by_test_id("forward")).to_be_visible()
            yield "room-actions-menu"
            page.keyboard.press("Escape")
        own.focus()
        own.press("x")
        expect(page.get_by_test_id("select-bar")).to_be_visible()
        yield "selecting"
        page.keyboard.press("Escape")
        own.get_by_test_id("reply").click()
        yield "room-reply"
        page.keyboard.press("Escape")
        own.focus()
        act(own, "edit")
        yield "room-edit"
        page.keyboard.press("Escape")
        page.get_by_test_id("composer").fill("/")
        expect(page.get_by_role("listbox")).to_be_visible()
        yield "room-commands"
        page.get_by_test_id("composer").fill("")
        page.get_by_test_id("composer").press_sequentially(":par")
        expect(page.get_by_test_id("suggestion").first).to_be_visible()
        yield "room-emoji"
        page.get_by_test_id("composer").fill("Later")
        page.get_by_test_id("send-menu").click()
        yield "room-send-menu"
        page.keyboard.press("Escape")
        page.get_by_test_id("composer").fill("")
        page.get_by_test_id("room-menu").click()
        expect(page.get_by_test_id("leave-room")).to_be_visible()
        yield "room-menu"
        page.get_by_test_id("room-section").click()
        expect(page.get_by_test_id("section-dialog")).to_be_visible()
        yield "section"
        page.keyboard.press("Escape")
        panels = page.locator(".room-head [aria-expanded]:not([aria-haspopup])")
        names = panels.evaluate_all("(all) => all.map((each) => each.dataset.testid)")
        for index, name in enumerate(names):
            in_head(page, name.removeprefix("place-"))
            panel = page.get_by_test_id("room-panel")
            expect(panel).to_be_visible()
            yield f"room-panel-{index + 1}"
            if name == "place-room-settings":
                panel.get_by_test_id("room-delete").click()
                expect(page.get_by_test_id("delete-room-dialog")).to_be_visible()
                yield "delete-room"
                page.keyboard.press("Escape")
            panel.locator("header button").click()

    def _dialogs(self) -> Iterator[str]:
        page = self.page
        in_head(page, "people")
        expect(page.get_by_test_id("members").locator("li").first).to_be_visible()
        expect(page.get_by_test_id("room-about")).to_be_visible()
        yield "people"
        page.get_by_test_id("members").get_by_test_id("person-menu").first.click()
        page.get_by_test_id("ban").click()
        expect(page.get_by_test_id("ban-dialog")).to_be_visible()
        yield "ban"
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("people-dialog")).to_have_count(0)
        self._message(re.compile("choose")).get_by_test_id("author").press("Enter")
        expect(page.get_by_test_id("profile-title")).to_be_visible()
        expect(page.get_by_test_id("profile-time")).to_be_visible()
        yield "person"
        page.keyboard.press("Escape")
        self._message("What to sow?").locator("summary").press("Enter")
        expect(page.get_by_test_id("poll-voters").get_by_role("listitem")).to_be_visible()
        page.evaluate("document.activeElement.blur()")  # a row's actions stand on the one above
        page.mouse.move(0, 0)
        yield "poll"
        add_to_message(page, "place-polls.ask")
        expect(page.get_by_test_id("poll-dialog")).to_be_visible()
        yield "poll-dialog"
        page.keyboard.press("Escape")
        own = self._message("tomatoes")
        own.focus()
        act(own, "delete")
        expect(page.get_by_test_id("ask")).to_be_visible()
        yield "question"
        page.keyboard.press("Escape")
        own.focus()
        act(own, "forward")
        expect(page.get_by_test_id("recipient").first).to_be_visible()
        page.get_by_role("radio", name="Garden").check()
        expect(page.get_by_test_id("forward-send")).to_be_enabled()
        yield "forward"
        page.keyboard.press("Escape")
        theirs = self._message("@olga hello")
        theirs.focus()
        act(theirs, "place-reports.report")
        expect(page.locator(".reports-dialog")).to_be_visible()
        yield "report"
        page.keyboard.press("Escape")
        theirs.focus()
        act(theirs, "place-reminders.remind")
        expect(page.locator(".reminders-dialog")).to_be_visible()
        yield "reminder"
        page.keyboard.press("Escape")
        theirs.focus()
        act(theirs, "place-receipts.readers")
        expect(page.locator(".receipts-dialog p").first).to_be_visible()
        yield "readers"
        page.keyboard.press("Escape")
        theirs.focus()
        theirs.get_by_test_id("choose").press("Enter")
        expect(page.get_by_test_id("emoji-picker")).to_be_visible()
        yield "emoji"
        page.keyboard.press("Escape")
        self._to_list()
        page.get_by_test_id("user-menu").click()
        page.get_by_test_id("menu-status").click()
        page.get_by_test_id("status-preset").last.click()
        expect(page.get_by_test_id("status-day")).to_be_visible()
        yield "status"
        page.keyboard.press("Escape")
        page.get_by_test_id("search").click()
        page.get_by_test_id("search-text").fill("tomatoes")
        page.get_by_test_id("search-text").press("Enter")
        expect(page.get_by_test_id("found").locator("li").first).to_be_visible()
        yield "search"
        page.locator(".dialog-head button").click()
        page.get_by_test_id("place-inbox.list").click()
        expect(page.locator(".inbox-entry").first).to_be_visible()
        yield "inbox"
        page.keyboard.press("Escape")

    def _settings(self) -> Iterator[str]:
        page = self.page
        page.goto(f"{self.person.url}/#settings=")
        nav = page.get_by_test_id("settings-nav")
        if self.narrow:
            expect(nav).to_be_visible()
            yield "settings"
        links = nav.get_by_role("link", include_hidden=True)
        for later in LOADED_LATER:
            expect(nav.get_by_test_id(f"settings-{later}")).to_be_attached()
        hrefs = links.evaluate_all("(links) => links.map((link) => link.getAttribute('href'))")
        for href in hrefs:
            page.goto(f"{self.person.url}/{href}")
            expect(page.locator("#settings-title")).to_be_visible()
            page.wait_for_load_state("networkidle")
            if href.endswith("=profile"):  # what cuts a picture has more to see than what shows it
                given = {"name": "me.png", "mimeType": "image/png", "buffer": png(300, 200)}
                page.get_by_test_id("picture-file").set_input_files(given)  # type: ignore[arg-type]
                expect(page.get_by_test_id("picture-canvas")).to_be_visible()
            yield f"settings-{href.partition('=')[2]}"
            if href.endswith("=groups.list"):
                page.locator(".groups-list summary").click()
                expect(page.locator(".groups-members li")).to_have_count(2)
                yield "settings-groups.list-open"
            if href.endswith("=plugins"):
                row = page.get_by_test_id("plugin-wordfilter")
                row.get_by_test_id("plugin-settings").locator("summary").click()
                row.locator("[data-setting=deadline_seconds] input").fill("-1")
                row.get_by_test_id("settings-save").click()
                expect(row.locator("[data-fault=deadline_seconds]")).not_to_be_empty()
                yield "settings-plugins-form"
                row = page.get_by_test_id("plugin-webhooks")
                row.get_by_test_id("plugin-settings").locator("summary").click()
                tables = row.locator("[data-setting=outgoing]")
                tables.locator(".setting-new input").fill("ci")
                tables.get_by_test_id("setting-add").click()
                row.get_by_test_id("settings-save").click()
                expect(tables.locator("[data-fault=uri]")).not_to_be_empty()
                yield "settings-plugins-tables"

    def _troubles(self) -> Iterator[str]:
        page = self.page
        page.goto(f"{self.person.url}/#room=nowhere")
        expect(page.get_by_test_id("room-gone")).to_be_visible()
        yield "room-gone"
        self._to_list()
        self._open("Elsewhere")
        page.get_by_test_id("composer").fill("plugh")
        page.get_by_test_id("send").click()
        expect(page.get_by_test_id("rewrite")).to_be_visible()
        yield "message-refused"
        page.locator(".message-state button").last.click()
        self._away = True
        for socket in self._sockets:
            socket.close(code=1012)
        page.get_by_test_id("composer").fill("On its way")
        page.get_by_test_id("send").click()
        status = page.get_by_test_id("connection-status")
        expect(status).to_have_attribute("data-status", "waiting")
        expect(status).not_to_be_empty()  # nothing is said of a short gap
        yield "offline"
