"""Chromium for the tests of pages. Its waits end early by themselves, so they may be long."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

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
    """A browser. Without Chromium the test is skipped, but fails where CI is set.

    For one module only: while it runs, Playwright keeps an event loop in this thread.
    """
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=_FLAGS)
        yield browser
        browser.close()


def _program() -> str:
    # The headless shell is the same engine without the browser around it, for half the processor time.
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    missing = "no Chromium found (Debian: apt-get install chromium-headless-shell)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
