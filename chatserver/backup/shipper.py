"""Writes beside the newest backup what came after it, every few seconds, while a server works.

It takes a share of the node's time, however much there is: where a round takes long the next one
waits, and where there are many records several rounds look at them (`changes.py`).
"""

import asyncio
import time
from datetime import UTC, datetime

from loguru import logger

from chatserver.archive.errors import ArchiveError
from chatserver.backup.changes import Increment
from chatserver.backup.configured import checked_key, shelf_of
from chatserver.backup.errors import BackupError
from chatserver.backup.figures import unix
from chatserver.backup.key import Key
from chatserver.backup.reading import Backup
from chatserver.backup.shelf import Shelf
from chatserver.backup.take import at_text
from chatserver.config import Config
from chatserver.ending import end
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.leases import Lease, Leases
from chatserver.measure import Measures

LEASE = "job/backup"  # that of the job: the node in whose folder the backups are
SHARE = 0.1  # of the time, at most, is spent with events; with records as well


class NoBackupYet(BackupError):
    """As in the first minute of every installation."""


class Shipper:
    """Keeps the newest backup up to date, whoever made it."""

    def __init__(
        self, store: Store, shelf: Shelf, key: Key | None, seconds: float, measures: Measures
    ) -> None:
        self._store, self._shelf, self._key, self._seconds = store, shelf, key, seconds
        self._task: asyncio.Task[None] | None = None
        self._lease: Lease | None = None
        self._increment: Increment | None = None
        self._events_due = self._records_due = 0.0
        self._shipped = self._records_shipped = 0.0
        self._failing = ""
        measures.gauge(
            "chatserver_backup_shipped_timestamp_seconds",
            "Until when all events are in the backup that this node keeps up to date; 0: it keeps none",
            lambda: self._shipped,
        )
        measures.gauge(
            "chatserver_backup_records_shipped_timestamp_seconds",
            "Until when all records (accounts, read markers) are in it as well; 0: it keeps none",
            lambda: self._records_shipped,
        )

    def start(self, leases: Leases) -> None:
        """Work whenever this node has the lease."""
        self._lease = leases.lease(LEASE)
        self._task = asyncio.create_task(self._lease.while_held(self.run), name=LEASE)

    async def stop(self) -> None:
        if self._task is None or self._lease is None:
            return
        if await end({LEASE: self._task}):
            self._lease.lose()  # it may still write: others have to wait

    async def run(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                began = time.monotonic()
                await self._try()
                due = max(began + self._seconds, self._events_due)
                await asyncio.sleep(due - time.monotonic())
        finally:
            self._shipped = self._records_shipped = 0.0  # from now on another node does it
            await self.end()

    async def round(self) -> None:
        """Bring everything once. Raises `StoreUnavailable`, `BackupError`."""
        backups = await asyncio.to_thread(self._shelf.all)
        if not backups:
            raise NoBackupYet(
                f"{self._shelf.folder}: there is no backup yet to write changes beside"
            )
        if self._increment is None or self._increment.path != backups[-1]:
            await self._begin(Backup(backups[-1], self._key))
        await self._add()

    async def _begin(self, backup: Backup) -> None:
        """What came while the new one was made has to be beside the old one as well."""
        if self._increment is not None:
            await self._add(whole=True)
            await self.end()
        increment = Increment(backup)
        await increment.open()
        self._increment, self._records_due = increment, 0.0
        logger.info("changes are written beside {}", backup.folder)

    async def _add(self, *, whole: bool = False) -> None:
        """All events; of the records as many as there is time for, or the `whole` of them."""
        assert self._increment is not None
        now = at_text(datetime.now(UTC))
        if whole or time.monotonic() >= self._records_due:
            seconds = None if whole else self._seconds * SHARE
            began = time.monotonic()
            try:
                await self._increment.add_records(self._store, now, seconds)
            finally:
                earned = max(self._records_due, began - self._seconds)  # a round that had no turn
                self._records_due = earned + _cost(began)
        began = time.monotonic()
        try:
            shipped = await self._increment.add_events(self._store, now)
        finally:
            self._events_due = began + _cost(began)
        self._shipped, self._records_shipped = unix(shipped.events), unix(shipped.records)

    async def _try(self) -> None:
        """One round; what goes wrong is said once, and tried again."""
        try:
            await self.round()
        except StoreUnavailable:
            logger.warning("the store does not answer: its changes are not beside the backup")
        except ArchiveError as error:
            if str(error) != self._failing:
                level = "WARNING" if isinstance(error, NoBackupYet) else "ERROR"
                logger.log(level, "changes are not written beside the backup: {}", error)
            self._failing = str(error)
            await self._abandon()
        except Exception:
            logger.exception("changes are not written beside the backup")
            await self._abandon()
        else:
            self._failing = ""

    async def end(self) -> None:
        """Close the file that is written, in order."""
        increment, self._increment = self._increment, None
        if increment is None:
            return
        try:
            await increment.close()
        except ArchiveError as error:
            logger.warning("{}", error)

    async def _abandon(self) -> None:
        """The file is left as it is: what is in it counts. The next round begins another."""
        if self._increment is not None:
            increment, self._increment = self._increment, None
            await increment.abandon()


def _cost(began: float) -> float:
    """The time in which what has taken from then to now is a share."""
    return (time.monotonic() - began) / SHARE


def configured_shipper(config: Config, store: Store, measures: Measures) -> Shipper:
    """As the configuration says. Raises `BackupError` where the key is none."""
    key = checked_key(config.backup)
    return Shipper(store, shelf_of(config), key, config.backup.ship_seconds, measures)
