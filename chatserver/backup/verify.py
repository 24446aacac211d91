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
    counts = backup.manifest.counts
    if (len(heads), sum(heads.values()), records) != (counts.rooms, counts.events, counts.records):
        raise Corrupted(f"{backup.folder}: it does not hold as many events or records as it says")
    ends = {
        line.room: line
        async for lines in backup.lines(ENDS)
        for line in lines
        if isinstance(line, RoomEnd)
    }
    if {room: end.seq for room, end in ends.items()} != heads:
        raise Corrupted(f"{backup.folder}: its rooms do not reach as far as it says")
    for room, digest in (await digests(scratch, heads)).items():
        if digest != ends[room].sha256:
            raise Corrupted(f"{backup.folder}: room {room}: its log is another one")


async def digests(store: Store, heads: Heads) -> dict[str, str]:
    """The digest of each room's log in a store. Raises `Corrupted` where a log has a hole."""
    found = {room: hashlib.sha256() for room in heads}
    after = dict.fromkeys(heads, 0)
    async for room, events in source.events(store, heads, {}):
        for event in events:
            after[room] += 1
            if event.seq != after[room]:
                raise Corrupted(f"room {room}: event {after[room]} is missing")
        found[room].update(encode(events))
    return {room: digest.hexdigest() for room, digest in found.items()}


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
