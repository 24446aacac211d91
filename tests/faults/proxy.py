"""A network that can be made bad: TCP proxies that delay, hold or reset what passes.

They run in a thread with a loop of its own, so that a test may block without harming them.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.servers import free_port

T = TypeVar("T")

CHUNK = 1 << 16
PIECES = 64  # of a chunk each, that may be under way in one direction
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds; socket(7)

Sources = Callable[[], set[int]]  # the local ports of those whose connections are meant
Meet = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]

# From a connection's arrival to its task's first step. A server that closes between them leaves
# the connection open, and so does a task that is cancelled before it.
TURNS_TO_MEET = 5


class Link:
    """One connection through a proxy."""

    def __init__(self, source: int, delay: float) -> None:
        self.source, self.delay = source, delay
        self.passing = asyncio.Event()
        self.passing.set()
        self._writers: list[asyncio.StreamWriter] = []

    async def run(
        self, near: asyncio.StreamReader, back: asyncio.StreamWriter, target: int
    ) -> None:
        self._writers.append(back)
        try:
            await self.passing.wait()
            far, forth = await asyncio.open_connection("127.0.0.1", target)
            self._writers.append(forth)
            await asyncio.gather(self._carry(near, forth), self._carry(far, back))
        except OSError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def let_go(self) -> None:
        """End it, held or not."""
        self.delay = 0.0
        self.passing.set()
        self.abort()

    def reset(self) -> None:
        """End both sides with RST."""
        for writer in self._writers:
            opened: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # it has ended by itself
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        self.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes, in order, each piece when it is due."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(PIECES)

        async def take() -> None:
            data = b"-"
            while data:
                try:
                    data = await reader.read(CHUNK)
                except OSError:
                    data = b""
                await pieces.put((loop.time() + self.delay, data))

        taking = asyncio.create_task(take())
        try:
            while True:
                due, data = await pieces.get()
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                await self.passing.wait()
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()
        finally:
            taking.cancel()


class Proxy:
    """Connections to `port` go on to the port `target`."""

    def __init__(self, network: "Network", target: int) -> None:
        self.port, self.target = free_port(), target
        self._network = network
        self._links: set[Link] = set()
        self._delay = 0.0
        self._held: Sources | None = None

    async def accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        link = Link(back.get_extra_info("peername")[1], self._delay)
        if self._held is not None and link.source in self._held():
            link.passing.clear()
        self._links.add(link)
        try:
            await link.run(near, back, self.target)
        finally:
            self._links.discard(link)

    def let_go(self) -> None:
        """End all connections; to be called in the network's own thread."""
        for link in list(self._links):
            link.let_go()

    def delay(self, seconds: float) -> None:
        """From now on everything takes so much longer each way."""

        async def apply() -> None:
            self._delay = seconds
            for link in self._links:
                link.delay = seconds

        self._network.run(apply())

    def hold(self, sources: Sources) -> None:
        """Let nothing pass to and from these, as if they were cut off; also what they open later."""

        async def apply() -> None:
            self._held = sources
            held = sources()
            for link in self._links:
                if link.source in held:
                    link.passing.clear()

        self._network.run(apply())

    def reset(self) -> None:
        """Break all connections."""

        async def apply() -> None:
            for link in list(self._links):
                link.reset()

        self._network.run(apply())

    def heal(self) -> None:
        """Everything passes at once again, also what was held."""

        async def apply() -> None:
            self._delay, self._held = 0.0, None
            for link in self._links:
                link.delay = 0.0
                link.passing.set()

        self._network.run(apply())


class Network:
    """The thread that all proxies of a test run in."""

    def __enter__(self) -> "Network":
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._proxies: list[Proxy] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="network")
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def proxy(self, target: int) -> Proxy:
        made = Proxy(self, target)
        self._proxies.append(made)
        self.listen(made.port, made.accept)
        return made

    def listen(self, port: int, meet: Meet, tls: ssl.SSLContext | None = None) -> None:
        """Let `meet` have each connection to `port`, until the network ends."""
        listening = asyncio.start_server(meet, "127.0.0.1", port, ssl=tls)
        self._servers.append(self.run(listening))

    def run(self, action: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(action, self._loop).result(30)

    async def _stop(self) -> None:
        for server in self._servers:
            for listening in server.sockets:
                self._loop.remove_reader(listening.fileno())
        for _ in range(TURNS_TO_MEET):
            await asyncio.sleep(0)
        for server in self._servers:
            server.close()
        # A task that is cancelled while it serves a connection is an error to asyncio, which is logged.
        for proxy in self._proxies:
            proxy.let_go()
        for _ in range(TURNS_TO_MEET):
            await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
