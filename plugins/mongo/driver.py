"""The only module that uses a driver: Motor, or PyMongo's own async API. (`line.py` inserts without one.)

Both have collections with the same methods. This module hides their differences (aggregation, closing), and
turns every failure to reach the server into `StoreUnavailable`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import pymongo
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from chatserver import Replication, StoreUnavailable
from chatserver_plugins.mongo.reasons import Servers, plain

Document = dict[str, Any]
Sort = list[tuple[str, int]]
T = TypeVar("T")

DURABLE = WriteConcern(w="majority", j=True)
MAJORITY = ReadConcern("majority")
TAKES_WRITES = ("RSPrimary", "Standalone")  # types of servers, as PyMongo names them
DUPLICATE_KEY, FAILED_VALIDATION = 11000, 121  # codes of write errors
TIME_LIMIT = 50  # code of the error of a command that takes longer than its `maxTimeMS`
CONFLICT_SECONDS = 0.05  # before a transaction is tried again: another, maybe of a killed server, has its documents
WITHOUT_ID: Document = {"_id": 0}  # fields of documents
BATCH = 1000  # results that come, and are decoded, at once
NO_LIMIT = 0  # for `pymongo.timeout`, which takes None for the limit of the client
GRACE_SECONDS = 0.1  # the driver's own limit comes first, with a better error


class Database:
    """One database. Make it in the event loop that uses it."""

    def __init__(
        self, uri: str, name: str, driver: Literal["motor", "pymongo"], timeout_ms: int
    ) -> None:
        self.name, self.timeout_ms = name, timeout_ms
        self.is_motor = driver == "motor"
        self.seconds = timeout_ms / 1000 + GRACE_SECONDS
        self._servers = Servers(uri)
        self._described: object = None  # the topology that `_primary` is from
        self._primary: tuple[str, int] | None = None
        # Compression is left to the address; the plugin refuses one that offers zlib.
        self._client: Any = _client_class(driver)(
            uri,
            appname="chatserver",
            timeoutMS=timeout_ms,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            retryWrites=True,
            event_listeners=[self._servers],
        )
        self._database: Any = self._client.get_database(
            name,
            read_preference=ReadPreference.PRIMARY,
            write_concern=DURABLE,
            read_concern=MAJORITY,
        )

    def collection(self, name: str, read_concern: ReadConcern = MAJORITY) -> Any:
        """A collection with durable writes, and by default reads of durable data only."""
        return self._database.get_collection(name, read_concern=read_concern)

    async def run(self, call: Awaitable[T]) -> T:
        """The result of a collection's call. Raises `DuplicateKeyError` or `StoreUnavailable`."""
        try:
            async with asyncio.timeout(self.seconds):
                return await call
        except DuplicateKeyError:
            raise
        except (PyMongoError, TimeoutError) as error:
            raise StoreUnavailable(reason=self.reason(error)) from error

    def reason(self, error: BaseException) -> str:
        """The reason for an error of the driver, in an operator's words."""
        return plain(error, self._servers)

    async def command(self, command: Mapping[str, Any]) -> Document:
        """Run a database command on the primary. Write errors stay in the answer."""
        return await self.run(self._database.command(command))

    async def in_transaction(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """The result of `work`, called with a session: all that it writes with it becomes visible at once, or nothing.

        It is called again if others write the same meanwhile. A server that is not in a replica set has no
        transactions: there `work` gets None. Raises `StoreUnavailable`.
        """
        hello = await self.command({"hello": 1})
        if "setName" in hello or hello.get("msg") == "isdbgrid":
            return await self.run(self._in_transaction(work))
        return await self.run(work(None))

    async def _in_transaction(self, work: Callable[[Any], Awaitable[T]]) -> T:
        started = self._client.start_session()
        async with await started if self.is_motor else started as session:
            while True:
                beginning = session.start_transaction(
                    read_concern=MAJORITY,
                    write_concern=DURABLE,
                    read_preference=ReadPreference.PRIMARY,
                )
                try:
                    async with beginning if self.is_motor else await beginning:
                        return await work(session)
                except PyMongoError as error:
                    if not error.has_error_label("TransientTransactionError"):
                        raise
                await asyncio.sleep(CONFLICT_SECONDS)

    async def ask(self, command: Mapping[str, Any]) -> Document:
        """Like `command`, but returns a refusal as an answer too (see its `ok`)."""
        return await self.run(self._database.command(command, check=False))

    async def ask_admin(self, command: Mapping[str, Any]) -> Document:
        """Like `ask`, on the database `admin`."""
        return await self.run(self._client.get_database("admin").command(command, check=False))

    async def find(
        self,
        collection: Any,
        query: Document,
        sort: Sort,
        limit: int = 0,
        index: Sort | None = None,
        fields: Document | None = None,
    ) -> list[Document]:
        """The documents, by default without their `_id`; `limit` 0 means all. `index` is the index to use.

        A query of many parts (`$or`) should name its index, as choosing one for each part takes longer than
        the search.
        """
        cursor = collection.find(
            query,
            fields or WITHOUT_ID,
            sort=sort or None,
            limit=limit,
            batch_size=limit,
            hint=index,
        )
        return await self.run(cursor.to_list(None))

    async def aggregate(
        self, collection: Any, pipeline: Sequence[Document], index: Sort | None = None
    ) -> list[Document]:
        """The results of a pipeline. `index` is the index to use, as in `find`."""
        return await self.run(self._aggregate(collection, pipeline, index))

    async def _aggregate(
        self, collection: Any, pipeline: Sequence[Document], index: Sort | None
    ) -> list[Document]:
        named = {} if index is None else {"hint": dict(index)}
        cursor = collection.aggregate(pipeline, batchSize=BATCH, **named)
        if not self.is_motor:
            cursor = await cursor
        found: list[Document] = await cursor.to_list(None)
        return found

    def primary(self) -> tuple[str, int] | None:
        """Host and port of the server that takes writes, as the driver sees it now.

        None if there is none, or several (mongos), or if only the driver reaches it (a load balancer). Fast.
        """
        description = self._client.topology_description
        if description is not self._described:
            servers = description.server_descriptions().values()
            found = [each.address for each in servers if each.server_type_name in TAKES_WRITES]
            self._described = description
            self._primary = found[0] if len(found) == 1 else None
        return self._primary

    def topology(self) -> str:
        """The kind of servers at the address, as PyMongo names it, such as `Sharded`: through a router (mongos)."""
        kind: str = self._client.topology_description.topology_type_name
        return kind

    def replication(self) -> Replication | None:
        """The replica set as the driver's heartbeats see it; None without a primary."""
        return self._servers.replication()

    async def create_indexes(self, collection: str, indexes: Sequence[pymongo.IndexModel]) -> None:
        """Make missing indexes, without a time limit, as a large collection takes long."""
        with pymongo.timeout(NO_LIMIT):
            await self._database.get_collection(collection).create_indexes(list(indexes))

    async def update_all(
        self, collection: str, query: Document, change: Sequence[Document]
    ) -> None:
        """Change all matching documents, without a time limit. Raises `StoreUnavailable`."""
        with pymongo.timeout(NO_LIMIT):
            try:
                await self.collection(collection).update_many(query, list(change))
            except PyMongoError as error:
                raise StoreUnavailable(reason=self.reason(error)) from error

    async def patiently(self, command: Mapping[str, Any]) -> Document:
        """Run a database command without a time limit. Raises `StoreUnavailable`."""
        with pymongo.timeout(NO_LIMIT):
            try:
                answer: Document = await self._database.command(command)
            except PyMongoError as error:
                raise StoreUnavailable(reason=self.reason(error)) from error
        return answer

    async def rename(self, collection: str, name: str) -> None:
        """Put a collection in the place of another, which is dropped; without a time limit. Raises `StoreUnavailable`."""
        places = {
            "renameCollection": f"{self.name}.{collection}",
            "to": f"{self.name}.{name}",
            "dropTarget": True,
            "writeConcern": DURABLE.document,
        }
        with pymongo.timeout(NO_LIMIT):
            try:
                await self._client.get_database("admin").command(places)
            except PyMongoError as error:
                raise StoreUnavailable(reason=self.reason(error)) from error

    async def drop(self) -> None:
        """Remove the whole database, without a time limit. Raises `StoreUnavailable`."""
        with pymongo.timeout(NO_LIMIT):
            try:
                await self._client.drop_database(self._database.name)
            except PyMongoError as error:
                raise StoreUnavailable(reason=self.reason(error)) from error

    async def close(self) -> None:
        closing = self._client.close()
        if not self.is_motor:
            await closing


def _client_class(driver: Literal["motor", "pymongo"]) -> Any:
    if driver == "pymongo":
        return pymongo.AsyncMongoClient
    from motor.motor_asyncio import AsyncIOMotorClient  # only if it is configured

    return AsyncIOMotorClient
