"""The search index of every room, in the tables `indexed` and `index_pages`."""

import sqlite3
from collections.abc import Sequence

import msgspec

from chatserver import IndexPage, IndexPlace
from chatserver_plugins.sqlite.log import SqliteLog, as_json

# Like all queries, these return one row; the one for pages joins their data into one blob.
INDEXED = """
    SELECT json_group_array(json_array(room, upto)) FROM indexed
    WHERE room IN (SELECT value FROM json_each(?))"""
PAGES = """
    SELECT json_group_array(json_array(place.key, length(page.data))),
        CAST(group_concat(page.data, '') AS BLOB)
    FROM json_each(?) AS place CROSS JOIN index_pages AS page INDEXED BY slots
        ON page.room = place.value ->> 0
        AND page.slot = place.value ->> 1 AND page.first = place.value ->> 2"""
KEEP = "INSERT OR REPLACE INTO index_pages (room, slot, first, data) VALUES (?, ?, ?, ?)"
ADVANCE = """
    INSERT INTO indexed (room, upto) VALUES (?, ?)
    ON CONFLICT (room) DO UPDATE SET upto = max(upto, excluded.upto)"""
DROP = "DELETE FROM index_pages WHERE room = ? AND slot < ? AND first < ?"

_decode_sizes = msgspec.json.Decoder(list[tuple[int, int]]).decode  # (place's number, page's size)


class SqliteIndex(SqliteLog):
    """The methods of `chatserver.Store` about the search index, in addition to those about the log."""

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        number = (await self._numbers_for([room]))[room]
        kept = [(number, page.slot, page.first, page.data) for page in pages]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(KEEP, kept)
            connection.execute(ADVANCE, (number, upto))

        await self._database.write(write)

    async def indexed(self, rooms: Sequence[str]) -> dict[str, int]:
        names = await self._names(rooms)
        found = await self._one(list[tuple[int, int]], INDEXED, as_json(list(names)))
        return {names[number]: upto for number, upto in found}

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        numbers = await self._known({room for room, _, _ in places})
        # A room without a number has no pages; no room has the number 0.
        asked = as_json([(numbers.get(room, 0), slot, first) for room, slot, first in places])

        def read(connection: sqlite3.Connection) -> list[bytes | None]:
            sizes, data = connection.execute(PAGES, (asked,)).fetchone()
            found: list[bytes | None] = [None] * len(places)
            start = 0
            for number, size in _decode_sizes(sizes):
                found[number] = data[start : start + size]
                start += size
            return found

        return await self._database.read(read)

    async def drop_index(self, room: str, slot: int, first: int) -> None:
        numbers = await self._known([room])

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(DROP, (numbers[room], slot, first))

        if numbers:
            await self._database.write(write)
