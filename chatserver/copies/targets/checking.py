"""Reads a backup back from a target, and compares it with the one on the local disk."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

from chatserver.copies.backup.chunks import open_file
from chatserver.copies.backup.increments import FOLDER
from chatserver.copies.backup.ledger import FILE as LEDGER
from chatserver.copies.backup.manifest import FILE as MANIFEST
from chatserver.copies.backup.reading import Backup
from chatserver.copies.targets.guarded import Guarded
from chatserver.copies.targets.layout import Piece, chain, pieces


async def damaged(target: Guarded, backup: Backup, held: Mapping[str, int]) -> list[str]:
    """The objects of a backup that the target lacks, or returns with other bytes. Raises `TargetFailed`.

    `held` has the names and sizes that the target should have. Its ledger is not compared: it is read back
    whenever it is stored.
    """
    name = backup.manifest.name
    listed = await target.list(name)
    found = [each for each, size in held.items() if listed.get(each) != size]
    for each, (path, piece) in _originals(backup, held).items():
        if each not in found and await target.digest(each, piece.end - piece.start) != (
            await asyncio.to_thread(_digest, path, piece)
        ):
            found.append(each)
    ledger = f"{name}/{LEDGER}"
    return [each for each in found if each != ledger or ledger not in listed]


def _originals(backup: Backup, held: Mapping[str, int]) -> dict[str, tuple[Path, Piece]]:
    """The bytes on the disk of each object."""
    name, folder = backup.manifest.name, backup.folder
    parts = [part.name for parts in backup.manifest.streams.values() for part in parts]
    found = {
        f"{name}/{each}": (folder / each, Piece(each, 0, held[f"{name}/{each}"]))
        for each in (*parts, MANIFEST)
        if f"{name}/{each}" in held
    }
    for file, there in pieces(held).items():
        found |= {piece.name: (folder / FOLDER / file, piece) for piece in chain(there)}
    return found


def _digest(path: Path, piece: Piece) -> bytes:
    digest = hashlib.sha256()
    with open_file(path) as file:
        file.seek(piece.start)
        rest = piece.end - piece.start
        while rest and (data := file.read(min(rest, 1 << 20))):
            digest.update(data)
            rest -= len(data)
    return digest.digest()
