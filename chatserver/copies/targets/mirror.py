"""Keeps one target up to date with the local folder of backups.

A round copies what is missing; after a failure it pauses, longer each time, and then goes on where it stopped.
The newest backup goes first, and its changes go before the next object of an older backup, or the next file of users;
so does a backup that is made meanwhile.
"""

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from loguru import logger

from chatserver.copies.archive.errors import ArchiveError, Corrupted
from chatserver.copies.backup.erasures import ErasureLedger
from chatserver.copies.backup.figures import unix
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.trust import Trust
from chatserver.copies.backup.vault import Vault
from chatserver.copies.targets.checking import damaged
from chatserver.copies.targets.copying import Copy
from chatserver.copies.targets.erasures import copy_erasures
from chatserver.copies.targets.guarded import Guarded, TargetFailed
from chatserver.copies.targets.keeping import Keeper
from chatserver.copies.targets.needs import Needs
from chatserver.copies.targets.vaults import VaultCopy

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
LOG_SECONDS = 60.0  # between two lines about a target that fails
LOOK_SECONDS = 600.0  # between two lists of what the target holds
_JITTER = random.SystemRandom()
FILES_SECONDS = 60.0  # between two looks for new files of users
KEEP_SECONDS = 3600.0  # between two removals of old backups and renewals of locks


class MirrorSettings(NamedTuple):
    """How often a target is served; limits are those of `Shelf.rotate`."""

    seconds: float  # between two rounds
    check_seconds: float  # between two checks; 0: none
    keep_days: float
    keep_count: int


