"""The whole store: connection, preparation at start, health."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pymongo.errors import InvalidURI, PyMongoError

from chatserver import Replication, StartupError, StoreFacts, StoreUnavailable
from chatserver_plugins.mongo import facts, mongod, schema, sharding
from chatserver_plugins.mongo.config import Config
from chatserver_plugins.mongo.driver import Database
from chatserver_plugins.mongo.embedded import PrivateMongod
from chatserver_plugins.mongo.index import MongoIndex
from chatserver_plugins.mongo.line import Line
from chatserver_plugins.mongo.log import MongoLog
from chatserver_plugins.mongo.reads import Reads
from chatserver_plugins.mongo.records import MongoRecords

RETRY_SECONDS = 0.2
NOT_RUNNING = "plugin.mongo: no server runs a mongod on this data folder"
NOT_READABLE = "in a user name or password, :/?#[]@% must be percent-encoded; a port is a number"

# Up to these versions, a server that accepts zlib leaks parts of its memory to anybody who can connect.
LAST_LEAKING = {6: (6, 0, 26), 7: (7, 0, 27), 8: (8, 0, 16)}

# A bad address, a missing file in it, missing rights, or no server.
UNUSABLE = (PyMongoError, StoreUnavailable, ValueError, OSError)

T = TypeVar("T")
logger = logging.getLogger("chatserver.mongo")


class MongoStore(MongoLog, MongoIndex, MongoRecords):
    """Keeps the log, its index and the records in one database; see `chatserver.Store` for the contract."""

    def __init__(self, config: Config, data: Path) -> None:
        self._config, self._data = config, data
        self._is_open = False
        self._private = None if config.uri else PrivateMongod(data, config.mongod)
        self._sharded = config.sharded
        if self._sharded:
            self.repeats_in = self._repeats_in

    def is_private(self) -> bool:
        return self._private is not None

    def for_trial(self) -> str:
        """The reason why this store is only for trying out; empty for other stores."""
        if self._private is None:
            return ""
        return (
            "this is a private mongod in the data folder, for trials: nobody updates or monitors it. Set "
            "plugin.mongo.uri to a MongoDB of your own before people rely on it"
        )

    async def plan(self) -> list[str]:
        if self._private and self._private.is_new():
            mongod.find(self._config.mongod)  # a missing program makes no store
            return schema.plan(0)
        running = self._private.running() if self._private else None
        try:
            await self._connect(running)
            await sharding.demand(self._database, self._sharded)
            return schema.plan((await schema.version(self._database)).done)
        except UNUSABLE as error:
            raise _refusal(error) from error
        finally:
            await self.close()

    async def facts(self) -> StoreFacts:
        """See `chatserver.Store`."""
        running = self._private.running() if self._private else None
        if self._private and running is None:
            raise StartupError(NOT_RUNNING)
        try:
            await self._connect(running)
            return await facts.facts(
                self._database,
                private=self._private is not None,
                folder=str(self._private.folder) if self._private else "",
                sharded=self._sharded,
            )
        except UNUSABLE as error:
            raise _refusal(error) from error
        finally:
            await self.close()

    async def open(self) -> None:
        try:
            await self._connect()
            await sharding.demand(self._database, self._sharded)
            if self._sharded:
                await sharding.create(self._database)
            await schema.migrate(self._database)
            if self._sharded:
                await sharding.begin(self._database)
            await self._warn_of_leaks()
            await self._line.open()
            self._is_open = True
        except UNUSABLE as error:
            await self.close()
            raise _refusal(error) from error
        except BaseException:
            await self.close()
            raise

    async def open_to_read(self) -> None:
        running = self._private.running() if self._private else None
        if self._private and running is None:
            raise StartupError(NOT_RUNNING)
        try:
            await self._connect(running)
            await sharding.demand(self._database, self._sharded)
            if steps := schema.plan((await schema.version(self._database)).done):
                raise StartupError(f"plugin.mongo: its schema is not up to date: {steps[0]}")
        except UNUSABLE as error:
            await self.close()
            raise _refusal(error) from error
        except BaseException:
            await self.close()
            raise

    async def prepare_shards(self) -> bool:
        """Instead of `open`: write the log anew, ready for shards; False if it was ready. Raises `StartupError`."""
        if not self._sharded:
            raise StartupError("plugin.mongo.sharded: set it to true first, on all servers")

        async def prepare(database: Database) -> bool:
            await schema.migrate(database)
            return await sharding.prepare(database)

        return await self._alone(prepare)

    async def cancel_shards(self) -> None:
        """Instead of `open`: leave the log as it was before an interrupted `prepare_shards`. Raises `StartupError`."""
        await self._alone(sharding.cancel)

    async def _alone(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """The result of `work` with the database, while no server has it."""
        if self._private and self._private.running():
            raise StartupError("plugin.mongo: a server runs on this data folder: stop it first")
        try:
            await self._connect()
            return await work(self._database)
        except UNUSABLE as error:
            raise _refusal(error) from error
        finally:
            await self.close()

    async def _connect(self, uri: str | None = None) -> None:
        """Connect to the primary at this address, or at the configured one, or to a private mongod."""
        config = self._config
        if uri is None:
            uri = await self._private.start() if self._private else config.uri
        self._database = Database(uri, config.database, config.driver, config.timeout_ms)
        self._line = Line(self._database, uri, wanted=config.line == "auto")
        self._reads = Reads(self._database, self._line)
        await self._reach()

    async def close(self) -> None:
        self._is_open = False
        if hasattr(self, "_line"):
            await self._reads.close()
            await self._line.close()
        if hasattr(self, "_database"):
            with contextlib.suppress(PyMongoError):
                await self._database.close()
        if self._private:
            await self._private.stop()

    def scratch(self, name: str) -> dict[str, object]:
        return {} if self._private else {"plugin.mongo.database": name}

    async def erase(self) -> None:
        await self._database.drop()

    async def ping(self) -> None:
        await self.settle()

    def folder(self) -> Path | None:
        """The folder of a private mongod, whose space metrics show."""
        return self._data if self._private else None

    def line(self) -> Mapping[str, str]:
        """The way that appends take now, for operators; empty unless it is open."""
        return self._line.facts() if self._is_open else {}

    async def replication(self) -> Replication | None:
        """The members of the replica set; asks nobody, as the driver asks them anyway."""
        return self._database.replication()

    async def _reach(self) -> None:
        """Wait for a primary, as the database may start later than this server."""
        deadline = time.monotonic() + self._config.start_seconds
        while True:
            try:
                return await self.ping()
            except StoreUnavailable as error:
                if time.monotonic() > deadline:
                    raise StartupError(f"plugin.mongo.uri: {error.reason}") from error
            await asyncio.sleep(RETRY_SECONDS)

    async def _warn_of_leaks(self) -> None:
        build = await self._database.command({"buildInfo": 1})
        # The answer names the compressors that both sides have; the connection does not change.
        hello = await self._database.command({"hello": 1, "compression": ["zlib"]})
        version = tuple(build["versionArray"][:3])
        if leaks(version, hello):
            logger.warning(
                "mongod %s with zlib compression leaks parts of its memory to anybody who can connect: "
                "upgrade it, or set net.compression.compressors to snappy,zstd",
                build["version"],
            )


def leaks(version: tuple[int, ...], hello: dict[str, Any]) -> bool:
    """Whether a server of this version leaks memory, given its answer to an offer of zlib."""
    last = LAST_LEAKING.get(version[0], LAST_LEAKING[6])
    return "zlib" in hello.get("compression", ()) and version <= last


def _refusal(error: Exception) -> StartupError:
    """The error in plain words, without the driver's message on a bad address, which may quote a password."""
    if isinstance(error, StoreUnavailable):
        return StartupError(f"plugin.mongo.uri: {error.reason}")
    if isinstance(error, InvalidURI | ValueError):
        return StartupError(f"plugin.mongo.uri: not an address: {NOT_READABLE}")
    return StartupError(f"plugin.mongo.uri: {error}")
