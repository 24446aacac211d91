"""Several nodes on one store."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults.server import ChatServer


@contextmanager
def nodes(folder: Path, count: int, **settings: object) -> Iterator[list[ChatServer]]:
    """So many servers that run, each with a folder of its own, on the store of the settings."""
    servers = [ChatServer(folder / f"node{number}", **settings) for number in range(count)]
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.kill)
        servers[0].start()  # alone, as it makes what is missing in the store
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(ChatServer.start, servers[1:]))
        yield servers
