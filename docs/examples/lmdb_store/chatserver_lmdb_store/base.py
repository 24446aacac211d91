"""What the parts of the store share: the open database, and the time limit."""

from typing import TypeVar

from chatserver import StoreUnavailable
from chatserver_lmdb_store.database import Database, Run

T = TypeVar("T")


class Base:
    """The database is there from `open` to `close`."""

    def __init__(self, seconds: float) -> None:
        self._database: Database | None = None
        self._seconds = seconds

    async def _read(self, run: Run[T]) -> T:
        if self._database is None:
            raise StoreUnavailable
        return await self._database.read(run, self._seconds)

    async def _write(self, run: Run[T]) -> T:
        if self._database is None:
            raise StoreUnavailable
        return await self._database.write(run, self._seconds)
