"""Files of messages on the page: pictures are shown, others are links."""

import base64
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.page.people import AWAY, Person, PersonFactory, Server
from tests.page.waiting import place_of, until
from tests.plugins.pictures import png

pytestmark = pytest.mark.long

# Uploads are begun, and what they hold never leaves the browser.
NO_CONTENT = """() => {
  const { fetch } = window;
  window.fetch = (path, options) => {
    if (options?.method !== "PATCH") return fetch(path, options);
    window.hasBegun = true;
    return new Promise(() => {});
  };
}"""
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": "memory,password,metrics,audit,disk_blobs,uploads,attachments"}
    server = Server(tmp_path_factory.mktemp("attachments"), "memory", settings)
    server.start()
    yield server
    server.stop()


def send_file(person: Person, client_id: str, name: str, kind: str, content: str) -> None:
    """Upload a file (base64) and post a message with it into the open room."""
    room = person.page.locator("room-view").get_attribute("data-room")
    person.page.evaluate(
        """async ([room, clientId, name, kind, content]) => {
          const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
          const made = await fetch("/api/v1/uploads", {
            method: "POST",
            headers: {
              "Tus-Resumable": "1.0.0",
              "Upload-Length": String(bytes.length),
              "Upload-Metadata": `filename ${btoa(name)},filetype ${btoa(kind)}`,
              "Content-Type": "application/offset+octet-stream",
            },
            body: bytes,
          });
          if (!made.ok) throw new Error(await made.text());
          const blob = made.headers.get("Location").split("/").pop();
          const sent = await fetch(`/api/v1/rooms/${room}/messages`, {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ client_id: clientId, body: "Look", data: { attachments: { files: [{ blob }] } } }),
          });
          if (!sent.ok) throw new Error(await sent.text());
        }""",
        [room, client_id, name, kind, content],
    )


