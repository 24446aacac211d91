"""Waiting for what `expect` does not know. Playwright's own `wait_for_function` is refused by the page's policy when it asks again."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect


def until(page: Page, function: str, argument: Any = None, *, tries: int = 600) -> None:
    """Ask again until the function, of JavaScript, returns something true; ten times a second at most."""
    for _ in range(tries):
        if page.evaluate(function, argument):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never true: {function}")


def has_focus(page: Page, testid: str) -> None:
    """The element that has the focus, or soon has it, bears this name."""
    expect(page.locator(":focus")).to_have_attribute("data-testid", testid)
