"""Tells the readers what was just written: at once those who want an event, the others of several together.

Most events are for no consumer. Those that follow each other in a room become one span, which readers pass by when it
ends: so each of them costs a look at who may want it, but not a step for each reader.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from chatserver.model import AnyEvent

SPAN_SECONDS = 1.0  # a span grows for so long …
MOST_SPANS = 1000  # … or until there are so many
TICK_SECONDS = 0.05
TICK_SPANS = 50  # passed by in one turn of the loop


class Listener(Protocol):
    """A reader, as it is told what was written."""

    def hears_of(self, kind: str) -> bool:
        """Whether it may want events of this kind."""

    def wants(self, event: AnyEvent) -> bool:
        """Whether it wants the event. Never raises."""

    def wake(self, rooms: Sequence[str]) -> None:
        """Look for events in these rooms (ids)."""

    def pass_by(self, room: str, before: int, last: int) -> None:
        """It wants none of the events of a room from behind `before` up to `last`; it may want some before."""


class Span:
    """Events of one room without a hole that nobody wants: those behind `before`, up to `last`."""

    __slots__ = ("before", "last", "since")

    def __init__(self, before: int, since: float) -> None:
        """`since` is the loop's time of now."""
        self.before = self.last = before
        self.since = since


class Hearing:
    """What the readers that run on this node have been told, and not passed by yet."""

    def __init__(self) -> None:
        self.readers: list[Listener] = []  # those that run; none of them wants the events of spans
        self._by_kind: dict[str, list[Listener]] = {}  # those of them who may want such events
        self._spans: dict[str, Span] = {}  # by room; the oldest first
        self._timer: asyncio.TimerHandle | None = None

    def add(self, reader: Listener) -> None:
        """Tell a reader, too, of what is written from now on."""
        self.pass_on()
        self.readers.append(reader)
        self._by_kind.clear()

    def discard(self, reader: Listener) -> None:
        """Tell a reader of what it has not been told yet, and then of nothing more."""
        self.pass_on()
        self.readers.remove(reader)
        self._by_kind.clear()

    def heard(self, written: Mapping[str, Sequence[AnyEvent]]) -> None:
        """Tell the readers of events that were just written: by room, ascending."""
        for room, events in written.items():
            self._heard(room, events)
        if self._spans and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def pass_on(self) -> None:
        """Have all readers pass by what they do not want."""
        for room in [*self._spans]:
            self._pass_on(room)

    def catch_up(self, reader: Listener, room: str) -> None:
        """Have one reader pass by what it does not want of a room."""
        span = self._spans.get(room)
        if span is not None and reader in self.readers:
            reader.pass_by(room, span.before, span.last)

    def _heard(self, room: str, events: Sequence[AnyEvent]) -> None:
        before, last = events[0].seq - 1, events[-1].seq
        if last - before != len(events):  # what is in between may be for anybody
            self._pass_on(room)
            for reader in self.readers:
                reader.wake((room,))
            return
        wanting = {
            reader for event in events for reader in self._may_want(event) if reader.wants(event)
        }
        span = self._spans.get(room)
        if span is not None and span.last == before and not wanting:
            span.last = last
            return
        self._pass_on(room)
        for reader in self.readers:
            if reader in wanting:
                reader.wake((room,))
            else:
                reader.pass_by(room, before, last)
        self._spans[room] = Span(last, asyncio.get_running_loop().time())
        if len(self._spans) > MOST_SPANS:
            self._pass_on(next(iter(self._spans)))

    def _may_want(self, event: AnyEvent) -> list[Listener]:
        kind = str(event.__struct_config__.tag)
        found = self._by_kind.get(kind)
        if found is None:
            found = [reader for reader in self.readers if reader.hears_of(kind)]
            self._by_kind[kind] = found
        return found

    def _pass_on(self, room: str) -> None:
        span = self._spans.pop(room, None)
        if span is not None and span.last > span.before:
            for reader in self.readers:
                reader.pass_by(room, span.before, span.last)

    def _tick(self) -> None:
        self._timer, loop = None, asyncio.get_running_loop()
        due = loop.time() - SPAN_SECONDS
        for _ in range(TICK_SPANS):
            room = next(iter(self._spans), None)
            if room is None:
                return
            if self._spans[room].since > due:
                break
            self._pass_on(room)
        self._timer = loop.call_later(TICK_SECONDS, self._tick)
