"""The whole store."""

import asyncio
import shutil
from pathlib import Path

from chatserver import StartupError, StoreUnavailable
from chatserver_lmdb_store import database
from chatserver_lmdb_store.log import LmdbLog
from chatserver_lmdb_store.records import LmdbRecords


class LmdbStore(LmdbLog, LmdbRecords):
    """Keeps the log, its index and the records in one file; see `chatserver.Store` for the contract."""

    def __init__(self, path: Path, map_gib: int, seconds: float) -> None:
        super().__init__(seconds)
        self._path, self._map_gib = path, map_gib

    def is_private(self) -> bool:
        return False  # LMDB lets several processes of a machine use the file

    def folder(self) -> Path | None:
        """See `chatserver.Store`."""
        return self._path

    async def plan(self) -> list[str]:
        return await asyncio.to_thread(database.plan, self._path)

    async def open(self) -> None:
        self._database = await asyncio.to_thread(database.acquire, self._path, self._map_gib)

    async def open_to_read(self) -> None:
        if steps := await self.plan():
            raise StartupError(f"plugin.lmdb_store.path: {self._path}: {steps[0]}")
        self._database = await asyncio.to_thread(
            database.acquire, self._path, self._map_gib, is_read_only=True
        )

    async def close(self) -> None:
        if self._database is not None:
            held, self._database = self._database, None
            await asyncio.to_thread(database.release, self._path, held)

    def scratch(self, name: str) -> dict[str, object]:
        return {"plugin.lmdb_store.path": ""}  # the file in the data folder

    async def erase(self) -> None:
        await self.close()
        try:
            await asyncio.to_thread(shutil.rmtree, self._path)
        except OSError as error:
            raise StoreUnavailable from error

    async def ping(self) -> None:
        await self._write(lambda view: view.put("meta", b"ping", b""))
