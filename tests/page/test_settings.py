"""The settings on the page: one's own, those of the server for its staff, and those of a room."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.people import PASSWORD, Person, PersonFactory, Server
from tests.page.waiting import has_focus
from tests.waiting import wait_until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "plugins.folder": str(Path(__file__).parent / "plugins"),
        "plugins.enabled": json.dumps(["memory", "password", "metrics", "claimant"]),
    }
    server = Server(tmp_path_factory.mktemp("settings"), "memory", settings)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def owner(server: Server, browser: object) -> Iterator[Person]:
    """The first account, which owns the server."""
    olga = Person(browser, server.url).sign_up("olga", "Olga")  # type: ignore[arg-type]
    yield olga
    olga.context.close()


def opened(page: Page, name: str) -> None:
    if page.get_by_test_id("settings-nav").count() == 0:
        page.get_by_test_id("account").click()
    page.get_by_test_id(f"settings-{name}").click()
    expect(page.get_by_test_id(f"settings-{name}")).to_have_attribute("aria-current", "page")


def test_one_chooses_another_name(person: PersonFactory, server: Server) -> None:
    mia = person(server).sign_up("mia", "Mia")
    page = mia.page
    mia.create_room("Names")
    page.get_by_test_id("account").click()
    page.get_by_test_id("profile-name").fill("Mia the Second")
    page.get_by_test_id("profile-save").click()
    expect(page.get_by_test_id("account-done")).to_have_text("Saved.")
    page.get_by_test_id("settings-close").click()
    mia.in_room("Names")
    expect(page.get_by_test_id("my-name")).to_have_text("Mia the Second")
    mia.say("Hello")
    expect(page.get_by_test_id("message")).to_contain_text("Mia the Second")


def test_only_staff_sees_the_pages_of_the_server(person: PersonFactory, server: Server) -> None:
    page = person(server).sign_up("tom", "Tom").page
    page.get_by_test_id("account").click()
    nav = page.get_by_role("navigation", name="Settings")
    expect(nav.get_by_role("link")).to_have_count(7)
    page.goto(f"{server.url}/#settings=users")
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()


def test_staff_finds_an_account_gives_a_role_and_locks_it(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    ben = person(server).sign_up("ben-locked", "Ben")
    ben.expected.append(r"401 \(Unauthorized\)|WebSocket connection")
    page = owner.page
    opened(page, "users")
    page.get_by_test_id("users-search").fill("BEN-LOCK")
    page.get_by_test_id("users-search").press("Enter")
    row = page.get_by_test_id("user")
    expect(row).to_have_count(1)
    page.get_by_role("combobox", name="Role of Ben").select_option("guest")
    expect(page.get_by_test_id("account-done")).to_have_text("Saved.")
    expect(row.get_by_test_id("user-role")).to_have_value("guest")
    page.get_by_role("button", name="Lock out: Ben").click()
    expect(row).to_contain_text("locked out")
    expect(ben.page.get_by_test_id("notice")).to_contain_text("Your session has ended")
    page.get_by_role("button", name="Let in again: Ben").click()
    expect(row).not_to_contain_text("locked out")
    # The owner's own account cannot be changed there.
    page.get_by_test_id("users-search").fill("olga")
    page.get_by_test_id("users-search").press("Enter")
    expect(page.get_by_role("combobox", name="Role of Olga")).to_be_disabled()
    expect(page.get_by_test_id("user-lock")).to_be_hidden()


def test_a_sensitive_change_is_made_after_a_confirmation(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    person(server).sign_up("cat-confirmed", "Cat")
    page = owner.page
    opened(page, "users")
    page.get_by_test_id("users-search").fill("cat-confirmed")
    page.get_by_test_id("users-search").press("Enter")
    row = page.get_by_test_id("user")
    expect(row).to_have_count(1)
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        """As ten minutes after the sign-in."""
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        error = {"error": {"code": "auth.confirm", "message": "Confirm.", "retry": "never"}}
        route.fulfill(status=403, json=error)

    page.route("**/api/v1/users/*", refuse_once)
    row.get_by_test_id("user-role").select_option("admin")
    password = page.get_by_role("textbox", name="Password")
    password.fill("wrong")
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("step-error")).not_to_be_empty()
    expect(row.get_by_test_id("user-role")).to_have_value("member")
    password.fill(PASSWORD)
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("account-done")).to_have_text("Saved.")
    expect(row.get_by_test_id("user-role")).to_have_value("admin")
    page.unroute("**/api/v1/users/*")


def test_staff_sees_the_plugins(server: Server, owner: Person) -> None:
    opened(owner.page, "plugins")
    password = owner.page.get_by_test_id("plugin-password")
    expect(password).to_contain_text("provide_authenticator")
    expect(password).to_contain_text("Passwords (argon2id)")
    powers = {
        name: owner.page.get_by_test_id(f"plugin-{name}").get_by_test_id("powers")
        for name in ("password", "metrics", "memory", "claimant")
    }
    expect(powers["password"]).to_have_text("Uses: accounts.sessions_end")
    expect(powers["metrics"]).to_have_text("Network: 127.0.0.1")
    expect(powers["memory"]).to_have_text("No powers")
    expect(powers["claimant"]).to_have_text("Powers not declared")
    owner.page.set_viewport_size({"width": 390, "height": 800})
    box = password.locator(".plugin-head .row-main").bounding_box()
    assert box is not None
    assert box["width"] > 300  # what it is for has the line to itself
    owner.page.set_viewport_size({"width": 1280, "height": 720})


def test_staff_releases_what_a_plugin_claims(server: Server, owner: Person) -> None:
    page = owner.page
    opened(page, "plugins")
    row = page.get_by_test_id("plugin-claimant")
    expect(row).to_contain_text("guards Pin: all rooms")
    row.get_by_role("button", name="Release: guards Pin: all rooms").click()
    page.get_by_test_id("ask-yes").click()
    expect(page.get_by_test_id("account-done")).to_have_text("Saved.")
    expect(row).not_to_contain_text("guards Pin")
    expect(row).to_contain_text("guards SignIn of users who rely on it (1), the roles Guest")


def test_an_owner_turns_a_plugin_off_and_on(server: Server, owner: Person) -> None:
    page = owner.page
    opened(page, "plugins")
    row = page.get_by_test_id("plugin-shortcodes")
    page.get_by_test_id("plugin-name").fill("nothing")
    page.get_by_test_id("plugin-on").click()
    expect(page.get_by_test_id("account-error")).not_to_be_empty()
    page.get_by_test_id("plugin-name").fill("shortcodes")
    page.get_by_test_id("plugin-on").click()
    expect(row).to_contain_text("change_message")
    row.get_by_role("button", name="Read its settings again: shortcodes").click()
    expect(page.get_by_test_id("account-done")).to_have_text("Saved.")
    row.get_by_role("button", name="Turn off: shortcodes").click()
    page.get_by_test_id("ask-yes").click()
    expect(row).to_have_count(0)
    other = page.get_by_test_id("available-shortcodes")
    expect(other).to_contain_text(":smile: becomes")
    other.get_by_role("button", name="Turn on: shortcodes").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Turn off: shortcodes").click()
    page.get_by_test_id("ask-yes").click()
    expect(other).to_be_visible()


def test_an_owner_reads_the_settings_of_a_plugin(server: Server, owner: Person) -> None:
    opened(owner.page, "plugins")
    row = owner.page.get_by_test_id("plugin-metrics")
    expect(row.get_by_test_id("plugin-settings")).to_have_count(1)
    row = owner.page.get_by_test_id("plugin-password")
    row.get_by_test_id("plugin-settings").locator("summary").click()
    setting = row.locator('[data-setting="memory_kib"]')
    expect(setting).to_contain_text("Memory of one argon2id hash")
    expect(setting).to_contain_text("Allowed: 8 to 4194304.")


DESKTOP = """
  window.told = [];
  window.asked = 0;
  window.Notification = class {
    static permission = "default";
    static async requestPermission() {
      window.asked += 1;
      this.permission = "granted";
    }
    constructor(title, { body }) {
      window.told.push([title, body]);
      window.last = this;
    }
    close() {}
  };
  Object.defineProperty(document, "hidden", { get: () => window.isAway ?? false });
