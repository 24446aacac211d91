"""Waiting for what `expect` does not know. Playwright's own `wait_for_function` is refused by the page's policy when it asks again."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

# Keeps the first text that a node gets from now on, which may stay for a few seconds alone, as `window.noted`.
NOTE_TEXT = """(node) => {
  window.noted = null;
  new MutationObserver(() => (window.noted ??= node.textContent)).observe(node, { childList: true });
}"""


LATE = """(actions) => {
  const { places } = document.querySelector("chat-app") ?? {};
  return actions.every((action) => places?.in("message.actions/v1").some(({ key }) => key === action));
}"""


# The part of the plugin `directory` comes seconds after the others.
FINDS_PEOPLE = (
    """() => document.querySelector("chat-app")?.places.in("people.find/v1").length > 0"""
)


def until(page: Page, function: str, argument: Any = None, *, tries: int = 600) -> None:
    """Ask again until the function, of JavaScript, returns something true; ten times a second at most."""
    for _ in range(tries):
        if page.evaluate(function, argument):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never true: {function}")


def place_of(node: Locator, *, tries: int = 600) -> FloatRect:
    """Where it stands on the page. What is drawn anew in this moment stands nowhere, and is asked again."""
    for _ in range(tries):
        if box := node.bounding_box():
            return box
        node.page.wait_for_timeout(100)
    pytest.fail(f"{node} stands nowhere")


def until_late_parts(page: Page) -> None:
    """Until the parts of plugins that come seconds after the others are here: rows with actions are made anew then."""
    until(page, LATE, ["saved.save", "reminders.remind", "receipts.readers"])


def until_told(page: Page, condition: Callable[[], object], *, tries: int = 600) -> None:
    """Let the browser tell of its requests and windows until the condition, of Python, is true."""
    for _ in range(tries):
        if condition():
            return
        page.wait_for_timeout(100)
    pytest.fail("the browser never told of it")


def has_focus(page: Page, testid: str) -> None:
    """The element that has the focus, or soon has it, bears this name."""
    expect(page.locator(":focus")).to_have_attribute("data-testid", testid)