def test_a_picture_is_shown_and_another_file_is_a_link(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    ben = person(server).sign_up("ben", "Ben")
    aya.create_room("Room")
    ben.join_room("Room")
    send_file(aya, "c1", "dot.png", "image/png", DOT)
    picture = ben.page.get_by_role("img", name="dot.png")
    expect(picture).to_be_visible()
    assert (
        picture.evaluate("async (node) => { await node.decode(); return node.naturalWidth; }") == 1
    )
    send_file(aya, "c2", "<b>notes.txt", "text/plain", base64.b64encode(b"x" * 1500).decode())
    expect(ben.page.get_by_role("link", name="<b>notes.txt (1.5 kB)")).to_be_visible()


def send_files(person: Person, *files: FilePayload) -> None:
    page = person.page
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Attach files").click()
    chosen.value.set_files(list(files))
    chips = page.get_by_test_id("chip")
    expect(chips).to_have_count(len(files))
    for number in range(len(files)):
        expect(chips.nth(number)).to_have_attribute("data-state", "ready")
    page.get_by_test_id("send").click()
    expect(chips).to_have_count(0)


def test_names_of_files_have_a_line_each_and_pictures_stand_side_by_side(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-lines", "Aya")
    aya.create_room("Lines")
    plain = ("a.txt", "b.txt")
    texts = [FilePayload(name=name, mimeType="text/plain", buffer=b"x") for name in plain]
    pictures = [
        FilePayload(name=name, mimeType="image/png", buffer=png(30, 30)) for name in ("c", "d")
    ]
    send_files(aya, texts[0], *pictures, texts[1])
    links = aya.page.locator("a.attachment")
    expect(links).to_have_count(4)
    expect(links.nth(2).locator("img")).to_be_visible()
    first, left, right, last = (place_of(links.nth(index)) for index in range(4))
    assert first["y"] + first["height"] <= left["y"] == right["y"]
    assert left["x"] < right["x"]
    assert right["y"] + right["height"] <= last["y"]
    assert first["x"] == left["x"] == last["x"]


def test_pictures_have_their_place_before_they_are_there_and_are_enlarged(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-shows", "Aya")
    aya.create_room("Shown")
    page = aya.page
    page.route("**/messages/*/files/*", lambda route: None)  # the pictures never come
    send_files(
        aya,
        {"name": "wide.png", "mimeType": "text/plain", "buffer": png(640, 320)},
        {"name": "high.png", "mimeType": "image/png", "buffer": png(60, 480)},
    )
    wide, high = (page.get_by_role("img", name=f"{name}.png") for name in ("wide", "high"))
    for picture, size in (
        (wide, {"width": 320, "height": 160}),
        (high, {"width": 30, "height": 240}),
    ):
        found = place_of(picture)
        assert {name: found[name] for name in size} == size  # type: ignore[literal-required]
    page.unroute("**/messages/*/files/*")
    page.reload()
    wide.click()
    dialog = page.get_by_role("dialog")
    shown = dialog.get_by_role("img")
    expect(dialog).to_have_accessible_name("wide.png · Picture 1 of 2")
    expect(shown).to_have_accessible_name("wide.png")
    until(page, "() => document.querySelector('dialog.viewer img')?.naturalWidth === 640")
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_accessible_name("high.png")
    dialog.get_by_role("button", name="Next picture").click()
    expect(dialog).to_have_accessible_name("wide.png · Picture 1 of 2")
    href = dialog.get_by_role("link", name="Open the file").get_attribute("href")
    assert page.request.get(f"{server.url}{href}").headers["content-type"] == "image/png"
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator("a.attachment").first).to_be_focused()


def wav(seconds: int) -> bytes:
    """Silence."""
    data = b"\x80" * 8000 * seconds
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    return (
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + form
        + b"data" + struct.pack("<I", len(data)) + data
    )  # fmt: skip


def choose_files(page: Page, count: int) -> None:
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Attach files").click()
    files = [FilePayload(name=f"{n}.txt", mimeType="text/plain", buffer=b"x") for n in range(count)]
    chosen.value.set_files(files)


def test_as_many_files_as_a_message_holds_are_uploaded_at_once_and_no_more_attached(
    person: PersonFactory, server: Server
) -> None:
    """The server lets a person have five uploads at the same time, and ten files in a message."""
    aya = person(server).sign_up("aya-many", "Aya")
    aya.create_room("Many")
    choose_files(aya.page, 12)
    expect(aya.page.get_by_text("A message holds at most 10 files.")).to_be_visible()
    ready = aya.page.locator("[data-testid=chip][data-state=ready]")
    expect(ready).to_have_count(10)
    aya.page.get_by_test_id("send").click()
    expect(aya.page.locator("[data-state=posted] a.attachment")).to_have_count(10)


def test_a_refusal_says_how_large_files_may_be(person: PersonFactory, tmp_path: Path) -> None:
    plugins = "memory,password,disk_blobs,uploads,attachments"
    settings = {"plugins.enabled": plugins, "blobs.largest_mb": "3", "blobs.mb_per_user": "4"}
    small = Server(tmp_path, "memory", settings)
    small.start()
    try:
        aya = person(small, locale="ja-JP").sign_up("aya", "Aya")
        aya.expected += [r"413 .*/uploads", r"409 .*/uploads"]
        aya.create_room("Large")
        for name, size in (("a", 3_000_001), ("b", 3_000_000), ("c", 2_000_000)):
            with aya.page.expect_file_chooser() as chosen:
                aya.page.get_by_role("button", name="ファイルを添付").click()
            chosen.value.set_files({"name": name, "mimeType": "text/plain", "buffer": b"x" * size})
            chip = aya.page.get_by_test_id("chip").last
            expect(chip).to_have_attribute("data-state", "ready" if name == "b" else "failed")
        chips = aya.page.get_by_test_id("chip")
        expect(chips.first).to_contain_text("添付できるファイルの大きさは 3 MB までです。")
        expect(chips.last).to_contain_text("合計 4 MB")
    finally:
        small.stop()


def test_an_upload_that_a_reload_ended_holds_up_no_other(
    person: PersonFactory, tmp_path: Path
) -> None:
    plugins = "memory,password,disk_blobs,uploads,attachments"
    one = Server(tmp_path, "memory", {"plugins.enabled": plugins, "blobs.uploads_per_user": "1"})
    one.start()
    try:
        aya = person(one).sign_up("aya", "Aya")
        aya.create_room("Reloaded")
        aya.page.evaluate(NO_CONTENT)
        with aya.page.expect_response("**/api/v1/uploads"):
            choose_files(aya.page, 1)
        until(aya.page, "() => window.hasBegun")
        aya.page.reload()
        chip = aya.page.get_by_test_id("chip")
        expect(chip).to_have_attribute("data-state", "later")
        aya.page.get_by_test_id("send").click()
        expect(aya.page.locator("[data-state=posted] a.attachment")).to_have_count(1)
    finally:
        one.stop()


def test_a_sound_plays_on_while_its_message_changes(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-plays", "Aya")
    ben = person(server).sign_up("ben-plays", "Ben")
    aya.create_room("Played")
    ben.join_room("Played")
    send_files(ben, {"name": "call.wav", "mimeType": "audio/wav", "buffer": wav(120)})
    sound = aya.page.get_by_label("call.wav")
    expect(sound).to_be_visible()
    expect(aya.page.get_by_role("link", name="call.wav (960 kB)")).to_be_visible()
    # From within, with a range: it has to wait for no more than it plays.
    sound.evaluate(
        "async (node) => { window.heard = node; await node.play(); node.currentTime = 60; }"
    )
    row = ben.page.get_by_test_id("message")
    row.hover()
    row.get_by_role("button", name="React with 👍").click()
    expect(aya.page.get_by_test_id("reaction")).to_be_visible()
    until(
        aya.page,
        "() => window.heard.currentTime > 60 && !window.heard.paused && window.heard.isConnected",
    )


def test_what_only_claims_to_be_a_picture_is_a_link(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-claims", "Aya")
    aya.create_room("Claimed")
    page = b"<!doctype html><script>alert(1)</script>"
    send_files(aya, {"name": "cat.png", "mimeType": "image/png", "buffer": page})
    link = aya.page.get_by_role("link", name="cat.png (40 bytes)")
    expect(link).to_be_visible()
    answer = aya.page.request.get(f"{server.url}{link.get_attribute('href')}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_file_is_picked_sent_seen_and_downloaded(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-picks", "Aya")
    ben = person(server).sign_up("ben-picks", "Ben")
    aya.create_room("Picked")
    ben.join_room("Picked")
    content = b"line of notes\n" * 400_000  # several parts
    with aya.page.expect_file_chooser() as chosen:
        aya.page.get_by_role("button", name="Attach files").click()
    chosen.value.set_files(
        [
            {"name": "会議 notes.txt", "mimeType": "text/plain", "buffer": content},
            {"name": "dot.png", "mimeType": "image/png", "buffer": base64.b64decode(DOT)},
        ]
    )
    chips = aya.page.get_by_test_id("chip")
    expect(chips).to_have_count(2)
    for number in range(2):
        expect(chips.nth(number)).to_have_attribute("data-state", "ready")
    aya.page.get_by_test_id("composer").fill("Here they are")
    aya.page.get_by_test_id("send").click()
    expect(chips).to_have_count(0)
    link = ben.page.get_by_role("link", name="会議 notes.txt (5.6 MB)")
    expect(link).to_be_visible()
    expect(ben.page.get_by_role("img", name="dot.png")).to_be_visible()
    address = link.get_attribute("href")
    assert ben.page.request.get(f"{server.url}{address}").body() == content
    ben.sees("Here they are")
    expect(ben.page.get_by_test_id("message")).to_have_count(1)


def take_away(page: Page, name: str) -> None:
    """Take the file's chip away, upon which the server removes what it has of the file."""
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as answered:
        page.get_by_role("button", name=f"Remove {name}").click()
    assert answered.value.status == 204


def without_parts(route: Route) -> None:
    """As on a network so slow that no part of a file arrives."""
    if route.request.method != "PATCH":
        route.continue_()


def test_files_are_dropped_and_pasted_and_taken_away(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-drops", "Aya")
    aya.create_room("Dropped")
    page = aya.page
    give = """([kind, selector, name]) => {
      const carried = new DataTransfer();
      carried.items.add(new File(["content of " + name], name, { type: "text/plain" }));
      const target = document.querySelector(selector);
      const init = { bubbles: true, cancelable: true };
      const event = kind === "paste"
        ? new ClipboardEvent(kind, { ...init, clipboardData: carried })
        : new DragEvent(kind, { ...init, dataTransfer: carried });
      return !target.dispatchEvent(event);
    }"""
    assert page.evaluate(give, ["dragover", "message-list", "a.txt"])
    expect(page.locator("message-composer.dropping")).to_be_visible()
    assert page.evaluate(give, ["drop", "message-list", "a.txt"])
    assert page.evaluate(give, ["paste", "message-composer textarea", "b.txt"])
    # Elsewhere the browser would open a file in place of the page.
    for kind in ("dragover", "drop"):
        assert page.evaluate(give, [kind, "room-list", "lost.txt"])
    chips = page.get_by_test_id("chip")
    expect(chips).to_have_count(2)
    for number in range(2):
        expect(chips.nth(number)).to_have_attribute("data-state", "ready")
    take_away(page, "a.txt")
    expect(chips).to_have_count(1)
    page.route("**/api/v1/uploads/*", without_parts)
    with page.expect_request(lambda request: request.method == "PATCH"):
        assert page.evaluate(give, ["drop", "message-list", "c.txt"])
    take_away(page, "c.txt")
    page.unroute("**/api/v1/uploads/*")
    expect(chips).to_have_count(1)
    # Chips stay with their room, and files need no text.
    aya.create_room("Elsewhere")
    expect(chips).to_have_count(0)
    aya.open_room("Dropped")
    expect(chips).to_have_count(1)
    page.get_by_test_id("send").click()
    expect(page.get_by_role("link", name="b.txt (16 bytes)")).to_be_visible()
    message = page.get_by_test_id("message")
    expect(message).to_have_attribute("data-state", "posted")
    # Its text is the name alone, which the link shows.
    expect(message.get_by_test_id("message-body")).to_have_count(0)


def test_an_upload_goes_on_after_lost_answers_and_can_be_tried_again(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-loses", "Aya")
    aya.expected.append(AWAY)
    aya.create_room("Lost")
    page = aya.page
    lost: list[str] = []

    def lose(route: Route) -> None:
        """The server gets the part, and its answer is lost."""
        if lost or route.request.method != "PATCH":
            route.continue_()
            return
        lost.append(route.request.url)
        route.fetch()
        route.abort()

    page.route("**/api/v1/uploads/*", lose)
    content = base64.b64encode(b"x" * 5_000_000)[:5_000_000]
    file: FilePayload = {"name": "big.txt", "mimeType": "text/plain", "buffer": content}
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Attach files").click()
    chosen.value.set_files([file])
    expect(page.get_by_test_id("chip")).to_have_attribute("data-state", "ready")
    assert len(lost) == 1
    page.get_by_test_id("send").click()
    link = page.get_by_role("link", name="big.txt (5 MB)")
    expect(link).to_be_visible()
    body = page.request.get(f"{server.url}{link.get_attribute('href')}").body()
    assert body == content
    # Refused for good: the chip says so, and the next try succeeds.
    page.unroute("**/api/v1/uploads/*")
    refusals: list[str] = []

    def refuse(route: Route) -> None:
        if refusals:
            route.continue_()
            return
        refusals.append(route.request.url)
        error = {"error": {"code": "limit.space", "message": "No space.", "retry": "never"}}
        route.fulfill(status=413, json=error)

    page.route("**/api/v1/uploads", refuse)
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Attach files").click()
    chosen.value.set_files([file])
    chip = page.get_by_test_id("chip")
    expect(chip).to_have_attribute("data-state", "failed")
    page.get_by_test_id("composer").fill("not yet")
    page.get_by_test_id("send").click()
    expect(page.get_by_text("Something could not be attached")).to_be_visible()
    chip.get_by_role("button", name="Try again").click()
    expect(chip).to_have_attribute("data-state", "ready")


def test_a_file_that_was_attached_without_a_network_outlasts_the_tab(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-far", "Aya")
    aya.expected.append(AWAY)
    aya.create_room("Far")
    page = aya.page
    expect(page.get_by_role("button", name="Attach files")).to_be_visible()
    aya.context.set_offline(True)
    expect(page.get_by_test_id("connection-status")).to_contain_text("You are offline.")
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Attach files").click()
    file: FilePayload = {"name": "far.txt", "mimeType": "text/plain", "buffer": b"from afar"}
    chosen.value.set_files([file])
    expect(page.get_by_test_id("chip")).to_have_attribute("data-state", "failed")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("chip")).to_have_count(0)
    message = page.get_by_test_id("message")
    expect(message).to_have_attribute("data-state", "pending")
    expect(message).to_have_attribute("data-kept", "browser")
    page.close()
    aya.context.set_offline(False)
    page = aya.page = aya.new_page()
    page.goto(server.url)
    aya.open_room("Far")
    expect(page.get_by_test_id("message")).to_have_attribute("data-state", "posted")
    link = page.get_by_role("link", name="far.txt (9 bytes)")
    address = link.get_attribute("href")
    assert page.request.get(f"{server.url}{address}").body() == b"from afar"


KEPT = """async (name) => {
  const open = indexedDB.open("chatserver");
  const database = await new Promise((resolve) => (open.onsuccess = () => resolve(open.result)));
  const asked = database.transaction(name).objectStore(name).getAll();
  const found = await new Promise((resolve) => (asked.onsuccess = () => resolve(asked.result)));
  database.close();
  return found;
}"""
NO_ROOM_FOR_FILES = """{
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (record) {
    if (this.name === "files") throw new DOMException("no space left", "QuotaExceededError");
    return put.call(this, record);
  };
}"""


def attach_offline(person: Person) -> None:
    page = person.page
    person.expected += ["ERR_", "WebSocket connection to", "Failed to fetch dynamically"]
    expect(page.get_by_role("button", name="Attach files")).to_be_visible()
    person.context.set_offline(True)
    expect(page.get_by_test_id("connection-status")).to_contain_text("You are offline.")
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Attach files").click()
    file: FilePayload = {"name": "far.txt", "mimeType": "text/plain", "buffer": b"from afar"}
    chosen.value.set_files([file])
    expect(page.get_by_test_id("chip")).to_have_attribute("data-state", "failed")


def test_a_file_of_a_draft_outlasts_the_tab(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-drafts", "Aya")
    aya.create_room("Drafts")
    attach_offline(aya)
    aya.page.get_by_test_id("composer").press_sequentially("look")
    until(aya.page, f"async () => (await ({KEPT})('files')).length === 1")
    until(aya.page, f"async () => (await ({KEPT})('drafts'))[0]?.text === 'look'")
    expect(aya.page.get_by_test_id("files-unkept")).to_be_empty()
    aya.page.close()
    aya.context.set_offline(False)
    aya.page = page = aya.new_page()
    page.goto(server.url)
    aya.open_room("Drafts")
    chip = page.get_by_test_id("chip")
    expect(chip).to_have_attribute("data-state", "later")
    expect(chip).to_contain_text("Is uploaded with the message.")
    expect(page.get_by_test_id("composer")).to_have_value("look")
    page.get_by_test_id("send").click()
    expect(chip).to_have_count(0)
    expect(page.get_by_test_id("message")).to_have_attribute("data-state", "posted")
    address = page.get_by_role("link", name="far.txt (9 bytes)").get_attribute("href")
    assert page.request.get(f"{server.url}{address}").body() == b"from afar"
    until(page, f"async () => (await ({KEPT})('files')).length === 0")


def test_a_file_for_which_the_browser_has_no_room_is_said_to_end_with_the_page(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server)
    page = aya.page
    page.add_init_script(NO_ROOM_FOR_FILES)
    aya.sign_up("aya-full", "Aya").create_room("Full")
    attach_offline(aya)
    page.get_by_test_id("composer").press_sequentially("look")
    expect(page.get_by_role("status").filter(has_text="no room for these files")).to_be_visible()
    aya.context.set_offline(False)
    aya.connected()
    page.reload()
    expect(page.get_by_test_id("composer")).to_have_value("look")
    expect(page.get_by_test_id("chip")).to_have_count(0)


def test_a_text_that_is_too_long_for_a_message_is_sent_as_a_file(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-long", "Aya")
    ben = person(server).sign_up("ben-long", "Ben")
    aya.create_room("Long")
    ben.join_room("Long")
    page, text = aya.page, "so very long\n" * 700
    composer = page.get_by_test_id("composer")
    composer.fill(text)
    composer.press("Enter")
    page.get_by_test_id("file").click()
    expect(page.locator('[data-state="failed"]')).to_have_count(0)
    expect(composer).to_have_value("")
    expect(page.get_by_test_id("chip")).to_contain_text("message.txt")
    expect(page.get_by_test_id("chip")).to_have_attribute("data-state", "ready")
    composer.fill("Read this")
    composer.press("Enter")
    ben.sees("Read this")
    link = ben.page.get_by_role("link", name="message.txt")
    answer = ben.context.request.get(f"{ben.url}{link.get_attribute('href')}")
    assert answer.text() == text.strip()
