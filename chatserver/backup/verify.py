"""Does a backup hold what it says, and would it restore? Found out by doing it, in a scratch store."""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from chatserver.backup import source
from chatserver.backup.errors import BackupError, Corrupted
from chatserver.backup.lines import RoomEnd, encode
from chatserver.backup.reading import Backup
from chatserver.backup.restore import Heads, restore
from chatserver.backup.take import ENDS, Progress, at_text, silent
from chatserver.interfaces import Store

VERIFIED = "verified"  # a file beside the manifest


async def verify(backup: Backup, scratch: Store, progress: Progress = silent) -> None:
    """Restore into `scratch`, an empty store, and look at all of it. Raises `BackupError`.

    Checked are every file, the counts, the digest of every room's log, and the promises: numbers 1
    … n, each (author, client_id) once, a room's description first.
    """
    await asyncio.to_thread(backup.check_files)
    heads, records = await restore(backup, scratch, progress)
    ends = {
        line.room: line
        async for lines in backup.lines(ENDS)
        for line in lines
        if isinstance(line, RoomEnd)
    }
    events = sum(end.seq for end in ends.values())
    counts = backup.manifest.counts
    if (len(ends), events, records) != (counts.rooms, counts.events, counts.records):
        raise Corrupted(f"{backup.folder}: it does not hold as many events or records as it says")
    found = await digests(scratch, heads, {room: end.seq for room, end in ends.items()})
    for room, end in ends.items():
        if found.get(room) != end.sha256:
            raise Corrupted(f"{backup.folder}: room {room}: its log is another one")


async def digests(store: Store, heads: Heads, ends: Heads) -> dict[str, str]:
    """Of each room's log in a store up to its end, if it reaches that far.

    All of it is read, up to `heads`. Raises `Corrupted` where a log has a hole.
    """
    hashes = {room: hashlib.sha256() for room in heads}
    after = dict.fromkeys(heads, 0)
    async for room, events in source.events(store, heads, {}):
        wanted = events[: max(ends.get(room, 0) - after[room], 0)]
        hashes[room].update(encode(wanted))
        for event in events:
            after[room] += 1
            if event.seq != after[room]:
                raise Corrupted(f"room {room}: event {after[room]} is missing")
    return {room: digest.hexdigest() for room, digest in hashes.items()}


def note_verified(backup: Path) -> None:
    """Leave word in the backup that it was whole now. Raises `BackupError`."""
    try:
        (backup / VERIFIED).write_text(at_text(datetime.now(UTC)) + "\n")
    except OSError as error:
        raise BackupError(f"{backup / VERIFIED}: {error.strerror}") from error


def verified_at(backup: Path) -> str | None:
    """When it was found whole the last time."""
    try:
        return (backup / VERIFIED).read_text().strip()
    except OSError:
        return None
