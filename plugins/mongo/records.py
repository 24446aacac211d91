"""Small values under (space, key), in the collection `records`.

The `_id` is `{s: space, k: key}`. MongoDB compares such ids field by field, and texts by their UTF-8 bytes,
which is the order of code points, so the keys with one prefix are one range of the index.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from chatserver_plugins.mongo.driver import Database, Document
from chatserver_plugins.mongo.reads import Reads
from chatserver_plugins.mongo.scans import BY_ID, RECORD, Scans, range_of, record_id

NAME = "records"
VALUE: Document = {"_id": 0, "value": 1}  # fields


class MongoRecords:
    """The methods of `chatserver.Store` about records."""

    _database: Database
    _reads: Reads

    @cached_property
    def _records(self) -> Any:
        return self._database.collection(NAME)

    @cached_property
    def _scans(self) -> Scans:
        return Scans(self._reads, self._records)

    async def get(self, space: str, key: str) -> bytes | None:
        query = {"_id": record_id(space, key)}
        found = await self._reads.find(self._records, query, [], 1, fields=VALUE)
        return bytes(found[0]["value"]) if found else None

    async def get_many(self, space: str, keys: Sequence[str]) -> dict[str, bytes]:
        if not keys:
            return {}
        query = {"_id": {"$in": [record_id(space, key) for key in keys]}}
        found = await self._reads.find(self._records, query, [], fields=RECORD)
        return {record["_id"]["k"]: bytes(record["value"]) for record in found}

    async def put(self, space: str, key: str, value: bytes) -> None:
        def update() -> Any:
            change = {"$set": {"value": value}}
            return self._records.update_one({"_id": record_id(space, key)}, change, upsert=True)

        try:
            await self._database.run(update())
        except DuplicateKeyError:  # another node has just made it
            await self._database.run(update())

    async def put_many(self, space: str, values: Mapping[str, bytes]) -> None:
        changes = [
            UpdateOne({"_id": record_id(space, key)}, {"$set": {"value": value}}, upsert=True)
            for key, value in values.items()
        ]
        if changes:
            await self._database.run(self._records.bulk_write(changes, ordered=False))

    async def add(self, space: str, key: str, value: bytes) -> bool:
        record = {"_id": record_id(space, key), "value": value}
        try:
            await self._database.run(self._records.insert_one(record))
        except DuplicateKeyError:
            return False
        return True

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        query = {"_id": record_id(space, key), "value": old}
        change = {"$set": {"value": new}}
        result = await self._database.run(self._records.update_one(query, change))
        return bool(result.matched_count)

    async def swap_many(self, space: str, changes: Mapping[str, tuple[bytes, bytes]]) -> set[str]:
        keys = list(changes)
        updates = [
            UpdateOne({"_id": record_id(space, key), "value": old}, {"$set": {"value": new}})
            for key, (old, new) in changes.items()
        ]
        if not updates:
            return set()
        done = await self._database.run(self._records.bulk_write(updates, ordered=False))
        if done.matched_count == len(keys):
            return set(keys)
        found = await self.get_many(space, keys)  # MongoDB does not say which they were
        return {key for key, value in found.items() if value == changes[key][1]}

    async def delete(self, space: str, key: str, old: bytes | None = None) -> bool:
        query: Document = {"_id": record_id(space, key)}
        if old is not None:
            query["value"] = old
        result = await self._database.run(self._records.delete_one(query))
        return bool(result.deleted_count)

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        if limit < 1:
            return []
        return await self._scans.rows(space, range_of(prefix, after, limit))

    async def spaces(self) -> list[str]:
        spaces: list[str] = []
        query: Document = {}
        while found := await self._reads.find(self._records, query, BY_ID, 1, fields=RECORD):
            spaces.append(found[0]["_id"]["s"])
            query = {"_id": {"$gt": {"s": spaces[-1], "k": {}}}}  # objects follow texts
        return spaces
