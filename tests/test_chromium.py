"""The browser that all tests of a process share."""

import asyncio

import pytest
from playwright.sync_api import Error

from tests import processor_time
from tests.chromium import SharedChromium


def test_a_module_finds_the_browser_of_the_one_before_without_its_contexts(
    shared_chromium: SharedChromium,
) -> None:
    with shared_chromium.lent() as first:
        first.new_context()
    with shared_chromium.lent() as second:
        assert second is first
        assert second.contexts == []


def test_between_modules_other_loops_run_and_its_time_is_known(
    shared_chromium: SharedChromium,
) -> None:
    with shared_chromium.lent() as browser:
        assert asyncio.get_running_loop()  # Playwright's own
        before = processor_time.used()
        browser.new_page().evaluate(
            "{ const end = performance.now() + 300; while (performance.now() < end); }"
        )
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"
    assert processor_time.used() > before


def test_a_browser_that_crashed_is_started_anew(shared_chromium: SharedChromium) -> None:
    with shared_chromium.lent() as browser, pytest.raises(Error):
        browser.new_browser_cdp_session().send("Browser.crash")
    with shared_chromium.lent() as another:
        assert another is not browser
        assert another.new_page().evaluate("1 + 1") == 2
