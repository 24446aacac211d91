"""A server that speaks OP_MSG and does to inserts what a test says: for faults that no mongod has on demand."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import bson

HELLO = {
    "ok": 1,
    "isWritablePrimary": True,
    "maxWireVersion": 17,
    "maxBsonObjectSize": 16 << 20,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
}

Document = dict[str, Any]


class Request(NamedTuple):
    """A request, as read by other means than those under test."""

    number: int
    body: Document
    documents: list[Document]


LEGACY_QUERY, LEGACY_REPLY = 2004, 1
Script = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def parsed(message: bytes) -> Request:
    """Every byte of the message must be as the protocol says."""
    length, number, answered, kind, flags = struct.unpack_from("<iiiiI", message)
    assert (length, answered, kind, flags) == (len(message), 0, 2013, 0)
    body: Document = {}
    documents: list[Document] = []
    at = 20
    while at < length:
        section, size = struct.unpack_from("<Bi", message, at)
        content = message[at + 1 : at + 1 + size]
        if section == 0:
            assert not body
            body = bson.decode(content)
        else:
            name, _, rest = content[4:].partition(b"\0")
            assert (section, name) == (1, b"documents") and not documents
            documents = bson.decode_all(rest)
        at += 1 + size
    assert at == length
    return Request(number, body, documents)


def answer(number: int, document: Document, kind: int = 2013, flags: int = 0) -> bytes:
    content = b"\0" + bson.encode(document)
    return struct.pack("<iiiiI", 20 + len(content), 7, number, kind, flags) + content


def legacy_answer(number: int, document: Document) -> bytes:
    """The answer to the first `hello` of a driver, which does not know yet whether the server has OP_MSG."""
    content = struct.pack("<iqii", 0, 0, 0, 1) + bson.encode(document)
    return struct.pack("<iiii", 16 + len(content), 7, number, LEGACY_REPLY) + content


def stored(request: Request) -> bytes:
    return answer(request.number, {"ok": 1, "n": len(request.documents)})


async def stores(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(stored(request))


class ScriptedMongod:
    """Its `script` answers whatever is no `hello`; by default it says that all was stored."""

    def __init__(self) -> None:
        self.hello: Document = dict(HELLO)
        self.script: Script = stores
        self.requests: list[Request] = []  # those that are no `hello`
        self.greets = (
            asyncio.Event()
        )  # unset: it takes connections, and leaves them without a `hello`
        self.greets.set()
        self.connections = 0
        self.port = 0
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        serving = cast("asyncio.Task[None]", asyncio.current_task())
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        try:
            while True:
                head = await reader.readexactly(4)
                rest = await reader.readexactly(struct.unpack("<i", head)[0] - 4)
                number, _, kind = struct.unpack_from("<iii", rest)
                if kind == LEGACY_QUERY:
                    writer.write(legacy_answer(number, self.hello))
                    continue
                request = parsed(head + rest)
                if "hello" in request.body or "ismaster" in request.body:
                    await self.greets.wait()
                    writer.write(answer(request.number, self.hello))
                else:
                    self.requests.append(request)
                    await self.script(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def stop(self) -> None:
        """End all connections."""
        while self._serving:
            for each in self._serving:
                each.cancel()
            await asyncio.wait([*self._serving])


@asynccontextmanager
async def scripted() -> AsyncIterator[ScriptedMongod]:
    made = ScriptedMongod()
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield made
        finally:
            await made.stop()
