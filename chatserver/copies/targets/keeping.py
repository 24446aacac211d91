"""What stays on a target: old backups are removed by the rule of the local folder, locks of the others renewed."""

import tempfile
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.ledger import FILE as LEDGER
from chatserver.copies.backup.manifest import FILE as MANIFEST
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import outdated
from chatserver.copies.targets.guarded import Guarded
from chatserver.copies.targets.layout import chain, pieces
from chatserver.copies.targets.reading import fetch_manifest, names

RENEW_AT = 0.5  # of `lock_days`: as soon as no more than this remains, a backup's locks are renewed


class Keeper:
    """Removes old backups of one target, and renews the locks of the others."""

    def __init__(self, target: Guarded, key: Key | None, keep_days: float, keep_count: int) -> None:
        """The limits are those of `Shelf.rotate`."""
        self._target, self._key = target, key
        self._keep_days, self._keep_count = keep_days, keep_count
        self._ours: dict[str, bool | None] = {}  # None: incomplete

    async def keep(self, local: Collection[str], now: datetime) -> list[str]:
        """Remove what is too old, then renew locks. `local` has the names of our backups on the disk.

        Returns the names of the removed backups. A backup whose locks have not run out yet stays. Raises
        `TargetFailed`.
        """
        there = await names(self._target)
        for name in there:
            if name in local:
                self._ours[name] = True
            elif self._ours.get(name) is None:
                self._ours[name] = await self._is_ours(name)
        ours = [Path(name) for name in there if self._ours[name]]
        old = outdated(list(map(Path, there)), ours, now, self._keep_days, self._keep_count)
        newest = ours[-1].name if ours else ""
        given_up = [name for name in there if self._ours[name] is None and name < newest]
        unwanted = {path.name for path in old} | set(given_up)
        removed = [name for name in there if name in unwanted and await self._remove(name, now)]
        for name in there:
            if self._target.lock_days and name not in unwanted and self._ours[name]:
                await self.renew(name, now)
        for name in self._ours.keys() - set(there):
            del self._ours[name]
        return removed

    async def renew(self, name: str, now: datetime) -> bool:
        """Extend the locks of a backup if they have run half of their time; the manifest's last.

        So the manifest's lock tells how long all of them last, also after an interruption. Returns whether it did.
        """
        days = timedelta(days=self._target.lock_days)
        locked = await self._target.locked_until(f"{name}/{MANIFEST}")
        if locked is not None and locked - now > days * RENEW_AT:
            return False
        for each in needed(name, await self._target.list(name)):
            await self._target.lock(each, now + days)
        return True

    async def _is_ours(self, name: str) -> bool | None:
        with tempfile.TemporaryDirectory(prefix="chatserver-") as scratch:
            try:
                folder = await fetch_manifest(self._target, name, Path(scratch))
                if folder is None:
                    return None
                Backup(folder, self._key)
            except ArchiveError:
                await self._target.open()  # raises if it is away
                return False
        return True

    async def _remove(self, name: str, now: datetime) -> bool:
        """Remove a backup, its manifest first. Returns False if anything in it is locked, or it was empty."""
        found = await self._target.list(name)
        if self._target.lock_days:
            for each in found:
                locked = await self._target.locked_until(each)
                if locked is not None and locked > now:
                    return False
        manifest = f"{name}/{MANIFEST}"
        for each in sorted(found, key=lambda each: (each != manifest, each)):
            await self._target.delete(each)
        return bool(found)  # some services list an empty folder for a while


def needed(name: str, sizes: Mapping[str, int]) -> list[str]:
    """The objects of a backup whose locks must last, in the order of renewal: the manifest is the last.

    Pieces of increments that a merged one replaced are not among them.
    """
    by_file = pieces(sizes)
    used = {piece.name for found in by_file.values() for piece in chain(found)}
    unused = {piece.name for found in by_file.values() for piece in found} - used
    last = [f"{name}/{LEDGER}", f"{name}/{MANIFEST}"]
    return [
        *sorted(sizes.keys() - unused - set(last)),
        *(each for each in last if each in sizes),
    ]
