"""The index over a room's log: segments, which consist of parts, and are stored as pages (pages.py).

A part holds the postings of a fixed piece of the log and is derived from that piece alone: a node that
writes a part again, at the same time or after a crash, writes the same bytes. The smallest parts have
8 events, four of these make one of 32, and so on (a log-structured merge, but built from the log itself).
Up to three parts of one size stand in a row until the fourth merges them into a larger one. Such a row is
a segment: its pages are those of its earlier parts with the newest part's bytes appended. So a search reads
one page of each size, and little is rewritten as a room grows. Events behind the last segment are the
log's tail, which a search reads directly.

An edit is indexed at its own seq, and its postings name the message. Nothing is removed from a segment: a
search checks against the message's present text whether it still has the tokens.

A segment's tokens are spread over its pages by a hash, so that each token is on exactly one of them.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias
from zlib import crc32

from chatserver.search.pages import look_up, marked

GROWTH = 4  # factor from one size of parts to the next
SIZES = (8, 32, 128, 512, 2048, 8192, 32768)  # of parts, in events: offsets fit 16 bits
LARGEST = SIZES[-1]  # a part of this size is a segment by itself
PAGE_EVENTS = 8  # of a part for each of its pages: a part adds 1 to 4 KB to a page
BLOCK = 16  # consecutive events that share one range of times; fewer in the smallest parts
NEVER = (1 << 32) - 1  # later than any time, in seconds
TIMES = "\0"  # the token under which times are stored; no text has it

TokenHash: TypeAlias = Callable[[bytes], int]  # at least 32 bits that differ from token to token

_TIMES_MARK = marked(TIMES)
# Size of the parts by the number of events of a segment: unambiguous, as a row has at most three parts.
_SIZE_OF = {number * size: size for size in SIZES for number in range(1, GROWTH)}


class Segment(NamedTuple):
    """The events of a log with first < seq <= end."""

    first: int
    end: int

    @property
    def size(self) -> int:
        """Size of each of its parts, in events."""
        return _SIZE_OF[self.end - self.first]

    @property
    def newest(self) -> int:
        """The seq before its newest part. Its pages are stored under it; no other segment of its size has it."""
        return self.end - self.size

    @property
    def block(self) -> int:
        """Number of consecutive events for which one earliest and one latest time are kept."""
        return min(BLOCK, self.size)

    @property
    def lowest_slot(self) -> int:
        """The first slot of its pages; pages of segments with smaller parts have lower slots."""
        return self.size // PAGE_EVENTS

    @property
    def slots(self) -> range:
        """The slots of its pages."""
        return range(self.lowest_slot, 2 * self.lowest_slot)

    @property
    def before(self) -> "Segment | None":
        """The segment without its newest part, as it was written earlier; None if it has one part only."""
        return Segment(self.first, self.newest) if self.first < self.newest else None


def next_segment(indexed: int, head: int) -> Segment | None:
    """The segment with the largest complete part that ends behind `indexed`; None if no part is complete."""
    for size in reversed(SIZES):
        end = (indexed // size + 1) * size
        if end <= head:
            return Segment(row_of(end - size, size), end)
    return None


def row_of(newest: int, size: int) -> int:
    """The start of the row of equal parts whose last part begins at `newest`."""
    return newest if size == LARGEST else newest - newest % (GROWTH * size)


def cover(indexed: int) -> list[Segment]:
    """The segments of an index up to this seq, ascending: the fewest and largest possible."""
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
    """Bounds for `Store.drop_index`: pages with a lower slot and a lower `first` have long been merged.

    Pages merged into this segment, or into the one just before it, stay: a search may be about to read them.
    """
    if made.size == LARGEST:
        return made.lowest_slot, made.newest
    return made.slots.stop, made.newest - made.size


def may_be_dropped(segment: Segment, indexed: int) -> bool:
    """Whether an index up to `indexed` may have dropped the segment's pages; False for those in `cover`."""
    return segment.size < LARGEST and segment.end + 2 * segment.size <= indexed


def token_hash(store: object) -> TokenHash:
    """The hash of tokens that spreads them over pages: CRC-32, or a store's own `hash_token`.

    A store that encrypts has one with a key, as else the presence of a page would tell of the words of few messages.
    """
    return getattr(store, "hash_token", crc32)


def slot_in(segment: Segment, token: bytes) -> int:
    """The slot of the segment's page that holds the token, by CRC-32."""
    return segment.lowest_slot + crc32(token) % segment.lowest_slot


def author_token(user: str) -> str:
    """The token for a message's author; no text has such a token."""
    return f"\0from {user}".replace("\n", " ")


def seconds(at: str) -> int:
    """An event's RFC 3339 time as Unix seconds. Raises ValueError."""
    moment = datetime.fromisoformat(at)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


class Times(NamedTuple):
    """The earliest and latest time of a block's messages, in seconds; NEVER and 0 if it has none."""

    block: int  # the first of a segment is 0
    earliest: int
    latest: int


def times(segment: Segment, data: bytes) -> Iterator[Times]:
    """The times of all blocks of a segment, from its page with the token TIMES."""
    for part in look_up(data, _TIMES_MARK):
        start, *ends = part.edited
        for number, (earliest, latest) in enumerate(zip(ends[::2], ends[1::2], strict=True)):
            yield Times(start // segment.block + number, earliest, latest)
