"""The search index of every room, in the collections `indexed` and `index_pages`."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from chatserver import IndexPage, StoreUnavailable
from chatserver_plugins.mongo.driver import DURABLE, Database

INDEXED, PAGES = "indexed", "index_pages"
INDEXES = (IndexModel([("room", 1), ("slot", 1), ("first", 1)], unique=True),)
DUPLICATE_KEY = 11000


class MongoIndex:
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
        except DuplicateKeyError:  # somebody else made it at the same time: now it is there
            await self._database.run(advance())

    async def _keep(self, pages: Sequence[IndexPage]) -> None:
        updates = [
            {
                "q": {"room": page.room, "slot": page.slot, "first": page.first},
                "u": {"$set": {"data": page.data}},
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
        # A page that another node wrote just now is the same page.
        errors = [each for each in result.get("writeErrors", ()) if each["code"] != DUPLICATE_KEY]
        if errors or "writeConcernError" in result:
            raise StoreUnavailable

    async def indexed(self, rooms: Sequence[str]) -> dict[str, int]:
        if not rooms:
            return {}
        cursor = self._indexed.find({"_id": {"$in": list(rooms)}})
        found = await self._database.run(cursor.to_list(None))
        return {room["_id"]: room["upto"] for room in found}

    async def index_pages(self, rooms: Sequence[str], slots: Sequence[int]) -> list[IndexPage]:
        if not rooms or not slots:
            return []
        query = {"room": {"$in": list(rooms)}, "slot": {"$in": list(slots)}}
        found = await self._database.find(self._pages, query, [])
        return [
            IndexPage(page["room"], page["slot"], page["first"], bytes(page["data"]))
            for page in found
        ]

    async def drop_index(self, room: str, slot: int, first: int) -> None:
        query = {"room": room, "slot": {"$lt": slot}, "first": {"$lt": first}}
        await self._database.run(self._pages.delete_many(query))
