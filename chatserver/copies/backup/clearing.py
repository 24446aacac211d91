"""Removes from the vault what no backup needs any more, after old backups were removed."""

import asyncio

from loguru import logger

from chatserver.copies.backup.figures import unix
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.trust import Trust, may_be_ours
from chatserver.copies.backup.vault import Vault

SKEW_SECONDS = 3600.0  # by which the clocks of a node and of the file system may differ


async def clear_vault(shelf: Shelf, key: Key | None) -> int:
    """Remove files that none of our backups needs; returns their number. Raises `ArchiveError`.

    Files that are newer than the oldest backup stay, as its shipped changes may need them, and so do those of keys
    that are not configured any more. While a backup that may be ours cannot be read, nothing is removed: nobody knows
    what it needs.
    """
    vault = Vault(shelf.folder, key, shelf.owner)
    if not vault.folder.exists():
        return 0
    with shelf.locked():
        ours, foreign = await asyncio.to_thread(Trust(shelf, key).look)
        for path, cause in foreign.items():
            if await asyncio.to_thread(may_be_ours, path, key):
                logger.warning("no files are removed beside the backups: {}", cause)
                return 0
        if not ours:
            return 0
        needed: set[str] = set()
        for path in ours:
            needed |= await Backup(path, key).files()
        oldest = min(unix(manifest.begun) for manifest in ours.values())
        return await asyncio.to_thread(vault.clear, needed, oldest - SKEW_SECONDS)
