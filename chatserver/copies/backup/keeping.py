"""Files of users on their way into the vault, and out of it into a place."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from loguru import logger

from chatserver.blobs import carrying
from chatserver.blobs.carrying import Damaged, Lost, Records
from chatserver.blobs.model import Blob
from chatserver.blobs.moving import blobs_of
from chatserver.blobs.ownership import Ownership
from chatserver.copies.archive.digests import Progress, silent
from chatserver.copies.archive.lines import Held
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.vault import Vault, VaultReader
from chatserver.errors import BlobsUnavailable, StoreUnavailable
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store

NEW_SECONDS = 60.0  # between two looks for new files
OnLost = Callable[[Lost], None]


class Keeping:
    """Copies the files of an installation into the vault. `place` is where they are."""

    def __init__(self, place: Blobs, vault: Vault, on_lost: OnLost) -> None:
        """`on_lost` is called for each file that something needs and whose content is not there."""
        self._place, self._vault, self._on_lost = place, vault, on_lost
        self.failing = ""  # why the last look failed
        self._known: set[bytes] = set()  # ids of blobs whose content is in the vault for `look`

    async def keep(self, store: Records, blob: Blob) -> Held:
        """Copy one file, unless it is there. Raises `BackupError`.

        One that the place has lost comes from the vault itself, if that has it whole, such as under an older key.
        """
        if await asyncio.to_thread(self._vault.has, blob.sha256, blob.size):
            return Held(blob.id, blob.sha256)
        try:
            async with aclosing(carrying.read(self._place, blob)) as parts:
                written = await self._vault.put(blob.sha256, parts)
        except Damaged as damaged:
            try:
                written = await self._vault.reseal(blob.sha256)
            except Damaged:
                return await self._without(store, blob, str(damaged))
        except BlobsUnavailable as error:
            raise BackupError(f"the place of the files does not answer: {error.reason}") from error
        return Held(blob.id, blob.sha256, written)

    async def run(self, store: Records) -> None:
        """Copy the files that come, each minute, until cancelled; for the changes beside the newest backup."""
        while True:
            try:
                await self.look(store)
                self.failing = ""
            except (BackupError, StoreUnavailable) as error:
                if str(error) != self.failing:
                    logger.error("files are not copied beside the backup: {}", error)
                self.failing = str(error)
            await asyncio.sleep(NEW_SECONDS)

    async def look(self, store: Records) -> None:
        """Copy the files that came since the last look. Raises `BackupError`, `StoreUnavailable`."""
        await asyncio.to_thread(self._vault.demand_usable)
        seen = set()
        async for blob in blobs_of(store):
            seen.add(bytes.fromhex(blob.id))
            if bytes.fromhex(blob.id) in self._known:
                continue
            if not await asyncio.to_thread(self._vault.renew, blob.sha256, blob.size):
                held = await self.keep(store, blob)
                if held.lost:
                    continue
            self._known.add(bytes.fromhex(blob.id))
        self._known &= seen

    async def _without(self, store: Records, blob: Blob, reason: str) -> Held:
        rooms = await carrying.where(store, blob.id)
        if rooms is not None:
            self._on_lost(Lost(blob.id, blob.name, blob.size, rooms, reason))
        if await asyncio.to_thread(self._vault.has_file, blob.sha256):
            return Held(
                blob.id, blob.sha256
            )  # so that the targets keep their copies, which may be whole
        return Held(blob.id, blob.sha256, 0, reason)


class Refill:
    """Brings files from the vault to a place, after a restore of their records."""

    def __init__(
        self,
        place: Blobs | None,
        vault: VaultReader,
        on_lost: OnLost,
        progress: Progress = silent,
    ) -> None:
        """Without a place, nothing is brought. `on_lost` is called for each file that is missing afterwards."""
        self._place, self._vault, self._on_lost = place, vault, on_lost
        self._progress = progress
        self.files = self.new = self.lost = 0
        self.is_foreign = False  # the place has another owner: nothing was written there

    async def run(self, store: Store, epoch: str) -> None:
        """Write what the place lacks, and make the installation of this epoch its owner. Raises `BackupError`.

        A place of another owner, such as that of the installation that was lost, is left as it is.
        """
        place = self._place
        if place is None:
            return
        try:
            try:
                await Ownership(store, place, lambda: epoch).demand_unowned()
            except BlobsUnavailable:
                await place.list(limit=1)  # raises if it does not answer
                self.is_foreign = True
            async for blob in blobs_of(store):
                self.files += 1
                await self._bring(store, place, blob)
                self._progress(self.files, self.files)
            if self.files and not self.is_foreign:
                await Ownership(store, place, lambda: epoch).claim_filled()
        except BlobsUnavailable as error:
            raise BackupError(f"the place of the files: {error.reason}") from error

    async def _bring(self, store: Store, place: Blobs, blob: Blob) -> None:
        try:
            if await carrying.is_there(place, blob):
                return
            if self.is_foreign:
                raise Damaged("it is not in the place of the files")
            async with aclosing(self._vault.read(blob.sha256)) as parts:
                await carrying.write(place, blob, parts)
            await carrying.check(place, blob)
            self.new += 1
        except Damaged as damaged:
            rooms = await carrying.where(store, blob.id)
            if rooms is not None:
                self.lost += 1
                self._on_lost(Lost(blob.id, blob.name, blob.size, rooms, str(damaged)))


async def missing(store: Records, vault: VaultReader) -> AsyncIterator[tuple[Blob, Lost]]:
    """The files that the records name, something needs, and the vault does not have whole."""
    async for blob in blobs_of(store):
        try:
            async with aclosing(vault.read(blob.sha256)) as parts:
                async for _ in parts:
                    """`read` checks every byte."""
        except Damaged as damaged:
            rooms = await carrying.where(store, blob.id)
            if rooms is not None:
                yield blob, Lost(blob.id, blob.name, blob.size, rooms, str(damaged))
