"""Which files of users the backups on a target need, so that only the others are removed from there."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from loguru import logger

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.take import FILES
from chatserver.copies.backup.trust import may_be_ours
from chatserver.copies.targets.guarded import Guarded, TargetFailed
from chatserver.copies.targets.reading import fetch, fetch_manifest, names


class Needs:
    """Asks the backups on a target, and those on the disk, for the files they need."""

    def __init__(self, target: Guarded, key: Key | None) -> None:
        self._target, self._key = target, key
        self._known: dict[str, frozenset[str]] = {}  # of backups that only the target has

    async def of(self, local: Iterable[Backup], vault: Mapping[str, int]) -> set[str] | None:
        """Names in the vault of all that is needed; None, with a warning, if that cannot be known now.

        `local` are our backups on the disk, `vault` the files beside them: what came with their increments is there.
        Raises `TargetFailed`.
        """
        try:
            return await self._of([each for each in local if each.folder.exists()], vault)
        except TargetFailed:
            raise
        except (ArchiveError, OSError) as error:
            logger.warning("{}: no files are removed: {}", self._target.name, error)
            return None

    async def _of(self, local: list[Backup], vault: Mapping[str, int]) -> set[str]:
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
        self._known = {name: found for name, found in self._known.items() if name in there}
        for name in there:
            if name not in here and name not in self._known:
                self._known[name] = await self._read(name)
        return needed.union(*self._known.values())

    async def _read(self, name: str) -> frozenset[str]:
        """What a backup needs that only the target has. Raises `ArchiveError` if it cannot be read."""
        with tempfile.TemporaryDirectory(prefix="chatserver-") as scratch:
            folder = await fetch_manifest(self._target, name, Path(scratch))
            if folder is None:  # incomplete: there is nothing to restore from it
                return frozenset()
            try:
                backup = Backup(folder, self._key)
            except ArchiveError:
                if may_be_ours(folder, self._key):
                    raise
                return frozenset()  # its files are sealed with its own key, and are not touched
            await fetch(self._target, backup, streams=[FILES])
            return frozenset(await backup.files() | await backup.shipped_files())
