"""Writes beside the newest backup what came after it, every few seconds, while a server works.

It takes a share of the node's time, however much there is: where a round takes long the next one
waits, and where there are many records several rounds look at them (`changes.py`).
"""

import asyncio
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger

from chatserver.archive.errors import ArchiveError
from chatserver.backup.changes import Increment
from chatserver.backup.configured import checked_key, shelf_of
from chatserver.backup.errors import BackupError
from chatserver.backup.figures import unix
from chatserver.backup.key import Key
from chatserver.backup.manifest import Manifest
from chatserver.backup.newest import lacking, warn
from chatserver.backup.reading import Backup
from chatserver.backup.shelf import Shelf, made
from chatserver.backup.take import at_text
from chatserver.backup.trust import Trust
from chatserver.config import Config
from chatserver.ending import end
from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.leases import Lease, Leases
from chatserver.measure import Measures

LEASE = "job/backup"  # that of the job: the node in whose folder the backups are
WATCH_SECONDS = 30.0  # between two looks whether the newest backup is in this node's folder
SHARE = 0.1  # of the time, at most, is spent with events; with records as well


class NoBackupYet(BackupError):
    """As in the first minute of every installation."""


class Shipper:
    """Keeps the newest backup up to date that is sealed with the key, whoever made it."""

    def __init__(
        self,
        store: Store,
        shelf: Shelf,
        key: Key | None,
        seconds: float,
        measures: Measures,
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        """`hurry` asks for a new backup, where there is none to go on with in this node's folder."""
        self._store, self._shelf, self._key, self._seconds = store, shelf, key, seconds
        self._trust, self._hurry = Trust(shelf, key), hurry
        self._named: set[Path] = set()  # foreign backups that were warned of
        self._lacked = ""  # the newest backup that was looked for and is not here
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
            "Until when all events are in the backup that this node keeps up to date; 0: it keeps none",
            lambda: self._shipped,
        )
        measures.gauge(
            "chatserver_backup_records_shipped_timestamp_seconds",
            "Until when all records (accounts, read markers) are in it as well; 0: it keeps none",
            lambda: self._records_shipped,
        )
        measures.gauge(
            "chatserver_backup_shipping",
            "1: this node is the one that keeps the newest backup up to date",
            lambda: int(self._acting),
        )
        measures.gauge(
            "chatserver_backup_shipping_broken",
            "1: it is, and cannot; the log says why",
            lambda: int(self._acting and self._broken),
        )
        measures.gauge(
            "chatserver_backup_shipping_age_seconds",
            "How long ago all events were beside a backup, or this node began to see to it; 0: another does",
            lambda: time.time() - max(self._shipped, self._since) if self._acting else 0.0,
        )
        measures.gauge(
            "chatserver_backup_newest_elsewhere",
            "1: the newest backup of all nodes is not in this node's folder",
            lambda: int(bool(self._lacked)),
        )

    def start(self, leases: Leases) -> None:
        """Work whenever this node has the lease."""
        self._lease = leases.lease(LEASE)
        self._task = asyncio.create_task(self._lease.while_held(self.run), name=LEASE)
        self._watch = asyncio.create_task(self._keep_watch(), name="backup watch")

    async def stop(self) -> None:
        if self._task is None or self._lease is None or self._watch is None:
            return
        await end({"backup watch": self._watch})
        if await end({LEASE: self._task}):
            self._lease.lose()  # it may still write: others have to wait

    async def run(self) -> None:
        """Until it is cancelled."""
        self._acting, self._since = True, time.time()
        try:
            while True:
                began = time.monotonic()
                await self._try()
                due = max(began + self._seconds, self._events_due)
                await asyncio.sleep(due - time.monotonic())
        finally:
            self._shipped = self._records_shipped = 0.0  # from now on another node does it
            self._acting = self._broken = False
            await self.end()

    async def round(self) -> None:
        """Bring everything once. Raises `StoreUnavailable`, `BackupError`."""
        ours, foreign = await asyncio.to_thread(self._trust.look)
        self._name(ours, foreign)
        if await self._look(ours, foreign):
            self._hurry()
        if not ours:
            self._hurry()
            raise self._none(foreign)
        newest = next(reversed(ours))
        if self._increment is None or self._increment.path != newest:
            await self._begin(Backup(newest, self._key))
        await self._add()

    def _none(self, foreign: dict[Path, str]) -> BackupError:
        """Why there is nothing to go on with."""
        if foreign:
            said = next(reversed(foreign.values()))
            return BackupError(f"no backup there is ours to write changes beside: {said}")
        return NoBackupYet(f"{self._shelf.folder}: there is no backup yet to write changes beside")

    def _name(self, ours: dict[Path, Manifest], foreign: dict[Path, str]) -> None:
        """Warn once of each backup that looks like the newest and is not ours."""
        newest = made(next(reversed(ours))) if ours else None
        for path, said in foreign.items():
            if newest and path not in self._named and made(path) >= newest:
                logger.warning("changes are not written beside a newer backup: {}", said)
                self._named.add(path)

    async def _look(self, ours: Collection[Path], foreign: Collection[Path]) -> bool:
        """Whether the newest backup of all nodes is somewhere else; warns of each once."""
        newest = await lacking(self._store, ours, foreign)
        if newest is not None and newest.name != self._lacked:
            warn(newest, self._shelf.folder)
        self._lacked = newest.name if newest else ""
        return newest is not None

    async def _keep_watch(self) -> None:
        """Also on nodes that do not act: before one of them has to take over."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self._look(*await asyncio.to_thread(self._trust.look))
            except (StoreUnavailable, ArchiveError):
                """Whoever acts says so."""
            except Exception:
                logger.exception("looking for the newest backup failed")

    async def _begin(self, backup: Backup) -> None:
        """What came while the new one was made has to be beside the old one as well."""
        if self._increment is not None:
            await self._add(whole=True)
            await self.end()
        increment = Increment(backup)
        try:
            await increment.open()
        except ArchiveError:  # nothing can be written beside it: it takes another one
            self._hurry()
            raise
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
            self._failing, self._broken = str(error), True
            await self._abandon()
        except Exception:
            logger.exception("changes are not written beside the backup")
            self._broken = True
            await self._abandon()
        else:
            self._failing, self._broken = "", False

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


def configured_shipper(
    config: Config, store: Store, measures: Measures, hurry: Callable[[], None]
) -> Shipper:
    """As the configuration says. Raises `BackupError` where the key is none."""
    key = checked_key(config.backup)
    seconds = config.backup.ship_seconds
    return Shipper(store, shelf_of(config), key, seconds, measures, hurry)
