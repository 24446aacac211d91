"""Making a backup: what `source.py` reads goes as streams into a draft of `shelf.py`."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from chatserver.backup import source
from chatserver.backup.key import Key
from chatserver.backup.lines import Record, RoomEnd, encode
from chatserver.backup.manifest import Counts, Manifest, Part, write_manifest
from chatserver.backup.pace import Pace
from chatserver.backup.seal import SALT_BYTES, seal_for
from chatserver.backup.shelf import PARTIAL, Shelf
from chatserver.backup.streams import StreamWriter
from chatserver.interfaces import Store
from chatserver.service.rooms import MARKERS
from chatserver.version import __version__

# The streams, in the order they are written. `late` has records that were made meanwhile.
CONFIG, RECORDS, EVENTS, LATE, ENDS = "config", "records", "events", "late", "ends"

Keys = set[tuple[str, str]]
Progress = Callable[[int, int], None]  # events done, of how many


def silent(done: int, of: int) -> None:
    """Progress that nobody looks at."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a backup is written. `configuration` is kept with it: no secret may be in it."""

    part_bytes: int
    key: Key | None = None
    configuration: str = ""
    share: float = 1.0  # of the time, see pace.py


async def take(
    store: Store, shelf: Shelf, settings: Settings, progress: Progress = silent
) -> tuple[Path, Manifest]:
    """Copy the store while others use it; returns the backup. Raises `BackupError`."""
    begun, since = datetime.now(UTC), time.monotonic()
    with shelf.draft(begun) as folder:
        copy = _Copy(folder, settings)
        counts = await copy.all_of(store, progress)
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
        )
        await asyncio.to_thread(write_manifest, folder, manifest, settings.key)
    return shelf.folder / manifest.name, manifest


def at_text(time: datetime) -> str:
    """As events have it: RFC 3339, UTC, milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Copy:
    """The streams of one backup, one after another."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder, self._settings = folder, settings
        self.salt = secrets.token_bytes(SALT_BYTES)
        self.streams: dict[str, list[Part]] = {}
        self._pace = Pace(settings.share)

    async def all_of(self, store: Store, progress: Progress) -> Counts:
        """Everything, in the order that `source.py` tells the reason of."""
        async with self._stream(CONFIG) as writer:
            await writer.write(self._settings.configuration.encode())
        keys = await self._records(store)
        ends = await source.positions(store)
        digests = await self._events(store, ends, progress)
        late = await self._late(store, keys)
        async with self._stream(ENDS) as writer:
            for room, seq in ends.items():
                await writer.write(encode([RoomEnd(room, seq, digests[room])]))
        return Counts(rooms=len(ends), events=sum(ends.values()), records=len(keys) + late)

    async def _records(self, store: Store) -> Keys:
        keys: Keys = set()
        async with self._stream(RECORDS) as writer:
            async for page in source.records(store):
                keys.update(map(_key, page))
                await writer.write(encode(page))
                await self._pace()
        return keys

    async def _late(self, store: Store, keys: Keys) -> int:
        """What is new, but for markers: those may point further than the logs were read."""
        count = 0
        async with self._stream(LATE) as writer:
            async for page in source.records(store):
                new = [it for it in page if _key(it) not in keys and it.space != MARKERS]
                count += len(new)
                await writer.write(encode(new))
                await self._pace()
        return count

    async def _events(
        self, store: Store, ends: Mapping[str, int], progress: Progress
    ) -> dict[str, str]:
        """The digest of each room's log."""
        digests = {room: hashlib.sha256() for room in ends}
        done, total = 0, sum(ends.values())
        async with self._stream(EVENTS) as writer:
            async for room, events in source.events(store, ends, {}):
                data = encode(events)
                digests[room].update(data)
                await writer.write(data)
                done += len(events)
                progress(done, total)
                await self._pace()
        return {room: digest.hexdigest() for room, digest in digests.items()}

    @asynccontextmanager
    async def _stream(self, name: str) -> AsyncIterator[StreamWriter]:
        seal = seal_for(self._settings.key, self.salt, name)
        writer = StreamWriter(self._folder, name, seal, self._settings.part_bytes)
        try:
            yield writer
            self.streams[name] = await writer.close()
        finally:
            await writer.abandon()


def _key(record: Record) -> tuple[str, str]:
    return record.space, record.key
