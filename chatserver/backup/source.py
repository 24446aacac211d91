"""What a store holds, read piece by piece while others write to it.

First the records, then how far each room reaches, then the rooms' logs up to there: so no record
points to an event that is missing. At last the records that are new since then: so no event names
an account that is missing.
"""

from collections.abc import AsyncIterator, Iterator, Mapping

from chatserver.backup.errors import BackupError
from chatserver.backup.lines import Record
from chatserver.backup.passing import is_passing
from chatserver.interfaces import Store
from chatserver.model import AnyEvent

PAGE = 1000  # rooms, records
EVENTS = 2000  # at once, of one room or of many small ones together: some 500 KB


async def records(store: Store) -> AsyncIterator[list[Record]]:
    """All records, in pages; those that pass are left out."""
    for space in await store.spaces():
        value = await store.get(space, "")  # a scan begins after it
        page = [] if value is None else [("", value)]
        page += await store.scan(space, "", limit=PAGE)
        while page:
            yield [Record(space, key, value) for key, value in page if not is_passing(space, key)]
            page = await store.scan(space, "", page[-1][0], PAGE)


async def positions(store: Store) -> dict[str, int]:
    """The head of every room."""
    found: dict[str, int] = {}
    after = ""
    while rooms := await store.list_rooms(after, PAGE):
        found |= await store.heads(rooms)
        after = rooms[-1]
    return found


async def events(
    store: Store, ends: Mapping[str, int], begins: Mapping[str, int]
) -> AsyncIterator[tuple[str, list[AnyEvent]]]:
    """Of each room the events after its begin (else 0) up to its end, in pieces, ascending."""
    for some in _groups(ends, begins):
        if len(some) == 1:
            async for piece in _of_room(store, *some[0]):
                yield some[0][0], piece
            continue
        wanted = [(room, begin) for room, begin, _ in some]
        longest = max(end - begin for _, begin, end in some)
        found = await store.ranges(wanted, longest)
        for (room, begin, end), piece in zip(some, found, strict=True):
            yield room, piece[: end - begin]


async def _of_room(store: Store, room: str, begin: int, end: int) -> AsyncIterator[list[AnyEvent]]:
    while begin < end:
        piece = await store.read(room, begin, min(EVENTS, end - begin))
        if not piece:
            raise BackupError(f"room {room}: its events after {begin} are not in the store")
        yield piece
        begin = piece[-1].seq


def _groups(
    ends: Mapping[str, int], begins: Mapping[str, int]
) -> Iterator[list[tuple[str, int, int]]]:
    """Rooms with something to read: each large one alone, small ones of like size together."""
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
