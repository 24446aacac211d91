"""Passkeys in Chromium, with its virtual authenticator, against a real server.

https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/
"""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from chatserver_plugins.totp import codes
from tests.page.people import PASSWORD, Person, PersonFactory, Server, sign_out

pytestmark = pytest.mark.long
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    enabled = json.dumps(["memory", "password", "totp", "passkeys"])
    settings = {"plugins.enabled": enabled}
    server = Server(tmp_path_factory.mktemp("passkeys"), "memory", settings)
    # Passkeys belong to a host name; an address has none.
    settings["server.public_url"] = server.url = f"http://localhost:{server.port}"
    server.start()
    yield server
    server.stop()


class Device:
    """A virtual authenticator of a page's browser."""

    def __init__(self, page: Page) -> None:
        self._client = page.context.new_cdp_session(page)
        self._send("WebAuthn.enable")
        options = {"options": DEVICE}
        self._id = self._send("WebAuthn.addVirtualAuthenticator", **options)["authenticatorId"]

    def verifies(self, is_verified: bool) -> None:
        """Whether the person passes the verification, such as a fingerprint."""
        self._send("WebAuthn.setUserVerified", authenticatorId=self._id, isUserVerified=is_verified)

    @property
    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._send(
            "WebAuthn.getCredentials", authenticatorId=self._id
        )["credentials"]
        return found

    def _send(self, method: str, **given: Any) -> Any:
        return self._client.send(method, given)


def with_device(person: Person) -> Device:
    person.expected.append(r"40[13] \((Unauthorized|Forbidden)\).*/api/v1/(login|me)")
    return Device(person.page)


def open_account(page: Page) -> None:
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-security").click()


def register(page: Page, name: str) -> None:
    page.get_by_test_id("link-passkeys").click()
    page.get_by_test_id("step-name").fill(name)
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("passkey").filter(has_text=name)).to_be_visible()
    expect(page.get_by_test_id("account-done")).to_contain_text("Passkey")


def test_the_method_is_named_in_the_readers_language(person: PersonFactory, server: Server) -> None:
    page = person(server, locale="ja-JP").sign_up("haru", "Haru").page
    open_account(page)
    expect(page.get_by_test_id("link-passkeys")).to_have_text("追加：パスキー")


def leave_settings_and_sign_out(page: Page) -> None:
    page.keyboard.press("Escape")
    sign_out(page)
    expect(page.get_by_test_id("login-passkeys")).to_be_visible()


def test_register_sign_in_step_up_and_remove(person: PersonFactory, server: Server) -> None:
    ada = person(server).sign_up("ada-keys", "Ada")
    page, device = ada.page, with_device(ada)
    open_account(page)
    register(page, "Laptop")
    assert [each["userName"] for each in device.credentials] == ["ada-keys"]

    leave_settings_and_sign_out(page)
    page.get_by_test_id("login-passkeys").click()
    expect(page.get_by_test_id("my-name")).to_have_text("Ada")

    leave_settings_and_sign_out(page)
    device.verifies(False)
    page.get_by_test_id("username").fill("ada-keys")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("step-error")).to_contain_text("No passkey was used")
    device.verifies(True)
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("Ada")

    open_account(page)
    row = page.get_by_test_id("passkey")
    row.get_by_test_id("passkey-rename").click()
    row.get_by_test_id("passkey-name").fill("Old laptop")
    row.get_by_test_id("passkey-name").press("Enter")
    expect(row).to_contain_text("Old laptop")

    refuse_once(page, "**/api/v1/me/passkeys/*")
    row.get_by_test_id("passkey-remove").click()
    page.get_by_test_id("confirm-passkeys").click()
    expect(page.get_by_text("You have no passkeys.")).to_be_visible()

    leave_settings_and_sign_out(page)
    page.get_by_test_id("login-passkeys").click()
    expect(page.get_by_test_id("sign-in-error")).to_contain_text("not known here, or was removed")
    page.get_by_test_id("username").fill("ada-keys")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("Ada")


def test_another_second_step_is_offered_by_its_name(person: PersonFactory, server: Server) -> None:
    kei = person(server, locale="ja-JP").sign_up("kei-keys", "Kei")
    page, device = kei.page, with_device(kei)
    open_account(page)
    page.get_by_test_id("link-totp").click()
    secret = page.get_by_test_id("shown-secret").locator("output").inner_text()
    page.get_by_test_id("step-code").fill(codes.code_at(secret, int(time.time() // 30)))
    page.get_by_test_id("step-submit").click()
    recovery = page.get_by_test_id("shown-recovery").locator("output").inner_text().split()[0]
    page.get_by_test_id("step-submit").click()
    page.get_by_test_id("link-passkeys").click()
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("passkey")).to_be_visible()
    leave_settings_and_sign_out(page)
    device.verifies(False)
    page.get_by_test_id("username").fill("kei-keys")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    other = page.get_by_test_id("instead-totp").or_(page.get_by_test_id("instead-passkeys"))
    expect(other).to_have_text(re.compile("^代わりに(ワンタイムコード|パスキー)を使う$"))
    if page.get_by_test_id("instead-totp").is_visible():
        other.click()
    page.get_by_test_id("step-code").fill(recovery)
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("my-name")).to_have_text("Kei")


def refuse_once(page: Page, path: str) -> None:
    """The server as it is ten minutes after the sign-in, for one request."""

    def refuse(route: Route) -> None:
        route.fulfill(status=403, json={"error": {"code": "auth.confirm", "message": "Confirm."}})

    page.route(path, refuse, times=1)


def test_a_device_has_one_passkey_for_an_account(person: PersonFactory, server: Server) -> None:
    bob = person(server).sign_up("bob-keys", "Bob")
    page, _ = bob.page, with_device(bob)
    open_account(page)
    register(page, "Phone")
    page.get_by_test_id("link-passkeys").click()
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("step-error")).to_contain_text("on this device already")
    page.get_by_test_id("step-leave").click()
    expect(page.get_by_test_id("passkey")).to_have_count(1)


def test_another_address_of_the_page_is_told(person: PersonFactory, server: Server) -> None:
    eve = person(server)
    with_device(eve)
    eve.page.goto(server.url.replace("localhost", "127.0.0.1"))
    eve.page.get_by_test_id("login-passkeys").click()
    expect(eve.page.get_by_test_id("step-error")).to_contain_text("belong to another address")


def test_a_browser_without_passkeys_is_told(person: PersonFactory, server: Server) -> None:
    old = person(server)
    old.page.add_init_script("delete window.PublicKeyCredential")
    old.page.goto(server.url)
    old.page.get_by_test_id("login-passkeys").click()
    expect(old.page.get_by_text("This browser has no passkeys")).to_be_visible()
    expect(old.page.get_by_test_id("step-submit")).to_be_disabled()


def test_a_japanese_reader_is_told_in_japanese(person: PersonFactory, server: Server) -> None:
    yui = person(server, locale="ja-JP").sign_up("yui-keys", "Yui")
    page, device = yui.page, with_device(yui)
    open_account(page)
    page.get_by_test_id("link-passkeys").click()
    page.get_by_test_id("step-submit").click()
    expect(page.get_by_test_id("passkey")).to_be_visible()
    device.verifies(False)
    page.keyboard.press("Escape")
    sign_out(page)
    page.get_by_test_id("login-passkeys").click()
    expect(page.get_by_test_id("step-error")).to_contain_text("パスキーは使われませんでした")
