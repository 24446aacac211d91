"""HTTP connections, byte by byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.protocol.client import ANSWER_SECONDS
from tests.protocol.running import Running

Answer = tuple[int, dict[str, str], bytes]


class Line:
    """One HTTP connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, data: str) -> None:
        self._writer.write(data.encode())

    async def answer(self) -> Answer:
        async with asyncio.timeout(ANSWER_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
            }
            if headers.get("transfer-encoding") == "chunked":
                body = await self._reader.readuntil(b"0\r\n\r\n")
            else:
                body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return int(first.split()[1]), headers, body

    async def ended(self) -> bool:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await self._reader.read(1) == b""


@asynccontextmanager
async def line(server: Running) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


def without_date(answer: Answer) -> Answer:
    """Without what differs from answer to answer."""
    status, headers, body = answer
    own = ("date", "x-request-id")
    return status, {name: value for name, value in headers.items() if name not in own}, body
