"""Which files of users the backups on a target need, so that only the others are removed from there."""

import asyncio
import hashlib
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from loguru import logger

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.ledger import FILE as LEDGER
from chatserver.copies.backup.ledger import ledger_bytes
from chatserver.copies.backup.manifest import FILE as MANIFEST
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.take import FILES
from chatserver.copies.backup.trust import may_be_ours
from chatserver.copies.targets.guarded import Guarded, TargetFailed
from chatserver.copies.targets.reading import fetch, fetch_manifest, names


class _Read(NamedTuple):
    """What a backup on the target needed when it was read in this state."""

    state: tuple[int | None, bytes]
    files: frozenset[str]


class _Shipped(NamedTuple):
    """What came with a local backup's increments when its ledger had this hash."""

    state: bytes
    files: frozenset[str]


class Needs:
    """Asks the backups on a target, and those on the disk, for the files they need."""

    def __init__(self, target: Guarded, key: Key | None) -> None:
        self._target, self._key = target, key
        self._known: dict[str, _Read] = {}  # complete backups that only the target has
        self._shipped: dict[Path, _Shipped] = {}

    async def of(
        self, local: Iterable[Backup], vault: Mapping[str, int], held: Collection[str]
    ) -> set[str] | None:
        """Names in the vault of all that is needed among `held`, the target's; None, with a warning, if nobody knows now.

        `local` are our backups on the disk, `vault` the files beside them. Raises `TargetFailed`.
        """
        try:
            return await self._of([each for each in local if each.folder.exists()], vault, held)
        except TargetFailed:
            raise
        except (ArchiveError, OSError) as error:
            logger.warning("{}: no files are removed: {}", self._target.name, error)
            return None

    async def _of(
        self, local: list[Backup], vault: Mapping[str, int], held: Collection[str]
    ) -> set[str]:
        needed = set(vault)
        for backup in local:
            found = await backup.files()
            if lost := found - vault.keys():
                raise ArchiveError(
                    f"{backup.folder}: {len(lost)} files that it needs are missing beside it"
                )
            needed |= found
        there = await names(self._target)
        here = {backup.manifest.name for backup in local}
        away = [name for name in there if name not in here]
        self._known = {name: self._known[name] for name in away if name in self._known}
        for name in away:
            needed |= await self._needed_by(name)
        if any(name not in needed for name in held):  # otherwise nobody has to read all increments
            needed |= await self._shipped_to(local)
        return needed

    async def _shipped_to(self, local: list[Backup]) -> set[str]:
        """What came with increments on the disk. It is in the vault, too, unless it was lost there."""
        before, self._shipped = self._shipped, {}
        for backup in local:
            ledger = await asyncio.to_thread(ledger_bytes, backup.folder)
            state, path = hashlib.sha256(ledger or b"").digest(), backup.folder
            known = before.get(path)
            if known is None or known.state != state:
                known = _Shipped(state, frozenset(await backup.shipped_files()))
            self._shipped[path] = known
        return set().union(*(each.files for each in self._shipped.values()))

    async def _needed_by(self, name: str) -> frozenset[str]:
        """What a backup needs that only the target has. It is read again when it grew or was completed meanwhile."""
        state = await self._state(name)
        known = self._known.get(name)
        if known is None or known.state != state:
            found = await self._read(name)
            if found is None:  # incomplete now, and perhaps complete the next time
                return frozenset()
            self._known[name] = known = _Read(state, found)
        return known.files

    async def _state(self, name: str) -> tuple[int | None, bytes]:
        """A value that differs after each change of a backup: its ledger is replaced, the rest stays."""
        manifest = await self._target.size(f"{name}/{MANIFEST}")
        size = await self._target.size(ledger := f"{name}/{LEDGER}")
        data = b"" if size is None else await self._target.read_all(ledger, size)
        return manifest, hashlib.sha256(data).digest()

    async def _read(self, name: str) -> frozenset[str] | None:
        """What a backup needs that only the target has; None if it is incomplete. Raises `ArchiveError`."""
        with tempfile.TemporaryDirectory(prefix="chatserver-") as scratch:
            folder = await fetch_manifest(self._target, name, Path(scratch))
            if folder is None:
                return None
            try:
                backup = Backup(folder, self._key)
            except ArchiveError:
                if may_be_ours(folder, self._key):
                    raise
                return frozenset()  # its files are sealed with its own key, and are not touched
            await fetch(self._target, backup, streams=[FILES])
            return frozenset(await backup.files() | await backup.shipped_files())
