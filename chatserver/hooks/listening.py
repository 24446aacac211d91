"""Notices of plugins: how they are made, and the one connection that an operation came from."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec

from chatserver.delivery.channel import tell
from chatserver.delivery.notices import PluginNotice
from chatserver.delivery.subscriber import News, Subscriber
from chatserver.model import User

NOTICE_BYTES = 4096  # of a notice's payload, as JSON
_NOTICE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

_subscriber: ContextVar[Subscriber | None] = ContextVar("subscriber", default=None)


def notice_of(plugin: str, name: str, payload: Any) -> PluginNotice:
    """A notice of the plugin. Raises `ValueError` for a name or a payload that is none."""
    if not _NOTICE_NAME.fullmatch(name):
        raise ValueError(f"a notice cannot be named {name!r}")
    size = len(msgspec.json.encode(payload))
    if size > NOTICE_BYTES:
        raise ValueError(f"a notice has at most {NOTICE_BYTES} bytes of JSON, not {size}")
    return PluginNotice(plugin=plugin, name=name, payload=payload)


class Listener:
    """One connection of a user to this node, which a plugin may tell of what that connection asked for.

    Two of the same connection are equal. It may be kept: once the connection `is_gone`, nothing is told.
    """

    __slots__ = ("_plugin", "_subscriber")

    def __init__(self, plugin: str, subscriber: Subscriber) -> None:
        self._plugin, self._subscriber = plugin, subscriber

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listener) and other._subscriber is self._subscriber

    def __hash__(self) -> int:
        return id(self._subscriber)

    @property
    def user(self) -> User | None:
        """The user as they are now; None once the connection is signed in no longer."""
        return self._subscriber.user

    @property
    def is_gone(self) -> bool:
        return self._subscriber.closed

    def tell(self, name: str, payload: Any = None) -> bool:
        """Send a notice to this connection alone, as `Context.tell` does; whether it was sent.

        It is not while the client does not read what it was sent, nor once the connection is gone. Raises `ValueError`.
        """
        if self.is_gone or self._subscriber.is_lagging:
            return False
        tell(self._subscriber, News(notice_of(self._plugin, name, payload)))
        return True


@contextmanager
def entered(subscriber: Subscriber) -> Iterator[None]:
    """The operation of this connection is under way while the block runs."""
    before = _subscriber.set(subscriber)
    try:
        yield
    finally:
        _subscriber.reset(before)


def listener(plugin: str) -> Listener | None:
    """The connection of the operation under way, for a plugin; None if it came by another door than chat.v1."""
    subscriber = _subscriber.get()
    return None if subscriber is None else Listener(plugin, subscriber)
