"""The end of one's own account on the page: asked for with one's name, and taken back."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.people import AWAY, PersonFactory, Server

pytestmark = pytest.mark.long
FETCHED = "async (path) => (await fetch(path)).text()"


def test_one_wants_it_and_changes_ones_mind(person: PersonFactory, server: Server) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.expected.append(r"400 \(Bad Request\).*/api/v1/me/deletion")
    page = aya.page
    page.get_by_test_id("account").click()
    page.get_by_test_id("settings-security").click()
    page.get_by_test_id("deletion-open").click()
    name = page.get_by_test_id("deletion-name")
    expect(name).to_be_focused()
    name.fill("ben")
    page.get_by_test_id("deletion-delete").click()
    expect(page.get_by_test_id("account-error")).to_contain_text("not your user name")
    name.fill("aya")
    page.get_by_test_id("deletion-delete").click()
    coming = page.get_by_test_id("deletion-coming")
    expect(coming).to_contain_text("will be deleted on")
    page.reload()
    expect(coming).to_contain_text("will be deleted on")
    page.get_by_test_id("deletion-keep").click()
    expect(page.get_by_test_id("deletion-open")).to_be_visible()
    expect(coming).to_have_count(0)


def test_at_the_end_one_is_signed_out_everywhere(person: PersonFactory, tmp_path: Path) -> None:
    server = Server(tmp_path, "memory", {"plugin.account_deletion.days": "0"})
    server.start()
    try:
        aya = person(server).sign_up("aya", "Aya")  # who owns the server, and stays
        ben = person(server).sign_up("ben", "Ben")
        ben.expected.append(r"401 \(Unauthorized\)")
        aya.create_room("Garden")
        ben.join_room("Garden")
        ben.say("The plums are ripe")
        elsewhere = aya.page.get_by_test_id("message").filter(has_text="plums")
        expect(elsewhere.get_by_test_id("author")).to_have_text("Ben")
        for each in (aya, ben):
            each.expected.append(AWAY)  # at the end, when the server stops
        other = ben.new_page()
        other.goto(server.url)
        expect(other.get_by_test_id("my-name")).to_have_text("Ben")
        page = ben.page
        page.goto(f"{server.url}/#settings=security")
        page.get_by_test_id("deletion-open").click()
        page.get_by_test_id("deletion-name").fill("ben")
        page.get_by_test_id("deletion-delete").click()
        for each in (page, other):
            expect(each.get_by_test_id("username")).to_be_visible()
            expect(each.get_by_test_id("deletion-keep")).to_have_count(0)
        # The log follows in a moment.
        room = aya.page.url.partition("room=")[2].partition("&")[0]
        while '"Ben"' in aya.page.evaluate(FETCHED, f"/api/v1/rooms/{room}/messages"):
            aya.page.wait_for_timeout(100)
        cy = person(server).sign_up("cy", "Cy")
        cy.expected.append(AWAY)
        cy.join_room("Garden")
        message = cy.page.get_by_test_id("message").filter(has_text="plums")
        expect(message.get_by_test_id("author")).to_have_text("Deleted account")
    finally:
        server.stop()
