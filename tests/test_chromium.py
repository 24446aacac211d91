"""The browser that all tests of a process share."""

import asyncio
import gc

import pytest
from playwright.sync_api import Browser, Error, Route

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


def leave_without_an_answer(browser: Browser) -> None:
    page = browser.new_page()
    waiting: list[Route] = []
    page.route("**/", lambda route: waiting.append(route))
    page.evaluate("void (location.href = 'http://127.0.0.1:9/')")
    while not waiting:
        page.wait_for_timeout(20)


def test_a_request_that_a_test_left_without_an_answer_is_no_error_of_a_later_one(
    shared_chromium: SharedChromium, caplog: pytest.LogCaptureFixture
) -> None:
    gc.collect()
    caplog.clear()  # of what the tests before left, such as a driver's connections that were given up
    for _ in range(2):
        with shared_chromium.lent() as browser:
            leave_without_an_answer(browser)
        del browser
        gc.collect()
    assert caplog.records == []
