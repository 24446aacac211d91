"""Signing in through the page, in Chromium: at a provider that others wrote, and at our own for what that cannot do."""

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.oidc.mock import Mock, mocking
from tests.oidc.provider import CLIENT, SECRET, Provider, providing
from tests.page.people import Person, PersonFactory, Server, sign_out

pytestmark = pytest.mark.long

ADA = {"sub": "ada-1", "name": "Ada Lovelace", "preferred_username": "ada", "groups": ["staff"]}
EVE = {"sub": "eve-1", "name": "Eve", "preferred_username": "eve", "groups": ["strangers"]}
RETURN = "/api/v1/login/return"


class World(NamedTuple):
    """A server, and the providers at which its people sign in."""

    server: Server
    mock: Mock
    own: Provider
    posting: Provider


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("oidc")
    # Of another site than the chat server's, so that browsers hold back cookies as they do outside.
    with (
        mocking(folder, ADA, EVE) as mock,
        providing("localhost") as own,
        providing("localhost") as posting,
    ):
        settings = {"plugins.enabled": json.dumps(["memory", "password", "oidc"])}
        server = Server(folder, "memory", settings)
        client, secret = mock.register(server.url + RETURN, "client_secret_basic")
        tables = {
            "mock": {
                "issuer": mock.issuer,
                "client_id": client,
                "client_secret": secret,
                "label": "The mock",
                "userinfo": True,
                "required_groups": json.dumps(["staff"]),
            },
            "own": {
                "issuer": own.issuer,
                "client_id": CLIENT,
                "client_secret": SECRET,
                "label": "Our own",
                "logout": "true",
                "timeout_seconds": 2,
            },
            "posting": {
                "issuer": posting.issuer,
                "client_id": CLIENT,
                "client_secret": SECRET,
                "label": "By a form",
                "form_post": "true",
            },
        }
        for name, table in tables.items():
            for key, value in table.items():
                settings[f"plugin.oidc.providers.{name}.{key}"] = str(value)
        settings["server.public_url"] = server.url
        server.start()
        yield World(server, mock, own, posting)
        server.stop()


def opened(person: PersonFactory, server: Server, **options: object) -> Person:
    found = person(server, **options)
    # The browser logs refusals by itself.
    found.expected.append(r"40[13] \((Unauthorized|Forbidden)\).*/api/v1/(login|me)")
    found.expected.append(r"503 \(Service Unavailable\).*/api/v1/login")
    found.expected.append(r"/favicon\.ico")
    found.expected.append(r"cdn\.jsdelivr\.net")  # a style sheet of the mock's pages
    found.page.goto(server.url)
    return found


def is_signed_in(page: Page, name: str) -> None:
    expect(page.get_by_test_id("my-name")).to_have_text(name)
    assert "login=" not in page.url and "code=" not in page.url


def test_somebody_signs_in_at_a_provider_and_stays_so(person: PersonFactory, world: World) -> None:
    found = opened(person, world.server)
    page = found.page
    button = page.get_by_test_id("login-mock")
    expect(button).to_have_text("The mock")
    expect(button.locator("svg path")).to_have_count(1)
    button.click()
    expect(page).to_have_url(re.compile(re.escape(world.mock.issuer)))
    page.get_by_role("button", name="ada-1").click()
    is_signed_in(page, "Ada Lovelace")
    page.reload()
    is_signed_in(page, "Ada Lovelace")
    found.connected()
    found.create_room("Tea")
    found.say("hello")
    found.sees("hello")
    sign_out(page)
    page.get_by_test_id("login-mock").click()
    page.get_by_role("button", name="ada-1").first.click()
    is_signed_in(page, "Ada Lovelace")
    expect(page.get_by_test_id("room").filter(has_text="Tea")).to_be_visible()


def test_whoever_is_in_no_group_learns_so_and_can_go_on(
    person: PersonFactory, world: World
) -> None:
    page = opened(person, world.server).page
    page.get_by_test_id("login-mock").click()
    page.get_by_role("button", name="eve-1").click()
    error = page.get_by_test_id("sign-in-error")
    expect(error).to_contain_text("You are in no group that may sign in here.")
    expect(page.get_by_test_id("password")).to_be_visible()
    expect(page.get_by_test_id("login-own")).to_be_visible()


