"""Verifies a backup by restoring it into a scratch store and comparing the result with its manifest."""

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from loguru import logger

from chatserver.copies.archive import source
from chatserver.copies.archive.digests import Progress, silent
from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.archive.lines import RoomEnd
from chatserver.copies.archive.target import Heads
from chatserver.copies.backup.comparing import differing, ends_of
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.keeping import OnLost, missing
from chatserver.copies.backup.owner import hand_over, owner_for, reason
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.restore import restore
from chatserver.copies.backup.take import FILES, at_text
from chatserver.copies.backup.vault import Vault, VaultReader, name_of
from chatserver.interfaces import Store
from chatserver.model import RoomChanged, UnknownEvent

VERIFIED = "verified"  # a file beside the manifest
SHOWN = 20  # files that an error names


async def verify(
    backup: Backup,
    scratch: Store,
    progress: Progress = silent,
    vault: VaultReader | None = None,
    on_lost: OnLost = lambda lost: None,
) -> None:
    """Restore into `scratch`, an empty store, and check all of it. Raises `BackupError`.

    With `vault`, every file of users is read there, too. `on_lost` is called for each that something needs and that
    was lost before the backup, or that came after it and is not there yet.

    It checks every file, the counts, each room's digest, and the rules for a log: seqs 1 … n without gaps,
    each (author, client_id) once, the room's description first.
    """
    await asyncio.to_thread(backup.check_files)
    heads, records, _ = await restore(backup, scratch, progress)
    ends = await ends_of(backup)
    events = sum(end.seq for end in ends.values())
    counts = backup.manifest.counts
    if (len(ends), events, records) != (counts.rooms, counts.events, counts.records):
        raise Corrupted(
            f"{backup.folder}: its numbers of events and records are not those of its manifest"
        )
    if any(heads.get(room, 0) < end.seq for room, end in ends.items()):
        raise Corrupted(f"{backup.folder}: some logs end too early")
    for room in await differing(scratch, list(ends.values())):
        raise Corrupted(f"{backup.folder}: room {room}: its log does not match its hash")
    await _demand_whole(scratch, heads, ends)
    await _demand_described(backup, scratch, heads)
    if vault is not None and FILES in backup.manifest.streams:
        await _demand_files(backup, scratch, vault, on_lost)


async def _demand_files(
    backup: Backup, scratch: Store, vault: VaultReader, on_lost: OnLost
) -> None:
    """Raises `Corrupted` if a file is missing or damaged that was not lost before."""
    names = await backup.files()
    bad: list[str] = []
    async for blob, lost in missing(scratch, vault):
        told = str(lost)
        if isinstance(vault, Vault) and await asyncio.to_thread(_mark, vault, blob.sha256):
            told += "; the next backup copies the file again from its place"
        if name_of(blob.sha256, backup.key) in names:
            bad.append(told)
        else:
            on_lost(lost)
    if bad:
        raise Corrupted("\n".join(f"{backup.folder}: {told}" for told in bad[:SHOWN]))


def _mark(vault: Vault, sha256: str) -> bool:
    try:
        return vault.mark_damaged(sha256)
    except OSError as error:  # such as a read-only disk; the file is named nevertheless
        logger.warning("a damaged file cannot be marked: {}", error)
        return False


async def _demand_whole(store: Store, heads: Heads, checked: Mapping[str, RoomEnd]) -> None:
    """Raises `ArchiveError` if an event of the increments is missing."""
    async for _ in source.events(store, heads, {room: end.seq for room, end in checked.items()}):
        """`source.events` itself checks the events as it reads them."""


async def _demand_described(backup: Backup, store: Store, heads: Heads) -> None:
    """Raises `Corrupted` if a room's log does not begin with the room's description."""
    async for room, events in source.events(store, dict.fromkeys(heads, 1), {}):
        if not isinstance(events[0], RoomChanged | UnknownEvent):
            raise Corrupted(
                f"{backup.folder}: room {room}: its log does not begin with the room's description"
            )


def note_verified(backup: Path) -> None:
    """Note in the backup that it was verified now. Raises `BackupError`."""
    draft = backup / f".{VERIFIED}-{secrets.token_hex(4)}"
    try:
        with draft.open("x") as file:
            file.write(at_text(datetime.now(UTC)) + "\n")
        hand_over(draft, owner_for(backup, backup))
        draft.rename(backup / VERIFIED)  # replaces a planted link instead of following it
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise BackupError(f"{backup / VERIFIED}: {reason(backup, error)}") from error


def verified_at(backup: Path) -> str | None:
    """The time of the last successful verification, RFC 3339; None if there was none."""
    try:
        return (backup / VERIFIED).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
