"""Entries, each of which is to become the next event of a room, and their outcomes."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from loguru import logger

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.model import AnyEvent
from chatserver.roomlog.repeats import Send
from chatserver.roomlog.room import Room


class Outcome(NamedTuple):
    """The outcome of an entry: the durable event, and whether it was stored before (a repeat)."""

    event: AnyEvent
    repeated: bool = False


Done = Callable[[Outcome | ChatError], None]


class Overtaken(ChatError):
    """Another change came first; what this one was made from is out of date, so it is to be made again."""

    def __init__(self) -> None:
        super().__init__("store.unavailable", "Too many change this at once.", after_ms=1000)


class Entry:
    """An entry in the lane. Subclasses build the event and tell the author of the outcome.

    `changes_state` closes the room until the entry is settled, so that later checks see it. An edit or deletion that
    `erases` removes the texts that it replaces.
    """

    __slots__ = ("changes_state", "erases", "event", "key", "room", "since")

    def __init__(
        self,
        room: Room,
        key: Send | None = None,
        changes_state: bool = False,
        erases: bool = False,
    ) -> None:
        self.room, self.key, self.changes_state = room, key, changes_state
        self.erases = erases
        self.event: AnyEvent | None = None  # set once it has a number
        self.since = time.perf_counter()

    def check(self) -> None:
        """Raises `ChatError` if the room's present state does not allow the event."""
        raise NotImplementedError

    def build(self, seq: int, at: str) -> AnyEvent:
        raise NotImplementedError

    def settled(self, outcome: Outcome | ChatError) -> None:
        """Called once with the outcome, from the lane."""
        raise NotImplementedError


class Append(Entry):
    """An entry made of functions."""

    __slots__ = ("_build", "_check", "_settled")

    def __init__(
        self,
        room: Room,
        build: Callable[[int, str], AnyEvent],
        check: Callable[[], None],
        settled: Done,
        *,
        key: Send | None = None,
        changes_state: bool = False,
        erases: bool = False,
    ) -> None:
        super().__init__(room, key, changes_state, erases)
        self._build, self._check, self._settled = build, check, settled

    def check(self) -> None:
        self._check()

    def build(self, seq: int, at: str) -> AnyEvent:
        return self._build(seq, at)

    def settled(self, outcome: Outcome | ChatError) -> None:
        self._settled(outcome)


def awaited() -> tuple["asyncio.Future[Outcome]", Done]:
    """A future, and the function that settles it, which may be called after the wait was given up."""
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def done(outcome: Outcome | ChatError) -> None:
        if future.done():
            return
        if isinstance(outcome, ChatError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    return future, done


def as_chat_error(error: Exception) -> ChatError:
    """The error itself if a client may see it; otherwise log it and return `server.internal`."""
    if isinstance(error, ChatError):
        return error
    if isinstance(error, TimeoutError):
        return StoreUnavailable(reason="no answer in time")
    logger.opt(exception=error).error("append failed")
    return ChatError("server.internal")
