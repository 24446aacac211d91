"""The index over a room's log: segments, and the pages that they are kept in (pages.py).

A segment says which tokens are where in a fixed part of the log, and follows from that part alone: who
writes one again, at the same time or after a crash, writes the same. Segments grow as a log does: of
8 events, then eight of those as one of 64, and so on (a log-structured merge, but from the log itself).
Those that are missing at the end are a log's tail, which is read instead.

A message's later texts are where their edits are, and lead from there to the message. Nothing is taken
out of a segment: whether a text still says what it said is found out when it is read.

The tokens of a segment are spread over pages by a hash, so that a token is found on one page of each.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from zlib import crc32

from chatserver.model import AnyEvent, MessageEdited, MessagePosted, message_seq
from chatserver.search.analyser import analysed, tokens
from chatserver.search.pages import encoded

GROWTH = 8  # of segments, from one size to the next
SIZES = (8, 64, 512, 4096, 32768)  # in events: offsets fit 16 bits
PAGE_EVENTS = 8  # a segment has a page for so many of its events: 1 to 4 KB each
BLOCK = 16  # messages whose times are kept as the earliest and the latest
NEVER = (1 << 32) - 1  # later than any time, in seconds
TIMES = "\0"  # the token that stands for the times; no text has it


class Segment(NamedTuple):
    """The part of a log with first < seq <= end."""

    first: int
    end: int

    @property
    def lowest_slot(self) -> int:
        """Its pages have this slot and those above; pages of smaller segments have lower ones."""
        return (self.end - self.first) // PAGE_EVENTS


def next_segment(indexed: int, head: int) -> Segment | None:
    """The largest segment that leads beyond `indexed`, if there are enough events for one."""
    for size in reversed(SIZES):
        end = (indexed // size + 1) * size
        if end <= head:
            return Segment(end - size, end)
    return None


def cover(indexed: int) -> list[Segment]:
    """Those that an index up to this seq consists of, ascending: of what can be there the largest."""
    found: list[Segment] = []
    first = 0
    for size in reversed(SIZES):
        while first + size <= indexed:
            found.append(Segment(first, first + size))
            first += size
    return found


def may_be_dropped(segment: Segment, indexed: int) -> bool:
    """Are pages of this one perhaps gone, where the index has got so far? Never, if it is in the `cover`."""
    larger = (segment.end - segment.first) * GROWTH
    return larger <= SIZES[-1] and (segment.first // larger + 2) * larger <= indexed


def slot_in(segment: Segment, token: bytes) -> int:
    """On which of its pages a token is."""
    pages = segment.lowest_slot
    return pages + crc32(token) % pages


def author_token(user: str) -> str:
    """What stands for a message's author; no text has such a token."""
    return f"\0from {user}".replace("\n", " ")


def seconds(at: str) -> int:
    """Of a time as events have it. Raises ValueError."""
    moment = datetime.fromisoformat(at)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


class Builder:
    """Makes the pages of a segment, from its events in order."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._posted: dict[str, array[int]] = {}
        self._edited: defaultdict[str, list[int]] = defaultdict(list)
        self._times = [NEVER, 0] * -((segment.first - segment.end) // BLOCK)
        self._on_page: defaultdict[int, list[str]] = defaultdict(list)  # tokens of `_posted`

    def add(self, event: AnyEvent) -> None:
        if isinstance(event, MessagePosted):
            offset = event.seq - self._segment.first - 1
            for token in (*tokens(analysed(event.body)), author_token(event.author.id)):
                try:
                    self._posted[token].append(offset)
                except KeyError:
                    self._posted[token] = array("H", (offset,))
                    self._on_page[slot_in(self._segment, token.encode())].append(token)
            self._note_time(offset // BLOCK * 2, seconds(event.at))
        elif isinstance(event, MessageEdited):
            message = message_seq(event.room, event.message)
            if message is not None:
                for token in (*tokens(analysed(event.body)), author_token(event.author.id)):
                    self._edited[token].append(message)

    def times(self) -> tuple[int, int]:
        """The earliest and the latest time of a message in it, in seconds; NEVER and 0 if there is none."""
        return min(self._times[::2]), max(self._times[1::2])

    def lowest(self) -> int:
        """The lowest seq of the messages that were said or edited in it, or the first one it could have."""
        edited = (min(messages) for messages in self._edited.values())
        return min([self._segment.first + 1, *edited])

    def _note_time(self, place: int, at: int) -> None:
        self._times[place] = min(self._times[place], at)
        self._times[place + 1] = max(self._times[place + 1], at)

    def pages(self) -> Iterator[tuple[int, bytes]]:
        """Slots and what belongs there, ascending; empty pages are left out."""
        edited: defaultdict[int, dict[str, list[int]]] = defaultdict(dict)
        for token, messages in (*sorted(self._edited.items()), (TIMES, self._times)):
            edited[slot_in(self._segment, token.encode())][token] = messages
        for slot in sorted(self._on_page.keys() | edited.keys()):
            posted = {token: self._posted[token] for token in sorted(self._on_page.get(slot, ()))}
            yield slot, encoded(posted, edited.get(slot, {}))
