"""Puts together what was found in several rooms, newest first, and reads no more than a page needs."""

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from chatserver.model import Message, message_id
from chatserver.rooms import Room

REJECTED = 500  # candidates that one page looks at in vain; the next one goes on from there
AT_ONCE = 200  # messages of one room that are read at once
GROWTH = 4  # of what is read at once: most answers may be in one of many rooms


class Place(NamedTuple):
    """Where a message stands among the answers; in one room only `seq` is used."""

    at: str
    room: str
    seq: int


class Verdict(Enum):
    YES = "yes"
    NO = "no"
    EARLIER = "earlier"  # it stands before the page, among the answers that were given


# Messages by (room id, message id); those that cannot be read are left out.
Read = Callable[[Sequence[tuple[Room, str]]], Awaitable[Mapping[tuple[str, str], Message]]]
Judge = Callable[[Message], Verdict]


class Stream:
    """The answers of one room; `waiting` holds the next ones, if any are read."""

    def __init__(self, room: Room, seqs: Iterator[Sequence[int]], size: int) -> None:
        """`size` is how many candidates are read at first; later more."""
        self.room, self.seqs, self.size = room, seqs, size
        self.known: deque[int] = deque()  # the next ones of `seqs`
        self.waiting: deque[tuple[Place, Message]] = deque()
        self.reached: Place | None = None  # of the last candidate that was looked at
        self.ended = False

    @property
    def is_hungry(self) -> bool:
        return not self.waiting and not self.ended

    async def take(self) -> list[tuple[Room, str]]:
        """The next candidates."""
        while len(self.known) < self.size and (some := next(self.seqs, None)) is not None:
            self.known.extend(some)
            await asyncio.sleep(0)  # others' turn: to find these may have taken a millisecond
        seqs = [self.known.popleft() for _ in range(min(self.size, len(self.known)))]
        self.ended = len(seqs) < self.size
        self.size = min(GROWTH * self.size, AT_ONCE)
        return [(self.room, message_id(self.room.id, seq)) for seq in seqs]


class Merge:
    """One page in the making."""

    def __init__(
        self,
        seqs: Mapping[Room, Iterator[Sequence[int]]],
        read: Read,
        judge: Judge,
        place_of: Callable[[Message], Place],
    ) -> None:
        self._seqs, self._read, self._judge, self._place_of = seqs, read, judge, place_of
        self._rejected = 0

    async def page(self, limit: int) -> tuple[list[Message], Place | None]:
        """At most `limit` messages; and behind which place to go on, if there may be more."""
        size = max(1, min(limit // max(len(self._seqs), 1), AT_ONCE))
        streams = [Stream(room, seqs, size) for room, seqs in self._seqs.items()]
        hungry = list(streams)
        ready: list[Stream] = []  # that have answers, by the place of the first one
        found: list[tuple[Place, Message]] = []
        while len(found) < limit:
            if fed := await self._feed(hungry):
                hungry = [stream for stream in hungry if stream.is_hungry]
                _insert(ready, fed)
                continue
            # Nothing behind the place that such a stream has reached can be given yet.
            stopped = max((stream.reached for stream in hungry if stream.reached), default=None)
            if not ready or (stopped and _first_place(ready[-1]) < stopped):
                return [message for _, message in found], stopped
            newest = ready.pop()
            found.append(newest.waiting.popleft())
            if newest.is_hungry:
                hungry.append(newest)
            _insert(ready, [newest])
        more = any(stream.waiting or not stream.ended for stream in streams)
        return [message for _, message in found], found[-1][0] if more else None

    async def _feed(self, hungry: Sequence[Stream]) -> Sequence[Stream]:
        """Read on for these streams, or for none if enough was looked at."""
        if self._rejected >= REJECTED:
            hungry = [stream for stream in hungry if stream.reached is None]
        candidates = {stream: await stream.take() for stream in hungry}
        wanted = [each for taken in candidates.values() for each in taken]
        messages = await self._read(wanted) if wanted else {}
        for stream, taken in candidates.items():
            for room, id in taken:
                if (message := messages.get((room.id, id))) is not None:
                    self._look_at(stream, message)
        return hungry

    def _look_at(self, stream: Stream, message: Message) -> None:
        stream.reached = self._place_of(message)
        verdict = self._judge(message)
        if verdict is Verdict.YES:
            stream.waiting.append((stream.reached, message))
        elif verdict is Verdict.NO:
            self._rejected += 1


def _insert(ready: list[Stream], streams: Sequence[Stream]) -> None:
    for stream in streams:
        if stream.waiting:
            insort(ready, stream, key=_first_place)


def _first_place(stream: Stream) -> Place:
    return stream.waiting[0][0]
