"""Makes a backup: writes the lines from a `Copying` as streams into a draft (`shelf.py`)."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from chatserver.blobs import carrying
from chatserver.copies.archive.copying import Copying, Counts
from chatserver.copies.archive.digests import Progress, silent
from chatserver.copies.archive.lines import Record, RoomEnd, encode
from chatserver.copies.backup.keeping import Keeping
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.ledger import Ledger, write_ledger
from chatserver.copies.backup.manifest import Manifest, Part, write_manifest
from chatserver.copies.backup.seal import SALT_BYTES, seal_for
from chatserver.copies.backup.shelf import PARTIAL, Shelf
from chatserver.copies.backup.streams import StreamWriter
from chatserver.interfaces import Store
from chatserver.runtime.pace import Pace
from chatserver.version import __version__

# The streams, in the order they are written. `late` has records that were written during the copying.
CONFIG, RECORDS, EVENTS, LATE, ENDS = "config", "records", "events", "late", "ends"
FILES = "files"  # which files of users it needs; their content is in the vault (vault.py)

LINES = 1000  # encoded at once


class BackupSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for writing a backup. `configuration` is kept in the backup, so it must not hold secrets."""

    part_bytes: int
    key: Key | None = None
    configuration: str = ""
    share: float = 1.0  # of the node's time, see pace.py


async def take(
    store: Store,
    shelf: Shelf,
    settings: BackupSettings,
    progress: Progress = silent,
    files: Keeping | None = None,
) -> tuple[Path, Manifest]:
    """Copy the store while others use it, and the files of users with `files`; returns the backup.

    The files follow the store: one that the records need is removed no sooner than `blobs.keep_hours` after these were
    read. Raises `BackupError`.
    """
    begun, since = datetime.now(UTC), time.monotonic()
    with shelf.draft(begun) as folder:
        copy = _Copy(folder, settings)
        counts = await copy.all_of(store, progress, files)
        manifest = Manifest(
            server=__version__,
            name=folder.name.removeprefix(PARTIAL),
            begun=at_text(begun),
            ended=at_text(datetime.now(UTC)),
            seconds=round(time.monotonic() - since, 3),
            counts=counts,
            salt=copy.salt.hex(),
            key=settings.key.id if settings.key else None,
            streams=copy.streams,
            ledger=True,
            files=copy.files,
            lost_files=copy.lost,
            file_bytes=copy.file_bytes,
        )
        ledger = Ledger({}), settings.key, copy.salt, manifest.name
        await asyncio.to_thread(write_ledger, folder, *ledger)
        await asyncio.to_thread(write_manifest, folder, manifest, settings.key)
    return shelf.folder / manifest.name, manifest


def at_text(time: datetime) -> str:
    """A time in the format of events: RFC 3339, UTC, milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Copy:
    """The streams of one backup, one after another."""

    def __init__(self, folder: Path, settings: BackupSettings) -> None:
        self._folder, self._settings = folder, settings
        self.salt = secrets.token_bytes(SALT_BYTES)
        self.streams: dict[str, list[Part]] = {}
        self._pace = Pace(settings.share)
        self.files = self.lost = self.file_bytes = 0

    async def all_of(self, store: Store, progress: Progress, files: Keeping | None) -> Counts:
        """Write all streams, in the order that `Copying` explains. Returns the counts."""
        copying = Copying(store)
        async with self._stream(CONFIG) as writer:
            await writer.write(self._settings.configuration.encode())
        await self._records(RECORDS, copying.records())
        ends: list[RoomEnd] = []
        async with self._stream(EVENTS) as writer:
            async for lines, end in copying.logs(progress):
                await writer.write(lines)
                if end is not None:
                    ends.append(end)
                await self._pace()
        await self._records(LATE, copying.late())
        async with self._stream(ENDS) as writer:
            for start in range(0, len(ends), LINES):
                await writer.write(encode(ends[start : start + LINES]))
        if files is not None:
            await self._keep(store, copying.blobs, files)
        return copying.counts()

    async def _keep(self, store: Store, ids: Collection[bytes], files: Keeping) -> None:
        async with self._stream(FILES) as writer:
            for each in ids:
                if (blob := await carrying.find(store, each.hex())) is None:
                    continue  # removed meanwhile, so nothing refers to it
                held = await files.keep(store, blob)
                self.files, self.lost = self.files + (not held.lost), self.lost + bool(held.lost)
                self.file_bytes += held.written
                await writer.write(encode([held]))
                await self._pace()

    async def _records(self, stream: str, pages: AsyncIterator[list[Record]]) -> None:
        async with self._stream(stream) as writer:
            async for page in pages:
                await writer.write(encode(page))
                await self._pace()

    @asynccontextmanager
    async def _stream(self, name: str) -> AsyncIterator[StreamWriter]:
        seal = seal_for(self._settings.key, self.salt, name)
        writer = StreamWriter(self._folder, name, seal, self._settings.part_bytes)
        try:
            yield writer
            self.streams[name] = await writer.close()
        finally:
            await writer.abandon()
