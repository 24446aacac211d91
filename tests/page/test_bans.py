"""Bans on the page: from the lists of members, with a reason that the banned one reads, and lifted again."""

import pytest
from playwright.sync_api import expect

from tests.page.people import PersonFactory, Server

pytestmark = pytest.mark.long


def test_somebody_is_banned_told_why_and_let_in_again(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    aya.create_room("Salon")
    ben = person(server).sign_up("ben", "Ben")
    ben.join_room("Salon")
    ben.say("Buy this!")
    aya.sees("Buy this!")
    ben.create_room("Elsewhere")
    page = aya.page
    page.get_by_test_id("place-room-settings").click()
    expect(page.get_by_test_id("room-bans-state")).to_have_text("Nobody is banned from this room.")
    page.get_by_test_id("member-ban").click()
    page.get_by_test_id("ban-reason").fill("Advertising")
    page.get_by_test_id("ban-length").select_option("86400")
    page.get_by_test_id("ban-do").click()
    expect(page.get_by_test_id("ban-dialog")).to_have_count(0)
    expect(page.get_by_test_id("room-ban")).to_contain_text("Advertising")
    expect(page.get_by_test_id("room-ban")).to_contain_text("Until")
    expect(page.get_by_test_id("room-member")).to_have_count(1)
    told = ben.page.get_by_test_id("notice-row")
    expect(told).to_contain_text("You are no longer in Salon.")
    expect(told).to_contain_text("Reason: Advertising")
    ben.open_room("Salon")
    expect(ben.page.get_by_test_id("composer")).to_have_count(0)
    page.get_by_test_id("ban-lift").click()
    expect(page.get_by_test_id("room-bans-state")).to_have_text("Nobody is banned from this room.")
    ben.join_room("Salon")
    ben.say("Sorry")
    aya.sees("Sorry")


def test_the_list_of_people_bans_too_and_joining_says_why(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("ada", "Ada")
    aya.create_room("Parlour")
    ben = person(server).sign_up("bob", "Bob")
    ben.join_room("Parlour")
    expect(ben.page.get_by_test_id("composer")).to_be_visible()
    ben.page.get_by_test_id("people").click()
    expect(ben.page.get_by_test_id("talk")).to_have_count(1)
    ben.page.get_by_test_id("person-menu").click()
    expect(ben.page.get_by_test_id("block")).to_be_visible()
    expect(ben.page.get_by_test_id("ban")).to_have_count(0)
    for _ in range(2):
        ben.page.keyboard.press("Escape")
    aya.page.get_by_test_id("people").click()
    aya.page.get_by_test_id("person-menu").click()
    aya.page.get_by_test_id("ban").click()
    aya.page.get_by_test_id("ban-reason").fill("宣伝")
    aya.page.get_by_test_id("ban-do").click()
    expect(aya.page.get_by_test_id("ban-dialog")).to_have_count(0)
    expect(aya.page.get_by_test_id("person-menu")).to_have_count(0)
    expect(ben.page.get_by_test_id("notice-row")).to_contain_text("Reason: 宣伝")
    ben.page.get_by_test_id("room").filter(has_text="Parlour").click()
    ben.page.get_by_test_id("join-room").click()
    expect(ben.page.locator(".room-body .form-error")).to_contain_text("Reason: 宣伝")
