"""What a target holds, and the download of one backup, to restore or verify it.

A download goes to a scratch folder, in which the files have the names and the form of a backup on a disk. It is
checked for room first, and can be repeated: whole parts are not fetched again.
"""

import asyncio
import shutil
from collections.abc import Collection, Mapping
from contextlib import aclosing
from pathlib import Path

from chatserver.copies.archive.digests import Progress, silent
from chatserver.copies.archive.errors import ArchiveError, Corrupted
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.increments import FOLDER
from chatserver.copies.backup.ledger import FILE as LEDGER
from chatserver.copies.backup.manifest import FILE as MANIFEST
from chatserver.copies.backup.manifest import MOST_BYTES
from chatserver.copies.backup.parts import check_part
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import in_order, is_name
from chatserver.copies.targets.guarded import Guarded
from chatserver.copies.targets.layout import Piece, chain, pieces


async def names(target: Guarded) -> list[str]:
    """The names of the backups on a target, also of incomplete ones, oldest first. Raises `TargetFailed`."""
    return sorted(filter(is_name, await target.folders()), key=lambda name: in_order(Path(name)))


async def fetch_manifest(target: Guarded, name: str, scratch: Path) -> Path | None:
    """Download the manifest of a backup into `scratch / name`; None if the backup is incomplete.

    Raises `TargetFailed`, `Corrupted`, `OSError`.
    """
    remote = f"{name}/{MANIFEST}"
    size = await target.size(remote)
    if size is None:
        return None
    if size > MOST_BYTES:
        raise Corrupted(f"{target.name}: {remote}: the file is too large for a manifest")
    data = await target.read_all(remote, size)
    folder = scratch / name
    folder.mkdir(mode=0o700, exist_ok=True)
    await asyncio.to_thread((folder / MANIFEST).write_bytes, data)
    return folder


async def fetch_manifests(target: Guarded, scratch: Path) -> None:
    """Download the manifests of all complete backups. Raises as `fetch_manifest`."""
    for name in await names(target):
        await fetch_manifest(target, name, scratch)


async def fetch(
    target: Guarded,
    backup: Backup,
    progress: Progress = silent,
    streams: Collection[str] | None = None,
) -> None:
    """Download the rest of a backup whose manifest is in `backup.folder` already; with `streams`, only these of its streams.

    The increments are always among it. The ledger is read before the increments, which may grow meanwhile. Raises `TargetFailed`, `Corrupted` if the
    target returns damaged parts, and `BackupError` if there is too little room.
    """
    name, folder = backup.manifest.name, backup.folder
    ledger = await target.size(f"{name}/{LEDGER}")
    if ledger is not None:
        data = await target.read_all(f"{name}/{LEDGER}", ledger)
        await asyncio.to_thread((folder / LEDGER).write_bytes, data)
    objects = await target.list(name)
    increments = {file: chain(found) for file, found in pieces(objects).items()}
    parts = [
        part
        for stream, parts in backup.manifest.streams.items()
        if streams is None or stream in streams
        for part in parts
    ]
    wanted = [part for part in parts if not await asyncio.to_thread(_has, backup, part.name)]
    total = sum(part.size for part in wanted) + sum(
        used[-1].end for used in increments.values() if used
    )
    await asyncio.to_thread(_demand_room, folder, total)
    done = 0
    for part in wanted:
        if objects.get(f"{name}/{part.name}") != part.size:
            raise Corrupted(
                f"{target.name}: {name}/{part.name}: it is missing, or has a wrong size"
            )
        await _download(target, {folder / part.name: [Piece(f"{name}/{part.name}", 0, part.size)]})
        try:
            await asyncio.to_thread(check_part, folder, part)
        except Corrupted:
            raise Corrupted(
                f"{target.name}: {name}/{part.name}: the target returns damaged bytes"
            ) from None
        progress(done := done + part.size, total)
    (folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
    for file, used in increments.items():
        await _download(target, {folder / FOLDER / file: used})
        progress(done := done + (used[-1].end if used else 0), total)


async def _download(target: Guarded, files: Mapping[Path, list[Piece]]) -> None:
    """Write files from their pieces, which may overlap."""
    for path, used in files.items():
        with path.open("wb") as file:
            for piece in used:
                at = piece.start
                async with aclosing(target.read(piece.name, piece.end - piece.start)) as found:
                    async for data in found:
                        skipped = max(file.tell() - at, 0)
                        at += len(data)
                        await asyncio.to_thread(file.write, data[skipped:])


def _has(backup: Backup, name: str) -> bool:
    """Whether an earlier download has the whole part."""
    for parts in backup.manifest.streams.values():
        for part in parts:
            if part.name == name:
                try:
                    check_part(backup.folder, part)
                except ArchiveError:
                    return False
    return True


def _demand_room(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise BackupError(
            f"{folder}: the download needs {wanted / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free: "
            "set TMPDIR to a folder with more room"
        )
