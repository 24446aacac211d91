"""What a worker of `chatserver serve --workers` knows of itself, and gets from its parent."""

import os
import socket
from pathlib import Path

import msgspec

from chatserver.config import Config, Loaded
from chatserver.workers.signs import Signs

VARIABLE = "_CHATSERVER_WORKER"  # of the environment: how a worker gets its place


class Place(msgspec.Struct, frozen=True):
    """A worker's place among the others. Sockets and pipes are numbers of inherited files."""

    number: int  # from 1
    ports: tuple[int, ...]  # on loopback, one for each worker: there it answers for itself alone
    sockets: tuple[int, ...]  # where clients connect
    own: int  # the socket on this worker's own port of `ports`
    parent: int  # a pipe that ends when the parent does
    serving: int = (
        -1
    )  # a pipe by which the parent is told whether this worker serves: `workers/signs.py`

    def listeners(self) -> list[socket.socket]:
        """The sockets that clients come to."""
        return [socket.socket(fileno=number) for number in self.sockets]

    def own_listener(self) -> socket.socket:
        return socket.socket(fileno=self.own)

    def signs(self) -> Signs:
        """The pipe to the parent."""
        return Signs(self.serving)


def place_of_this_process() -> Place | None:
    """None where the process is no worker. What it starts itself is none either."""
    text = os.environ.pop(VARIABLE, None)
    return None if text is None else msgspec.json.decode(text, type=Place)


def of_worker(loaded: Loaded, number: int) -> Loaded:
    """The configuration for a worker: with files of its own, but the backups of all."""
    config = loaded.config
    replace, data = msgspec.structs.replace, Path(config.server.data)
    folder = config.logging.folder
    changed: Config = replace(
        config,
        server=replace(config.server, data=str(data / f"worker-{number}")),
        logging=replace(config.logging, folder=folder and str(Path(folder) / f"worker-{number}")),
        backup=replace(config.backup, folder=config.backup.folder or str(data / "backups")),
    )
    return Loaded(changed, loaded.origin)
