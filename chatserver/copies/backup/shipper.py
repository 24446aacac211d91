"""The shipper: every few seconds it writes the changes since the newest backup beside it, as increments.

It takes a bounded share of the node's time: after a long round the next one waits, and many records are
spread over several rounds (`changes.py`).
"""

import asyncio
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger

from chatserver.cluster.leases import Lease, Leases
from chatserver.config import Config
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup.changes import Increment
from chatserver.copies.backup.configured import checked_key, keeping_of, shelf_of
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.figures import BackupFigures, unix
from chatserver.copies.backup.keeping import Keeping
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.manifest import Manifest
from chatserver.copies.backup.newest import lacking, warn
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf, made
from chatserver.copies.backup.take import at_text
from chatserver.copies.backup.trust import Trust
from chatserver.errors import StoreUnavailable
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store
from chatserver.runtime.cancelling import end
from chatserver.runtime.measure import Measures

LEASE = "job/backup"  # of the backup job, as the node that makes backups has them in its folder
WATCH_SECONDS = 30.0  # between two checks that the newest backup is in this node's folder
SHARE = 0.1  # of the time, at most, for events; and the same for records


class NoBackupYet(BackupError):
    """There is no backup yet, as in the first minute of every installation."""


class OldKey(BackupError):
    """The newest backup is sealed with a key that was replaced, as in the first minute after that."""


