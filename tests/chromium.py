"""Chromium for the tests of pages. Its waits end early by themselves, so they may be long."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests import processor_time

WAIT_MS = 60_000  # for a machine that is busy with other things

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of one's own. While it runs, Playwright keeps an event loop in this thread.

    Without Chromium the test is skipped, but fails where CI is set.
    """
    with sync_playwright() as playwright:
        browser = _launched(playwright)
        yield browser
        browser.close()


class SharedChromium:
    """One browser for all tests of a process: starting Playwright and Chromium takes a second of processor time.

    Contexts have nothing in common, so tests share no more than they would with browsers of their own.
    """

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own: set[asyncio.Task[Any]] = set()  # what runs in that loop as long as it does
        self._spent = 0.0  # seconds of processor time, when it was last asked for

    @contextmanager
    def lent(self) -> Iterator[Browser]:
        """The browser, started if it does not run. Its contexts are closed at the end.

        Playwright's event loop waits in this thread until the next call, and counts as running there. In between it is
        hidden from the tests that run loops of their own.
        """
        asyncio._set_running_loop(self._loop)
        try:
            if self._playwright is None:
                self._playwright = sync_playwright().start()
                self._loop = asyncio.get_running_loop()
                self._own = asyncio.all_tasks()
            if self._browser is None or not self._browser.is_connected():  # it may have crashed
                self._browser = _launched(self._playwright)
            yield self._browser
            for context in self._browser.contexts:
                context.close()
            self._end_what_waits()
        finally:
            asyncio._set_running_loop(None)
            spent = _seconds()
            processor_time.lasting += max(0.0, spent - self._spent)  # less after a crash
            self._spent = spent

    def _end_what_waits(self) -> None:
        """A route that a test left without an answer waits for one; collected as garbage it is logged as an error of
        whatever test runs at that moment.
        """
        for task in asyncio.all_tasks() - self._own:
            task.cancel()

    def stop(self) -> None:
        before = processor_time.used()
        if self._playwright is not None:
            asyncio._set_running_loop(self._loop)
            if self._browser is not None:
                self._browser.close()
            self._playwright.stop()
            # Now its time is in what this process has waited for as well, but for the parts of it that were killed.
            processor_time.lasting -= processor_time.used() - before


def _launched(playwright: Playwright) -> Browser:
    expect.set_options(timeout=WAIT_MS)
    return playwright.chromium.launch(executable_path=_program(), args=_FLAGS)


def _seconds() -> float:
    """Processor time of Playwright's program and of Chromium, which it has started."""
    spent = 0.0
    for program in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "playwright" in " ".join(program.cmdline()):
                running = [program, *program.children(recursive=True)]
                spent += sum(sum(each.cpu_times()[:4]) for each in running)
    return spent


def _program() -> str:
    # The headless shell is the same engine without the browser around it, for half the processor time.
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    missing = "no Chromium found (Debian: apt-get install chromium-headless-shell)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