def test_somebody_cancels_and_tries_again(person: PersonFactory, world: World) -> None:
    page = opened(person, world.server).page
    page.get_by_test_id("login-own").click()
    page.locator("#no").click()
    error = page.get_by_test_id("sign-in-error")
    expect(error).to_have_text("The sign-in was cancelled at the provider.")
    world.own.person = {"sub": "1", "name": "Cara", "preferred_username": "cara"}
    page.get_by_test_id("login-own").click()
    page.locator("#yes").click()
    is_signed_in(page, "Cara")


@pytest.mark.parametrize(
    ("locale", "cancelled", "away"),
    [
        ("en-GB", "The sign-in was cancelled at the provider.", "not available at the moment"),
        ("ja-JP", "ログインは認証サービス側で取り消されました。", "現在利用できません"),
    ],
)
def test_errors_are_told_in_the_readers_language(
    person: PersonFactory, world: World, locale: str, cancelled: str, away: str
) -> None:
    page = opened(person, world.server, locale=locale).page
    error = page.get_by_test_id("sign-in-error")
    page.get_by_test_id("login-own").click()
    page.locator("#no").click()
    expect(error).to_have_text(cancelled)
    page.get_by_test_id("login-own").click()
    world.own.status = {"/token": 500}
    page.locator("#yes").click()
    expect(error).to_contain_text(away)
    world.own.status = {}


def test_a_provider_may_post_a_form(person: PersonFactory, world: World) -> None:
    page = opened(person, world.server).page
    world.posting.person = {"sub": "1", "name": "Paul", "preferred_username": "paul"}
    page.get_by_test_id("login-posting").click()
    page.locator("#yes").click()
    page.locator("#back").click()
    is_signed_in(page, "Paul")


def test_somebody_links_a_provider_and_confirms_by_it(person: PersonFactory, world: World) -> None:
    found = person(world.server).sign_up("lena", "Lena")
    page = found.page
    world.own.person = {"sub": "lena-1", "name": "Other", "preferred_username": "other"}
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-security").click()
    page.get_by_test_id("link-own").click()
    page.locator("#yes").click()
    is_linked = page.get_by_test_id("my-name")
    expect(is_linked).to_have_text("Lena")
    sign_out(page)
    page.get_by_test_id("login-own").click()
    page.locator("#yes").click()
    is_signed_in(page, "Lena")


def test_a_sign_out_at_the_provider_ends_the_page(person: PersonFactory, world: World) -> None:
    found = opened(person, world.server)
    page = found.page
    world.own.person = {"sub": "nora-1", "name": "Nora", "preferred_username": "nora"}
    world.own.changes = {"sid": "browser-1"}
    page.get_by_test_id("login-own").click()
    page.locator("#yes").click()
    is_signed_in(page, "Nora")
    found.connected()
    body = urllib.parse.urlencode({"logout_token": world.own.logout_token(sid="browser-1")})
    address = f"{world.server.url}/api/v1/oidc/own/logout"
    with urllib.request.urlopen(address, body.encode(), timeout=60) as answer:
        assert answer.status == 200
    expect(page.get_by_test_id("notice")).to_be_visible()
    world.own.changes = {}


def test_signing_out_here_signs_out_at_the_provider(person: PersonFactory, world: World) -> None:
    page = opened(person, world.server).page
    world.own.person = {"sub": "olga-1", "name": "Olga", "preferred_username": "olga"}
    page.get_by_test_id("login-own").click()
    page.locator("#yes").click()
    is_signed_in(page, "Olga")
    count = len(world.own.left)
    sign_out(page)
    page.wait_for_url(world.server.url + "/")
    expect(page.get_by_test_id("login-own")).to_be_visible()
    (given,) = world.own.left[count:]
    back = f"{world.server.url}/api/v1/oidc/own/left"
    assert (given["client_id"], given["post_logout_redirect_uri"]) == (CLIENT, back)
    assert given["state"] and given["id_token_hint"]
    page.reload()
    expect(page.get_by_test_id("login-own")).to_be_visible()


def test_nothing_secret_is_in_the_servers_log(world: World) -> None:
    written = world.server.log.read_text()
    assert "oidc own" in written
    assert SECRET not in written and "eyJ" not in written and "code=" not in written
