"""The bus through PyMongo: frames are inserted into a small collection, and watched by a change stream.

The collection is capped, so old frames are removed automatically; they are never read from it.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import pymongo
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.errors import CollectionInvalid, PyMongoError

from chatserver import BusLink, BusUnavailable, StartupError
from chatserver_plugins.mongo_bus.config import Config

CAPPED_BYTES = 4 * 1024 * 1024
QUIET_SECONDS = 1.0  # after which MongoDB answers without frames
SPARE_SECONDS = 0.5  # PyMongo times out first, with a better error
CLOSE_SECONDS = 0.5  # a server that does not answer prevents an orderly close

INSERTS = [{"$match": {"operationType": "insert"}}]

# A change stream shows only majority-committed writes. A write that does not wait for that appears only with
# the next sync of the journal, up to 100 ms later.
MAJORITY = WriteConcern("majority")

Client = AsyncMongoClient[dict[str, Any]]
FAILURES = (PyMongoError, OSError, TimeoutError)


class MongoBus(BusLink):
    """Needs a replica set; one member is enough."""

    def __init__(self, config: Config) -> None:
        super().__init__("mongo")
        self._config = config
        self._seconds = config.timeout_ms / 1000
        self._frames: Any = None  # the collection, while connected
        try:
            self._client()
        except (PyMongoError, ValueError) as error:
            raise StartupError(f"plugin.mongo_bus.uri: {error}") from error

    def _client(self) -> Client:
        """A client that is not connected yet."""
        milliseconds = self._config.timeout_ms
        return AsyncMongoClient(
            self._config.uri,
            appname="chatserver",
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
        )

    async def carry(self) -> None:
        client = self._client()
        try:
            await self._watch(client)
        except PyMongoError as error:
            raise ConnectionError(_text(error)) from error
        finally:
            self._frames = None
            with contextlib.suppress(*FAILURES), pymongo.timeout(CLOSE_SECONDS):
                await client.close()

    async def _watch(self, client: Client) -> None:
        async with asyncio.timeout(self._seconds + SPARE_SECONDS):
            frames = await self._collection(client)
            stream = await frames.watch(INSERTS, max_await_time_ms=int(QUIET_SECONDS * 1000))
        try:
            self._frames = frames
            self.up()
            while stream.alive:
                async with asyncio.timeout(QUIET_SECONDS + self._seconds):
                    change = await stream.try_next()
                if change is not None:
                    self._take(change)
        finally:
            with contextlib.suppress(*FAILURES), pymongo.timeout(CLOSE_SECONDS):
                await stream.close()

    async def _collection(self, client: Client) -> Any:
        database = client.get_database(self._config.database, write_concern=MAJORITY)
        name = self._config.collection
        with contextlib.suppress(CollectionInvalid):  # it exists already
            await database.create_collection(name, capped=True, size=CAPPED_BYTES)
        return database.get_collection(name)

    def _take(self, change: Mapping[str, Any]) -> None:
        frame = change["fullDocument"].get("frame")
        if isinstance(frame, str):
            self.receive(frame.encode())

    async def publish(self, frames: Sequence[bytes]) -> None:
        if self._frames is None:
            raise BusUnavailable("not connected")
        if not frames:
            return
        try:
            async with asyncio.timeout(self._seconds):
                documents = [{"frame": frame.decode()} for frame in frames]
                await self._frames.insert_many(documents, ordered=False)
        except FAILURES as error:
            raise BusUnavailable(str(error)) from error


def _text(error: PyMongoError) -> str:
    """The error's text, without the appended topology and server answer."""
    return str(error).partition(", full error:")[0].partition(", Timeout:")[0]
