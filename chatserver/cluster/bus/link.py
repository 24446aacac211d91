"""A base for most buses: a task that connects, receives until the connection breaks, and reconnects."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence

from loguru import logger

from chatserver.runtime.cancelling import cancel_until_done

RETRY_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 5.0  # plus up to half of it, so that not all nodes reconnect at once
IDLE_SECONDS = 2.0  # between two checks that the bus's server answers


class BusLink(ABC):
    """A `Bus` except for the two methods that depend on its server: `carry` and `publish`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._receive: Callable[[bytes], None] | None = None  # while open
        self._restored: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._connected = False
        self._failed = False  # since the link was last up a failure was logged, which is enough

    @abstractmethod
    async def carry(self) -> None:
        """Connect, subscribe, call `up()`; then `receive` each frame until the connection is lost.

        Then close the connection and return or raise. A connection to a server that stops answering counts as
        lost after some seconds. The link calls this again after a pause.
        """

    @abstractmethod
    async def publish(self, frames: Sequence[bytes]) -> None:
        """See `Bus.publish`."""

    def up(self) -> None:
        """Note that the connection is up: frames arrive from now on."""
        self._connected, self._failed = True, False
        logger.info("bus {}: connected", self._name)
        if self._restored is not None:
            self._restored()

    def receive(self, frame: bytes) -> None:
        """Pass on a frame that has arrived."""
        if self._receive is not None:
            self._receive(frame)

    async def until_ended(self, ended: asyncio.Event, ask: Callable[[], Awaitable[object]]) -> None:
        """Return when the connection has `ended`; for drivers that do not notice a silent server.

        `ask` is called every IDLE_SECONDS, and raises if the server does not answer.
        """
        while not ended.is_set():
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    await ended.wait()
            except TimeoutError:
                if not ended.is_set():
                    await ask()

    # -- as a bus --------------------------------------------------------------------------------

    async def open(self, receive: Callable[[bytes], None], restored: Callable[[], None]) -> None:
        self._receive, self._restored = receive, restored
        self._task = asyncio.create_task(self._run(), name=f"bus {self._name}")

    def is_connected(self) -> bool:
        return self._connected

    async def close(self) -> None:
        self._receive = self._restored = None
        if self._task is not None:
            if not await cancel_until_done(self._task):
                logger.error("bus {}: its task does not end", self._name)
            self._task = None
        self._connected = False

    async def _run(self) -> None:
        pause = RETRY_SECONDS
        while True:
            try:
                await self.carry()
                self._note_loss("the connection was closed")
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self._note_loss("the driver closed it")  # cancelled by the driver, not by us
            except Exception as error:
                self._note_loss(f"{type(error).__name__}: {str(error) or 'no answer'}")
            if self._connected:
                self._connected, pause = False, RETRY_SECONDS
            await asyncio.sleep(pause * random.uniform(1, 1.5))  # noqa: S311 - not a secret
            pause = min(pause * 2, LONGEST_RETRY_SECONDS)

    def _note_loss(self, reason: str) -> None:
        if not self._failed:
            logger.warning("bus {}: away, events of other nodes come late: {}", self._name, reason)
        self._failed = True
