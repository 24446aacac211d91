"""The folders that the server writes to, and the space on their disks."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from chatserver.config import Config
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store


class Space(NamedTuple):
    """Space of the disk that a folder is on, in bytes; `free` is what an ordinary user may still write."""

    free: int
    size: int


def written_folders(
    config: Config, data: Path, store: Store, blobs: Blobs | None = None
) -> dict[str, Path]:
    """The folders that this configuration writes to, by the name that metrics show.

    Plugins' own folders are shown as `data/NAME`, as any may be a mount of its own.
    """
    found = {"data": data}
    if config.logging.folder:
        found["logs"] = Path(config.logging.folder)
    if config.backup.every_hours or config.backup.ship_seconds:
        found["backups"] = Path(config.backup.folder or data / "backups")
    found |= {f"data/{name}": data / name for name in config.plugins.enabled}
    for name, kept in (("store", store), ("blobs", blobs)):
        folder = getattr(kept, "folder", None)
        if folder is not None and (path := folder()) is not None:
            found[name] = path
    return found


def spaces(folders: Mapping[str, Path]) -> dict[str, Space]:
    """The space of each folder. One that does not exist (yet) or cannot be read is left out.

    A network file system that hangs makes this hang: call it in a thread.
    """
    found: dict[str, Space] = {}
    for name, path in folders.items():
        try:
            disk = os.statvfs(path)
        except OSError:
            continue
        if disk.f_blocks:  # some virtual file systems have no size
            # Blocks reserved for root count as used up, as in `df`.
            usable = disk.f_blocks - disk.f_bfree + disk.f_bavail
            found[name] = Space(disk.f_bavail * disk.f_frsize, usable * disk.f_frsize)
    return found
