"""A link to a server that tests can cut: a TCP proxy on loopback, on the test's loop."""

import asyncio
import contextlib


class Link:
    """Forwards connections to its `port`, until it is cut or frozen. `async with Link(host, port)`."""

    def __init__(self, host: str, port: int) -> None:
        """Forward to the server at `host` and `port`."""
        self._host, self._port = host, port
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()

    async def __aenter__(self) -> "Link":
        await self.mend()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.cut()

    async def cut(self) -> None:
        """Reset all connections, and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._flows.set()

    async def mend(self) -> None:
        """Accept connections again, at the same port."""
        self._flows.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def freeze(self) -> None:
        """Stop forwarding: connections stay, new ones are accepted, no data passes."""
        self._flows.clear()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection(self._host, self._port)
                try:
                    await self._join((reader, writer), there)
                finally:
                    there[1].transport.abort()
        except asyncio.CancelledError:
            pass  # the link was cut; asyncio would log this as an error of the server
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _join(
        self,
        here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        ways = [
            asyncio.create_task(self._pass(here[0], there[1])),
            asyncio.create_task(self._pass(there[0], here[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
