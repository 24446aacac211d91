"""Merges the answers of several rooms, newest first, and reads no more than one page needs."""

from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from operator import itemgetter
from typing import NamedTuple

from chatserver.model import Message, message_id
from chatserver.roomlog.room import Room
from chatserver.search.candidates import Candidates
from chatserver.search.effort import Effort
from chatserver.search.finder import Located
from chatserver.search.segments import seconds

REJECTED = 500  # candidates that one page may reject; the next page continues behind them
# Extra messages in the first read, since some do not match or are not the newest. With many rooms, more of
# them are not the newest, since the times of candidates are known only roughly.
SPARE, SPARE_OF_MANY = 2, 30
AT_ONCE = 800  # messages in one read …
READ_CHARS = 1 << 20  # … but about this many characters at most, estimated from earlier reads
OF_ONE = 16  # messages of one room in a read of many, since times are only roughly known


class Place(NamedTuple):
    """Position of a message among the answers; within a room `seq` alone decides.

    `at` is the time of posting, but never later than that of a newer answer of the same room: servers'
    clocks differ, and within a room the order of the log holds.
    """

    at: str
    room: str
    seq: int


# Reads messages, by (room id, message id); messages that the user may not read are left out.
Read = Callable[[Sequence[tuple[Room, str]]], Awaitable[Mapping[tuple[str, str], Message]]]
Judge = Callable[[Message], bool]  # whether the message is an answer, regardless of its place


class RoomAnswers:
    """The answers of one room; `waiting` holds those read but not yet returned."""

    def __init__(self, room: Room, candidates: Candidates) -> None:
        self.room, self.candidates = room, candidates
        self.waiting: deque[tuple[Place, Message]] = deque()
        self.reached: Place | None = None  # the place of the last candidate examined
        self.earliest: str | None = None  # the lowest `Place.at` of the answers up to there


