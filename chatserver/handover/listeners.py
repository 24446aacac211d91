"""The listening sockets of a server: opened, or inherited from the process that it replaces."""

import os
import socket
from collections.abc import Callable, Sequence

from chatserver.config import Config
from chatserver.handover.bequest import Bequest
from chatserver.web.listening import bind, bind_internal, bind_own

Groups = list[list[socket.socket]]


class Listeners:
    """The sockets of one process, or of several workers. They stay open until `close`.

    `public` has those of each worker, or of the one process, for clients; `internal` those for operators;
    `own` one of each worker, on loopback.
    """

    def __init__(self, config: Config, workers: int = 0, bequest: Bequest | None = None) -> None:
        """`workers` is 0 for one process that serves by itself. Raises `StartupError`.

        Of the inherited sockets those are taken that are open at the configured address.
        """
        server = config.server
        self.public_at = server.host, server.port
        self.internal_at = server.internal_host, server.internal_port
        count = max(1, workers)
        public = internal = None
        own: list[socket.socket] = []
        if bequest is not None:
            public = _taken(bequest.public, count, bequest.public_at == self.public_at)
            internal = _taken(bequest.internal, count, bequest.internal_at == self.internal_at)
            (own,) = _taken((bequest.own,), 1, len(bequest.own) == workers) or [[]]
        shared = workers > 0
        self.public = public or _opened(bind, config, count, shared)
        self.internal = internal or _opened(bind_internal, config, count, shared)
        self.own = own or [bind_own() for _ in range(workers)]

    def close(self) -> None:
        for group in (*self.public, *self.internal, self.own):
            for each in group:
                each.close()

    def handed_over(self, data: str, lock: int, locks: Sequence[int] = ()) -> Bequest:
        """All of them, for a new process, with the locks of data folders."""
        return Bequest(
            pid=os.getpid(),
            data=data,
            lock=lock,
            locks=tuple(locks),
            public_at=self.public_at,
            internal_at=self.internal_at,
            public=_numbers(self.public),
            internal=_numbers(self.internal),
            own=_numbers([self.own])[0],
        )


def _numbers(groups: Groups) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(each.fileno() for each in group) for group in groups)


def _taken(groups: Sequence[Sequence[int]], count: int, fits: bool) -> Groups | None:
    """The inherited sockets; None if they are of no use, as then they are closed."""
    if fits and len(groups) == count:
        return [[_inherited(number) for number in group] for group in groups]
    for group in groups:
        for number in group:
            os.close(number)
    return None


def _inherited(number: int) -> socket.socket:
    found = socket.socket(fileno=number)
    # Else a copy of it would block, and so would the other process, which shares its flags.
    found.setblocking(False)
    return found


def _opened(
    opening: Callable[..., list[socket.socket]], config: Config, count: int, shared: bool
) -> Groups:
    if not shared:
        return [opening(config)]
    # First bound unshared, as shared sockets would not notice another server at the port.
    for each in opening(config):
        each.close()
    first = opening(config, shared=True)
    port = first[0].getsockname()[1] if first else None
    return [first, *(opening(config, port, shared=True) for _ in range(count - 1))]
