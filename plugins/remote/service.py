"""One service: what it wants, whether it answers, and what its answers mean."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from loguru import logger

from chatserver_plugins.remote.client import Client, Silent
from chatserver_plugins.remote.config import Remote
from chatserver_plugins.remote.process import Process
from chatserver_plugins.remote.wire import HELLO, HOOKS, Answer, Hello, WrongAnswer, answer, hello

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between attempts to say hello


class RemoteFailed(Exception):
    """The service is away, or its answer is not valid. Its text names the service."""


class Service:
    """A service is asked only for what it said hello with, and only while it answers.

    Until the first hello it may want anything, so everything is refused (or passes, by `on_failure`). After that a
    service that is away fails at once for the hooks that it wanted, and a request is lost to nobody's deadline.
    """

    def __init__(self, name: str, config: Remote, version: str) -> None:
        self.name = name
        self._client = Client(name, config)
        self._process = Process(name, config.command) if config.command else None
        self._version = version
        self._wants: Hello | None = None
        self._is_up = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_up(self) -> bool:
        return self._is_up

    @property
    def pid(self) -> int | None:
        """Process id, if the server runs it."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Begin, and wait a moment for its hello."""
        if self._process is not None:
            self._process.start()
        self._task = asyncio.create_task(self._greet(), name=f"remote: {self.name}")
        await asyncio.wait([self._task], timeout=FIRST_PAUSE)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._client.close()
        if self._process is not None:
            await self._process.stop()

    def wants(self, hook: str, *, action: str | None = None, event: str | None = None) -> bool:
        wanted = self._wants
        if wanted is None:
            return True
        return (
            hook in wanted.hooks
            and (action is None or action in wanted.actions)
            and (event is None or not wanted.event_kinds or event in wanted.event_kinds)
        )

    async def ask(self, hook: str, arguments: Mapping[str, Any]) -> Answer:
        """Raises `RemoteFailed`."""
        if not self._is_up:
            raise RemoteFailed(f"remote service {self.name}: it is away")
        try:
            return answer(await self._client.ask(hook, arguments))
        except Silent as error:
            self._lost(error)
            raise RemoteFailed(f"remote service {self.name}: {error}") from error
        except WrongAnswer as error:
            raise RemoteFailed(f"remote service {self.name}: {error}") from error

    def _lost(self, error: Silent) -> None:
        """Ask nothing more until it says hello again."""
        if self._is_up:
            self._is_up = False
            logger.warning("remote service {}: {}", self.name, error)
            self._task = asyncio.create_task(self._greet(), name=f"remote: {self.name}")

    async def _greet(self) -> None:
        """Say hello until it answers."""
        pause, told = FIRST_PAUSE, ""
        while True:
            started = time.monotonic()
            try:
                said = {"server": f"chatserver/{self._version}", "hooks": HOOKS}
                self._wants = hello(await self._client.ask(HELLO, said))
            except (Silent, WrongAnswer) as error:
                if str(error) != told:
                    logger.warning("remote service {}: {}", self.name, error)
                    told = str(error)
            else:
                self._is_up = True
                logger.info("remote service {}: wants {}", self.name, ", ".join(self._wants.hooks))
                return
            await asyncio.sleep(max(0.0, pause - (time.monotonic() - started)))
            pause = min(2 * pause, LONGEST_PAUSE)
