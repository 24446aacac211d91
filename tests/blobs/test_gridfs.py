"""What is special about blobs in GridFS: others can read them, and remains of a crash are found."""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import gridfs
import pymongo
import pytest
from bson import ObjectId

from chatserver import Blobs, BlobsUnavailable
from chatserver.testing.blobs import given, new_key, whole, zeros
from chatserver_plugins.gridfs import GridFSPlugin
from tests.servers import Mongod
from tests.waiting import until

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def opened(mongod: Mongod) -> AsyncIterator[tuple[Blobs, Any]]:
    """A back end, and its database as another client sees it."""
    name = f"test_{secrets.token_hex(8)}"
    config = GridFSPlugin.Config(uri=mongod.uri, database=name, timeout_ms=60_000)
    blobs = GridFSPlugin(config).provide_blobs()
    await blobs.open()
    try:
        with pymongo.MongoClient(mongod.uri) as client:
            yield blobs, client[name]
    finally:
        await blobs.close()


async def test_it_is_a_file_of_gridfs(replica_set: Mongod) -> None:
    async with opened(replica_set) as (blobs, database):
        key, content = new_key(), secrets.token_bytes(1_000_000)
        await blobs.write(key, given([content]))
        bucket = gridfs.GridFSBucket(database, bucket_name="blobs")
        assert bucket.open_download_stream_by_name(key).read() == content
        theirs = new_key()
        bucket.upload_from_stream(theirs, content)
        assert await whole(blobs, theirs) == content


async def test_a_write_leaves_no_note(replica_set: Mongod) -> None:
    async with opened(replica_set) as (blobs, database):
        key = new_key()
        await blobs.write(key, zeros(1_000_000))
        assert database["blobs.writes"].count_documents({}) == 0
        await blobs.delete(key)
        for name in ("files", "chunks", "writes"):
            assert database[f"blobs.{name}"].count_documents({}) == 0


async def test_a_write_that_breaks_removes_its_chunks(replica_set: Mongod) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        async for part in zeros(3_000_000):
            yield part
        raise ZeroDivisionError

    async with opened(replica_set) as (blobs, database):
        with pytest.raises(ZeroDivisionError):
            await blobs.write(new_key(), breaking())
        await until(lambda: database["blobs.chunks"].count_documents({}) == 0)


async def test_a_sweep_takes_what_a_crash_left_and_no_file(replica_set: Mongod) -> None:
    async with opened(replica_set) as (blobs, database):
        key = new_key()
        await blobs.write(key, zeros(1_000_000))
        kept = database["blobs.files"].find_one({"filename": key})["_id"]
        chunks = database["blobs.chunks"].count_documents({})
        crashed = ObjectId()
        database["blobs.chunks"].insert_one({"files_id": crashed, "n": 0, "data": b"half"})
        for file in (crashed, kept):  # the second one crashed after its file was there
            database["blobs.writes"].insert_one({"_id": file, "at": LONG_AGO})
        await blobs.sweep(time.time() - 3600)
        assert database["blobs.writes"].count_documents({}) == 0
        assert database["blobs.chunks"].count_documents({}) == chunks
        assert len(await whole(blobs, key)) == 1_000_000


async def test_a_write_that_a_sweep_has_marked_fails(replica_set: Mongod) -> None:
    async with opened(replica_set) as (blobs, database):

        async def marked() -> AsyncIterator[bytes]:
            yield b"x"
            database["blobs.writes"].update_many({}, {"$set": {"swept": True}})

        with pytest.raises(BlobsUnavailable):
            await blobs.write(new_key(), marked())
        assert await blobs.list() == []
