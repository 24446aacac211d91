"""Several nodes on one store."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.faults.server import ChatServer
from tests.servers import Mongod

PATIENCE_SECONDS = 30  # for which a busy machine may let the store wait


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


def patient(database: Mongod, folder: Path) -> dict[str, object]:
    """Settings of nodes on a database of the folder's name, for trials in which no send is to be refused."""
    return {
        "plugin__mongo__uri": database.uri,
        "plugin__mongo__database": folder.name[-60:],
        "plugin__mongo__timeout_ms": 1000 * PATIENCE_SECONDS,
        "delivery__append_seconds": PATIENCE_SECONDS,
    }
