"""Copies one backup to a target, in an order that leaves the target consistent at any moment.

First the parts, then the pieces of the increments, then the ledger that names them, and the manifest last: a
backup without a manifest does not count. All objects but the ledger never change.
"""

import asyncio
import hashlib
import io
import math
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

from chatserver.copies.backup.chunks import open_file
from chatserver.copies.backup.increments import FOLDER
from chatserver.copies.backup.ledger import FILE as LEDGER
from chatserver.copies.backup.manifest import FILE as MANIFEST
from chatserver.copies.backup.manifest import Manifest
from chatserver.copies.backup.parts import check_part
from chatserver.copies.backup.reading import Backup
from chatserver.copies.targets.guarded import Guarded, TargetFailed
from chatserver.copies.targets.layout import Piece, chain, covered, piece_name, pieces
from chatserver.copies.targets.ledgered import Ledgered, LedgerReader

PIECE_BYTES = 8 << 20  # most in one piece of an increment file, which is held in memory
MERGE_SECONDS = 3600.0  # as pieces may stay locked
MERGED_BYTES = (
    256 << 20
)  # most in the one piece that replaces all pieces of a file that is finished


class Upload(NamedTuple):
    """An object to store: bytes `start` … `start + size - 1` of `path`, or `data`."""

    name: str
    size: int
    path: Path
    start: int = 0
    data: bytes | None = None


def missing(
    backup: Backup, ledgered: Ledgered | None, held: Mapping[str, int], ledger: bytes | None
) -> list[Upload]:
    """What the target lacks, in the order in which it must be stored.

    `held` has the names and sizes of the target's objects; `ledger` is the ledger that it holds.
    """
    name, folder = backup.manifest.name, backup.folder
    parts = [part for parts in backup.manifest.streams.values() for part in parts]
    found = [
        Upload(f"{name}/{part.name}", part.size, folder / part.name)
        for part in parts
        if held.get(f"{name}/{part.name}") != part.size
    ]
    if ledgered is not None:
        there = pieces(held)
        for file, end in ledgered.ends.items():
            path, start = folder / FOLDER / file, covered(there.get(file, ()))
            for first in range(start, end, PIECE_BYTES):
                last = min(first + PIECE_BYTES, end)
                found.append(Upload(piece_name(name, file, first, last), last - first, path, first))
        if ledgered.ledger != ledger:
            data = ledgered.ledger
            found.append(Upload(f"{name}/{LEDGER}", len(data), folder / LEDGER, data=data))
    manifest = folder / MANIFEST
    size = manifest.stat().st_size
    if held.get(f"{name}/{MANIFEST}") != size:
        found.append(Upload(f"{name}/{MANIFEST}", size, manifest))
    return found


