"""Pictures in messages: described before they are sent, small in the list, large when they are opened."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import FilePayload, Page, Response, Route, expect

from tests.blobs.test_metadata import drawing
from tests.page.people import AWAY, PersonFactory, Server
from tests.page.waiting import place_of, until
from tests.plugins.test_thumbnail_decoding import saved

pytestmark = pytest.mark.long

ALT = "A heron stands on one leg in the rain"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "plugins.enabled": "memory,password,metrics,audit,disk_blobs,uploads,attachments,thumbnails"
    }
    server = Server(tmp_path_factory.mktemp("described"), "memory", settings)
    server.start()
    yield server
    server.stop()


def photo(name: str, width: int, height: int) -> FilePayload:
    buffer = saved(drawing(width, height), "JPEG")
    return {"name": name, "mimeType": "image/jpeg", "buffer": buffer}


def attach(page: Page, *files: FilePayload) -> None:
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Attach files").click()
    chosen.value.set_files(list(files))
    expect(page.get_by_test_id("chip")).to_have_count(len(files))


def describe_by_keyboard(page: Page, name: str, text: str) -> None:
    button = page.get_by_role("button", name=f"Describe {name}")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=f"Describe {name}")).to_be_visible()
    expect(page.get_by_test_id("describe-text")).to_be_focused()
    page.keyboard.type(text)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_a_picture_is_described_seen_small_and_opened_large(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-herons", "Aya")
    ben = person(server, viewport={"width": 320, "height": 568}).sign_up("ben-herons", "Ben")
    aya.create_room("Herons")
    ben.join_room("Herons")
    loaded: list[Response] = []
    ben.page.on("response", lambda answer: "/messages/" in answer.url and loaded.append(answer))
    page = aya.page
    attach(page, photo("heron.jpg", 2000, 1000), photo("nest.jpg", 500, 1000))
    for number in range(2):
        expect(page.get_by_test_id("chip").nth(number)).to_have_attribute("data-state", "ready")
    describe_by_keyboard(page, "heron.jpg", ALT)
    expect(page.get_by_test_id("chip").first).to_contain_text(ALT)
    page.get_by_test_id("send").click()
    small = ben.page.get_by_role("img", name=ALT)
    expect(small).to_be_visible()
    other = ben.page.get_by_role("img", name="nest.jpg")
    expect(other).to_be_visible()
    # The names that stand for a text are not shown beside the pictures, nor is the description.
    expect(ben.page.get_by_test_id("message-body")).to_have_count(0)
    box = place_of(small)
    assert abs(box["width"] - 2 * box["height"]) < 1
    assert box["x"] >= 0 and box["x"] + box["width"] <= 320
    until(ben.page, f"() => document.querySelector('img[alt=\"{ALT}\"]').naturalWidth > 0")
    assert {answer.status for answer in loaded} == {200}
    assert all("/thumbnails/" in answer.url and answer.url.endswith("/320") for answer in loaded)
    # Large, by keyboard.
    ben.page.locator("a.attachment").first.focus()
    ben.page.keyboard.press("Enter")
    dialog = ben.page.get_by_role("dialog")
    expect(dialog).to_have_accessible_name("heron.jpg · Picture 1 of 2")
    expect(dialog.get_by_role("img")).to_have_accessible_name(ALT)
    expect(dialog.get_by_text(ALT)).to_be_visible()
    assert ben.page.evaluate("document.querySelector('dialog').scrollWidth <= innerWidth")
    with ben.page.expect_download() as downloaded:
        dialog.get_by_role("link", name="Download").click()
    assert downloaded.value.suggested_filename == "heron.jpg"
    ben.page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("img")).to_have_accessible_name("nest.jpg")
    expect(dialog.get_by_text(ALT)).to_have_count(0)
    ben.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(ben.page.locator("a.attachment").first).to_be_focused()


def test_where_there_is_no_thumbnail_the_file_is_shown(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-bare", "Aya")
    aya.expected.append("404")
    aya.create_room("Bare")
    page = aya.page
    page.route("**/thumbnails/**", lambda route: route.fulfill(status=404, json={}))
    attach(page, photo("heron.jpg", 800, 400))
    expect(page.get_by_test_id("chip")).to_have_attribute("data-state", "ready")
    page.get_by_test_id("send").click()
    until(page, "() => document.querySelector('img[alt=\"heron.jpg\"]')?.naturalWidth === 800")


def test_an_upload_that_goes_on_takes_the_focus_from_nobody(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-calm", "Aya")
    aya.create_room("Calm")
    page = aya.page
    held: list[Route] | None = []

    def hold(route: Route) -> None:
        if held is None:
            route.continue_()
        else:
            held.append(route)

    page.route("**/uploads*", hold)
    attach(page, photo("first.jpg", 90, 60), photo("last.jpg", 90, 60))
    chips = page.get_by_test_id("chip")
    button = page.get_by_role("button", name="Describe first.jpg")
    button.focus()
    until(page, "() => document.querySelectorAll('[data-state=waiting]').length === 2")
    waiting, held = held, None
    for route in waiting:
        route.continue_()
    for number in range(2):
        expect(chips.nth(number)).to_have_attribute("data-state", "ready")
    expect(button).to_be_focused()
    removers = page.get_by_test_id("chip-remove")
    removers.first.press("Enter")
    expect(chips).to_have_count(1)
    expect(removers).to_be_focused()
    removers.press("Enter")
    expect(chips).to_have_count(0)
    expect(page.get_by_test_id("composer")).to_be_focused()


def test_a_description_given_without_a_network_outlasts_the_tab(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-afar", "Aya")
    aya.expected += [AWAY, "Failed to fetch dynamically"]
    aya.create_room("Afar")
    page = aya.page
    attach(page, photo("first.jpg", 90, 60))  # so that the dialog has been loaded
    describe_by_keyboard(page, "first.jpg", "first")
    page.get_by_test_id("chip-remove").click()
    aya.context.set_offline(True)
    expect(page.get_by_test_id("connection-status")).to_contain_text("You are offline.")
    attach(page, photo("heron.jpg", 90, 60))
    expect(page.get_by_test_id("chip")).to_have_attribute("data-state", "failed")
    describe_by_keyboard(page, "heron.jpg", ALT)
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("message")).to_have_attribute("data-kept", "browser")
    page.close()
    aya.context.set_offline(False)
    page = aya.page = aya.new_page()
    page.goto(server.url)
    aya.open_room("Afar")
    expect(page.get_by_role("img", name=ALT)).to_be_visible()
