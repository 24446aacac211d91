"""A picture is chosen and cut in the settings, and shown upon the initials wherever others see its user."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.test_browser import fresh
from tests.plugins.samples import TRANSPARENT_WEBP, jpeg, png

pytestmark = pytest.mark.long


def settings(page: Page) -> Locator:
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-profile").click()
    return page.get_by_test_id("settings-page")


def choose(page: Page, content: bytes, name: str = "me.png", kind: str = "image/png") -> None:
    given = {"name": name, "mimeType": kind, "buffer": content}
    page.get_by_test_id("picture-file").set_input_files(given)  # type: ignore[arg-type]


def put(person: Person, content: bytes) -> None:
    answer = person.context.request.put(f"{person.url}/api/v1/me/picture", data=content)
    assert answer.ok, answer.text()


@pytest.fixture(scope="module")
def owner(server: Server, browser: Browser) -> Iterator[Person]:
    """The first account, which may remove the pictures of others."""
    olga = Person(browser, server.url).sign_up("olga", "Olga")
    yield olga
    olga.context.close()


@pytest.fixture
def two(owner: Person, person: PersonFactory, server: Server) -> tuple[Person, Person]:
    """Aya and Ben, in a room of theirs, where Aya has written."""
    aya, ben = (person(server).sign_up(fresh(name), name.title()) for name in ("aya", "ben"))
    room = fresh("Tea ")
    aya.create_room(room)
    ben.join_room(room)
    aya.say("Who wants tea?")
    ben.sees("Who wants tea?")
    return aya, ben


def test_a_picture_is_cut_saved_and_seen_by_others_until_it_is_removed(
    two: tuple[Person, Person],
) -> None:
    aya, ben = two
    view = settings(aya.page)
    expect(view).to_contain_text("No picture yet: your initial is shown.")
    expect(view.get_by_test_id("picture-remove")).to_be_hidden()
    choose(aya.page, png(600, 400))
    expect(view.get_by_test_id("picture-save")).to_be_focused()
    view.get_by_test_id("picture-zoom").fill("2")
    canvas = view.get_by_test_id("picture-canvas")
    canvas.press("ArrowLeft")
    view.get_by_test_id("picture-save").click()
    expect(view.get_by_role("status").filter(has_text="Your picture is saved.")).to_be_visible()
    expect(view.get_by_test_id("picture-choose")).to_be_focused()
    shown = view.get_by_test_id("picture-shown")
    expect(shown).to_have_js_property("naturalWidth", 256)
    expect(shown).to_have_js_property("naturalHeight", 256)
    expect(aya.page.locator(".side-foot .avatar img.loaded")).to_have_count(1)
    picture = ben.page.locator("message-list .avatar img.loaded")
    expect(picture).to_be_visible()
    assert picture.get_attribute("src") == shown.get_attribute("src")
    ben.page.get_by_test_id("people").click()
    expect(ben.page.locator(".person .avatar img.loaded")).to_have_count(1)
    ben.page.get_by_test_id("members").get_by_test_id("talk").click()
    expect(ben.page.locator(".room .avatar img.loaded")).to_be_visible()
    ben.page.reload()
    expect(ben.page.locator(".room .avatar img.loaded")).to_be_visible()
    view.get_by_test_id("picture-remove").click()
    expect(view.get_by_test_id("picture-remove")).to_be_hidden()
    for each in (aya, ben):
        expect(each.page.locator(".avatar img")).to_have_count(0)
        name = "B" if each is ben else "A"
        expect(each.page.locator(".side-foot .avatar")).to_have_text(name)


def test_what_is_no_picture_is_refused_where_it_was_chosen(two: tuple[Person, Person]) -> None:
    aya, _ = two
    view = settings(aya.page)
    choose(aya.page, b"no picture at all", "me.txt", "text/plain")
    fault = view.get_by_role("alert").filter(has_text="cannot be shown as a picture")
    expect(fault).to_be_visible()
    choose(aya.page, jpeg((0xE1, b"Exif\0\0")), "me.jpg", "image/jpeg")
    expect(fault).to_have_count(0)
    aya.page.route("**/api/v1/me/picture", lambda route: route.abort())
    aya.expected.append("ERR_FAILED")
    view.get_by_test_id("picture-save").click()
    expect(view.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    aya.page.unroute("**/api/v1/me/picture")
    view.get_by_test_id("picture-cancel").click()
    expect(view.get_by_test_id("picture-choose")).to_be_focused()
    expect(view.get_by_test_id("picture-shown")).to_have_count(0)


def test_a_picture_is_dropped_or_pasted(two: tuple[Person, Person]) -> None:
    aya, _ = two
    view = settings(aya.page)
    for kind, target in (("drop", "[data-plugin=pictures] p"), ("paste", "body")):
        expect(view.get_by_test_id("picture-choose")).to_be_visible()
        aya.page.evaluate(GIVE, [kind, target])
        expect(view.get_by_test_id("picture-canvas")).to_be_visible()
        view.get_by_test_id("picture-cancel").click()
    # Outside of this part a picture is not meant for it.
    aya.page.get_by_test_id("settings-appearance").click()
    expect(aya.page.get_by_test_id("picture-choose")).to_have_count(0)
    aya.page.evaluate(GIVE, ["paste", "body"])
    expect(aya.page.get_by_test_id("picture-canvas")).to_have_count(0)


GIVE = """async ([kind, target]) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
  canvas.getContext("2d");
  const blob = await new Promise((done) => canvas.toBlob(done));
  const carried = new DataTransfer();
  carried.items.add(new File([blob], "me.png", { type: "image/png" }));
  const init = { bubbles: true, cancelable: true, dataTransfer: carried, clipboardData: carried };
  const event = kind === "drop" ? new DragEvent(kind, init) : new ClipboardEvent(kind, init);
  document.querySelector(target).dispatchEvent(event);
}"""


def test_initials_stay_when_a_picture_cannot_be_loaded(two: tuple[Person, Person]) -> None:
    aya, ben = two
    ben.expected.append("ERR_FAILED")
    ben.page.route("**/picture/*", lambda route: route.abort())
    with ben.page.expect_event("requestfailed"):
        put(aya, png())
    avatar = ben.page.locator("message-list .avatar")
    expect(avatar.locator("img")).to_have_count(0)
    expect(avatar).to_have_text("A")
    ben.page.unroute("**/picture/*")
    put(aya, TRANSPARENT_WEBP)
    expect(avatar.locator("img.loaded")).to_be_visible()


def test_staff_removes_a_picture_from_an_account(owner: Person, two: tuple[Person, Person]) -> None:
    aya, ben = two
    put(aya, png())
    picture = ben.page.locator("message-list .avatar img.loaded")
    expect(picture).to_be_visible()
    page = owner.page
    page.goto(f"{owner.url}#settings=users")
    page.get_by_test_id("users-search").fill(aya.username)
    page.get_by_test_id("users-search").press("Enter")
    user = page.get_by_test_id("user").filter(has_text=f"@{aya.username}")
    expect(user.locator(".avatar img.loaded")).to_be_visible()
    user.get_by_test_id("user-more").locator("summary").click()
    user.get_by_test_id("picture-remove").click()
    expect(user).to_contain_text("The picture is removed.")
    expect(picture).to_have_count(0)


def test_a_room_gets_a_picture_that_its_members_see_where_the_room_stands(
    two: tuple[Person, Person],
) -> None:
    aya, ben = two
    expect(ben.page.locator(".room-sign img")).to_have_count(0)
    aya.page.get_by_role("button", name="Room settings").click()
    part = aya.page.get_by_role("region", name="Picture")
    expect(part).to_contain_text("No picture yet")
    choose(aya.page, png(600, 400))
    part.get_by_test_id("picture-save").click()
    expect(part.get_by_role("status")).to_have_text("The picture is saved.")
    shown = part.get_by_test_id("picture-shown")
    expect(shown).to_have_js_property("naturalWidth", 256)
    address = shown.get_attribute("src") or ""
    for person in (aya, ben):
        row = person.page.locator("button.room[aria-current] .room-sign img.loaded")
        expect(row).to_have_attribute("src", address)
        expect(person.page.locator(".room-head .room-sign img.loaded")).to_be_visible()
    ben.page.reload()
    expect(ben.page.locator(".room-head .room-sign img.loaded")).to_have_attribute("src", address)
    part.get_by_test_id("picture-remove").click()
    expect(part.get_by_role("status")).to_have_text("The picture is removed.")
    for person in (aya, ben):
        expect(person.page.locator(".room-sign img")).to_have_count(0)
        expect(person.page.locator(".room-head .room-sign")).to_be_hidden()
