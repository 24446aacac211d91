"""Compares the logs of a store with the lengths and hashes in a backup."""

from collections.abc import Sequence

from chatserver.copies.archive import digests
from chatserver.copies.archive.lines import RoomEnd
from chatserver.copies.archive.patience import Readable
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.take import ENDS


async def ends_of(backup: Backup) -> dict[str, RoomEnd]:
    """The length and hash of each room's log in the backup. Raises `Corrupted`."""
    return {
        line.room: line
        async for lines in backup.lines(ENDS)
        for line in lines
        if isinstance(line, RoomEnd)
    }


async def differing(store: Readable, ends: Sequence[RoomEnd]) -> list[str]:
    """The rooms whose logs in the store, up to the given ends, differ. Raises `ArchiveError`."""
    found = await digests.of_rooms(store, {end.room: end.seq for end in ends})
    return [end.room for end in ends if found[end.room] != end]