"""


def test_a_direct_message_comes_to_the_desktop_of_somebody_who_wants_that(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server)
    aya.context.add_init_script(DESKTOP)
    aya.page.goto(server.url)  # with the script
    aya.sign_up("aya-desktop", "Aya")
    ben = person(server).sign_up("ben-desktop", "Ben")
    page = aya.page
    opened(page, "notifications")
    assert page.evaluate("asked") == 0
    page.get_by_label("Show notifications on this device").check()
    expect(page.get_by_test_id("desktop")).to_be_checked()
    assert page.evaluate("asked") == 1
    page.get_by_test_id("settings-close").click()
    page.evaluate("isAway = true")
    ben.page.get_by_test_id("new-room").click()
    ben.page.get_by_test_id("kind-direct").check()
    ben.page.get_by_test_id("room-name").fill("aya-desktop")
    ben.page.get_by_test_id("create-room").click()
    ben.in_room("Aya")
    expect(page.get_by_test_id("room").filter(has_text="Ben")).to_be_visible()
    ben.say("Are you there?")
    wait_until(lambda: page.evaluate("told.length") == 1)
    assert page.evaluate("told") == [["Ben", "Are you there?"]]
    page.evaluate("last.onclick()")
    aya.sees("Are you there?")


def test_a_narrow_screen_has_one_column(person: PersonFactory, server: Server) -> None:
    aya = person(server, locale="ja-JP", viewport={"width": 390, "height": 800})
    page = aya.sign_up("aya-narrow", "彩").page
    page.get_by_role("link", name="設定").click()
    expect(page.get_by_role("heading", name="プロフィール")).to_be_visible()
    expect(page.get_by_test_id("settings-nav")).to_be_hidden()
    page.get_by_role("link", name="設定").click()
    expect(page.get_by_test_id("settings-nav")).to_be_visible()
    page.get_by_role("link", name="パスワードとログイン").click()
    expect(page.get_by_test_id("change-password")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_settings_work_by_keyboard(person: PersonFactory, server: Server) -> None:
    ada = person(server).sign_up("ada-keys", "Ada")
    ada.create_room("Keys")
    page = ada.page
    page.get_by_test_id("account").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Notifications").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Notifications")).to_be_visible()
    expect(page.get_by_role("link", name="Notifications")).to_be_focused()
    page.keyboard.press("Escape")
    ada.in_room("Keys")


def test_those_who_may_change_a_rooms_name_and_topic(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-room", "Aya")
    ben = person(server).sign_up("ben-room", "Ben")
    aya.create_room("Before")
    ben.join_room("Before")
    expect(ben.page.get_by_test_id("place-room-settings")).to_have_count(0)
    aya.page.get_by_role("button", name="Room settings").click()
    aya.page.get_by_test_id("room-settings-name").fill("Afterwards")
    aya.page.get_by_test_id("room-settings-topic").fill("Tea")
    aya.page.get_by_test_id("room-settings-save").click()
    for each in (aya, ben):
        expect(each.page.get_by_test_id("room-title")).to_have_text("Afterwards")
        expect(each.page.locator(".room-topic")).to_have_text("Tea")
    # In the head a long topic is cut off.
    ben.page.get_by_test_id("people").click()
    expect(ben.page.get_by_test_id("people-topic")).to_have_text("Tea")
    members = ben.page.get_by_test_id("people-dialog").locator(".person")
    expect(members.filter(has_text="Aya")).to_contain_text("@aya-room · Owner")
    expect(members.filter(has_text="Ben").locator("small").first).to_have_text("@ben-room")


def test_a_rooms_description_is_written_in_its_settings_and_read_by_all(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-about", "Aya")
    ben = person(server).sign_up("ben-about", "Ben")
    aya.create_room("Tea room")
    page = aya.page
    page.get_by_role("button", name="Room settings").click()
    field = page.get_by_test_id("room-settings-description")
    field.fill("All about tea.\nSee https://example.org/tea.")
    page.get_by_test_id("room-settings-save").click()
    expect(page.get_by_test_id("room-settings-done")).not_to_be_empty()
    ben.open_room("Tea room")
    about = ben.page.get_by_test_id("room-about")
    expect(about).to_contain_text("All about tea.\nSee", use_inner_text=True)
    expect(about.get_by_role("link")).to_have_attribute("href", "https://example.org/tea")
    ben.page.get_by_test_id("join-room").click()
    ben.in_room("Tea room")
    room = page.locator("room-view").get_attribute("data-room")
    change = {"description": "Green tea alone."}
    assert aya.context.request.patch(f"{aya.rooms}/{room}", data=change).status == 200
    ben.page.get_by_test_id("people").click()
    expect(ben.page.get_by_test_id("room-about")).to_have_text("Green tea alone.")
    # A new name does not bring the old description back.
    page.get_by_test_id("room-settings-name").fill("Green tea room")
    page.get_by_test_id("room-settings-save").click()
    expect(page.get_by_test_id("room-title")).to_have_text("Green tea room")
    told = aya.context.request.get(f"{aya.rooms}/{room}").json()
    assert (told["name"], told["description"]) == ("Green tea room", "Green tea alone.")


def test_an_owner_makes_a_room_private_and_public_again(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya-kind", "Aya")
    ben = person(server).sign_up("ben-kind", "Ben")
    aya.create_room("Rehearsal")
    aya.say("From the top")
    ben.open_room("Rehearsal")
    expect(ben.page.get_by_test_id("join-room")).to_be_visible()
    page = aya.page
    page.get_by_role("button", name="Room settings").click()
    button = page.get_by_test_id("room-kind")
    drawn = page.get_by_test_id("room").filter(has_text="Rehearsal").locator("svg path").first
    public = str(drawn.get_attribute("d"))
    for text, kind in (("Make private", "private"), ("Make public", "public")):
        expect(button).to_have_text(text)
        button.click()
        expect(page.get_by_test_id("ask")).to_contain_text(f"Make Rehearsal {kind}?")
        page.get_by_test_id("ask-yes").click()
        expect(button).not_to_have_text(text)
        has_focus(page, "room-kind")
        if kind == "public":
            expect(drawn).to_have_attribute("d", public)
        else:
            expect(drawn).not_to_have_attribute("d", public)
            ben.page.get_by_test_id("join-room").click()
            expect(ben.page.get_by_role("alert").filter(has_text="room")).to_be_visible()
            ben.page.reload()
            ben.connected()
            expect(ben.page.get_by_test_id("room-gone")).to_be_visible()
            expect(ben.page.get_by_test_id("room").filter(has_text="Rehearsal")).to_have_count(0)
    ben.join_room("Rehearsal")
    ben.sees("From the top")


def opened_room_settings(person: Person) -> None:
    person.page.get_by_role("button", name="Room settings").click()
    expect(person.page.get_by_test_id("room-members")).to_be_visible()


def test_a_rooms_owner_invites_appoints_and_removes(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya-members", "Aya")
    ben = person(server).sign_up("ben-members", "Ben")
    cat = person(server).sign_up("cat-members", "Cat")
    aya.expected.append(r"404 \(Not Found\).*/nobody-of-this-name")
    aya.create_room("Members", "private")
    opened_room_settings(aya)
    page = aya.page
    rows = page.get_by_test_id("room-member")
    expect(rows).to_have_count(1)
    page.get_by_test_id("room-invite-name").fill("nobody-of-this-name")
    page.get_by_test_id("room-invite-save").click()
    expect(page.get_by_test_id("room-invite-error")).not_to_be_empty()
    for count, username in ((2, "ben-members"), (3, "cat-members")):
        page.get_by_test_id("room-invite-name").fill(username)
        page.get_by_test_id("room-invite-save").click()
        expect(rows).to_have_count(count)
    expect(page.get_by_test_id("room-invite-error")).to_be_empty()
    page.get_by_role("combobox", name="Role of Ben").select_option("admin")
    expect(page.get_by_test_id("member-done")).to_have_text("Saved.")
    # The only owner stays one.
    page.get_by_role("combobox", name="Role of Aya").select_option("member")
    expect(page.get_by_test_id("member-error")).to_contain_text("owner")
    expect(page.get_by_role("combobox", name="Role of Aya")).to_have_value("owner")
    # An admin of the room removes members, but gives no roles, and does not remove its owner.
    ben.open_room("Members")
    ben.page.reload()
    ben.connected()
    opened_room_settings(ben)
    expect(ben.page.get_by_test_id("member-role")).to_have_count(0)
    expect(ben.page.get_by_test_id("member-remove")).to_have_count(1)
    cat.open_room("Members")
    ben.page.get_by_role("button", name="Remove: Cat").click()
    ben.page.get_by_test_id("ask-yes").click()
    expect(ben.page.get_by_test_id("room-member")).to_have_count(2)
    expect(cat.page.get_by_test_id("room-gone")).to_be_visible()
    page.get_by_test_id("room-settings-leave").click()
    expect(page.get_by_test_id("hand-over-dialog")).to_contain_text("the only owner of Members")
    page.keyboard.press("Escape")
    ben.page.get_by_test_id("room-settings-leave").click()
    ben.page.get_by_test_id("ask-yes").click()
    expect(ben.page.get_by_test_id("welcome")).to_be_visible()
    expect(ben.page.get_by_test_id("room").filter(has_text="Members")).to_have_count(0)
