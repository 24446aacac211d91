"""When somebody wants mails about messages: chosen in the settings, and kept with the account."""

import json
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import Person, PersonFactory, Server
from tests.page.waiting import until
from tests.plugins.mailserver import MailServer, mail_server
from tests.waiting import wait_until

pytestmark = pytest.mark.long
URL = "https://chat.example.org"


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mails")) as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mails: MailServer) -> Iterator[Server]:
    settings = {
        "plugins.enabled": json.dumps(["memory", "password", "smtp", "mail_notifications"]),
        "server.public_url": URL,
        "plugin.smtp.host": "localhost",
        "plugin.smtp.port": str(mails.port),
        "plugin.smtp.security": "none",
        "plugin.smtp.sender": "chat@example.org",
    }
    server = Server(tmp_path_factory.mktemp("mailing"), "memory", settings)
    server.start()
    yield server
    server.stop()


def opened(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#settings=notifications")


def mail_to(mails: MailServer, address: str) -> EmailMessage:
    def found() -> list[EmailMessage]:
        return [mail for mail in mails.mails if mail["To"] == address]

    wait_until(found)
    return found()[-1]


def give_address(person: Person, mails: MailServer, address: str) -> None:
    api = f"{person.page.url.split('#')[0].rstrip('/')}/api/v1"
    request = person.page.request
    assert request.put(f"{api}/me/email", data={"email": address}).ok
    body = mail_to(mails, address).get_body(("plain",))
    assert body is not None
    code = body.get_content().partition("#email=")[2].split()[0]
    assert request.post(f"{api}/email/confirm", data={"code": code}).ok


def wish(person: Person) -> str | None:
    """The preference of the account."""
    address = f"{person.page.url.split('#')[0].rstrip('/')}/api/v1/me/preferences"
    kept: dict[str, str] = person.page.request.get(address).json().get("account", {})
    return kept.get("page.notify.mail")


def test_mails_are_chosen_and_kept_with_the_account(
    person: PersonFactory, server: Server, mails: MailServer
) -> None:
    aya = person(server, timezone_id="Asia/Tokyo").sign_up("aya", "Aya")
    page = aya.page
    opened(page)
    when, at = page.get_by_test_id("mail-when"), page.get_by_test_id("mail-at")
    expect(page.get_by_role("link", name="Set the address")).to_be_visible()
    expect(when).to_be_hidden()
    give_address(aya, mails, "aya@example.org")
    page.reload()
    expect(page.get_by_text("To aya@example.org")).to_be_visible()
    expect(when).to_have_value("immediate 15")
    expect(at).to_be_hidden()
    when.select_option(label="Once a day")
    expect(at).to_have_value("08:00")
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert wish(aya) == "daily 08:00 Asia/Tokyo"
    at.fill("21:30")
    at.blur()
    until(
        page,
        """async () => {
          const told = await (await fetch("/api/v1/me/preferences")).json();
          return told.account["page.notify.mail"] === "daily 21:30 Asia/Tokyo";
        }""",
    )
    page.reload()
    expect(when).to_have_value("daily")
    expect(at).to_have_value("21:30")
    when.select_option(label="Never")
    expect(at).to_be_hidden()
    page.reload()
    expect(when).to_have_value("off")
    assert wish(aya) == "off"


def test_a_reader_of_japanese_is_asked_in_japanese(
    person: PersonFactory, server: Server, mails: MailServer
) -> None:
    eri = person(server, locale="ja-JP").sign_up("eri", "Eri")
    give_address(eri, mails, "eri@example.org")
    opened(eri.page)
    expect(eri.page.get_by_role("heading", name="メールでの通知")).to_be_visible()
    expect(eri.page.get_by_text("15 分離席したとき")).to_be_attached()


def test_an_address_that_is_refused_can_be_tried_again(
    person: PersonFactory, server: Server, mails: MailServer
) -> None:
    dan = person(server).sign_up("dan", "Dan")
    page = dan.page
    state = {
        "available": True,
        "email": "dan@example.org",
        "refused": True,
        "when": "immediate 45",
    }
    page.route("**/api/v1/mail-notifications", lambda route: route.fulfill(json=state))
    opened(page)
    again = page.get_by_test_id("mail-again")
    expect(page.get_by_role("alert").filter(has_text="does not take mails")).to_be_visible()
    expect(page.get_by_test_id("mail-when")).to_have_value("immediate 45")
    state["refused"] = False
    with page.expect_request("**/api/v1/mail-notifications/retry") as asked:
        again.click()
    assert asked.value.method == "POST"
    expect(again).to_be_hidden()
