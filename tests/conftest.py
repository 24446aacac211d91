"""Fixtures that all tests share, and how several processes share the tests."""

import asyncio
import gc
import inspect
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import HealthCheck, settings
from loguru import logger
from tornado.ioloop import IOLoop

from tests.processor_time import ProcessorTime
from tests.virtual_time import VirtualLoop, paced_by

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.chromium import SharedChromium

NESTED_TURNS = 30  # of the loop, enough for the six generators of a streamed answer of httpx

# The time of an example depends on how busy the machine is, not on the code under test.
settings.register_profile(
    "patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

# Here, before any test imports it: the contract suites are part of the product, and assert.
pytest.register_assert_rewrite("chatserver.testing")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Number of processes for `-n auto`: twice the cores, since tests wait for half of the time."""
    return 2 * (os.cpu_count() or 1)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(ProcessorTime(config))


def pytest_collection_finish() -> None:
    """Take the collected tests and all modules out of the collector's sight: they stay to the end."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """If several processes share the tests, `long` ones begin first, the longest of all before the others."""
    if hasattr(config, "workerinput"):
        items.sort(key=minutes, reverse=True)


def minutes(item: pytest.Item) -> int:
    """How long its module takes: 0 for those that take seconds."""
    found = item.get_closest_marker("long")
    return 0 if found is None else int(found.kwargs.get("minutes", 1))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give each asynchronous test the loop of this file, whether it names one or not.

    For one that does not, pytest-tornasync asks for the current loop, and newer Pythons make none.
    """
    if not isinstance(item, pytest.Function) or "io_loop" in item.fixturenames:
        return
    if inspect.iscoroutinefunction(item.obj):
        item.fixturenames.insert(0, "io_loop")


@pytest.fixture
def io_loop(request: pytest.FixtureRequest) -> Iterator[IOLoop]:
    """The loop that pytest-tornasync runs a test on, made without calls that Tornado retires."""
    is_virtual = request.node.get_closest_marker("virtual_time") is not None
    virtual = VirtualLoop() if is_virtual else None
    loop = IOLoop(make_current=False, **({"asyncio_loop": virtual} if virtual else {}))
    with paced_by(virtual) if virtual else nullcontext():
        yield loop
        loop.run_sync(_close_generators)
    loop.close()


async def _close_generators() -> None:
    """Let generators that a test left behind end on their loop, each after the one around it.

    As `asyncio.run` does. Else the loop drops what would close them, and newer Pythons warn of it.
    """
    await asyncio.get_running_loop().shutdown_asyncgens()
    for _ in range(NESTED_TURNS):
        await asyncio.sleep(0)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The lines that were logged at warning level and above, instead of on the console."""
    lines: list[str] = []
    logger.remove()
    sink = logger.add(
        lambda text: lines.append(str(text)), level="WARNING", format="{level} {message}"
    )
    yield lines
    logger.remove(sink)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that only those trust who were told of it."""
    return trustme.CA()


@pytest.fixture
def ca_file(tmp_path: Path, authority: trustme.CA) -> str:
    """Tells of the authority."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def shared_chromium() -> Iterator["SharedChromium"]:
    from tests.chromium import SharedChromium  # not for those who need no browser

    shared = SharedChromium()
    yield shared
    shared.stop()


@pytest.fixture(scope="module")
def browser(shared_chromium: "SharedChromium") -> Iterator["Browser"]:
    """The Chromium of this process of tests. A test makes contexts of its own."""
    with shared_chromium.lent() as browser:
        yield browser
