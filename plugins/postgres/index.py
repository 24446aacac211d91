"""The search index of every room, in the tables `search_index` and `search_index_pages`."""

from collections.abc import Sequence

from chatserver import IndexPage, IndexPlace
from chatserver_plugins.postgres.driver import Database

INDEX = """
WITH kept AS (
    INSERT INTO search_index_pages (room, slot, first, data)
    SELECT $1, slot, first, data
    FROM unnest($3::integer[], $4::bigint[], $5::bytea[]) AS page (slot, first, data)
    ON CONFLICT (room, slot, first) DO UPDATE SET data = excluded.data
)
INSERT INTO search_index (room, upto) VALUES ($1, $2)
ON CONFLICT (room) DO UPDATE SET upto = greatest(search_index.upto, excluded.upto)
"""
INDEXED = "SELECT room, upto FROM search_index WHERE room = ANY ($1::bytea[])"

# OFFSET 0 forces the planner to look up place after place.
PAGES = """
SELECT wanted.number, found.data
FROM unnest($1::bytea[], $2::integer[], $3::bigint[])
    WITH ORDINALITY AS wanted (room, slot, first, number)
CROSS JOIN LATERAL (
    SELECT data FROM search_index_pages
    WHERE room = wanted.room AND slot = wanted.slot AND first = wanted.first OFFSET 0
) AS found
"""
DROP = "DELETE FROM search_index_pages WHERE room = $1 AND slot < $2 AND first < $3"


class PostgresIndex:
    """The methods of `chatserver.Store` about the search index."""

    _database: Database

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        slots, firsts = [page.slot for page in pages], [page.first for page in pages]
        data = [page.data for page in pages]
        await self._database.fetch(INDEX, room.encode(), upto, slots, firsts, data)

    async def indexed(self, rooms: Sequence[str]) -> dict[str, int]:
        if not rooms:
            return {}
        found = await self._database.fetch(INDEXED, [room.encode() for room in rooms])
        return {room.decode(): upto for room, upto in found}

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        found: list[bytes | None] = [None] * len(places)
        if not places:
            return found
        rooms, slots, firsts = zip(*places, strict=True)
        encoded = [room.encode() for room in rooms]
        for number, data in await self._database.fetch(PAGES, encoded, slots, firsts):
            found[number - 1] = data
        return found

    async def drop_index(self, room: str, slot: int, first: int) -> None:
        await self._database.fetch(DROP, room.encode(), slot, first)
