"""The protocol of clamd (its manual page, clamd(8)): one command a connection, INSTREAM with the content in chunks."""

import asyncio
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CONNECT_SECONDS = 5.0
REPLY_BYTES = 4096  # of a line; the name of a signature is short
CHUNK_BYTES = 256 * 1024
_FOUND = re.compile(r"stream: (.+) FOUND")


class Away(Exception):
    """clamd does not answer, or the connection broke."""


class TooLarge(Exception):
    """The file is larger than clamd's StreamMaxLength."""


class Unclear(Exception):
    """clamd answers that it cannot look at the file."""


class Clamd:
    """clamd at an address, `unix:PATH` or `tcp://HOST:PORT`. Others raise `ValueError`."""

    def __init__(self, address: str) -> None:
        self._path = address.removeprefix("unix:") if address.startswith("unix:/") else None
        if self._path is None:
            parts = urlsplit(address)
            if parts.scheme != "tcp" or not parts.hostname or not parts.port or parts.path:
                raise ValueError(
                    f"expected an address such as unix:/run/clamav/clamd.ctl or tcp://127.0.0.1:3310, got {address!r}"
                )
            self._host, self._port = parts.hostname, parts.port

    async def ping(self) -> None:
        """Raises `Away` unless clamd answers."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS), self._connected() as (reader, writer):
                writer.write(b"zPING\0")
                answer = await _reply(reader)
        except TimeoutError as error:
            raise Away("it does not answer") from error
        if answer != "PONG":
            raise Away(f"it answered {answer!r}")

    async def scan(self, parts: AsyncIterator[bytes]) -> str | None:
        """What clamd calls what it found; None for nothing.

        Raises `Away`, `TooLarge`, `Unclear`, and what `parts` raises.
        """
        async with self._connected() as (reader, writer):
            reply = asyncio.ensure_future(_reply(reader))  # it may come before the end
            try:
                await _send(writer, parts, reply)
                answer = await reply
            except (OSError, Away) as error:
                await self.ping()  # it is there, so it has cut this file off
                raise TooLarge("it wants no more of this file") from error
            finally:
                reply.cancel()
                with suppress(asyncio.CancelledError, Away):
                    await reply
        if answer == "stream: OK":
            return None
        if found := _FOUND.fullmatch(answer):
            return found[1]
        if "size limit exceeded" in answer:
            raise TooLarge(answer)
        raise Unclear(answer)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if self._path is not None:
                    made = asyncio.open_unix_connection(self._path, limit=REPLY_BYTES)
                else:
                    made = asyncio.open_connection(self._host, self._port, limit=REPLY_BYTES)
                reader, writer = await made
        except (OSError, TimeoutError) as error:
            raise Away(str(error) or type(error).__name__) from error
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _send(
    writer: StreamWriter, parts: AsyncIterator[bytes], reply: "asyncio.Future[str]"
) -> None:
    """Send the command and all parts, until there is a reply. Raises `OSError`, and what `parts` raises."""
    writer.write(b"zINSTREAM\0")
    async for part in parts:
        for start in range(0, len(part), CHUNK_BYTES):
            chunk = part[start : start + CHUNK_BYTES]
            writer.write(len(chunk).to_bytes(4, "big") + chunk)
            await writer.drain()
        await asyncio.sleep(0)
        if reply.done():
            return
    writer.write(bytes(4))


async def _reply(reader: StreamReader) -> str:
    """The line that ends with a zero. Raises `Away`."""
    try:
        line = await reader.readuntil(b"\0")
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        raise Away(str(error) or type(error).__name__) from error
    return line.removesuffix(b"\0").decode("utf-8", "replace").strip()
