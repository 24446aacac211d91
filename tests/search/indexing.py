"""A log of one room, and its index in a store as an indexer makes it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from zlib import crc32

from chatserver.cluster.spread import Spread
from chatserver.interfaces import IndexPage, Store
from chatserver.model import AnyEvent, MessageEdited
from chatserver.search import directory
from chatserver.search.builder import Builder
from chatserver.search.directory import Directory, Known
from chatserver.search.segments import Segment, next_segment, superseded
from chatserver.testing.samples import event, posted

ALONE = Spread("node", tuple)  # knows no other node


def at(seconds: int) -> str:
    return f"2026-01-01T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000Z"


def log(bodies: Sequence[str], room: str = "r") -> list[AnyEvent]:
    """A message a minute; "3:text" edits the message 3."""
    events: list[AnyEvent] = []
    for seq, body in enumerate(bodies, 1):
        message, _, text = body.rpartition(":")
        if message:
            edit = event(
                MessageEdited, room, seq, message=f"{room}-{message}", body=text, at=at(seq * 60)
            )
            events.append(edit)
        else:
            events.append(posted(room, seq, body=body, at=at(seq * 60)))
    return events


def built(events: Sequence[AnyEvent], segment: Segment, room: str = "r") -> Iterator[IndexPage]:
    """The pages of a segment, with those of all its parts."""
    pages: defaultdict[int, bytes] = defaultdict(bytes)
    for end in range(segment.first + segment.size, segment.end + 1, segment.size):
        for slot, data in filled(events, Segment(segment.first, end)).pages():
            pages[slot] += data
    return (IndexPage(room, slot, segment.newest, data) for slot, data in pages.items())


def filled(events: Sequence[AnyEvent], segment: Segment) -> Builder:
    """A builder with the events of the segment's newest part."""
    builder = Builder(segment, crc32)
    for each in events[segment.newest : segment.end]:
        builder.add(each)
    return builder


async def index(
    store: Store, events: Sequence[AnyEvent], upto: int, room: str = "r", *, noted: bool = True
) -> None:
    """Index the room up to a seq, or near it; with `noted`, write the directory as well."""
    indexed, known = await directory.read(store, [room])
    done, before = indexed.get(room, 0), known.get(room, ())
    while segment := next_segment(done, upto):
        before = _extended(before, filled(events, segment), segment)
        pages = [*built(events, segment, room)]
        await store.index(room, segment.end, [*pages, *_noted(room, before, noted)])
        await store.drop_index(room, *superseded(segment))
        done = segment.end


def _extended(before: Directory, builder: Builder, segment: Segment) -> Directory:
    return directory.extended(before, segment, Known(segment, *builder.times(), builder.lowest()))


def _noted(room: str, known: Directory, noted: bool) -> list[IndexPage]:
    return [directory.page(room, known)] if noted else []
