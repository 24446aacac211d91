"""Which backup is the newest of all nodes: a record in the store, beside which each node holds its own folder.

Where the folder is not the same place on all nodes, the one that takes over finds that it lacks the newest.
"""

from collections.abc import Collection
from pathlib import Path

import msgspec
from loguru import logger

from chatserver.backup.manifest import Manifest
from chatserver.backup.shelf import made
from chatserver.installation import META
from chatserver.interfaces import Store
from chatserver.unreadable import UNREADABLE

KEY = "backup"  # a record of the installation itself, which no copy has


class Newest(msgspec.Struct, frozen=True):
    """A backup that a server made, and the node that did."""

    name: str
    node: str


async def note_newest(store: Store, manifest: Manifest, node: str) -> None:
    """Tell the other nodes. Raises `StoreUnavailable`."""
    await store.put(META, KEY, msgspec.json.encode(Newest(manifest.name, node)))


async def lacking(
    store: Store, ours: Collection[Path], foreign: Collection[Path] = ()
) -> Newest | None:
    """The newest backup, where it is not among those of this node's folder, nor a newer one of ours.

    One that is sealed with a key of before is `foreign`, and there all the same. Raises
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
    """The text is what operators are told to look for."""
    logger.warning(
        "backup.folder is not the same place on all nodes: the newest backup, {} of node {}, is not in "
        "{}: give all nodes one folder, as docs/backup.md says",
        newest.name,
        newest.node,
        folder,
    )
