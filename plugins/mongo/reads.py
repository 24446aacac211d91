"""Reads over connections of the plugin's own, where these are open; the driver does all others.

A read through the driver takes several times the processor time, and with Motor a thread. What is read is the
same: the primary's durable data, or with `local` its newest. A read that fails here for any reason but its time
limit is repeated through the driver, so a fault costs nothing but that.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from pymongo.errors import ExecutionTimeout, OperationFailure, ProtocolError, PyMongoError

from chatserver import StoreUnavailable
from chatserver_plugins.mongo import wire
from chatserver_plugins.mongo.connection import Connection
from chatserver_plugins.mongo.driver import (
    BATCH,
    TIME_LIMIT,
    WITHOUT_ID,
    Database,
    Document,
    Sort,
)
from chatserver_plugins.mongo.line import Line
from chatserver_plugins.mongo.pool import Pool


class Reads:
    """Make it in the event loop that uses it. Collections are those of the driver."""

    def __init__(self, database: Database, line: Line) -> None:
        self._database, self._line = database, line
        self._pool = Pool(line)

    async def close(self) -> None:
        """Release all connections. Never raises."""
        await self._pool.close()

    async def find(
        self,
        collection: Any,
        query: Document,
        sort: Sort,
        limit: int = 0,
        index: Sort | None = None,
        fields: Document | None = None,
    ) -> list[Document]:
        """See `Database.find`."""
        command: Document = {
            "find": collection.name,
            "filter": query,
            "projection": fields or WITHOUT_ID,
        }
        if sort:
            command["sort"] = dict(sort)
        if limit:
            # One more than the limit, so that the server knows that there is no second batch.
            command |= {"limit": limit, "batchSize": limit + 1}
        else:
            command["batchSize"] = BATCH
        if index:
            command["hint"] = dict(index)
        found = await self._find(collection, command, is_long=limit == 0)
        if found is None:
            found = await self._database.find(collection, query, sort, limit, index, fields)
            self._line.open_soon()
        return found

    async def aggregate(
        self, collection: Any, pipeline: Sequence[Document], index: Sort | None = None
    ) -> list[Document]:
        """See `Database.aggregate`."""
        command: Document = {
            "aggregate": collection.name,
            "pipeline": pipeline,
            "cursor": {"batchSize": BATCH},
        }
        if index:
            command["hint"] = dict(index)
        found = await self._find(collection, command, is_long=True)
        if found is None:
            found = await self._database.aggregate(collection, pipeline, index)
            self._line.open_soon()
        return found

    async def _find(
        self, collection: Any, command: Document, *, is_long: bool
    ) -> list[Document] | None:
        """What a command finds; None if the driver should repeat it. Raises `StoreUnavailable`."""
        database = self._database
        command |= {
            "readConcern": collection.read_concern.document,
            "maxTimeMS": database.timeout_ms,
        }
        try:
            async with asyncio.timeout(database.seconds):
                connection = await self._pool.take(is_long=is_long)
                if connection is None:
                    return None
                return await self._read(connection, collection.name, command)
        except (TimeoutError, ExecutionTimeout) as error:
            raise StoreUnavailable(reason=database.reason(error)) from error

    async def _read(
        self, connection: Connection, collection: str, command: Document
    ) -> list[Document] | None:
        try:
            found, more = _batch(await self._ask(connection, command))
            while more:
                following = {"getMore": more, "collection": collection, "batchSize": BATCH}
                batch, more = _batch(await self._ask(connection, following))
                found += batch
        except OperationFailure as error:  # the connection is as good as before
            self._pool.give_back(connection)
            if error.code == TIME_LIMIT:
                raise ExecutionTimeout(str(error), error.code) from error
            return None
        except PyMongoError as error:
            self._pool.end(connection, self._database.reason(error))
            return None
        except Exception:  # the command has no form in BSON, and nothing was sent
            self._pool.give_back(connection)
            raise
        self._pool.give_back(connection)
        return found

    async def _ask(self, connection: Connection, command: Document) -> Document:
        """The answer to a command that was executed. A caller that is cancelled need not give the connection back.

        Raises the errors of `Connection.command`.
        """
        waiting = connection.send({**command, "$db": self._database.name})
        try:
            return wire.checked(await asyncio.shield(waiting))
        except asyncio.CancelledError:
            # The answer may still come, and the connection is as good as before.
            waiting.add_done_callback(lambda _: self._pool.give_back(connection))
            overdue = self._database.seconds
            asyncio.get_running_loop().call_later(overdue, _end, connection, waiting)
            raise


def _batch(answer: Document) -> tuple[list[Document], int]:
    """The documents in an answer, and the number of the cursor that has more; 0 if there are none.

    Raises `ProtocolError`.
    """
    try:
        cursor = answer["cursor"]
        batch = cursor["firstBatch"] if "firstBatch" in cursor else cursor["nextBatch"]
        return batch, cursor["id"]
    except (LookupError, TypeError) as error:
        raise ProtocolError("this is no answer to a read") from error


def _end(connection: Connection, waiting: "asyncio.Future[Document]") -> None:
    if not waiting.done():
        connection.abort()
