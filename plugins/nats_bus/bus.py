"""The bus through nats-py, on one connection."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from nats.aio.client import Client
from nats.errors import Error

from chatserver import BusLink, BusUnavailable
from chatserver_plugins.nats_bus.config import Config

IDLE_SECONDS = 2.0  # between two questions whether NATS is there
CLOSE_SECONDS = 1.0  # to a server that does not answer nothing can be said in order
WAITING_BYTES = 8 * 1024 * 1024  # that arrived and were not looked at; more are dropped

# nats-py may write to a connection that is closed already, for which uvloop raises RuntimeError.
FAILURES = (Error, OSError, TimeoutError, RuntimeError)


class NatsBus(BusLink):
    """Keeps nothing in NATS: it needs neither JetStream nor any rights but on its subject."""

    def __init__(self, config: Config) -> None:
        super().__init__("nats")
        self._servers = config.uri.split(",")
        self._subject = config.subject
        self._seconds = config.timeout_ms / 1000
        self._client: Any = None  # while connected

    async def carry(self) -> None:
        client: Any = Client()
        ended = asyncio.Event()
        try:
            await self._connect(client, ended)
            await client.subscribe(self._subject, cb=self._take, pending_bytes_limit=WAITING_BYTES)
            await self._ask(client)
            self._client = client
            self.up()
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_SECONDS):
                        await ended.wait()
                if not ended.is_set():
                    await self._ask(client)
        finally:
            self._client = None
            with contextlib.suppress(*FAILURES):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.close()

    async def _connect(self, client: Any, ended: asyncio.Event) -> None:
        async def end() -> None:
            ended.set()

        async with asyncio.timeout(self._seconds):
            await client.connect(
                servers=self._servers,
                name="chatserver",
                no_echo=True,
                # A connection that is made anew in silence would hide that frames were lost.
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                error_cb=_ignore,
                closed_cb=end,
                disconnected_cb=end,
            )

    async def _ask(self, client: Any) -> None:
        """A round trip: what was sent before has arrived. Raises if there is no answer."""
        await client.flush(timeout=self._seconds)

    async def _take(self, message: Any) -> None:
        self.receive(message.data)

    async def publish(self, frames: Sequence[bytes]) -> None:
        client = self._client
        if client is None:
            raise BusUnavailable("not connected")
        try:
            async with asyncio.timeout(self._seconds):
                for frame in frames:
                    await client.publish(self._subject, frame)
                await self._ask(client)
        except FAILURES as error:
            raise BusUnavailable(str(error)) from error


async def _ignore(error: Exception) -> None:
    """What goes wrong is raised where it matters; nats-py would log it with a traceback each time."""
