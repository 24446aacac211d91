"""Removes from the vault what no backup needs any more, after old backups were removed."""

import asyncio

from chatserver.copies.backup.figures import unix
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.trust import Trust
from chatserver.copies.backup.vault import Vault


async def clear_vault(shelf: Shelf, key: Key | None) -> int:
    """Remove files that none of our backups needs; returns their number. Raises `ArchiveError`.

    Files that are newer than the oldest backup stay, as its shipped changes may need them, and so do those of keys
    that are not configured any more.
    """
    vault = Vault(shelf.folder, key)
    if not vault.folder.exists():
        return 0
    with shelf.locked():
        ours = (await asyncio.to_thread(Trust(shelf, key).look)).ours
        if not ours:
            return 0
        needed: set[str] = set()
        for path in ours:
            needed |= await Backup(path, key).files()
        oldest = min(unix(manifest.begun) for manifest in ours.values())
        return await asyncio.to_thread(vault.clear, needed, oldest)
