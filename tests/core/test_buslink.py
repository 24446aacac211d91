"""A bus survives errors that end its connection."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from chatserver import BusLink

pytestmark = pytest.mark.virtual_time


class Link(BusLink):
    """Ends its first connection in some way, and keeps the next one."""

    def __init__(self, end: Callable[[], None]) -> None:
        super().__init__("test")
        self._end = end
        self.times = 0

    async def carry(self) -> None:
        self.times += 1
        self.up()
        if self.times == 1:
            self._end()
            return
        await asyncio.Event().wait()

    async def publish(self, frames: Sequence[bytes]) -> None: ...


def raise_(error: BaseException) -> Callable[[], None]:
    def end() -> None:
        raise error

    return end


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda: None, "the connection was closed"),
        (raise_(OSError("no route")), "OSError: no route"),
        (raise_(TimeoutError()), "TimeoutError: no answer"),
        (raise_(asyncio.CancelledError()), "the driver closed it"),
    ],
)
async def test_a_bus_comes_back_after_any_failure(
    end: Callable[[], None], reason: str, logged: list[str]
) -> None:
    link, restored = Link(end), asyncio.Semaphore(0)
    await link.open(lambda frame: None, restored.release)
    async with asyncio.timeout(60):
        await restored.acquire()
        await restored.acquire()
    assert link.is_connected()
    assert any(reason in line for line in logged)
    async with asyncio.timeout(60):
        await link.close()
    assert not link.is_connected()
    assert link.times == 2


class Deaf(Link):
    """Takes no notice of its first cancellations, as a driver may that waits for something."""

    def __init__(self, times: int) -> None:
        super().__init__(lambda: None)
        self._deaf = times

    async def carry(self) -> None:
        self.up()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self._deaf -= 1
                if self._deaf < 0:
                    raise


@pytest.mark.parametrize("times", [1, 3])
async def test_a_driver_that_loses_a_cancellation_ends_all_the_same(times: int) -> None:
    link, restored = Deaf(times), asyncio.Event()
    await link.open(lambda frame: None, restored.set)
    async with asyncio.timeout(60):
        await restored.wait()
        await link.close()
    assert not link.is_connected()
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert "bus test" not in names


async def test_a_driver_that_does_not_end_is_named(logged: list[str]) -> None:
    link, restored = Deaf(7), asyncio.Event()
    await link.open(lambda frame: None, restored.set)
    async with asyncio.timeout(60):
        await restored.wait()
        await link.close()
        assert any("bus test: its task does not end" in line for line in logged)
        (left,) = (task for task in asyncio.all_tasks() if task.get_name() == "bus test")
        while not left.done():
            left.cancel()
            await asyncio.sleep(0)


async def test_a_silent_server_is_asked_until_the_connection_ends() -> None:
    ended, asked = asyncio.Event(), 0

    async def ask() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            ended.set()

    async with asyncio.timeout(60):
        await Link(lambda: None).until_ended(ended, ask)
    assert asked == 3


async def test_a_server_that_does_not_answer_ends_the_wait() -> None:
    async def ask() -> None:
        raise OSError("no answer")

    async with asyncio.timeout(60):
        with pytest.raises(OSError, match="no answer"):
            await Link(lambda: None).until_ended(asyncio.Event(), ask)