class Copy:
    """The copy of one backup on one target."""

    def __init__(self, target: Guarded, backup: Backup) -> None:
        self.backup, self._target = backup, target
        self._reader = LedgerReader(backup)
        self._ledger: bytes | None = None  # as the target holds it
        self._held: dict[str, int] | None = None  # None: not asked yet
        self._complete = False
        self._merge_due = -math.inf
        self.pending = backup.manifest.bytes  # until the target is asked
        self.until = ""  # the time up to which the target's copy has all changes

    @property
    def held(self) -> Mapping[str, int]:
        """Names and sizes of the target's objects."""
        return self._held or {}

    @property
    def name(self) -> str:
        return self.backup.manifest.name

    async def look(self) -> None:
        """Ask the target what it holds. Raises `TargetFailed` if it lacks what it had stored."""
        found = await self._target.list(self.name)
        before, self._held, self._complete = self._held or {}, found, False
        lost = [name for name, size in before.items() if found.get(name) != size]
        if lost:
            raise TargetFailed(
                f"{self._target.name}: {lost[0]}: the target does not list it, though it was stored "
                f"({len(lost)} such objects)"
            )

    def forget(self, names: Iterable[str]) -> None:
        """Count these objects as missing, so that they are stored again."""
        for name in names:
            if self._held is not None:
                self._held.pop(name, None)
            if name.endswith(f"/{LEDGER}"):
                self._ledger = None
        self._complete = False

    async def steps(self) -> AsyncGenerator[None, None]:
        """Store what is missing, one object a step. Raises `TargetFailed`, and `Corrupted` for local damage."""
        if self._complete and not await asyncio.to_thread(self._reader.changed):
            return
        if self._held is None:
            await self.look()
        self._complete = False
        ledgered = await asyncio.to_thread(self._reader.read)
        uploads = await asyncio.to_thread(
            missing, self.backup, ledgered, self._held or {}, self._ledger
        )
        self.pending = sum(upload.size for upload in uploads)
        for upload in uploads:
            await self._store(upload)
            self.pending -= upload.size
            yield
        self._complete = True
        self.until = (ledgered.until if ledgered else "") or self.backup.manifest.ended

    async def run(self) -> None:
        """Store all that is missing."""
        async for _ in self.steps():
            """The work is in the steps."""

    async def merge(self) -> AsyncGenerator[None, None]:
        """Replace many pieces of each increment file by one, as soon as the file grows no more; at most hourly."""
        if time.monotonic() < self._merge_due:
            return
        for file, found in pieces(self.held).items():
            used = chain(found)
            end = covered(found)
            if len(used) > 1 and end <= MERGED_BYTES:
                path = self.backup.folder / FOLDER / file
                await self._store(Upload(piece_name(self.name, file, 0, end), end, path))
                used = [Piece(piece_name(self.name, file, 0, end), 0, end)]
                yield
            for piece in found:
                if piece not in used and not await self._is_locked(piece.name):
                    await self._target.delete(piece.name)
                    if self._held is not None:
                        self._held.pop(piece.name, None)
                    yield

        self._merge_due = time.monotonic() + MERGE_SECONDS

    async def _is_locked(self, name: str) -> bool:
        if not self._target.lock_days:
            return False
        until = await self._target.locked_until(name)
        return until is not None and until > datetime.now(UTC)

    async def _store(self, upload: Upload) -> None:
        if upload.path.parent == self.backup.folder and upload.data is None:
            await asyncio.to_thread(_check, self.backup.manifest, upload.path)
        until = None
        if self._target.lock_days:
            until = datetime.now(UTC) + timedelta(days=self._target.lock_days)
        with await asyncio.to_thread(_opened, upload) as file:
            digest = await asyncio.to_thread(_digest, file)
            await self._target.put(upload.name, file, upload.size, digest, until)
        if upload.name.endswith((f"/{LEDGER}", f"/{MANIFEST}")):
            await self._read_back(upload, digest)
        if self._held is not None:
            self._held[upload.name] = upload.size
        if upload.data is not None:
            self._ledger = upload.data

    async def _read_back(self, upload: Upload, digest: bytes) -> None:
        """Compare what the target returns for what was just stored."""
        if await self._target.digest(upload.name, upload.size) != digest:
            raise TargetFailed(
                f"{self._target.name}: {upload.name}: the target returns other bytes than were stored"
            )


def _check(manifest: Manifest, path: Path) -> None:
    """Raises `Corrupted` if a part on the local disk is damaged: a target must not get it."""
    for parts in manifest.streams.values():
        for part in parts:
            if part.name == path.name:
                check_part(path.parent, part)


class _Range(io.RawIOBase):
    """Some bytes of a file, as a file of its own: starts at 0, and can be read repeatedly."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        wanted = max(min(len(buffer), self._size - self._at), 0)
        self._file.seek(self._start + self._at)
        data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _opened(upload: Upload) -> BinaryIO:
    if upload.data is not None:
        return io.BytesIO(upload.data)
    return io.BufferedReader(_Range(open_file(upload.path), upload.start, upload.size))


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    while data := file.read(1 << 20):
        digest.update(data)
    file.seek(0)
    return digest.digest()
