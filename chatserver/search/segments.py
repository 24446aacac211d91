"""The index over a room's log: segments, made of parts, and the pages that they are kept in (pages.py).

A part says which tokens are where in a fixed piece of the log, and follows from that piece alone: who
writes one again, at the same time or after a crash, writes the same. Parts grow as a log does: of
8 events, then four of those as one of 32, and so on (a log-structured merge, but from the log itself).
Up to three parts of one size stand in a row until the fourth makes a larger one of them. Together they
are a segment: its pages are those of the parts before with what the newest one adds behind, so that a
search reads one page of each size, and little is written anew as a room grows.
Those that are missing at the end are a log's tail, which is read instead.

A message's later texts are where their edits are, and lead from there to the message. Nothing is taken
out of a segment: whether a text still says what it said is found out when it is read.

The tokens of a segment are spread over pages by a hash, so that a token is found on one page of each.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from zlib import crc32

from chatserver.search.pages import look_up, marked

GROWTH = 4  # of parts, from one size to the next
SIZES = (8, 32, 128, 512, 2048, 8192, 32768)  # of parts, in events: offsets fit 16 bits
LARGEST = SIZES[-1]  # each of these is a segment by itself
PAGE_EVENTS = 8  # a segment has a page for so many events of each part: 1 to 4 KB for each
BLOCK = 16  # messages whose times are kept together, unless a part has fewer
NEVER = (1 << 32) - 1  # later than any time, in seconds
TIMES = "\0"  # the token that stands for the times; no text has it

_TIMES_MARK = marked(TIMES)
# By how many events a segment has. A row of parts is no longer than three, so this is definite.
_SIZE_OF = {number * size: size for size in SIZES for number in range(1, GROWTH)}


class Segment(NamedTuple):
    """The part of a log with first < seq <= end."""

    first: int
    end: int

    @property
    def size(self) -> int:
        """Of each of its parts, in events."""
        return _SIZE_OF[self.end - self.first]

    @property
    def newest(self) -> int:
        """Where its newest part begins. Its pages are kept under this, as no others of the size are."""
        return self.end - self.size

    @property
    def block(self) -> int:
        """Of so many messages, one after the other, times are kept as the earliest and the latest."""
        return min(BLOCK, self.size)

    @property
    def lowest_slot(self) -> int:
        """Its pages have this slot and those above; pages of smaller parts have lower ones."""
        return self.size // PAGE_EVENTS

    @property
    def slots(self) -> range:
        """Those that its pages have."""
        return range(self.lowest_slot, 2 * self.lowest_slot)

    @property
    def before(self) -> "Segment | None":
        """It without its newest part, which was made before it; None if that is the only one."""
        return Segment(self.first, self.newest) if self.first < self.newest else None


def next_segment(indexed: int, head: int) -> Segment | None:
    """What the largest part makes that leads beyond `indexed`, if there are enough events for one."""
    for size in reversed(SIZES):
        end = (indexed // size + 1) * size
        if end <= head:
            return Segment(_row(end - size, size), end)
    return None


def _row(newest: int, size: int) -> int:
    """Where the parts of a size begin that stand before the one that begins at `newest`, and with it."""
    return newest if size == LARGEST else newest - newest % (GROWTH * size)


def cover(indexed: int) -> list[Segment]:
    """Those that an index up to this seq consists of, ascending: of what can be there the largest."""
    whole = indexed - indexed % LARGEST
    found = [Segment(first, first + LARGEST) for first in range(0, whole, LARGEST)]
    first = whole
    for size in reversed(SIZES[:-1]):
        end = indexed - indexed % size
        if end > first:
            found.append(Segment(first, end))
            first = end
    return found


def superseded(made: Segment) -> tuple[int, int]:
    """The pages of a lower slot and a lower first than these are in larger segments since a while.

    What is in this one, or just before it, stays: somebody may be about to read it.
    """
    if made.size == LARGEST:
        return made.lowest_slot, made.newest
    return made.slots.stop, made.newest - made.size


def may_be_dropped(segment: Segment, indexed: int) -> bool:
    """Are pages of this one perhaps gone, where the index has got so far? Never, if it is in the `cover`."""
    return segment.size < LARGEST and segment.end + 2 * segment.size <= indexed


def slot_in(segment: Segment, token: bytes) -> int:
    """On which of its pages a token is."""
    return segment.lowest_slot + crc32(token) % segment.lowest_slot


def author_token(user: str) -> str:
    """What stands for a message's author; no text has such a token."""
    return f"\0from {user}".replace("\n", " ")


def seconds(at: str) -> int:
    """Of a time as events have it. Raises ValueError."""
    moment = datetime.fromisoformat(at)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


class Times(NamedTuple):
    """When the messages of a block were said, in seconds; NEVER and 0 if there are none."""

    block: int  # the first of a segment is 0
    earliest: int
    latest: int


def times(segment: Segment, data: bytes) -> Iterator[Times]:
    """Of all blocks of a segment, by the page that has the token TIMES."""
    for part in look_up(data, _TIMES_MARK):
        start, *ends = part.edited
        for number, (earliest, latest) in enumerate(zip(ends[::2], ends[1::2], strict=True)):
            yield Times(start // segment.block + number, earliest, latest)
