"""The line for appends: a connection of their own to the primary, which the driver names.

An insert through the driver takes several times the processor time of one here. The driver keeps everything
else, and inserts whenever this line cannot: before it is open, while it is busy, for large batches, and where
servers are reached in a way that only the driver knows. So a fault of the line costs one append, which fails
as one through the driver does, with an unknown outcome; the next one goes through the driver, which then looks
for the primary as ever, and once it has stored that the line is opened anew.

Like the driver's own commands, inserts are not repeated: the caller numbers and repeats sends, and unique
indexes tell what was stored (`chatserver/roomlog/log.py`).
"""

import asyncio
import contextvars
import logging
from collections.abc import Iterable, Mapping, Sequence

import bson
from pymongo import WriteConcern

from chatserver import StoreUnavailable
from chatserver_plugins.mongo import login
from chatserver_plugins.mongo.connection import Connection, connect
from chatserver_plugins.mongo.driver import DUPLICATE_KEY, Database, Document
from chatserver_plugins.mongo.pause import Pause
from chatserver_plugins.mongo.reasons import of_connection

# Larger batches take their time in the database. Motor encodes them in a thread, and the loop goes on.
MOST_BYTES = 1 << 20
NOT_WANTED = "plugin.mongo.line is set to driver"
NOT_YET = "it is not open yet"
NO_PRIMARY = "the driver knows no primary now, or reaches it through a load balancer"
ROUTER = "a router (mongos) is at the address"

logger = logging.getLogger("chatserver.mongo")


