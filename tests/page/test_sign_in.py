"""Other ways to sign in, second steps and one's own account, in a browser against a real server."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from chatserver_plugins.totp import codes
from tests.docs.pages import ROOT
from tests.page.people import PASSWORD, Person, PersonFactory, Server, sign_out

pytestmark = pytest.mark.long
OWNER = {"username": "oki", "password": PASSWORD}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "plugins.enabled": json.dumps(["memory", "password", "totp", "invites", "riddles"]),
        "plugins.folder": str(ROOT / "tests/protocol/login_plugins"),
    }
    folder = tmp_path_factory.mktemp("sign-in")
    server = Server(folder, "memory", settings, {"PYTHONPATH": str(ROOT)})
    settings["server.public_url"] = server.url
    server.start()
    httpx.post(f"{server.url}/api/v1/register", json=OWNER).raise_for_status()  # the first one
    yield server
    server.stop()


def opened(person: PersonFactory, server: Server) -> Person:
    found = person(server)
    # The browser logs refusals by itself.
    found.expected.append(r"40[13] \((Unauthorized|Forbidden)\).*/api/v1/(login|me)")
    found.page.goto(server.url)
    return found


def test_a_method_has_a_button_and_its_steps_are_drawn(
    person: PersonFactory, server: Server
) -> None:
    page = opened(person, server).page
    page.get_by_test_id("login-riddle").click()
    page.get_by_test_id("step-name").fill("rita")
    page.get_by_test_id("step-word").fill("wrong")
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("step-error")).to_have_text("Wrong.")
    page.get_by_test_id("step-name").fill("rita")
    page.get_by_test_id("step-word").fill("sesame")
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("rita")


def test_labels_and_texts_of_the_server_are_in_the_readers_language(
    person: PersonFactory, server: Server
) -> None:
    page = person(server, locale="ja-JP").page
    page.goto(server.url)
    expect(page.get_by_test_id("login-invite")).to_have_text("招待")
    page.get_by_test_id("login-invite").click()
    expect(page.get_by_label("招待コード")).to_be_visible()
    expect(page.get_by_label("表示名")).to_be_visible()


def test_a_refusal_leads_back_to_the_password_with_its_reason(
    person: PersonFactory, server: Server
) -> None:
    page = opened(person, server).page
    page.get_by_test_id("login-riddle").click()
    page.get_by_test_id("step-name").fill("nobody")
    page.get_by_test_id("step-word").fill("sesame")
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("sign-in-error")).to_contain_text("Not you.")
    page.get_by_test_id("login-riddle").click()
    page.get_by_test_id("step-leave").click()
    expect(page.get_by_test_id("password")).to_be_visible()


def test_the_browser_goes_to_another_server_and_comes_back(
    person: PersonFactory, server: Server
) -> None:
    found = opened(person, server)
    page = found.page
    page.route(
        "https://login.example.org/**",
        lambda route: route.fulfill(
            status=302,
            headers={
                "Location": f"{server.url}/api/v1/login/return?code=guarded-pia"
                f"&state={route.request.url.partition('state=')[2]}"
            },
        ),
    )
    page.get_by_test_id("login-elsewhere").click()
    page.get_by_test_id("step-word").fill("open")
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("guarded-pia")
    assert "login=" not in page.url


def test_one_time_codes_are_enrolled_and_asked_for(person: PersonFactory, server: Server) -> None:
    found = person(server).sign_up("tom", "Tom")
    found.expected.append(r"401 \(Unauthorized\).*/api/v1/login")
    page = found.page
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-security").click()
    page.get_by_test_id("link-totp").click()
    expect(page.get_by_test_id("shown-address").get_by_role("img")).to_be_visible()
    secret = page.get_by_test_id("shown-secret").locator("output").inner_text()
    page.get_by_test_id("step-code").fill(codes.code_at(secret, int(time.time() // 30)))
    page.get_by_test_id("step-submit").click()
    shown = page.get_by_test_id("shown-recovery").locator("output").inner_text()
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("account-done")).to_contain_text("One-time code")
    page.keyboard.press("Escape")
    sign_out(page)
    page.get_by_test_id("username").fill("tom")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    page.get_by_test_id("step-code").fill(shown.split()[0])
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("Tom")


def test_who_has_codes_makes_new_recovery_codes_and_turns_them_off(
    person: PersonFactory, server: Server
) -> None:
    uma = person(server).sign_up("uma", "Uma")
    page = uma.page
    page.goto(f"{server.url}/#settings=security")
    state = page.get_by_test_id("totp-state")
    expect(state).to_have_text("Your account has no one-time codes.")
    page.get_by_test_id("link-totp").click()
    secret = page.get_by_test_id("shown-secret").locator("output").inner_text()
    page.get_by_test_id("step-code").fill(codes.code_at(secret, int(time.time() // 30)))
    page.get_by_test_id("step-submit").click()
    first = page.get_by_test_id("shown-recovery").locator("output").inner_text().split()
    page.get_by_test_id("step-submit").click()
    expect(state).to_contain_text(f"{len(first)} recovery codes left")
    page.get_by_test_id("totp-renew").click()
    page.get_by_test_id("totp-renew-yes").click()
    new = page.get_by_test_id("totp-codes")
    expect(new).to_be_visible()
    assert len(new.inner_text().split()) == len(first)
    assert not {*new.inner_text().split()} & {*first}
    page.get_by_test_id("totp-remove").click()
    expect(state).to_contain_text("is asked for")
    page.get_by_test_id("totp-remove-yes").click()
    expect(state).to_have_text("Your account has no one-time codes.")
    page.keyboard.press("Escape")
    sign_out(page)
    page.get_by_test_id("username").fill("uma")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("Uma")


def test_a_person_ends_another_session_and_changes_the_password(
    person: PersonFactory, server: Server
) -> None:
    mia = person(server).sign_up("mia", "Mia")
    mia.expected.append(r"401 \(Unauthorized\).*/api/v1/me/password")
    other = opened(person, server)
    other.page.get_by_test_id("username").fill("mia")
    other.page.get_by_test_id("password").fill(PASSWORD)
    other.page.get_by_test_id("submit").click()
    expect(other.page.get_by_test_id("my-name")).to_have_text("Mia")
    page = mia.page
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-sessions").click()
    rows = page.get_by_test_id("sessions").locator("li")
    expect(rows).to_have_count(2)
    rows.get_by_role("button").click()
    expect(rows).to_have_count(1)
    expect(other.page.get_by_test_id("notice")).to_be_visible()
    page.get_by_test_id("settings-security").click()
    page.get_by_test_id("password-old").fill("not the old one")
    page.get_by_test_id("password-new").fill("another good battery")
    page.get_by_test_id("change-password").click()
    expect(page.get_by_test_id("account-error")).to_have_text("The current password is not right.")
    page.get_by_test_id("password-old").fill(PASSWORD)
    page.get_by_test_id("password-new").fill("another good battery")
    page.get_by_test_id("change-password").click()
    expect(page.get_by_test_id("account-done")).not_to_be_empty()


def test_a_newcomer_with_an_invitation_corrects_a_mistake_in_japanese(
    person: PersonFactory, server: Server
) -> None:
    staff = person(server).context.request
    signed_in = staff.post(f"{server.url}/api/v1/login", data=OWNER)
    assert signed_in.ok, signed_in.text()
    made = staff.post(f"{server.url}/api/v1/invites", data={"uses": 1})
    new = person(server, locale="ja-JP", **PHONE)
    new.expected.append(r"40[09] .*/api/v1/login")
    page = new.page
    page.goto(made.json()["link"])
    name = page.get_by_test_id("step-username")
    expect(name).to_be_focused()  # the code is there already
    expect(page.get_by_role("heading")).to_have_text("アカウントを作成")
    expect(page.get_by_label("表示名（任意）")).to_be_visible()
    name.fill("mai")
    page.get_by_test_id("step-name").fill("舞")
    page.get_by_test_id("step-password").fill("short")
    page.get_by_test_id("step-submit").tap()
    expect(page.get_by_test_id("step-error")).to_contain_text("8 文字以上")
    expect(name).to_have_value("mai")
    page.get_by_test_id("step-password").fill(PASSWORD)
    name.fill(OWNER["username"])
    page.get_by_test_id("step-submit").tap()
    expect(page.get_by_test_id("step-error")).to_contain_text("既に使われています")
    name.fill("mai")  # and the password is still there
    page.get_by_test_id("step-submit").tap()
    expect(page.get_by_test_id("my-name")).to_have_text("舞")
    late = person(server, locale="ja-JP", **PHONE).page
    late.goto(made.json()["link"])
    late.get_by_test_id("step-username").fill("yui")
    late.get_by_test_id("step-password").fill(PASSWORD)
    late.get_by_test_id("step-submit").tap()
    expect(late.get_by_test_id("step-error")).to_have_text("この招待は無効になりました。")


def test_steps_and_what_is_said_of_them_are_seen_on_a_phone(
    person: PersonFactory, server: Server
) -> None:
    """They stand at the end of a page that is longer than the screen."""
    pia = person(server, **PHONE).sign_up("pia", "Pia")
    pia.expected.append(r"401 \(Unauthorized\).*/api/v1/me/password")
    page = pia.page
    page.goto(f"{server.url}/#settings=security")
    page.get_by_test_id("password-old").fill("not the old one")
    page.get_by_test_id("password-new").fill("another good battery")
    page.get_by_test_id("change-password").tap()
    expect(page.get_by_test_id("account-error")).to_be_in_viewport(ratio=1)
    expect(page.get_by_test_id("password-new")).to_be_in_viewport()
    page.get_by_test_id("link-totp").tap()
    code = page.get_by_test_id("step-code")
    expect(code).to_be_focused()
    expect(code).to_be_in_viewport(ratio=1)
    expect(page.get_by_test_id("shown-secret")).to_be_in_viewport()


def test_an_invitation_opens_its_form(person: PersonFactory, server: Server) -> None:
    found = person(server)
    found.page.goto(f"{server.url}/#invite=some-code")
    expect(found.page.get_by_test_id("step-code")).to_have_value("some-code")
    assert "some-code" not in found.page.url
