"""The whole store."""

from pathlib import Path

from chatserver import StoreFacts
from chatserver_plugins.sqlite import schema
from chatserver_plugins.sqlite.database import Database
from chatserver_plugins.sqlite.index import SqliteIndex
from chatserver_plugins.sqlite.records import SqliteRecords


class SqliteStore(SqliteIndex, SqliteRecords):
    """Keeps the log, its index and the records in one file; see `chatserver.Store` for the contract."""

    def __init__(self, path: Path, timeout_ms: int) -> None:
        super().__init__(Database(path, timeout_ms))
        self._folder = path.parent

    def is_private(self) -> bool:
        return True

    def folder(self) -> Path | None:
        """The folder of the file, whose space metrics show."""
        return self._folder

    async def plan(self) -> list[str]:
        return await self._database.plan()

    async def facts(self) -> StoreFacts:
        """See `chatserver.Store`."""
        return await self._database.facts()

    async def open(self) -> None:
        await self._database.open()

    async def open_to_read(self) -> None:
        await self._database.open_to_read()

    async def close(self) -> None:
        await self._database.close()

    def scratch(self, name: str) -> dict[str, object]:
        return {"plugin.sqlite.path": ""}  # the file in the data folder

    async def erase(self) -> None:
        await self._database.erase()

    async def scrub(self) -> None:
        """Empty the write-ahead log; of what was removed the file has at most parts of rows that were moved before."""
        await self._database.scrub()

    async def compact(self) -> None:
        """Write the file anew, so that it has not even these."""
        await self._database.compact()

    async def ping(self) -> None:
        await self._database.write(schema.touch)
