"""The pages in a real browser: styled, usable, and under the policy of all pages."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.world import HOME, LONG, LONG_EVENTS, MARKUP, World


@pytest.fixture(scope="module")
def page(on_sqlite: World, browser: Browser) -> Iterator[Page]:
    """The page as the owner sees it. Any complaint of the browser fails the test."""
    complaints: list[str] = []
    context = browser.new_context(base_url=f"http://127.0.0.1:{on_sqlite.server.port}")
    url = f"http://127.0.0.1:{on_sqlite.server.port}"
    token = on_sqlite.owner.token
    context.add_cookies([{"name": "chat_session", "value": token, "url": url}])
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    yield page
    assert complaints == []


def test_from_the_rooms_to_an_event(page: Page) -> None:
    answer = page.goto(HOME)
    assert answer is not None
    assert "unsafe" not in answer.headers["content-security-policy"]
    expect(page.locator("header")).to_have_css("display", "flex")  # the style sheet is there
    page.get_by_role("link", name="next").click()
    page.get_by_role("link", name="room0050", exact=True).click()
    expect(page.get_by_role("heading")).to_have_text("Room")
    page.get_by_placeholder("room, message or user").fill(LONG)
    page.get_by_placeholder("room, message or user").press("Enter")
    expect(page.get_by_role("heading")).to_have_text("A long room")
    page.get_by_placeholder("seq").first.fill("17")
    page.get_by_placeholder("seq").first.press("Enter")
    page.get_by_role("link", name="17", exact=True).click()
    expect(page.locator("pre")).to_contain_text('"body": "text 17"')
    page.get_by_role("link", name="in the log").click()
    page.get_by_role("link", name="newest").first.click()
    expect(page.get_by_role("link", name=str(LONG_EVENTS), exact=True)).to_be_visible()


def test_markup_of_users_runs_nowhere(page: Page) -> None:
    page.goto(HOME)
    page.get_by_role("link", name=MARKUP, exact=True).click()
    expect(page.locator("table")).to_contain_text("<script>alert(1)</script>")
    page.get_by_placeholder("seq").first.fill("3")
    page.get_by_placeholder("seq").first.press("Enter")
    page.get_by_role("link", name="3", exact=True).click()
    expect(page.get_by_role("heading")).to_have_text("Event 3")
    assert page.locator("script, img, b").count() == 0
