"""The files of users on a target: copies of the vault's files (`chatserver/copies/backup/vault.py`), in `files/`.

They never change, so each is stored once. One stays as long as the local vault has it, or a backup needs it that is
here or on the target (`needs.py`).
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Collection
from datetime import UTC, datetime, timedelta

from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.chunks import open_file
from chatserver.copies.backup.vault import FOLDER, Vault
from chatserver.copies.targets.guarded import Guarded, TargetFailed
from chatserver.copies.targets.keeping import RENEW_AT
from chatserver.copies.targets.vaultreading import TargetVault

CHECKED = 20  # files that one check reads back
_SAMPLE = random.SystemRandom()


class VaultCopy:
    """The copy of the vault on one target. Its methods raise `TargetFailed` and `BackupError`."""

    def __init__(self, target: Guarded, vault: Vault) -> None:
        self._target, self._vault = target, vault
        self._held: dict[str, int] | None = None  # None: not asked yet
        self._locked: dict[str, datetime] = {}  # as far as known
        self.pending = 0  # bytes that the target lacks
        self.count = self.bytes = 0  # what it has, as far as known
        self.checked = 0.0  # Unix time of the last check that found nothing

    def forget(self) -> None:
        """Ask the target again what it holds."""
        self._held = None

    async def names(self) -> set[str]:
        """Names in the vault of the files that the target has."""
        if self._held is None:
            self._held = await self._target.list(FOLDER)
        return {name.removeprefix(f"{FOLDER}/") for name in self._held}

    def _note(self) -> None:
        held = self._held or {}
        self.count, self.bytes = len(held), sum(held.values())

    async def steps(self) -> AsyncGenerator[None, None]:
        """Store the files that the target lacks, one a step. Raises `Corrupted` at the end for one that is damaged here.

        The target may have the last good copy of that, so nothing is stored over it.
        """
        files = await asyncio.to_thread(self._vault.files)
        if files and self._held is None:
            self._held = await self._target.list(FOLDER)
        held = {} if self._held is None else self._held
        wanted = {
            name: size for name, size in files.items() if held.get(f"{FOLDER}/{name}") != size
        }
        self.pending = sum(wanted.values())
        broken: Corrupted | None = None
        for name, size in wanted.items():
            try:
                if await self._store(name, size, is_held=f"{FOLDER}/{name}" in held):
                    held[f"{FOLDER}/{name}"] = size
            except Corrupted as error:
                broken = broken or error
                continue
            self.pending -= size
            yield
        self._note()
        if broken is not None:
            raise broken

    async def _store(self, name: str, size: int, *, is_held: bool) -> bool:
        """Returns whether it was stored: False if it vanished here. Raises `Corrupted`, `TargetFailed`."""
        path = self._vault.folder / name
        if is_held and not self._vault.opens(name):
            raise Corrupted(
                f"{path}: {self._target.name} has it with another size, and the key that sealed it is not configured"
            )
        try:
            digest = await self._digest(name)
        except FileNotFoundError:  # no backup needs it any more
            return False
        until = None
        if self._target.lock_days:
            until = datetime.now(UTC) + timedelta(days=self._target.lock_days)
        try:
            with open_file(path) as file:
                await self._target.put(f"{FOLDER}/{name}", file, size, digest, until)
        except FileNotFoundError:
            return False
        if until is not None:
            self._locked[f"{FOLDER}/{name}"] = until
        return True

    async def _digest(self, name: str) -> bytes:
        """As `Vault.digest`. Raises `Corrupted`, also if the file cannot be read, and `FileNotFoundError`."""
        try:
            return await asyncio.to_thread(self._vault.digest, name)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Corrupted(f"{self._vault.folder / name}: {error.strerror}") from None

    async def keep(self, needed: Collection[str] | None, now: datetime) -> int:
        """Remove what is not needed, and renew the locks of the rest; returns the number of removed ones.

        None: nobody knows what is needed, so all stays. What a key sealed that is not configured any more stays, too.
        """
        if self._held is None:
            self._held = await self._target.list(FOLDER)
        removed = 0
        for name in list(self._held):
            file = name.removeprefix(f"{FOLDER}/")
            is_needed = needed is None or file in needed or not self._vault.is_of_our_keys(file)
            if self._target.lock_days and await self._is_locked(name, now, renew=is_needed):
                continue
            if (
                not is_needed and not (self._vault.folder / file).exists()
            ):  # it may have come just now
                await self._target.delete(name)
                del self._held[name]
                self._locked.pop(name, None)
                removed += 1
        self._note()
        return removed

    async def _is_locked(self, name: str, now: datetime, *, renew: bool) -> bool:
        days = timedelta(days=self._target.lock_days)
        until = self._locked.get(name) or await self._target.locked_until(name)
        if renew and (until is None or until - now <= days * RENEW_AT):
            until = now + days
            await self._target.lock(name, until)
        if until is None:
            return False
        self._locked[name] = until
        return until > now

    async def check(self) -> None:
        """Read some files back. Raises `TargetFailed` for one that is not what was stored, and stores it again.

        Raises `Corrupted` for one that is damaged here; the target's copy stays then. Without a file that both have,
        nothing counts as checked.
        """
        files = await asyncio.to_thread(self._vault.files)
        if files and self._held is None:
            self._held = await self._target.list(FOLDER)
        there = [name for name in files if f"{FOLDER}/{name}" in (self._held or {})]
        broken: Corrupted | None = None
        has_read = False
        for name in _SAMPLE.sample(there, min(CHECKED, len(there))):
            try:
                original = await self._digest(name)
            except FileNotFoundError:
                continue
            except Corrupted as error:
                broken = broken or error
                continue
            has_read = True
            if await self._target.digest(f"{FOLDER}/{name}", files[name]) == original:
                continue
            if not await self._has_another_whole(name, files[name]):
                self._demand_stored_again(name)
        if broken is not None:
            raise broken
        if has_read or not files:
            self.checked = time.time()

    async def _has_another_whole(self, name: str, size: int) -> bool:
        """Whether the target has the same content, sealed another time, such as by a node with a folder of its own."""
        if not self._vault.opens(name):
            return False
        there = TargetVault(self._target, None)
        return await there.is_whole(name, size, self._vault.key_of(name))

    def _demand_stored_again(self, name: str) -> None:
        """Have the next `steps` store a file again, if the one here is known to be whole. Raises `TargetFailed`."""
        told = f"{self._target.name}: {FOLDER}/{name}: the target does not return what was stored"
        if not self._vault.opens(name):
            raise TargetFailed(f"{told}; the key that sealed it is not configured")
        if self._held is not None:
            self._held.pop(f"{FOLDER}/{name}", None)
        raise TargetFailed(f"{told}; it is stored again")
