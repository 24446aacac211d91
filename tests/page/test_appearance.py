"""Theme and density: as the system says, or as somebody chose, from the first paint on."""

import pytest
from playwright.sync_api import Page, expect

from tests.page.people import PersonFactory, Server
from tests.page.waiting import place_of, until

pytestmark = pytest.mark.long

GROUND = "getComputedStyle(document.body).backgroundColor"


def ground(page: Page) -> str:
    """The ground's colour as black or white, by its lightness in OKLab."""
    colour: str = page.evaluate(GROUND)
    return "light" if float(colour.split("(")[1].split()[0]) > 0.5 else "dark"


def test_the_page_follows_the_system_until_a_theme_is_chosen(
    person: PersonFactory, server: Server
) -> None:
    ada = person(server, color_scheme="dark").sign_up("ada-themes", "Ada")
    page = ada.page
    assert ground(page) == "dark"
    page.emulate_media(color_scheme="light")
    assert ground(page) == "light"
    page.goto(f"{server.url}/#settings=appearance")
    other = ada.new_page()
    other.emulate_media(color_scheme="light")
    other.goto(server.url)
    expect(other.get_by_test_id("my-name")).to_have_text("Ada")
    page.get_by_test_id("theme-dark").check()
    assert ground(page) == "dark"
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    assert ground(other) == "dark"
    assert page.locator('meta[data-scheme="dark"]').get_attribute("media") == "all"
    assert page.locator('meta[data-scheme="light"]').get_attribute("media") == "not all"
    page.reload()
    expect(page.get_by_test_id("theme-dark")).to_be_checked()
    assert ground(page) == "dark"
    page.get_by_test_id("theme-system").check()
    assert ground(page) == "light"


def test_the_first_paint_has_the_chosen_theme(person: PersonFactory, server: Server) -> None:
    eve = person(server, color_scheme="light").sign_up("eve-themes", "Eve")
    page = eve.page
    page.goto(f"{server.url}/#settings=appearance")
    page.get_by_test_id("theme-dark").check()
    # A style that is computed once the page may paint, and before its script has run, would be light.
    page.add_init_script(
        """new PerformanceObserver((list) => {
          for (const entry of list.getEntries())
            (window.paints ??= []).push([entry.name, document.documentElement.dataset.theme]);
        }).observe({ type: "paint", buffered: false });"""
    )
    page.reload()
    until(page, "() => window.paints?.some(([name]) => name === 'first-paint')")
    assert {theme for _, theme in page.evaluate("window.paints")} == {"dark"}


def test_high_contrast_follows_the_system_or_a_choice(
    person: PersonFactory, server: Server
) -> None:
    ida = person(server, color_scheme="light").sign_up("ida-contrast", "Ida")
    page = ida.page
    plain = page.evaluate("getComputedStyle(document.body).color")
    page.emulate_media(contrast="more")
    strong = page.evaluate("getComputedStyle(document.body).color")
    assert plain != strong
    page.emulate_media(contrast="no-preference")
    page.goto(f"{server.url}/#settings=appearance")
    page.get_by_test_id("theme-contrast").check()
    assert page.evaluate("getComputedStyle(document.body).color") == strong
    page.emulate_media(color_scheme="dark")
    assert ground(page) == "dark"


def test_a_compact_page_shows_more_rooms(person: PersonFactory, server: Server) -> None:
    zoe = person(server).sign_up("zoe-dense", "Zoe")
    zoe.create_room("One")
    page = zoe.page
    height = place_of(page.get_by_test_id("room").first)
    page.goto(f"{server.url}/#settings=appearance")
    page.get_by_test_id("density-compact").check()
    page.get_by_test_id("settings-close").click()
    zoe.in_room("One")
    compact = place_of(page.get_by_test_id("room").first)
    assert 24 <= compact["height"] < height["height"]


def test_forced_colours_leave_an_edge_around_buttons(person: PersonFactory, server: Server) -> None:
    page = person(server, forced_colors="active").page
    page.goto(server.url)
    edge = page.get_by_test_id("submit").evaluate("(node) => getComputedStyle(node).borderTopWidth")
    assert edge == "1px"