class Shipper:
    """Keeps the newest backup sealed with the key up to date, whichever process made it."""

    def __init__(
        self,
        store: Store,
        shelf: Shelf,
        key: Key | None,
        seconds: float,
        measures: Measures,
        hurry: Callable[[], None] = lambda: None,
        files: Keeping | None = None,
    ) -> None:
        """`hurry` is called for a new backup if no backup in this node's folder can be continued.

        `files` copies new files of users into the vault.
        """
        self._store, self._shelf, self._key, self._seconds = store, shelf, key, seconds
        self._trust, self._hurry, self._files = Trust(shelf, key), hurry, files
        self._named: set[Path] = set()  # foreign backups already named in a warning
        self._lacked = ""  # name of the newest backup, if it is missing here
        self._acting = self._broken = False
        self._since = 0.0
        self._watch: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._lease: Lease | None = None
        self._increment: Increment | None = None
        self._events_due = self._records_due = 0.0
        self._shipped = self._records_shipped = 0.0
        self._failing = ""
        measures.gauge(
            "chatserver_backup_shipped_timestamp_seconds",
            "Time up to which the backup that this node keeps up to date has all events; 0: none",
            lambda: self._shipped,
        )
        measures.gauge(
            "chatserver_backup_records_shipped_timestamp_seconds",
            "Time up to which that backup has all records (accounts, read markers); 0: this node keeps none",
            lambda: self._records_shipped,
        )
        measures.gauge(
            "chatserver_backup_shipping",
            "1: this node keeps the newest backup up to date; 0: another node does",
            lambda: int(self._acting),
        )
        measures.gauge(
            "chatserver_backup_shipping_broken",
            "1: this node should keep the newest backup up to date and cannot; the log says why",
            lambda: int(self._acting and self._broken),
        )
        measures.gauge(
            "chatserver_backup_shipping_age_seconds",
            "Time since the backup had all events, or since this node took over; 0: another node writes",
            lambda: time.time() - max(self._shipped, self._since) if self._acting else 0.0,
        )
        measures.gauge(
            "chatserver_backup_files_failing",
            "1: this node should copy new files of users beside the backup and cannot; the log says why",
            lambda: int(self._acting and self._files is not None and bool(self._files.failing)),
        )
        measures.gauge(
            "chatserver_backup_newest_elsewhere",
            "1: the newest backup of all nodes is not in this node's folder",
            lambda: int(bool(self._lacked)),
        )

    def start(self, leases: Leases) -> None:
        """Write changes whenever this node has the lease."""
        self._lease = leases.lease(LEASE)
        self._task = asyncio.create_task(self._lease.while_held(self.run), name=LEASE)
        self._watch = asyncio.create_task(self._keep_watch(), name="backup watch")

    async def stop(self) -> None:
        if self._task is None or self._lease is None or self._watch is None:
            return
        await end({"backup watch": self._watch})
        if await end({LEASE: self._task}):
            self._lease.lose()  # the task may still write, so other nodes wait until the lease has run out

    async def run(self) -> None:
        """Run rounds until cancelled."""
        self._acting, self._since = True, time.time()
        files = None
        if self._files is not None:
            files = asyncio.create_task(self._files.run(self._store), name="files of the backup")
        try:
            while True:
                began = time.monotonic()
                await self._try()
                due = max(began + self._seconds, self._events_due)
                await asyncio.sleep(due - time.monotonic())
        finally:
            if files is not None:
                await end({"files of the backup": files})
            self._shipped = self._records_shipped = 0.0  # another node writes from now on
            self._acting = self._broken = False
            await self.end()

    async def round(self) -> None:
        """Write all changes once. Raises `StoreUnavailable`, `BackupError`."""
        ours, foreign = await asyncio.to_thread(self._trust.look)
        self._name(ours, foreign)
        if await self._look(ours, foreign):
            self._hurry()
        if not ours:
            self._hurry()
            raise self._none(foreign)
        newest = next(reversed(ours))
        if self._key is not None and ours[newest].key != self._key.id:
            self._hurry()
            raise OldKey(
                f"{newest}: it has an old key: the changes wait for a backup with the new one"
            )
        if self._increment is None or self._increment.path != newest:
            await self._begin(Backup(newest, self._key))
        await self._add()

    def _none(self, foreign: dict[Path, str]) -> BackupError:
        """The error with the reason why no backup here can be continued."""
        if foreign:
            cause = next(reversed(foreign.values()))
            return BackupError(f"no backup there is ours to write changes beside: {cause}")
        return NoBackupYet(f"{self._shelf.folder}: there is no backup yet to write changes beside")

    def _name(self, ours: dict[Path, Manifest], foreign: dict[Path, str]) -> None:
        """Warn once of each foreign backup that is newer than ours."""
        newest = made(next(reversed(ours))) if ours else None
        for path, cause in foreign.items():
            if newest and path not in self._named and made(path) >= newest:
                logger.warning("changes are not written beside a newer backup: {}", cause)
                self._named.add(path)

    async def _look(self, ours: Collection[Path], foreign: Collection[Path]) -> bool:
        """Whether the newest backup of all nodes is missing here; warns once of each such backup."""
        newest = await lacking(self._store, ours, foreign)
        if newest is not None and newest.name != self._lacked:
            warn(newest, self._shelf.folder)
        self._lacked = newest.name if newest else ""
        return newest is not None

    async def _keep_watch(self) -> None:
        """Look for the newest backup, also on nodes that do not write: they may have to take over."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self._look(*await asyncio.to_thread(self._trust.look))
            except (StoreUnavailable, ArchiveError):
                """The node that writes logs the error."""
            except Exception:
                logger.exception("looking for the newest backup failed")

    async def _begin(self, backup: Backup) -> None:
        """Finish the old backup's increments with all changes up to now, then begin those of `backup`."""
        if self._increment is not None:
            await self._add(whole=True)
            await self.end()
        increment = Increment(backup)
        try:
            await increment.open()
        except ArchiveError:  # this backup cannot be continued: a new one is needed
            self._hurry()
            raise
        self._increment, self._records_due = increment, 0.0
        logger.info("changes are written beside {}", backup.folder)

    async def _add(self, *, whole: bool = False) -> None:
        """Write all new events, and as many records as the time allows; all records if `whole`."""
        assert self._increment is not None
        now = at_text(datetime.now(UTC))
        if whole or time.monotonic() >= self._records_due:
            seconds = None if whole else self._seconds * SHARE
            began = time.monotonic()
            try:
                await self._increment.add_records(self._store, now, seconds)
            finally:
                earned = max(self._records_due, began - self._seconds)  # at most one round's credit
                self._records_due = earned + _cost(began)
        began = time.monotonic()
        try:
            shipped = await self._increment.add_events(self._store, now)
        finally:
            self._events_due = began + _cost(began)
        self._shipped, self._records_shipped = unix(shipped.events), unix(shipped.records)

    async def _try(self) -> None:
        """Run one round; log a repeated error once. The next round tries again."""
        try:
            await self.round()
        except StoreUnavailable:
            logger.warning("changes are not written beside the backup: the store does not answer")
        except ArchiveError as error:
            if str(error) != self._failing:
                level = "WARNING" if isinstance(error, NoBackupYet | OldKey) else "ERROR"
                logger.log(level, "changes are not written beside the backup: {}", error)
            self._failing, self._broken = str(error), True
            await self._abandon()
        except Exception:
            logger.exception("changes are not written beside the backup")
            self._broken = True
            await self._abandon()
        else:
            self._failing, self._broken = "", False

    async def end(self) -> None:
        """Close the increment file in order."""
        increment, self._increment = self._increment, None
        if increment is None:
            return
        try:
            await increment.close()
        except ArchiveError as error:
            logger.warning("{}", error)

    async def _abandon(self) -> None:
        """Close the file without a closing frame; its frames stay valid. The next round begins a new one."""
        if self._increment is not None:
            increment, self._increment = self._increment, None
            await increment.abandon()


def _cost(began: float) -> float:
    """The time since `began`, divided by SHARE: the seconds that this work has to last for."""
    return (time.monotonic() - began) / SHARE


def configured_shipper(
    config: Config,
    store: Store,
    measures: Measures,
    hurry: Callable[[], None],
    blobs: Blobs | None = None,
) -> Shipper:
    """The shipper that the configuration describes. Raises `BackupError` if the key is invalid."""
    key, shelf = checked_key(config.backup), shelf_of(config)
    if not config.backup.every_hours:  # otherwise the job that makes backups shows them
        BackupFigures(shelf, key, measures)
    files = keeping_of(blobs, shelf, key)
    return Shipper(store, shelf, key, config.backup.ship_seconds, measures, hurry, files)
