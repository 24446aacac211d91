"""Passwords that staff chose, and links for new ones, in a browser against a real server."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from tests.page.people import PASSWORD, PersonFactory, Server, sign_out
from tests.plugins.mailserver import MailServer, mail_server
from tests.waiting import wait_until

pytestmark = pytest.mark.long

GIVEN = "given by the boss 1"
NEW = "a brand new password"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"server.name": "Lounge"}
    server = Server(tmp_path_factory.mktemp("passwords"), "memory", settings)
    settings["server.public_url"] = server.url
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mails")) as found:
        yield found


@pytest.fixture(scope="module")
def mailing(tmp_path_factory: pytest.TempPathFactory, mails: MailServer) -> Iterator[Server]:
    """A server that sends mail."""
    settings = {
        "plugins.enabled": '["memory", "password", "smtp"]',
        "plugin.smtp.host": "localhost",
        "plugin.smtp.port": str(mails.port),
        "plugin.smtp.security": "none",
        "plugin.smtp.sender": "chat@example.org",
    }
    server = Server(tmp_path_factory.mktemp("mailing"), "memory", settings)
    settings["server.public_url"] = server.url
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def owner(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server.url}/api/v1") as client:
        made = client.post("/register", json={"username": "owner", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {made.json()['token']}"
        client.cookies.clear()
        yield client


def test_a_password_that_staff_chose_is_changed_before_one_is_in(
    person: PersonFactory, server: Server, owner: httpx.Client
) -> None:
    made = owner.post("/users", json={"username": "nina", "password": GIVEN})
    assert made.status_code == 201
    found = person(server, locale="ja-JP")
    found.expected += [r"401 .*/api/v1/login", r"400 .*/api/v1/login/proceed"]
    page = found.page
    page.goto(server.url)
    page.get_by_test_id("username").fill("nina")
    page.get_by_test_id("password").fill(GIVEN)
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("step-renewal")).to_contain_text("新しいパスワードを設定")
    page.get_by_test_id("step-password").fill(GIVEN)
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("step-error")).to_contain_text("現在のパスワードと同じ")
    page.get_by_test_id("step-password").fill(NEW)
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("nina")


def test_a_link_leads_to_a_new_password_whoever_is_signed_in(
    person: PersonFactory, server: Server, owner: httpx.Client
) -> None:
    owner.post("/users", json={"username": "lost", "password": "forgotten already"})
    link = owner.post("/users/lost/reset-link").json()["link"]
    page = person(server).sign_up("other", "Other").page
    page.goto("about:blank")
    page.goto(link)
    expect(page.get_by_test_id("shown-username")).to_contain_text("lost")
    assert "reset" not in page.url
    page.get_by_test_id("step-password").fill(NEW)
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("lost")
    sign_out(page)
    page.goto("about:blank")
    page.goto(link)
    expect(page.get_by_test_id("step-error")).to_contain_text("not valid any more")
    page.get_by_test_id("step-leave").click()
    expect(page.get_by_test_id("password")).to_be_visible()


def test_whoever_forgot_the_password_gets_a_mail_in_their_language(
    person: PersonFactory, mailing: Server, mails: MailServer
) -> None:
    nao = person(mailing, locale="ja-JP").sign_up("nao", "直")
    page = nao.page
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-security").click()
    page.get_by_test_id("email").fill("nao@example.org")
    page.get_by_test_id("save-email").click()
    expect(page.get_by_test_id("email-state")).to_contain_text("nao@example.org")
    page.goto("about:blank")
    page.goto(link_in(mails, 1))
    expect(page.get_by_test_id("email-confirmed")).to_contain_text("確認しました")
    page.keyboard.press("Escape")
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-security").click()
    expect(page.get_by_test_id("email")).to_have_value("nao@example.org")
    page.keyboard.press("Escape")
    sign_out(page)
    page.get_by_test_id("login-forgotten").click()
    page.get_by_test_id("step-username").fill("nao")
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("step-code")).to_be_visible()
    link = link_in(mails, 2)
    assert "再設定" in mails.mails[1]["Subject"]
    page.goto("about:blank")
    page.goto(link)
    page.get_by_test_id("step-password").fill(NEW)
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("直")


def test_without_mail_the_page_offers_none(person: PersonFactory, server: Server) -> None:
    page = person(server).sign_up("una", "Una").page
    page.get_by_test_id("account").click()
    with page.expect_response("**/api/v1/login/methods?purpose=sign_in") as asked:
        page.get_by_test_id("settings-security").click()
    asked.value.finished()
    expect(page.get_by_test_id("change-password")).to_be_visible()
    expect(page.get_by_test_id("email")).to_be_hidden()


def link_in(mails: MailServer, number: int) -> str:
    """The link of a mail, counted from 1."""
    wait_until(lambda: len(mails.mails) >= number)
    body = mails.mails[number - 1].get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return next(line for line in text.split() if line.startswith("http"))
