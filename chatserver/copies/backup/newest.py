"""A record in the store names the newest backup of all nodes; each node looks for that backup in its folder.

If `backup.folder` is not the same place on all nodes, a node that takes over notices the missing backup.
"""

from collections.abc import Collection
from pathlib import Path

import msgspec
from loguru import logger

from chatserver.cluster.installation import META
from chatserver.cluster.quarantine import UNREADABLE
from chatserver.copies.backup.manifest import Manifest
from chatserver.copies.backup.shelf import made
from chatserver.interfaces import Store

KEY = "backup"  # a record of the installation's nodes, which is not copied


class Newest(msgspec.Struct, frozen=True):
    """The name of a backup, and of the node that made it."""

    name: str
    node: str


async def note_newest(store: Store, manifest: Manifest, node: str) -> None:
    """Record this backup as the newest. Raises `StoreUnavailable`."""
    await store.put(META, KEY, msgspec.json.encode(Newest(manifest.name, node)))


async def lacking(
    store: Store, ours: Collection[Path], foreign: Collection[Path] = ()
) -> Newest | None:
    """The newest backup if this node's folder lacks it and has no newer one of ours; else None.

    A backup in `foreign` (sealed with an earlier key, for instance) counts as present. Raises
    `StoreUnavailable`.
    """
    record = await store.get(META, KEY)
    if record is None:
        return None
    try:
        newest = msgspec.json.decode(record, type=Newest)
        since = made(Path(newest.name))
        names = {path.name for path in (*ours, *foreign)}
        if newest.name in names or any(made(path) > since for path in ours):
            return None
    except (*UNREADABLE, ValueError):
        return None
    return newest


def warn(newest: Newest, folder: Path) -> None:
    """Log a warning; docs tell operators to look for its text."""
    logger.warning(
        "backup.folder is not the same place on all nodes: the newest backup, {} of node {}, is not in "
        "{}: give all nodes one folder, as docs/backup.md says",
        newest.name,
        newest.node,
        folder,
    )
