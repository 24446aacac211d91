"""One connection to a mongod on the event loop, with one command at a time."""

import asyncio
import contextlib
import platform
import socket
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pymongo.errors import AutoReconnect, NotPrimaryError, ProtocolError

from chatserver_plugins.mongo import wire
from chatserver_plugins.mongo.login import LeftToDriver, Way, authenticate

OLDEST_WIRE_VERSION = 9  # MongoDB 4.4
# As the driver does, so that a connection through a firewall is kept, and a dead one noticed.
KEEPALIVE = {"TCP_KEEPIDLE": 120, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 9}
CLIENT = {
    "application": {"name": "chatserver"},
    "driver": {"name": "chatserver", "version": "1"},
    "os": {"type": platform.system()},
}


class Connection(asyncio.Protocol):
    """Made by `connect`. Whatever goes wrong ends it, so that a late answer meets nobody."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.most_bytes = self.most_documents = 0  # of one insert; told by the server
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers = wire.Answers()
        self._number = 0
        self._waiting: asyncio.Future[wire.Document] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    @property
    def is_busy(self) -> bool:
        """Whether a command is under way; `ask` may be called only once it has ended."""
        return self._waiting is not None

    async def command(
        self, command: Mapping[str, Any], documents: Sequence[bytes] = ()
    ) -> wire.Document:
        """The answer to a command that was executed.

        Raises the errors of `ask` and of `wire.checked`.
        """
        return wire.checked(await self.ask(command, documents))

    async def ask(
        self, command: Mapping[str, Any], documents: Sequence[bytes] = ()
    ) -> wire.Document:
        """The answer to a command, whatever it says. Without one the connection ends, and a write may have
        happened.

        Raises `AutoReconnect` or `ProtocolError`.
        """
        waiting = self.send(command, documents)
        try:
            return await waiting
        except BaseException:  # also if it is cancelled, by a time limit
            if self._waiting is waiting:
                self._waiting = None
            self.abort()
            raise

    def send(
        self, command: Mapping[str, Any], documents: Sequence[bytes] = ()
    ) -> "asyncio.Future[wire.Document]":
        """Send a command, to whose answer the future comes, or to the errors of `ask`.

        The connection is busy until then, also if nobody waits any more. Raises `AutoReconnect`.
        """
        if self._transport is None or self._waiting is not None:
            raise AutoReconnect("connection closed")
        self._number = self._number % wire.LAST_NUMBER + 1
        message = wire.request(self._number, command, documents)
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return self._waiting

    def abort(self) -> None:
        """End it at once; nothing happens if it has ended."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    async def close(self) -> None:
        """End it, and wait until the loop has forgotten it."""
        self.abort()
        await self._lost

    # -- asyncio.Protocol ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no class of asyncio
        _keep_alive(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        try:
            for answered, document in self._answers.feed(data):
                waiting = self._waiting
                if waiting is None or waiting.done() or answered != self._number:
                    raise ProtocolError("an answer to nothing")
                self._waiting = None
                waiting.set_result(document)
        except ProtocolError as error:
            self._fail(error)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(AutoReconnect(f"connection closed: {error}" if error else "connection closed"))
        if not self._lost.done():
            self._lost.set_result(None)

    def _fail(self, error: Exception) -> None:
        self.abort()
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)


async def connect(address: tuple[str, int], way: Way) -> Connection:
    """A connection to the primary, signed in.

    Raises `LeftToDriver`, `OSError`, or an error of PyMongo: `AutoReconnect`, `NotPrimaryError`,
    `OperationFailure`, `ProtocolError`.
    """
    host, port = address
    if host.startswith("/"):
        raise LeftToDriver("a Unix socket is left to the driver")
    made = Connection(address)
    loop = asyncio.get_running_loop()
    await loop.create_connection(
        lambda: made, host, port, ssl=way.tls, server_hostname=host if way.tls else None
    )
    try:
        hello = await made.command({"hello": 1, "client": CLIENT, **way.asks(), "$db": "admin"})
        _check(hello)
        made.most_bytes = min(int(hello["maxBsonObjectSize"]), int(hello["maxMessageSizeBytes"]))
        made.most_documents = int(hello["maxWriteBatchSize"])
        if way.login is not None:
            await authenticate(made.command, way.login, hello)
    except BaseException:
        made.abort()
        raise
    return made


def _check(hello: wire.Document) -> None:
    """Raises `NotPrimaryError`, or `LeftToDriver`."""
    if hello.get("msg") == "isdbgrid":
        raise LeftToDriver("it is a mongos")
    if hello.get("maxWireVersion", 0) < OLDEST_WIRE_VERSION:
        raise LeftToDriver("it is older than MongoDB 4.4")
    if not hello.get("isWritablePrimary"):
        raise NotPrimaryError("not primary", hello)


def _keep_alive(opened: Any) -> None:
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            with contextlib.suppress(OSError):
                opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
