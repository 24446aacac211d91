"""The place that a worker of `chatserver serve --workers` gets from its parent."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec

from chatserver.cluster.workers.heartbeats import MOST_BYTES, REFUSED, Heartbeats
from chatserver.cluster.workers.lanes import LanesBus
from chatserver.config import Config, Loaded
from chatserver.errors import StartupError

VARIABLE = "_CHATSERVER_WORKER"  # the environment variable that holds a worker's place


class Place(msgspec.Struct, frozen=True):
    """A worker's place among the others. Sockets and pipes are numbers of inherited files."""

    number: int  # from 1
    ports: tuple[int, ...]  # on loopback, one for each worker, at which only that worker answers
    sockets: tuple[int, ...]  # to which clients connect
    internal: tuple[int, ...]  # to which operators connect, if there are any
    own: int  # the socket on this worker's own one of `ports`
    parent: int  # a pipe that ends when the parent does
    lock: int  # of this worker's data folder
    hear: int  # the end of this worker's lane at which it reads: `lanes.py`
    tell: tuple[int, ...]  # the ends of the other workers' lanes at which it writes
    owner: bool = True  # False until the worker before it, in the same folder, leaves
    serving: int = (
        -1
    )  # a pipe by which the parent is told whether this worker serves: `heartbeats.py`

    def listeners(self) -> list[socket.socket]:
        """The sockets to which clients connect."""
        return [socket.socket(fileno=number) for number in self.sockets]

    def internal_listeners(self) -> list[socket.socket]:
        """The sockets to which operators connect."""
        return [socket.socket(fileno=number) for number in self.internal]

    def own_listener(self) -> socket.socket:
        return socket.socket(fileno=self.own)

    def bus(self) -> LanesBus:
        """The bus to the other workers, if there is no other one."""
        return LanesBus(self.hear, self.tell)

    def heartbeats(self) -> Heartbeats:
        """The pipe to the parent."""
        return Heartbeats(self.serving)


def place_of_this_process() -> Place | None:
    """The place of this process; None if it is not a worker. Removes it from the environment."""
    text = os.environ.pop(VARIABLE, None)
    return None if text is None else msgspec.json.decode(text, type=Place)


@contextmanager
def reporting(place: Place | None) -> Iterator[None]:
    """Tell the parent why this worker refuses to start, if it does within the block."""
    try:
        yield
    except StartupError as error:
        if place is not None:
            with suppress(OSError):  # it serves already, and has closed the pipe
                os.write(place.serving, REFUSED + str(error).encode()[:MOST_BYTES])
        raise


def folder_of(data: Path, number: int) -> Path:
    """The data folder of a worker, in that of all."""
    return data / f"worker-{number}"


def of_worker(loaded: Loaded, number: int) -> Loaded:
    """A worker's configuration: with its own files, but the shared folder of backups."""
    config = loaded.config
    replace, data = msgspec.structs.replace, Path(config.server.data)
    folder = config.logging.folder
    changed: Config = replace(
        config,
        server=replace(config.server, data=str(folder_of(data, number))),
        logging=replace(config.logging, folder=folder and str(Path(folder) / f"worker-{number}")),
        backup=replace(config.backup, folder=config.backup.folder or str(data / "backups")),
    )
    again = None if loaded.again is None else partial(_again, loaded.again, number)
    return Loaded(changed, loaded.origin, again)


def _again(read: Callable[[], Loaded], number: int) -> Loaded:
    return of_worker(read(), number)