class Mirror:
    """The copy of the folder on one target."""

    def __init__(
        self, target: Guarded, shelf: Shelf, key: Key | None, settings: MirrorSettings
    ) -> None:
        self.name = target.name
        self._target, self._key, self._settings = target, key, settings
        self.on_failure: Callable[[], None] = lambda: None
        self._trust = Trust(shelf, key)
        self._keeper = Keeper(target, key, settings.keep_days, settings.keep_count)
        self._vault = Vault(shelf.folder, key)
        self._erasures = ErasureLedger(shelf.folder, key)
        self.files, self._needs = VaultCopy(target, self._vault), Needs(target, key)
        self._files_due = -math.inf
        self._copies: dict[Path, Copy] = {}
        self._checked: dict[Path, float] = {}
        self._look_due = time.monotonic() + LOOK_SECONDS
        self._keep_due = self._check_due = -math.inf
        self._logged = -math.inf
        self._rows = 0  # of failures
        self.failing = ""  # the reason; "" if the last round succeeded
        self.succeeded = 0.0  # Unix time of the last round after which nothing was missing
        self.began = time.time()
        self.until = 0.0  # Unix time up to which the newest backup on the target has all changes
        self.checked = 0.0  # Unix time of the last check that found nothing

    @property
    def pending(self) -> int:
        """Number of bytes that the target lacks, as far as is known."""
        return self.files.pending + sum(copy.pending for copy in self._copies.values())

    async def run(self) -> None:
        """Run rounds until cancelled."""
        try:
            while True:
                pause = await self.attempt()
                await asyncio.sleep(pause)
        finally:
            await self._target.close()

    async def once(self) -> bool:
        """Run one round, for a command. Returns whether it failed: `failing` has the reason then."""
        try:
            await self.attempt()
        finally:
            await self._target.close()
        return bool(self.failing)

    async def attempt(self) -> float:
        """Run one round, and report its failure. Returns the seconds to wait for the next one."""
        try:
            await self.round()
        except ArchiveError as error:
            return self._failed(str(error))
        except Exception as error:
            logger.opt(exception=error).debug("backup target {}", self.name)
            return self._failed(f"{type(error).__name__}: {error}")
        if self.failing:
            logger.info("backup target {}: it works again, and has everything", self.name)
        self._rows, self.failing, self._logged = 0, "", -math.inf
        return self._settings.seconds

    def _failed(self, reason: str) -> float:
        self._rows += 1
        self.on_failure()
        reason = reason.removeprefix(f"{self.name}: ")
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            logger.error(
                "backup target {}: {}; {} bytes are not copied yet", self.name, reason, self.pending
            )
        self.failing = reason
        pause: float = min(
            FIRST_PAUSE_SECONDS * 2.0 ** min(self._rows - 1, 10), LONGEST_PAUSE_SECONDS
        )
        return pause * _JITTER.uniform(0.5, 1.0)

    async def round(self) -> None:
        """Copy all that is missing, remove what is too old, renew locks, check. Raises `ArchiveError`."""
        copies = await self._list()
        await self._target.open()
        await copy_erasures(self._erasures, self._target)
        if time.monotonic() >= self._look_due:
            self._look_due = time.monotonic() + LOOK_SECONDS
            for copy in copies:
                await copy.look()
            self.files.forget()
        while copies and not await self._copy(copies):
            copies = await self._list()
        self.succeeded = time.time()
        now = time.monotonic()
        if now >= self._keep_due:
            local = [copy.name for copy in copies]
            for name in await self._keeper.keep(local, datetime.now(UTC)):
                logger.info("backup target {}: old backup {} removed", self.name, name)
            await self._keep_files(copies)
            self._keep_due = now + KEEP_SECONDS
        if self._settings.check_seconds and now >= self._check_due and copies:
            await self._check(copies)
            self._check_due = now + self._settings.check_seconds

    async def _list(self) -> list[Copy]:
        """Our backups in the local folder, newest first."""
        ours = (await asyncio.to_thread(self._trust.look)).ours
        for path in self._copies.keys() - ours.keys():
            del self._copies[path]
        for path in ours.keys() - self._copies.keys():
            self._copies[path] = Copy(
                self._target, await asyncio.to_thread(Backup, path, self._key)
            )
        return [self._copies[path] for path in reversed(ours)]

    async def _copy(self, copies: list[Copy]) -> bool:
        """Copy what is missing. Returns False as soon as there is a newer backup, which goes first."""
        newest, *older = copies
        await newest.run()
        self._note(newest)
        broken: Corrupted | None = None
        if time.monotonic() >= self._files_due:
            try:
                if not await self._all(self.files.steps(), newest):
                    return False
                self._files_due = time.monotonic() + FILES_SECONDS
            except Corrupted as error:  # on the local disk, as below
                broken = error
        for copy in older:
            try:
                for steps in (copy.steps(), copy.merge()):
                    if not await self._all(steps, newest):
                        return False
            except Corrupted as error:  # on the local disk: the others are copied nevertheless
                broken = error
            except OSError:
                if copy.backup.folder.exists():
                    raise
        if broken is not None:
            raise broken
        return True

    async def _all(self, steps: AsyncGenerator[None, None], newest: Copy) -> bool:
        """Take the steps, and copy the newest backup's changes after each. Returns False if a newer one ended that."""
        async with aclosing(steps):
            async for _ in steps:
                await newest.run()
                self._note(newest)
                ours = (await asyncio.to_thread(self._trust.look)).ours
                if next(reversed(ours), newest.backup.folder) != newest.backup.folder:
                    return False
        return True

    async def _keep_files(self, copies: list[Copy]) -> None:
        """Remove files that no backup needs, here or on the target; renew the locks of the others."""
        files = await asyncio.to_thread(self._vault.files)
        held = await self.files.names()
        needed = await self._needs.of([copy.backup for copy in copies], files, held)
        if removed := await self.files.keep(needed, datetime.now(UTC)):
            logger.info("backup target {}: {} files removed", self.name, removed)

    def _note(self, newest: Copy) -> None:
        self.until = unix(newest.until)

    async def _check(self, copies: list[Copy]) -> None:
        """Read back the copy that was checked longest ago; the newest first. Raises `TargetFailed`."""
        chosen = min(copies, key=lambda copy: self._checked.get(copy.backup.folder, -math.inf))
        bad = await damaged(self._target, chosen.backup, dict(chosen.held))
        if bad:
            chosen.forget(bad)  # the next round stores them again, and checks again
            raise TargetFailed(
                f"{self.name}: {bad[0]}: the target does not return what was stored "
                f"({len(bad)} such objects); they are stored again"
            )
        await self.files.check()
        self._checked[chosen.backup.folder] = time.monotonic()
        self.checked = time.time()


def ages(mirrors: Iterable[Mirror]) -> dict[tuple[str, ...], float]:
    """Seconds since the newest copy on each target had all changes, or since the start if none is known yet."""
    return {(each.name,): time.time() - (each.until or each.began) for each in mirrors}
