"""A web server of somebody else's for tests: it answers with the bytes that it is given, however wrong they are."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.waiting import until


def page(title: str = "Gardening", **said: str) -> bytes:
    """A whole page with a title and what is said of it by `<meta>`; names have `_` for `:`."""
    tags = "".join(
        f'<meta property="{name.replace("_", ":", 1)}" content="{text}">'
        for name, text in said.items()
    )
    return f"<!doctype html><html><head><title>{title}</title>{tags}</head></html>".encode()


def head(status: str = "200 OK", kind: str = "text/html; charset=utf-8", **headers: str) -> bytes:
    """The beginning of an answer; names of headers have `_` for `-`."""
    named = {"Content-Type": kind, **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode()


class Site:
    """Answers each path with its bytes, then with what its generator makes, and closes the connection.

    A generator is ended when the other side has gone.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls, self._socket = tls, socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.answers: dict[str, bytes] = {}
        self.more: dict[str, Callable[[], AsyncIterator[bytes]]] = {}
        self.asked: list[str] = []  # paths
        self.requests: list[str] = []
        self.sent = 0  # bytes
        self.open = self.most_open = 0  # connections
        self.held = asyncio.Event()  # set: requests are answered
        self.held.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """It answers at its port, which is its own from the beginning."""
        server = await asyncio.start_server(self._answer, sock=self._socket.dup(), ssl=self._tls)
        try:
            yield
        finally:
            self.held.set()
            server.close()
            await until(lambda: self.open == 0)

    def close(self) -> None:
        self._socket.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = request.split(" ")[1]
            self.requests.append(request)
            self.asked.append(path)
            await self.held.wait()
            await self._send(writer, self.answers.get(path, head("404 Not Found")))
            if path in self.more:
                await self._send_until_gone(reader, writer, self.more[path]())
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side has gone
        finally:
            self.open -= 1
            writer.close()

    async def _send_until_gone(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pieces: AsyncIterator[bytes],
    ) -> None:
        async def send() -> None:
            async for piece in pieces:
                await self._send(writer, piece)

        tasks = {asyncio.create_task(send()), asyncio.create_task(reader.read())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        writer.write(piece)
        await writer.drain()
        self.sent += len(piece)
