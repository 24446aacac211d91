"""Writes beside the newest backup what came after it, every few seconds, while a server works.

Nothing has to tell it what changed: the heads of all rooms and the values of all records are compared
with what is in the backup, so it does not matter which process wrote them. Records are looked at less
often where there are many of them.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from loguru import logger

from chatserver.archive import source
from chatserver.archive.background import in_thread
from chatserver.archive.errors import ArchiveError
from chatserver.archive.lines import Line, Record, RoomEnd, Until
from chatserver.backup.configured import checked_key, shelf_of
from chatserver.backup.errors import BackupError
from chatserver.backup.increments import IncrementFile
from chatserver.backup.key import Key
from chatserver.backup.reading import Backup
from chatserver.backup.shelf import Shelf
from chatserver.backup.take import ENDS, LATE, RECORDS, at_text
from chatserver.config import Config
from chatserver.ending import end
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.leases import Lease, Leases
from chatserver.measure import Measures
from chatserver.model import Event

LEASE = "job/backup"  # that of the job: the node in whose folder the backups are
SHARE = 0.1  # of the time, at most, is spent with looking; records for themselves as well
Digests: TypeAlias = dict[tuple[str, str], int]


class NoBackupYet(BackupError):
    """As in the first minute of every installation."""


class Increment:
    """One backup, and the file that is written beside it."""

    def __init__(self, backup: Backup) -> None:
        self.path = backup.folder
        self._backup = backup
        self._ends: dict[str, int] = {}
        self._digests: Digests = {}
        self._file: IncrementFile | None = None

    async def open(self) -> None:
        """Find out what is in it by now; begin a new file. Raises `BackupError`."""
        async for lines in self._backup.lines(ENDS, RECORDS, LATE):
            self._note(lines)
        async for lines in self._backup.increments():
            self._note(lines)
        self._file = await in_thread(self._backup.new_increment)

    async def add(self, store: Store, *, records: bool) -> str:
        """Bring all that is durable now; the time of it. Raises `StoreUnavailable`, `BackupError`."""
        at = at_text(datetime.now(UTC))
        if records:
            await self._add_records(store)
        ends = await source.positions(store)
        async for _, events in source.events(store, ends, self._ends):
            await self._write(events)
        await self._write([Until(at, records)])
        return at

    async def close(self) -> None:
        """Nothing follows. Raises `BackupError`."""
        if self._file is not None:
            file, self._file = self._file, None
            await in_thread(file.close)

    def abandon(self) -> None:
        """Leave it as a crash does."""
        if self._file is not None:
            self._file.abandon()

    async def _add_records(self, store: Store) -> None:
        gone = dict.fromkeys(self._digests)
        async for page in source.records(store):
            changed = []
            for record in page:
                gone.pop((record.space, record.key), None)
                if self._digests.get((record.space, record.key)) != hash(record.value):
                    changed.append(record)
            if changed:
                await self._write(changed)
        if gone:
            await self._write([Record(space, key) for space, key in gone])

    async def _write(self, lines: Sequence[Line]) -> None:
        """Durably; only then it is known to be there."""
        if self._file is None:
            raise BackupError(f"{self.path}: its increments are closed")
        await in_thread(self._file.write, lines)
        self._note(lines)

    def _note(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if isinstance(line, Event | RoomEnd):
                self._ends[line.room] = max(line.seq, self._ends.get(line.room, 0))
            elif isinstance(line, Record) and line.value is not None:
                self._digests[line.space, line.key] = hash(line.value)
            elif isinstance(line, Record):
                self._digests.pop((line.space, line.key), None)


class Shipper:
    """Keeps the newest backup up to date, whoever made it."""

    def __init__(
        self, store: Store, shelf: Shelf, key: Key | None, seconds: float, measures: Measures
    ) -> None:
        self._store, self._shelf, self._key, self._seconds = store, shelf, key, seconds
        self._task: asyncio.Task[None] | None = None
        self._lease: Lease | None = None
        self._increment: Increment | None = None
        self._records_due = 0.0
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
                took = time.monotonic() - began
                await asyncio.sleep(max(self._seconds - took, took * (1 / SHARE - 1)))
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
            self._records_due = 0.0
            await self._add()
            await self.end()
        increment = Increment(backup)
        await increment.open()
        self._increment, self._records_due = increment, 0.0
        logger.info("changes are written beside {}", backup.folder)

    async def _add(self) -> None:
        assert self._increment is not None
        began = time.monotonic()
        records = began >= self._records_due
        at = await self._increment.add(self._store, records=records)
        self._shipped = datetime.fromisoformat(at).timestamp()
        if records:
            self._records_shipped = self._shipped
            self._records_due = time.monotonic() + (time.monotonic() - began) / SHARE

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
            self._abandon()
        except Exception:
            logger.exception("changes are not written beside the backup")
            self._abandon()
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

    def _abandon(self) -> None:
        """The file is left as it is: what is in it counts. The next round begins another."""
        if self._increment is not None:
            self._increment.abandon()
            self._increment = None


def configured_shipper(config: Config, store: Store, measures: Measures) -> Shipper:
    """As the configuration says. Raises `BackupError` where the key is none."""
    key = checked_key(config.backup)
    return Shipper(store, shelf_of(config), key, config.backup.ship_seconds, measures)