class Line:
    """Make it in the event loop that uses it. Nothing is connected before `open` or an insert."""

    def __init__(self, database: Database, uri: str, *, wanted: bool = True) -> None:
        """`wanted` is whether to use a connection of its own at all."""
        self._database, self._uri = database, uri
        self._possible = wanted
        self._reason = NOT_YET if wanted else NOT_WANTED  # why inserts go through the driver
        self._way: login.Way | None = None
        self._connection: Connection | None = None
        self._opening: asyncio.Task[None] | None = None
        self._pause = Pause()  # from a fault until it is opened again

    def facts(self) -> Mapping[str, str]:
        """Which way inserts go now, `own` or `driver`, and why, for operators."""
        if self.leads_to() is not None:
            return {"line": "own"}
        return {"line": "driver", "reason": self._reason}

    def leads_to(self) -> tuple[str, int] | None:
        """The primary that it is open to; None while the driver does the work. Fast."""
        connection = self._connection
        if connection is not None and self._reaches_the_primary(connection):
            return connection.address
        return None

    async def another(self) -> Connection:
        """One more connection to the same server, for other commands. Raises `StoreUnavailable`."""
        if (address := self.leads_to()) is None:
            raise StoreUnavailable(reason=self._reason)
        try:
            async with asyncio.timeout(self._database.timeout_ms / 1000):
                return await connect(address, await self._read_way())
        except Exception as error:  # whatever it is, the driver does the work
            reason = self._why(error, "{}:{}".format(*address))
            raise StoreUnavailable(reason=reason) from error

    async def open(self) -> None:
        """Try to open it. Never raises: without it the driver does the work."""
        self.open_soon()
        if self._opening is not None:
            await asyncio.wait([self._opening])

    async def close(self) -> None:
        """Release the connection. Never raises."""
        self._possible = False
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def insert(
        self, collection: str, documents: Sequence[Document], concern: WriteConcern
    ) -> Document:
        """The answer to an ordered insert, through whichever way; write errors stay in it.

        Raises `StoreUnavailable`, and `InvalidDocument` before anything is sent.
        """
        command = {"insert": collection, "ordered": True, "writeConcern": concern.document}
        if connection := self._idle():
            encoded = _encoded(documents, min(MOST_BYTES, connection.most_bytes))
            if 0 < len(encoded) <= connection.most_documents:
                return await self._insert(connection, command, encoded)
        # The bare command takes half the processor time of insert_many, which makes an _id for every
        # document; here the server makes missing ones.
        answer = await self._database.command({**command, "documents": documents})
        self.open_soon()
        return answer

    async def _insert(
        self, connection: Connection, command: Document, encoded: Sequence[bytes]
    ) -> Document:
        database = self._database
        command |= {"maxTimeMS": database.timeout_ms, "$db": database.name}
        try:
            answer = await database.run(connection.command(command, encoded))
        except BaseException as error:
            reason = error.reason if isinstance(error, StoreUnavailable) else type(error).__name__
            self._failed(connection, f"an insert failed: {reason}")
            raise
        if _is_sound(answer):
            self._pause.worked()
        else:  # such as of a server that just ends being primary
            self._failed(connection, "the server could not store an insert")
        return answer

    def _idle(self) -> Connection | None:
        """The connection if an insert may use it."""
        self._end_if_misled()
        connection = self._connection
        return None if connection is None or connection.is_busy else connection

    def _end_if_misled(self) -> None:
        """Leave a connection that does not lead to the primary, once nothing is under way on it."""
        connection = self._connection
        if connection is None or connection.is_busy or self._reaches_the_primary(connection):
            return
        self._use_driver("the connection was closed, or there is another primary")

    def _reaches_the_primary(self, connection: Connection) -> bool:
        return connection.is_open and self._database.primary() == connection.address

    def _use_driver(self, reason: str) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None
        if reason != self._reason:
            logger.info("appends go through the driver: %s", reason)
        self._reason = reason

    def _failed(self, connection: Connection | None, reason: str) -> None:
        """Use the driver, and pause; longer after each fault in a row, as each may have cost an append."""
        if connection is not self._connection:
            return  # another one has taken its place
        self._use_driver(reason)
        self._pause.failed()

    def open_soon(self) -> None:
        """Begin to open it, unless it is open, cannot be, or had a fault a moment ago.

        For callers whom the driver has just served, so that it has looked for the primary.
        """
        self._end_if_misled()
        if not self._possible or self._connection is not None or self._opening is not None:
            return
        if self._pause.is_over():
            # Not in the context of the request whose insert comes along, which log lines would name.
            of_nobody = contextvars.Context()
            self._opening = asyncio.create_task(self._open(), name="mongo line", context=of_nobody)

    async def _open(self) -> None:
        place = ""
        try:
            async with asyncio.timeout(self._database.timeout_ms / 1000):
                way = await self._read_way()
                if self._database.topology() == "Sharded":
                    raise login.LeftToDriver(ROUTER)
                address = self._database.primary()
                if address is None:
                    self._failed(None, NO_PRIMARY)
                    return
                place = "{}:{}".format(*address)
                connection = await connect(address, way)
        except login.LeftToDriver as error:
            self._possible = False
            self._use_driver(str(error))
        except Exception as error:  # whatever it is, the driver does the work
            self._failed(None, f"it cannot be opened: {self._why(error, place)}")
        else:
            self._connection = connection
            logger.info("appends go over a connection of their own to %s", place)
        finally:
            self._opening = None

    def _why(self, error: Exception, place: str) -> str:
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            return of_connection(place, error)
        return self._database.reason(error)

    async def _read_way(self) -> login.Way:
        if self._way is None:
            checks = self._database.is_motor and login.driver_checks_revocation()
            self._way = await asyncio.to_thread(login.read, self._uri, checks_revocation=checks)
        return self._way


def _is_sound(answer: Document) -> bool:
    """Whether the server did what was asked; a conflict is no fault of it."""
    codes = {error.get("code") for error in answer.get("writeErrors", ())}
    return "writeConcernError" not in answer and codes <= {DUPLICATE_KEY}


def _encoded(documents: Iterable[Document], most: int) -> list[bytes]:
    """The documents as BSON; an empty list if they have more bytes than `most`."""
    encoded, size = [], 0
    for document in documents:
        encoded.append(bson.encode(document))
        size += len(encoded[-1])
        if size > most:
            return []
    return encoded
