"""What nodes show, compared with what their store has at that moment, and a clock for that which follows the loop's."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from chatserver.model import AnyEvent
from chatserver.roomlog.room import Advance, Room
from chatserver.runtime.clock import Clock, text_of
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core import checker

BEGIN = 1_700_000_000.0


class LoopClock(Clock):
    """Moves as the loop's time does, so also on virtual time. `ahead` is how wrong it is, in seconds."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead

    def now(self) -> float:
        return BEGIN + asyncio.get_running_loop().time() + self.ahead

    def text(self) -> str:
        return text_of(self.now())


@contextmanager
def compare_with(store: Any, service: Service) -> Iterator[None]:
    """Raise `checker.Broken` at the end if the node ever hands out what a store in memory does not have then."""
    if not isinstance(store, MemoryStore):
        yield
        return
    log: Any = service.log
    deliver, broken = log._deliver, list[checker.Broken]()

    def compared(room: Room, advance: Advance) -> None:
        try:
            check_shown(store._rooms.get(room.id, []), advance.events)
        except checker.Broken as error:
            broken.append(error)
        deliver(room, advance)

    try:
        with mock.patch.object(log, "_deliver", compared):
            yield
    finally:
        if broken:
            raise broken[0]


def check_shown(log: Sequence[AnyEvent], shown: Sequence[AnyEvent]) -> None:
    """Each is in the log as it is; its text may be gone on either side."""
    for event in shown:
        checker.demand(event.seq <= len(log), f"{event.room}: {event.seq} is shown, not stored")
        ours, stored = checker.wire(event), checker.wire(log[event.seq - 1])
        if ours.get("redacted") or stored.get("redacted"):
            ours, stored = checker.without_text(ours), checker.without_text(stored)
        checker.demand(ours == stored, f"{event.room}: {event.seq} is shown as another event")
