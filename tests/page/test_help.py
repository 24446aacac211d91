"""The help of the page: in the reader's language, of what this server has."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": json.dumps(["memory", "password", "profiles", "saved"])}
    server = Server(tmp_path_factory.mktemp("help"), "memory", settings)
    server.start()
    yield server
    server.stop()


def opened(page: Page) -> None:
    page.get_by_test_id("user-menu").click()
    page.get_by_test_id("menu-help").click()


def test_it_tells_of_what_is_here_in_the_language_of_the_reader(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    opened(aya.page)
    shown = aya.page.get_by_test_id("help")
    expect(shown.get_by_role("region", name="Rooms", exact=True)).to_contain_text(
        "“+” makes a room"
    )
    expect(shown).to_contain_text("“Save for later”")
    expect(shown).to_contain_text("how to speak of you")
    for absent in ("begins a call", "Drop files", "Report message", "The bell"):
        expect(shown).not_to_contain_text(absent)
    for absent in ("Calls", "Files and pictures"):
        expect(shown.get_by_role("heading", name=absent)).to_have_count(0)
    shown.get_by_test_id("help-keys").click()
    expect(aya.page.get_by_test_id("shortcuts")).to_be_visible()
    aya.page.keyboard.press("Escape")
    aya.page.get_by_test_id("settings-profile").click()
    aya.page.get_by_test_id("settings-page").get_by_test_id("language").select_option("ja")
    aya.page.get_by_test_id("settings-help").click()
    expect(shown).to_contain_text("「+」でルームを作ります")


def test_without_a_network_it_says_so_and_comes_later(
    person: PersonFactory, server: Server
) -> None:
    ben = person(server).sign_up("ben", "Ben")
    ben.expected.append("ERR_FAILED")
    ben.expected.append("Failed to fetch")
    ben.page.route("**/texts/help/**", lambda route: route.abort())
    ben.page.route("**/help*.js*", lambda route: route.abort())
    opened(ben.page)
    again = ben.page.get_by_test_id("settings-again")
    expect(again).to_be_visible()
    ben.page.unroute_all()
    ben.page.reload()
    expect(ben.page.get_by_test_id("help")).to_be_visible()
