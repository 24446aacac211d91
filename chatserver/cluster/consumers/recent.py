"""What was written in the last moment, here or on other nodes: consumers that keep up need not read it from the store."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from chatserver.model import AnyEvent, MessageDeleted, MessageEdited, RoomChanged

KEEP_SECONDS = (
    0.5  # events stay for once to twice as long; other nodes may have replaced texts since
)
# Other nodes' events may come late, but by so much not: longer than `bus/arrivals.py` takes them.
HIGHEST_SECONDS = 15.0
MOST_EVENTS = 20_000  # of all rooms together; those who are further behind read the store

Runs = dict[str, list[AnyEvent]]  # by room, each run without holes


class Recent:
    """The last events of each room, as the store would show them."""

    def __init__(self) -> None:
        self._now: Runs = {}
        self._before: Runs = {}  # of the span of time before
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._highest: dict[str, int] = {}  # the highest seq heard of, by room
        self._highest_before: dict[str, int] = {}  # of the span of time before
        self._highest_since = time.monotonic()

    def came(self, room: str, events: Sequence[AnyEvent]) -> bool:
        """Take in events of another node, ascending; returns whether they are taken.

        Not if later ones of the room are known: these may have replaced texts. Then the store knows what is left.
        """
        if events[0].seq <= max(self._highest.get(room, 0), self._highest_before.get(room, 0)):
            return False
        self.heard({room: events})
        return True

    def heard(self, written: Mapping[str, Sequence[AnyEvent]]) -> None:
        """Take in events of this node, by room and in their order."""
        for room, events in written.items():
            run = self._now.setdefault(room, [])
            for event in events:
                if (run and run[-1].seq + 1 != event.seq) or _replaces(event):
                    run.clear()
                    self._before.pop(room, None)
                run.append(event)
            self._highest[room] = max(run[-1].seq, self._highest.get(room, 0))
            self._count += len(events)
        if time.monotonic() - self._highest_since > HIGHEST_SECONDS:
            self._highest_before, self._highest = self._highest, {}
            self._highest_since = time.monotonic()
        if self._count > MOST_EVENTS:
            self.clear()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(KEEP_SECONDS, self._turn)

    def after(self, room: str, seq: int, limit: int) -> Sequence[AnyEvent]:
        """At most `limit` events behind this seq; none if the next one is not kept, or there is none."""
        run = self._now.get(room, [])
        found = _after(run, seq, limit)
        if found or (before := self._before.get(room)) is None:
            return found
        if run and before[-1].seq + 1 != run[0].seq:
            return ()
        return _after([*before, *run], seq, limit)

    def forget(self, room: str) -> None:
        """Another node has written in the room: it may have replaced a text."""
        self._now.pop(room, None)
        self._before.pop(room, None)

    def clear(self) -> None:
        self._now, self._before, self._count = {}, {}, 0

    def _turn(self) -> None:
        self._before, self._now = self._now, {}
        self._count = sum(map(len, self._before.values()))
        self._timer = None
        if self._before:
            self._timer = asyncio.get_running_loop().call_later(KEEP_SECONDS, self._turn)


def _after(run: Sequence[AnyEvent], seq: int, limit: int) -> Sequence[AnyEvent]:
    if not run or not run[0].seq <= seq + 1 <= run[-1].seq:
        return ()
    start = seq + 1 - run[0].seq
    return run[start : start + limit]


def _replaces(event: AnyEvent) -> bool:
    """Whether earlier events may be shown in another form from now on."""
    return isinstance(event, MessageEdited | MessageDeleted | RoomChanged)
