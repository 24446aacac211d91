"""The search index of every room, in the collections `search_index` and `search_index_pages`.

A page's `_id` consists of room, slot and first, so that pages of one slot are adjacent, and one query finds
many of them directly.
"""

import struct
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from pymongo.errors import DuplicateKeyError

from chatserver import IndexPage, IndexPlace, StoreUnavailable
from chatserver_plugins.mongo.driver import DUPLICATE_KEY, DURABLE, Database

INDEXED, PAGES = "search_index", "search_index_pages"

_pack = struct.Struct(">IQ").pack  # as bytes that sort like the numbers


class MongoIndex:
    """The methods of `chatserver.Store` about the search index."""

    _database: Database

    @cached_property
    def _indexed(self) -> Any:
        return self._database.collection(INDEXED)

    @cached_property
    def _pages(self) -> Any:
        return self._database.collection(PAGES)

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        if pages:
            await self._keep(pages)

        def advance() -> Any:
            return self._indexed.update_one({"_id": room}, {"$max": {"upto": upto}}, upsert=True)

        try:
            await self._database.run(advance())
        except DuplicateKeyError:  # another node has just made it
            await self._database.run(advance())

    async def _keep(self, pages: Sequence[IndexPage]) -> None:
        updates = [
            {
                "q": {"_id": _key(page.room, page.slot, page.first)},
                "u": {"$set": {"first": page.first, "data": page.data}},
                "upsert": True,
            }
            for page in pages
        ]
        result = await self._database.command(
            {
                "update": PAGES,
                "updates": updates,
                "ordered": False,
                "writeConcern": DURABLE.document,
            }
        )
        # A page that another node has just written is equal.
        errors = [each for each in result.get("writeErrors", ()) if each["code"] != DUPLICATE_KEY]
        if errors or "writeConcernError" in result:
            raise StoreUnavailable

    async def indexed(self, rooms: Sequence[str]) -> dict[str, int]:
        if not rooms:
            return {}
        cursor = self._indexed.find({"_id": {"$in": list(rooms)}})
        found = await self._database.run(cursor.to_list(None))
        return {room["_id"]: room["upto"] for room in found}

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        if not places:
            return []
        keys = [_key(*place) for place in places]
        cursor = self._pages.find({"_id": {"$in": keys}}, {"data": 1})
        found = {
            page["_id"]: page["data"] for page in await self._database.run(cursor.to_list(None))
        }
        return [found.get(key) for key in keys]

    async def drop_index(self, room: str, slot: int, first: int) -> None:
        lower = {"$gte": _key(room, 0, 0), "$lt": _key(room, slot, 0)}
        query = {"_id": lower, "first": {"$lt": first}}
        await self._database.run(self._pages.delete_many(query))


def _key(room: str, slot: int, first: int) -> bytes:
    return room.encode() + _pack(slot, first)
