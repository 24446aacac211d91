"""The back end: a blob is a file of GridFS whose name is the key, readable by MongoDB's own tools.

The collections are written here, as the specification of GridFS describes them
(https://github.com/mongodb/specifications/blob/master/source/gridfs/gridfs-spec.md), as PyMongo's own class keeps up to
48 MB of a file in memory before it sends them. NAME.writes, which is not GridFS's, has a document for each write that
is under way: so the chunks of one that broke off are found without looking at all chunks.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pymongo
from bson import ObjectId
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

import chatserver
from chatserver_plugins.gridfs.config import Config

T = TypeVar("T")
Document = dict[str, Any]

CHUNK_BYTES = 255 * 1024  # GridFS's own; with its fields a document stays below 256 KiB
BATCH_CHUNKS = (
    2  # sent at once; they are in memory three or four times: here, as BSON, in the socket
)
SPARE_SECONDS = 0.5  # PyMongo times out first, with a better error
CLOSE_SECONDS = 0.5  # a server that does not answer prevents an orderly close


class GridFSBlobs:
    """See `chatserver.Blobs` for the contract."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._seconds = config.timeout_ms / 1000
        self._has_indexes = False
        self._client: AsyncMongoClient[Document] | None = None
        self._discarding: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        config = self._config
        try:
            client = self._client = AsyncMongoClient(
                config.uri,
                appname="chatserver",
                timeoutMS=config.timeout_ms,
                serverSelectionTimeoutMS=config.timeout_ms,
                connectTimeoutMS=config.timeout_ms,
                retryWrites=True,
            )
        except (PyMongoError, ValueError) as error:
            raise chatserver.StartupError(f"plugin.gridfs.uri: {error}") from error
        database = client.get_database(
            config.database,
            read_preference=ReadPreference.PRIMARY,
            write_concern=WriteConcern(w="majority", j=True),
            read_concern=ReadConcern("majority"),
        )
        self._files = database[f"{config.bucket}.files"]
        self._chunks = database[f"{config.bucket}.chunks"]
        self._writes = database[f"{config.bucket}.writes"]

    async def _make_indexes(self) -> None:
        """Make missing indexes; at the first write, as the server may be away when this opens."""
        if self._has_indexes:
            return
        name = [("filename", pymongo.ASCENDING)]
        await self._run(self._files.create_index(name, unique=True))
        place = [("files_id", pymongo.ASCENDING), ("n", pymongo.ASCENDING)]
        await self._run(self._chunks.create_index(place, unique=True))
        self._has_indexes = True

    async def close(self) -> None:
        if self._client is None:
            return
        if self._discarding:
            _, late = await asyncio.wait(self._discarding, timeout=CLOSE_SECONDS)
            for task in late:  # `sweep` does it
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with contextlib.suppress(PyMongoError, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.close()

    async def write(self, key: str, parts: AsyncIterator[bytes]) -> int:
        if await self.size(key) is not None:  # spares the work; the index decides
            raise chatserver.BlobExists
        await self._make_indexes()
        file = ObjectId()
        await self._run(self._writes.insert_one({"_id": file, "at": datetime.now(UTC)}))
        try:
            size = await self._write_chunks(file, parts)
            await self._publish(key, file, size)
        except BaseException:
            # Not awaited: this task may be cancelled. The note stays for `sweep`, as a chunk may still come.
            task = asyncio.create_task(self._discard(file), name="discard of a blob")
            self._discarding.add(task)
            task.add_done_callback(self._discarded)
            raise
        with contextlib.suppress(chatserver.BlobsUnavailable):
            await self._run(self._writes.delete_one({"_id": file}))
        return size

    async def _write_chunks(self, file: ObjectId, parts: AsyncIterator[bytes]) -> int:
        """Store the parts as chunks; returns their size."""
        size = number = 0
        waiting = bytearray()
        async for part in parts:
            left = memoryview(part)
            while left:
                room = BATCH_CHUNKS * CHUNK_BYTES - len(waiting)
                waiting += left[:room]
                left = left[room:]
                if len(waiting) == BATCH_CHUNKS * CHUNK_BYTES:
                    number = await self._insert(file, number, waiting)
                    waiting.clear()
            size += len(part)
        if waiting:
            await self._insert(file, number, waiting)
        return size

    async def _insert(self, file: ObjectId, number: int, content: bytearray) -> int:
        """Store chunks from this number on; returns the next number."""
        chunks = [
            {
                "files_id": file,
                "n": number + place,
                "data": bytes(content[start : start + CHUNK_BYTES]),
            }
            for place, start in enumerate(range(0, len(content), CHUNK_BYTES))
        ]
        await self._run(self._chunks.insert_many(chunks))
        return number + len(chunks)

    async def _publish(self, key: str, file: ObjectId, size: int) -> None:
        """Make the file known, unless a sweep has taken it for one that broke off, or the key is taken."""
        now = datetime.now(UTC)
        mine = await self._run(
            self._writes.update_one({"_id": file, "swept": {"$ne": True}}, {"$set": {"at": now}})
        )
        if not mine.matched_count:
            raise chatserver.BlobsUnavailable("the write took too long, and was swept")
        document = {
            "_id": file,
            "filename": key,
            "length": size,
            "chunkSize": CHUNK_BYTES,
            "uploadDate": now,
        }
        try:
            await self._run(self._files.insert_one(document))
        except DuplicateKeyError as error:
            found = await self._run(self._files.find_one({"filename": key}, {"_id": 1}))
            if found is None or found["_id"] != file:  # else PyMongo has sent it twice
                raise chatserver.BlobExists from error

    async def _discard(self, file: ObjectId) -> None:
        """Remove the chunks of a file, unless it is known after all."""
        if await self._run(self._files.find_one({"_id": file}, {"_id": 1})) is None:
            await self._run(self._chunks.delete_many({"files_id": file}))

    def _discarded(self, task: asyncio.Task[None]) -> None:
        self._discarding.discard(task)
        if not task.cancelled():
            task.exception()  # so that nobody is told that it was never retrieved

    async def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        found = await self._find(chatserver.demand_blob_key(key))
        if found is None:
            raise chatserver.ChatError("blob.not_found")
        size, chunk = found["length"], found["chunkSize"]
        end = size if length is None else min(size, start + length)
        while start < end:
            number = start // chunk
            place = {"files_id": found["_id"], "n": number}
            stored = await self._run(self._chunks.find_one(place, {"data": 1}))
            if stored is None:  # deleted while it was read
                raise chatserver.ChatError("blob.not_found")
            skipped = start - number * chunk
            piece = bytes(stored["data"][skipped : skipped + end - start])
            start += len(piece)
            yield piece

    async def size(self, key: str) -> int | None:
        found = await self._find(chatserver.demand_blob_key(key))
        return None if found is None else int(found["length"])

    async def _find(self, key: str) -> Document | None:
        return await self._run(self._files.find_one({"filename": key}))

    async def delete(self, key: str) -> None:
        found = await self._find(chatserver.demand_blob_key(key))
        if found is None:
            return
        # Noted first, so that a sweep removes the chunks if this is broken off.
        note = {"$setOnInsert": {"at": datetime.now(UTC)}}
        await self._run(self._writes.update_one({"_id": found["_id"]}, note, upsert=True))
        await self._run(self._files.delete_one({"_id": found["_id"]}))
        await self._discard(found["_id"])
        await self._run(self._writes.delete_one({"_id": found["_id"]}))

    async def list(self, after: str = "", limit: int = 1000) -> list[chatserver.StoredBlob]:
        cursor = self._files.find(
            {"filename": {"$gt": after}}, sort=[("filename", 1)], limit=limit, batch_size=limit
        )
        return [
            chatserver.StoredBlob(
                each["filename"],
                each["length"],
                each["uploadDate"].replace(tzinfo=UTC).timestamp(),
            )
            for each in await self._run(cursor.to_list(None))
        ]

    async def sweep(self, before: float) -> None:
        """See `chatserver.Blobs`. A write that still runs finds its note marked, and fails."""
        old = {"at": {"$lt": datetime.fromtimestamp(before, UTC)}}
        for note in await self._run(self._writes.find(old).to_list(None)):
            taken = {"_id": note["_id"], **old}
            mine = await self._run(self._writes.update_one(taken, {"$set": {"swept": True}}))
            if mine.matched_count:
                await self._discard(note["_id"])
                await self._run(self._writes.delete_one({"_id": note["_id"]}))

    async def _run(self, call: Awaitable[T]) -> T:
        """The result of a collection's call. Raises `DuplicateKeyError` or `BlobsUnavailable`."""
        try:
            async with asyncio.timeout(self._seconds + SPARE_SECONDS):
                return await call
        except DuplicateKeyError:
            raise
        except (PyMongoError, TimeoutError) as error:
            raise chatserver.BlobsUnavailable(_text(error)) from error


def _text(error: Exception) -> str:
    """The error's text, without the appended topology and server answer."""
    text = str(error).partition(", full error:")[0].partition(", Timeout:")[0]
    return text or type(error).__name__


__all__ = ["GridFSBlobs"]