class Merge:
    """Builds one page of answers."""

    def __init__(
        self,
        located: Located,
        read: Read,
        is_answer: Judge,
        place_of: Callable[[Message], Place],
        behind: Place | None,
        effort: Effort,
    ) -> None:
        """Collect the answers behind the place `behind`, or all if it is None."""
        self._effort = effort
        self._seen = self._chars = 0  # messages read, and their characters
        self._lookup, self._behind = located.lookup, behind
        self._read, self._is_answer, self._place_of = read, is_answer, place_of
        self._rejected = 0
        self._spare = SPARE if len(located.rooms) == 1 else SPARE_OF_MANY
        self._ready: list[RoomAnswers] = []  # with waiting answers, by their first one's place
        # Streams without waiting answers that may get some, by the latest second those may have.
        self._hungry: list[tuple[int, RoomAnswers]] = []
        streams = [RoomAnswers(room, found) for room, found in located.rooms.items()]
        for stream in streams:
            if behind is not None and stream.room.id == behind.room:
                stream.earliest = behind.at
        self._sort(streams)

    async def page(self, limit: int) -> tuple[list[tuple[Place, Message]], Place | None]:
        """At most `limit` messages, and the place behind which the next page begins; None at the end."""
        found: list[tuple[Place, Message]] = []
        while len(found) < limit:
            before = self._before()
            if before and await self._feed(before, limit - len(found)):
                continue
            # Answers behind the place that such a stream has reached have to wait for it.
            unable = before if self._ready else [stream for _, stream in self._hungry]
            stopped = max((stream.reached for stream in unable if stream.reached), default=None)
            if not self._ready or (stopped and _first_place(self._ready[-1]) < stopped):
                # The last answer returned may be older than the place a stream has reached: the next
                # page begins behind both.
                if stopped and found:
                    stopped = min(stopped, found[-1][0])
                return found, stopped
            newest = self._ready.pop()
            found.append(newest.waiting.popleft())
            self._sort([newest])
        more = self._ready or self._hungry
        return found, found[-1][0] if more else None

    def _sort(self, streams: Iterable[RoomAnswers]) -> None:
        """Add each stream to the ready or the hungry ones; an exhausted stream to neither."""
        for stream in streams:
            if stream.waiting:
                insort(self._ready, stream, key=_first_place)
            elif (bound := stream.candidates.bound) is not None:
                insort(self._hungry, (bound, stream), key=itemgetter(0))

    def _before(self) -> list[RoomAnswers]:
        """The hungry streams whose next answer may come before the first of the ready ones."""
        if self._ready:
            first: Place | None = _first_place(self._ready[-1])
        elif self._is_enough():  # then the page ends at the farthest place reached
            first = max((each.reached for _, each in self._hungry if each.reached), default=None)
        else:
            first = None
        second = seconds(first.at) if first and first.at else -1
        start = bisect_left(self._hungry, second, key=itemgetter(0))
        return [stream for _, stream in self._hungry[start:]]

    async def _feed(self, streams: Sequence[RoomAnswers], wanted: int) -> bool:
        """Read messages of these streams, or more of the index; False if the page's limits are reached."""
        if self._is_enough():
            streams = [stream for stream in streams if stream.reached is None]
            if not streams:
                return False
        # Each read of messages is a round trip to the store: first know as many candidates as a page needs.
        is_short = self._lookup.bound >= 0 and self._in_sight() < wanted
        if not is_short and (taken := self._take(streams, self._most(wanted))):
            self._spare *= 2  # if another read follows, this one was too small
            await self._look_at(taken)
        else:
            await self._lookup.read_on()
        hungry = [stream for _, stream in self._hungry]
        self._hungry.clear()
        self._sort(hungry)
        return True

    def _is_enough(self) -> bool:
        return self._rejected >= REJECTED or self._effort.is_spent

    def _most(self, wanted: int) -> int:
        """Number of messages for the next read, within AT_ONCE and about READ_CHARS characters."""
        most = min(wanted + self._spare, AT_ONCE)
        if self._chars:
            most = min(most, READ_CHARS * self._seen // self._chars)
        return max(most, OF_ONE)

    def _in_sight(self) -> int:
        """Number of waiting answers, plus candidates that come before all unknown ones."""
        answers = sum(len(stream.waiting) for stream in self._ready)
        bound = self._lookup.bound
        return answers + sum(stream.candidates.ready(bound) for _, stream in self._hungry)

    def _take(self, streams: Sequence[RoomAnswers], size: int) -> Mapping[RoomAnswers, list[str]]:
        """The ids of the next candidates, stopping where an unknown candidate may come first."""
        taken: defaultdict[RoomAnswers, list[str]] = defaultdict(list)
        most = 1 if self._effort.is_spent else max(size // len(streams), OF_ONE)
        heap = [(-stream.candidates.known, place, stream) for place, stream in enumerate(streams)]
        heapify(heap)
        while heap and size > 0 and -heap[0][0] >= max(self._lookup.bound, 0):
            _, place, stream = heappop(heap)
            seqs, is_all = stream.candidates.take(min(most, size))
            taken[stream] += [message_id(stream.room.id, seq) for seq in seqs]
            size -= len(seqs)
            if is_all:
                heappush(heap, (-stream.candidates.known, place, stream))
        return taken

    async def _look_at(self, taken: Mapping[RoomAnswers, Sequence[str]]) -> None:
        wanted = [(stream.room, id) for stream, ids in taken.items() for id in ids]
        messages = await self._read(wanted)
        pairs = [(stream, (stream.room.id, id)) for stream, ids in taken.items() for id in ids]
        async for stream, key in self._effort.each(pairs):
            if (message := messages.get(key)) is not None:
                self._seen += 1
                self._chars += len(message.body) + len(message.data_text)
                self._judge(stream, message)

    def _judge(self, stream: RoomAnswers, message: Message) -> None:
        place = self._place_of(message)
        if stream.earliest is not None and stream.earliest < place.at:
            place = place._replace(at=stream.earliest)
        is_answer = self._is_answer(message)
        if is_answer:
            stream.earliest = place.at
        if self._behind is not None and not _is_behind(place, self._behind):
            return
        stream.reached = place
        if is_answer:
            stream.waiting.append((place, message))
        else:
            self._rejected += 1


def _is_behind(place: Place, other: Place) -> bool:
    """Whether `place` comes after `other` among the answers; within a room the order of the log decides."""
    return place.seq < other.seq if place.room == other.room else place < other


def _first_place(stream: RoomAnswers) -> Place:
    return stream.waiting[0][0]
