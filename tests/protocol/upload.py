"""Requests whose body is sent by and by, over a connection of their own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.protocol.client import ANSWER_SECONDS
from tests.protocol.running import Running

JSON = "application/json"
PART = 65536


class Upload:
    """A request that announces a body, and sends none of it yet."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer
        self.is_last = False  # whether the last answer says that the connection ends
        self.sent = 0  # bytes that the server's side took of a flood

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def flood(self, size: int) -> None:
        """Send so many bytes as fast as the server takes them. Raises `ConnectionError` if it ends them."""
        while self.sent < size:
            self._writer.write(b"x" * PART)
            await self._writer.drain()
            self.sent += PART

    async def answer(self) -> tuple[int, Any]:
        """The status and JSON of an answer; 100 has none."""
        async with asyncio.timeout(ANSWER_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
            if head.startswith("http/1.1 100"):
                return 100, {}
            self.is_last = "\r\nconnection: close\r\n" in head
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            body = json.loads(await self.reader.readexactly(length))
        return int(head.split()[1]), body

    async def head(self) -> tuple[int, str]:
        """The status and code of an answer; 100 has no code."""
        status, body = await self.answer()
        return status, body.get("error", {}).get("code", "")

    async def ended(self) -> bool:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self.reader.read(1) == b""


@asynccontextmanager
async def upload(
    server: Running, method: str, path: str, size: int | None, *fields: str, kind: str = JSON
) -> AsyncIterator[Upload]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    length = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: x",
        f"Content-Type: {kind}",
        length,
        *fields,
        "",
        "",
    ]
    writer.write("\r\n".join(lines).encode())
    try:
        yield Upload(reader, writer)
    finally:
        writer.close()
