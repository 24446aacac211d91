"""Events in frames: those of each room as one run, encoded as a store keeps them. No I/O.

A run is `[room, first, last, [event, …]]`. Its events ascend, and are those that the sender wrote itself; between
`first` and `last` others may have written.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from chatserver.model import AnyEvent, read_event

AROUND_RUN_BYTES = 110  # of a room's events: its id and two numbers
MOST_RUNS = 1000  # in one item

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Seq = Annotated[int, Meta(ge=0, le=2**53)]


class Unreadable(Exception):
    """The contents are none of this installation and version, or are damaged."""


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Events of one room that one node wrote, ascending; not decoded yet."""

    room: Id
    first: Seq
    last: Seq
    raw: list[msgspec.Raw]

    def events(self) -> list[AnyEvent]:
        """The events, as a store reads them. Raises `Unreadable`."""
        try:
            found = [_event(raw) for raw in self.raw]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unreadable(str(error)) from error
        seq = self.first - 1
        for event in found:
            if event.room != self.room:
                raise Unreadable("of another room")
            if event.seq <= seq or event.seq > self.last:
                raise Unreadable("with other numbers")
            seq = event.seq
        if not found or (found[0].seq, seq) != (self.first, self.last):
            raise Unreadable("with other numbers")
        return found


class EncodedRun(NamedTuple):
    """A run as JSON, and the number of its last event."""

    room: str
    last: int
    text: bytes


Runs = Annotated[list[Run], Meta(max_length=MOST_RUNS)]


def gathered(
    written: Iterable[tuple[str, Sequence[AnyEvent]]], limit: int
) -> Iterator[list[EncodedRun]]:
    """These events, ascending in each room (id), as encoded runs; each list is for one item of at most `limit` bytes.

    An event too large for an item is left out, and so are those behind it in its room.
    """
    some: list[EncodedRun] = []
    size = 0
    for run in _runs(written, limit):
        if some and (size + len(run.text) + 1 > limit or len(some) == MOST_RUNS):
            yield some
            some, size = [], 0
        some.append(run)
        size += len(run.text) + 1
    if some:
        yield some


def _runs(written: Iterable[tuple[str, Sequence[AnyEvent]]], limit: int) -> Iterator[EncodedRun]:
    """Runs, none larger than an item may be."""
    for room, events in written:
        some: list[bytes] = []
        first = last = size = 0
        for event in events:
            raw = _encode(event)
            if AROUND_RUN_BYTES + len(raw) > limit:
                break
            if some and AROUND_RUN_BYTES + size + len(raw) + 1 > limit:
                yield _run(room, first, last, some)
                some, size = [], 0
            if not some:
                first = event.seq
            last = event.seq
            some.append(raw)
            size += len(raw) + 1
        if some:
            yield _run(room, first, last, some)


def _run(room: str, first: int, last: int, raw: list[bytes]) -> EncodedRun:
    text = b"[%b,%d,%d,[%b]]" % (_encode(room), first, last, b",".join(raw))
    return EncodedRun(room, last, text)


def _event(raw: msgspec.Raw) -> AnyEvent:
    try:
        found: AnyEvent = _known.decode(raw)
    except msgspec.ValidationError:  # of a newer version
        found = read_event(_fields.decode(raw), AnyEvent)
    return found


_encode = msgspec.json.encode
_known = msgspec.json.Decoder(AnyEvent)
_fields = msgspec.json.Decoder(dict[str, object])
