"""The pages for staff of the server, as an owner and an admin use them beside a member."""

import json
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.page.people import PASSWORD, Person, PersonFactory, Server, sent_twice
from tests.page.test_settings import opened
from tests.waiting import wait_until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": json.dumps(["memory", "password", "audit", "invites"])}
    server = Server(tmp_path_factory.mktemp("staff"), "memory", settings)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def owner(server: Server, browser: object) -> Iterator[Person]:
    """The first account, which owns the server."""
    olga = Person(browser, server.url).sign_up("olga", "Olga")  # type: ignore[arg-type]
    yield olga
    olga.context.close()


def test_the_first_account_is_told_that_it_owns_the_server(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    page = owner.page
    card = page.get_by_test_id("owner-card")
    expect(card).to_contain_text("This server is yours")
    page.get_by_test_id("owner.backups").click()
    expect(page.get_by_test_id("status-health")).to_be_visible()
    expect(card).to_be_hidden()
    page.get_by_test_id("settings-close").click()
    page.get_by_test_id("owner.rooms").click()
    expect(page.get_by_test_id("new-room-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 390, "height": 800})
    expect(card).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name in ("account", "user-menu"):  # nothing is covered
        page.get_by_test_id(name).click(trial=True)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.get_by_test_id("welcome-new-room").click(trial=True)
    page.get_by_test_id("owner-card-close").click()
    expect(card).to_have_count(0)
    page.reload()
    owner.connected()
    expect(page.get_by_test_id("welcome")).to_be_visible()
    expect(card).to_have_count(0)
    other = person(server).sign_up("una-other", "Una")
    expect(other.page.get_by_test_id("welcome")).to_be_visible()
    expect(other.page.get_by_test_id("owner-card")).to_have_count(0)


def found(page: Page, username: str) -> None:
    opened(page, "users")
    page.get_by_test_id("users-search").fill(username)
    page.get_by_test_id("users-search").press("Enter")
    expect(page.get_by_test_id("user")).to_have_count(1)


def loaded(page: Page) -> list[str]:
    """The addresses that the page asks for from now on."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    return seen


def test_a_member_loads_nothing_of_the_pages_for_staff(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    mia = person(server)
    asked = loaded(mia.page)
    mia.sign_up("mia-plain", "Mia")
    for page in ("profile", "security", "sessions", "notifications"):
        opened(mia.page, page)
    assert any("/settings/security.js" in url for url in asked)
    for part in ("/staff/", "/admin/", "/plugins/invites/", "/plugins/audit/"):
        assert [url for url in asked if part in url] == []
    asked = loaded(owner.page)
    opened(owner.page, "users")
    expect(owner.page.get_by_test_id("user").first).to_be_visible()
    assert any("/admin/users" in url for url in asked)


def test_an_admin_adds_somebody_who_then_chooses_a_password(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    page = owner.page
    opened(page, "users")
    page.get_by_test_id("adding").locator("summary").click()
    page.get_by_test_id("add-username").fill("nils-added")
    page.get_by_test_id("add-name").fill("Nils")
    page.get_by_test_id("add-password").fill("12345678")
    page.get_by_test_id("add-user-save").click()
    fault = page.get_by_test_id("add-user").locator("[data-fault=password]")
    expect(fault).not_to_be_empty()
    expect(page.get_by_test_id("add-password")).to_be_focused()
    page.get_by_test_id("add-password").fill(PASSWORD)
    page.get_by_test_id("add-user-save").click()
    expect(page.get_by_test_id("add-user-done")).to_have_text("The account is made.")
    expect(fault).to_be_empty()
    expect(page.get_by_test_id("user").filter(has_text="@nils-added")).to_be_visible()
    somebody = person(server)
    somebody.expected.append(r"401 \(Unauthorized\).*/api/v1/login")
    nils = somebody.page
    nils.goto(server.url)
    nils.get_by_test_id("username").fill("nils-added")
    nils.get_by_test_id("password").fill(PASSWORD)
    nils.get_by_test_id("submit").click()
    expect(nils.get_by_test_id("step-submit")).to_be_visible()  # another password, please


def test_an_owner_sees_where_somebody_is_signed_in_and_ends_it(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    ben = person(
        server,
        user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    ).sign_up("ben-signed-in", "Ben")
    ben.expected.append(r"401 \(Unauthorized\)|WebSocket connection")
    page = owner.page
    found(page, "ben-signed-in")
    page.get_by_test_id("user-more").locator("summary").click()
    sessions = page.get_by_test_id("user-sessions")
    expect(sessions).to_contain_text("Firefox on Windows")
    expect(sessions).not_to_contain_text("Mozilla")
    page.get_by_test_id("user-end-sessions").click()
    page.get_by_test_id("ask-yes").click()
    expect(page.get_by_text("Not signed in anywhere.")).to_be_visible()
    expect(ben.page.get_by_test_id("submit")).to_be_visible()
    page.get_by_test_id("user-reset").click()
    link = page.get_by_test_id("user-reset-link")
    expect(link).to_be_visible()
    assert "#reset=" in link.input_value()


def test_an_admin_may_not_decide_over_an_owners_account(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    ada = person(server).sign_up("ada-admin", "Ada")
    found(owner.page, "ada-admin")
    owner.page.get_by_test_id("user-role").select_option("admin")
    expect(owner.page.get_by_test_id("account-done")).to_have_text("Saved.")
    page = ada.page
    page.reload()
    found(page, "olga")
    page.get_by_test_id("user-more").locator("summary").click()
    expect(page.get_by_test_id("user-sessions")).to_contain_text("on")
    expect(page.get_by_test_id("user-end-sessions")).to_be_hidden()
    expect(page.get_by_test_id("user-reset")).to_have_count(0)
    expect(page.get_by_test_id("user-email")).to_be_disabled()
    opened(page, "plugins")
    expect(page.get_by_test_id("plugin-password")).to_be_visible()
    expect(page.get_by_test_id("off")).to_have_count(0)


def test_staff_finds_all_rooms_and_opens_their_own(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    ben = person(server).sign_up("ben-rooms", "Ben")
    ben.create_room("Secret garden", "private")
    ben.page.get_by_test_id("room-title").click()
    page = owner.page
    opened(page, "all-rooms")
    page.get_by_test_id("rooms-search").fill("SECRET")
    page.get_by_test_id("rooms-search").press("Enter")
    rows = page.get_by_test_id("all-room")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Private")
    expect(rows.get_by_test_id("room-open")).to_have_count(0)  # one of others
    page.get_by_test_id("rooms-search").fill("no room has this name")
    page.get_by_test_id("rooms-search").press("Enter")
    expect(page.get_by_test_id("all-rooms-state")).to_have_text("Nothing found.")


def test_staff_archives_and_restores_a_public_room(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    kim = person(server).sign_up("kim", "Kim")
    kim.create_room("Everybody's")
    page = owner.page
    opened(page, "all-rooms")
    page.get_by_test_id("rooms-search").fill("everybody's")
    page.get_by_test_id("rooms-search").press("Enter")
    found = page.get_by_test_id("all-room")
    expect(found).to_have_count(1)
    found.get_by_test_id("all-room-archive").click()
    page.get_by_test_id("ask-yes").click()
    expect(found).to_contain_text("Archived")
    expect(kim.page.get_by_test_id("archived-bar")).to_be_visible()
    found.get_by_test_id("all-room-archive").click()
    expect(found).not_to_contain_text("Archived")
    expect(kim.page.get_by_test_id("composer")).to_be_visible()


def test_staff_deletes_a_public_room(person: PersonFactory, server: Server, owner: Person) -> None:
    lee = person(server).sign_up("lee", "Lee")
    lee.create_room("Nobody's")
    lee.create_room("Lasting")
    page = owner.page
    opened(page, "all-rooms")
    page.get_by_test_id("rooms-search").fill("nobody's")
    page.get_by_test_id("rooms-search").press("Enter")
    found = page.get_by_test_id("all-room")
    expect(found).to_have_count(1)
    found.get_by_test_id("all-room-delete").click()
    page.get_by_test_id("delete-room-name").fill("Nobody's")
    page.get_by_test_id("delete-room-do").click()
    expect(found).to_have_count(0)
    expect(page.get_by_test_id("delete-room-dialog")).to_have_count(0)
    expect(lee.page.get_by_test_id("notice-row")).to_have_text("The room “Nobody's” was deleted.")
    expect(lee.page.get_by_test_id("room").filter(has_text="Nobody's")).to_have_count(0)
    expect(lee.page.get_by_test_id("room-title")).to_have_text("Lasting")


def health_without_backup(page: Page, server: Server) -> Locator:
    """The health of a server that has no backup yet."""
    health = page.get_by_test_id("status-health")

    def tells_of_no_backup() -> bool:
        # One is made in a minute.
        shutil.rmtree(server.log.parent / "data/backups", ignore_errors=True)
        opened(page, "profile")
        opened(page, "status")
        expect(health).not_to_be_empty()
        return "There is no backup in" in health.inner_text()

    wait_until(tells_of_no_backup)
    return health


def test_staff_sees_health_backups_and_storage(server: Server, owner: Person) -> None:
    page = owner.page
    health_without_backup(page, server)
    expect(page.get_by_test_id("status-backups")).to_contain_text("Made every24 h")
    expect(page.get_by_test_id("status-storage")).to_contain_text("memory")
    expect(page.get_by_test_id("status-storage")).to_contain_text("free")
    expect(page.get_by_test_id("status-nodes")).to_contain_text("version")


def test_a_page_that_cannot_be_read_says_so_and_tries_again(server: Server, owner: Person) -> None:
    owner.expected.append(r"503 \(Service Unavailable\)")
    page = owner.page
    opened(page, "profile")

    def away(route: Route) -> None:
        error = {"error": {"code": "store.unavailable", "message": "Away.", "retry": "later"}}
        route.fulfill(status=503, json=error)

    page.route("**/api/v1/admin/rooms*", away)
    opened(page, "all-rooms")
    again = page.get_by_test_id("all-rooms-again")
    expect(again).to_be_visible()
    expect(page.get_by_test_id("settings-page").get_by_role("alert")).to_contain_text("Away.")
    page.unroute("**/api/v1/admin/rooms*")
    again.click()
    expect(page.get_by_test_id("all-room").first).to_be_visible()
    expect(again).to_be_hidden()


def test_the_pages_speak_japanese(person: PersonFactory, server: Server, owner: Person) -> None:
    page = owner.page
    page.get_by_test_id("settings-profile").click()
    page.get_by_test_id("settings-page").get_by_test_id("language").select_option("ja")
    health = health_without_backup(page, server)
    expect(health).to_contain_text("バックアップが設定されていますが、まだ一つもありません。")
    expect(health).to_contain_text("There is no backup in")
    expect(page.get_by_role("link", name="ルーム", exact=True)).to_be_visible()
    page.get_by_test_id("settings-profile").click()
    page.get_by_test_id("settings-page").get_by_test_id("language").select_option("en")


def test_staff_invites_and_somebody_comes(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    page = owner.page
    opened(page, "invites.list")
    page.get_by_label("How many people may use it").fill("2")
    page.get_by_role("button", name="Make an invitation").click()
    link = page.get_by_label("Link of the invitation")
    expect(link).to_be_visible()
    rows = page.locator(".invites-list li")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("2 uses left")
    guest = person(server).page
    guest.goto(link.input_value())
    expect(guest.get_by_label("Invitation")).not_to_have_value("")  # the form has come
    guest.get_by_label("User name").fill("ivy-invited")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_test_id("step-submit").click()
    expect(guest.get_by_test_id("my-name")).to_have_text("ivy-invited")
    opened(page, "users")
    opened(page, "invites.list")
    expect(rows).to_contain_text("1 use left")
    page.get_by_label("How many people may use it").fill("0")
    page.get_by_role("button", name="Make an invitation").click()
    expect(rows).to_have_count(1)
    rows.get_by_role("button").click()
    expect(rows).to_have_count(0)
    expect(page.get_by_text("There are no invitations.")).to_be_visible()


def test_an_invitation_that_is_asked_for_twice_is_one(owner: Person) -> None:
    page = owner.page
    opened(page, "invites.list")
    page.get_by_label("How many people may use it").fill("1")
    rows = page.locator(".invites-list li")
    button = page.get_by_role("button", name="Make an invitation")
    sent_twice(page, "**/api/v1/invites", button)
    expect(page.get_by_label("Link of the invitation")).to_be_visible()
    expect(rows).to_have_count(1)
    # The second click of a double click, when the first invitation is there already.
    button.evaluate(
        "(node) => node.dispatchEvent(new MouseEvent('click', { detail: 2, bubbles: true, cancelable: true }))"
    )
    button.press("Enter")  # the next one is another invitation
    expect(rows).to_have_count(2)
    for count in (1, 0):
        rows.first.get_by_role("button").click()
        expect(rows).to_have_count(count)


def test_the_audit_log_is_read_in_sentences(
    person: PersonFactory, server: Server, owner: Person
) -> None:
    owner.expected.append(r"404 \(Not Found\).*/api/v1/audit")
    person(server).sign_up("leo-logged", "Leo")
    page = owner.page
    found(page, "leo-logged")
    page.get_by_test_id("user-role").select_option("guest")
    expect(page.get_by_test_id("account-done")).to_have_text("Saved.")
    opened(page, "audit.log")
    page.get_by_label("Kind").select_option(label="Accounts")
    page.get_by_role("searchbox", name="User name").fill("leo-logged")
    rows = page.locator(".audit-list li")
    said = rows.filter(has_text="Olga (@olga) made Leo (@leo-logged) guest (before: member).")

    def shown() -> bool:
        """Entries wait a moment to be written."""
        page.get_by_role("button", name="Show", exact=True).click()
        page.wait_for_load_state("networkidle")
        return said.count() == 1

    wait_until(shown)
    expect(rows.filter(has_text="Leo (@leo-logged) made an account.")).to_have_count(1)
    expect(said).to_contain_text("from 127.0.0.1")
    page.get_by_role("searchbox", name="User name").fill("nobody-of-this-name")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_test_id("settings-page").get_by_role("alert")).to_have_text(
        "There is no such user."
    )
