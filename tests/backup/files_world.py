"""An installation with files of users, its backups, and their copy on a target, for tests of what stays."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from chatserver import Store, TargetError
from chatserver.blobs.service import BlobService
from chatserver.config.sections import BlobsConfig
from chatserver.copies.backup.keeping import Keeping
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.copies.backup.vault import FOLDER, Vault, name_of
from chatserver.copies.targets.guarded import Guarded
from chatserver.copies.targets.mirror import Mirror, MirrorSettings
from chatserver.copies.targets.reading import fetch, fetch_manifest, names
from chatserver.runtime.measure import Measures
from chatserver.testing.blobs import given
from tests.backup.targets import MemoryTarget
from tests.blobs.memory import MemoryBlobs

KEY = Key(bytes(range(32)))
SKEW_SECONDS = 0.02  # file systems count time in ticks of a few milliseconds


class Crashing(MemoryTarget):
    """Fails at its call number `left`; tells `on_delete` before each removal of a file of users."""

    def __init__(self, lock_days: float = 0.0) -> None:
        super().__init__(lock_days)
        self.left = -1  # never
        self.on_delete: Callable[[str], None] = lambda name: None

    async def delete(self, name: str) -> None:
        self._demand()
        if name.startswith(f"{FOLDER}/"):
            self.on_delete(name.removeprefix(f"{FOLDER}/"))
        self.objects.pop(name, None)

    def files(self) -> set[str]:
        return {
            name.removeprefix(f"{FOLDER}/")
            for name in self.objects
            if name.startswith(f"{FOLDER}/")
        }

    def _demand(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise TargetError("it crashed")
        super()._demand()


class Reached(Protocol):
    """A target that may be opened more than once."""

    def guarded(self) -> Guarded: ...


class World:
    """An installation with files, its backups, and their copy on a target."""

    def __init__(self, store: Store, known: str, folder: Path, target: Reached) -> None:
        self.store, self.folder, self.target = store, folder, target
        self.place = MemoryBlobs()
        self.files = BlobService(store, self.place, BlobsConfig(), lambda: known, Measures())
        self.blobs: list[str] = []
        self.needed: dict[str, set[str]] = {}  # by backup, here or on the target
        if isinstance(target, Crashing):
            target.on_delete = self._demand_unneeded
        self.start()

    def start(self) -> None:
        """As a new process, with what is on the disk."""
        self.shelf = Shelf(self.folder)
        self.vault = Vault(self.folder, KEY)
        self.keeping = Keeping(self.place, self.vault, pytest.fail)  # type: ignore[arg-type]
        self.shipper = Shipper(self.store, self.shelf, KEY, 1.0, Measures())
        self.mirror(1, 4)

    def mirror(self, seconds: float, count: int) -> None:
        settings = MirrorSettings(seconds, 0.0, 0, count)
        self.copying = Mirror(self.target.guarded(), self.shelf, KEY, settings)

    async def upload(self, content: bytes) -> str:
        blob = await self.files.take("u1", given([content]))
        self.blobs.append(blob.id)
        return name_of(blob.sha256, KEY)

    async def purge(self, number: int) -> None:
        if self.blobs:
            await self.files.purge(self.blobs.pop(number % len(self.blobs)))

    async def backup(self) -> Path:
        await asyncio.sleep(2 * SKEW_SECONDS)
        settings = BackupSettings(part_bytes=1 << 20, key=KEY)
        return (await take(self.store, self.shelf, settings, files=self.keeping))[0]

    async def ship(self) -> None:
        if self.shelf.all():
            await self.keeping.look(self.store)
            for _ in range(2):  # the first fails if the backup was removed that it wrote beside
                await self.shipper._try()
            assert not self.shipper._broken

    def rotate(self, count: int) -> None:
        self.shelf.rotate(datetime.now(UTC), 0, count)

    async def copy(self) -> None:
        self.copying._files_due = self.copying._keep_due = self.copying._look_due = 0
        await self.copying.round()

    async def lose_machine(self) -> None:
        await self.shipper.end()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        self.needed = await self._needed_on_target()
        await asyncio.sleep(1 - time.time() % 1)  # another backup of this second had the same name
        self.start()

    async def _needed_on_target(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        target = self.target.guarded()
        for name in await names(target):
            with tempfile.TemporaryDirectory() as scratch:
                folder = await fetch_manifest(target, name, Path(scratch))
                if folder is not None:
                    await fetch(target, backup := Backup(folder, KEY))
                    found[name] = await backup.files() | await backup.shipped_files()
        return found

    async def check(self) -> None:
        """Every file is here that a backup here needs."""
        there = self.vault.files().keys()
        for path in self.shelf.all():
            backup = Backup(path, KEY)
            self.needed[path.name] = await backup.files() | await backup.shipped_files()
            assert self.needed[path.name] <= there, path.name

    def _demand_unneeded(self, name: str) -> None:
        kept = {path.name for path in self.shelf.all()}
        assert isinstance(self.target, Crashing)
        kept |= {each.partition("/")[0] for each in self.target.objects if "manifest" in each}
        for backup in kept & self.needed.keys():
            assert name not in self.needed[backup], f"{backup} needs it"
