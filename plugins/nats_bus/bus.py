"""The bus through nats-py, on one connection."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from typing import Any

from nats.aio.client import Client
from nats.errors import Error, NoServersError

from chatserver import BusLink, BusUnavailable, StartupError
from chatserver_plugins.nats_bus.config import Config

CLOSE_SECONDS = 1.0  # to a server that does not answer nothing can be said in order
WAITING_BYTES = 8 * 1024 * 1024  # that arrived and were not looked at; more are dropped

# nats-py may write to a connection that is closed already, for which uvloop raises RuntimeError.
FAILURES = (Error, OSError, TimeoutError, RuntimeError)


class BusClient(Client):
    """The client of nats-py, with two changes."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Speaks TLS if the address says so, not only if the server asks for it: an attacker in between
        could claim that the server does not."""
        assert self._current_server is not None
        if self._current_server.uri.scheme == "tls":
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)

    async def _process_pong(self) -> None:
        """Ignores an answer that nobody waits for any more. nats-py would stop reading for good, silently."""
        if self._pongs and self._pongs[0].done():
            self._pongs.pop(0)
        else:
            await super()._process_pong()


class NatsBus(BusLink):
    """Keeps nothing in NATS: it needs neither JetStream nor any rights but on its subject."""

    def __init__(self, config: Config) -> None:
        super().__init__("nats")
        self._servers = config.uri.split(",")
        self._subject = config.subject
        self._seconds = config.timeout_ms / 1000
        try:
            self._tls = ssl.create_default_context(cafile=config.ca_file or None)
        except OSError as error:  # what is wrong inside of the file is one, too
            raise StartupError(f"plugin.nats_bus.ca_file: {error}") from error
        self._client: Any = None  # while connected

    async def carry(self) -> None:
        client: Any = BusClient()
        ended = asyncio.Event()
        try:
            await self._connect(client, ended)
            await client.subscribe(self._subject, cb=self._take, pending_bytes_limit=WAITING_BYTES)
            await self._ask(client)
            self._client = client
            self.up()
            await self.until_ended(ended, lambda: self._ask(client))
        finally:
            self._client = None
            with contextlib.suppress(*FAILURES):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.close()

    async def _connect(self, client: Any, ended: asyncio.Event) -> None:
        """Connect. Raises the error of the last server if none can be reached."""
        errors: list[Exception] = []

        async def note(error: Exception) -> None:
            # It is raised where it matters; nats-py would log it with a traceback each time.
            errors[:] = [error]

        async def end() -> None:
            ended.set()

        try:
            async with asyncio.timeout(self._seconds):
                await client.connect(
                    servers=self._servers,
                    name="chatserver",
                    no_echo=True,
                    tls=self._tls,
                    # A connection that is made anew in silence would hide that frames were lost.
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    error_cb=note,
                    closed_cb=end,
                    disconnected_cb=end,
                )
        except NoServersError as error:
            raise (errors or [error])[-1] from error

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
