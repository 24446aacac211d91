"""The page /_admin/numbers in a real browser: the dashboards' numbers of a node that works."""

import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long


def test_the_numbers_of_a_node_are_shown(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("numbers", "Aya")
    aya.create_room("Numbers")
    page = aya.new_page()
    page.goto(f"{server.url}/_admin/numbers")
    expect(page.get_by_role("link")).to_have_text(
        ["overview", "rooms and delivery", "store and backups", "plugins", "nodes"]
    )

    def value(panel: str, name: str) -> object:
        section = page.locator("section", has=page.get_by_role("heading", name=panel, exact=True))
        return section.get_by_role("row", name=re.compile(name)).locator("td").first

    expect(value("Connections", "open")).to_have_text("1")  # type: ignore[arg-type]
    expect(value("The store takes writes", "all nodes")).to_have_text("yes")  # type: ignore[arg-type]
    # Rates need two looks.
    expect(value("Events a second", "member.joined")).to_have_text(re.compile(r"^[\d.]+ /s$"))  # type: ignore[arg-type]
    page.get_by_role("link", name="nodes").click()
    expect(value("Memory", "of the limit")).to_have_text(re.compile(r"^\d+\.\d %$"))  # type: ignore[arg-type]
    expect(page.locator("#state")).to_contain_text("of this node")


def test_only_operators_see_the_page_and_its_files(server: Server) -> None:
    for name in ("", ".css", ".js", "-reading.js", "-panels.json"):
        address = f"{server.url}/_admin/numbers{name}"
        with urllib.request.urlopen(address) as answer:
            assert answer.status == 200
        outside = urllib.request.Request(address, headers={"X-Forwarded-For": "192.0.2.1"})
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(outside)
