"""The bus through nats-py, on one connection."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from typing import Any

from nats.aio.client import PING_PROTO, Client
from nats.errors import Error, NoServersError

from chatserver import BusLink, BusUnavailable, StartupError
from chatserver_plugins.nats_bus.config import Config

CLOSE_SECONDS = 1.0  # a server that does not answer prevents an orderly close
WAITING_BYTES = 8 * 1024 * 1024  # received but not handled yet; more are dropped

# nats-py may write to a closed connection, for which uvloop raises RuntimeError.
FAILURES = (Error, OSError, TimeoutError, RuntimeError)


class BusClient(Client):
    """The client of nats-py, with three changes."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Use TLS if the address demands it, even if the server does not: an attacker in between could
        pretend that it has no TLS."""
        assert self._current_server is not None
        if self._current_server.uri.scheme == "tls":
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        """Ask after all that is waiting to be sent. nats-py would ask before it, so that a subscription counted
        as made, and a frame as published, which the server had not seen."""
        self._pongs.append(asyncio.Future() if future is None else future)
        await self._send_command(PING_PROTO)
        await self._flush_pending()

    async def _process_pong(self) -> None:
        """Ignore an answer that nobody waits for; otherwise nats-py would silently stop reading."""
        if self._pongs and self._pongs[0].done():
            self._pongs.pop(0)
        else:
            await super()._process_pong()


class NatsBus(BusLink):
    """Keeps nothing in NATS: it needs no JetStream, and only rights on its subject."""

    def __init__(self, config: Config) -> None:
        super().__init__("nats")
        self._servers = config.uri.split(",")
        self._subject = config.subject
        self._seconds = config.timeout_ms / 1000
        try:
            self._tls = ssl.create_default_context(cafile=config.ca_file or None)
        except OSError as error:  # errors in the file's content too
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
            # Raised below if it matters; nats-py would log each one with a traceback.
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
                    # A silent reconnection would hide a loss of frames.
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
        """Make a round trip, after which everything sent before has arrived. Raises without an answer."""
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
