"""Reads the content of a store piece by piece, also while others write to it."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.lines import Record
from chatserver.copies.archive.patience import Readable
from chatserver.copies.archive.transient import is_transient
from chatserver.model import AnyEvent

PAGE = 1000  # rooms or records in one read
EVENTS = 2000  # in one read, of one room or of many small ones: some 500 KB

Events = Callable[
    [Readable, Mapping[str, int], Mapping[str, int]],
    AsyncIterator[tuple[str, list[AnyEvent]]],
]  # the signature of `events`
LeftOut = Callable[[str, str], bool]  # whether to leave out the record of this space and key


async def records(store: Readable) -> AsyncIterator[list[Record]]:
    """All records, in pages, by space and key, without transient ones (passing.py)."""
    for space in await store.spaces():
        async for page in records_of(store, space, is_transient):
            yield page


async def records_of(store: Readable, space: str, left_out: LeftOut) -> AsyncIterator[list[Record]]:
    """The records of one space, in pages."""
    value = await store.get(space, "")  # a scan begins after the empty key
    page = [] if value is None else [("", value)]
    page += await store.scan(space, "", limit=PAGE)
    while page:
        yield [Record(space, key, value) for key, value in page if not left_out(space, key)]
        page = await store.scan(space, "", page[-1][0], PAGE)


async def positions(store: Readable) -> dict[str, int]:
    """The head of every room."""
    found: dict[str, int] = {}
    after = ""
    while rooms := await store.list_rooms(after, PAGE):
        found |= await store.heads(rooms)
        after = rooms[-1]
    return found


async def events(
    store: Readable, ends: Mapping[str, int], begins: Mapping[str, int]
) -> AsyncIterator[tuple[str, list[AnyEvent]]]:
    """The events of each room after its begin (default 0) up to its end, ascending, in pieces.

    The pieces of a room follow each other. Raises `ArchiveError` if an event is missing.
    """
    for some in _groups(ends, begins):
        if len(some) == 1:
            async for piece in _of_room(store, *some[0]):
                yield some[0][0], piece
            continue
        wanted = [(room, begin) for room, begin, _ in some]
        longest = max(end - begin for _, begin, end in some)
        found = await store.ranges(wanted, longest)
        for (room, begin, end), piece in zip(some, found, strict=True):
            _demand_whole(room, begin, end, piece[: end - begin])
            yield room, piece[: end - begin]


async def _of_room(
    store: Readable, room: str, begin: int, end: int
) -> AsyncIterator[list[AnyEvent]]:
    while begin < end:
        upto = min(begin + EVENTS, end)
        piece = await store.read(room, begin, upto - begin)
        _demand_whole(room, begin, upto, piece)
        yield piece
        begin = upto


def _demand_whole(room: str, begin: int, end: int, piece: Sequence[AnyEvent]) -> None:
    """Raises `ArchiveError` unless these are the events after `begin` up to `end`."""
    for seq, event in zip(range(begin + 1, end + 1), piece, strict=False):
        if event.seq != seq:
            raise ArchiveError(f"room {room}: event {seq} is not in the store")
    if len(piece) != end - begin:
        raise ArchiveError(
            f"room {room}: its events after {begin + len(piece)} are not in the store"
        )


def _groups(
    ends: Mapping[str, int], begins: Mapping[str, int]
) -> Iterator[list[tuple[str, int, int]]]:
    """Rooms with events to read: each large one alone, small ones of similar size together."""
    wanted = [
        (room, begins.get(room, 0), end) for room, end in ends.items() if begins.get(room, 0) < end
    ]
    wanted.sort(key=lambda each: each[2] - each[1])
    some: list[tuple[str, int, int]] = []
    for room, begin, end in wanted:
        if some and (len(some) + 1) * (end - begin) > EVENTS:
            yield some
            some = []
        some.append((room, begin, end))
    if some:
        yield some
