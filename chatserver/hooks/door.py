"""The door by which the work under way came in, for `via` of the hooks that judge it.

Every door says its name where a request enters: `websocket`, `http`, or the name of the plugin whose route, socket,
operation, job, timer or consumer is being served. Whatever is called from there, in the same task or in one that it
begins, sees that name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

WEBSOCKET, HTTP = "websocket", "http"
SERVER = "server"  # work that came by no door, such as an operator's command

_door: ContextVar[str] = ContextVar("door", default=SERVER)

current = _door.get
enter = _door.set  # for a task of its own, which ends with the request


@contextmanager
def entered(name: str) -> Iterator[None]:
    """The door is this one while the block runs."""
    before = _door.set(name)
    try:
        yield
    finally:
        _door.reset(before)
