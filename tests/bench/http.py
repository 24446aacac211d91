"""An HTTP/1.1 client that costs little: keep-alive, one request at a time, answers with a length."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec


class Reply(NamedTuple):
    status: int
    body: bytes

    def json(self, status: int = 200) -> Any:
        if self.status != status:
            raise RuntimeError(f"expected {status}, got {self.status}: {self.body[:500]!r}")
        return msgspec.json.decode(self.body)


class Connection(asyncio.Protocol):
    """One connection. `request` is comfortable, `exchange` is fast."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._received = b""

    @classmethod
    @asynccontextmanager
    async def opened(cls, port: int, address: str = "127.0.0.1") -> AsyncIterator["Connection"]:
        """One that comes from this address."""
        loop = asyncio.get_running_loop()
        transport, connection = await loop.create_connection(
            cls, "127.0.0.1", port, local_addr=(address, 0)
        )
        try:
            yield connection
        finally:
            transport.close()

    async def request(self, method: str, path: str, body: object = None, token: str = "") -> Reply:
        content = b"" if body is None else msgspec.json.encode(body)
        return await self.exchange(request_bytes(method, path, token, content))

    def exchange(self, request: bytes) -> "asyncio.Future[Reply]":
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        start = received.lower().index(b"content-length:", 0, end) + 15
        length = int(received[start : received.index(b"\r\n", start)])
        if len(received) < end + 4 + length:
            return
        self._received = b""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(Reply(int(received[9:12]), received[end + 4 :]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionResetError("the server closed"))


def request_bytes(method: str, path: str, token: str = "", content: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content
