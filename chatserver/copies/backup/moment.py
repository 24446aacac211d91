"""Chooses the backup from which a moment is restored, and finds the time its increments reach."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from chatserver.copies.archive.lines import Closed, Until
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.manifest import is_backup, peek
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.take import at_text

EXAMPLE = "2026-11-25T10:00:00Z"


class Moment(NamedTuple):
    """A given time, and the last instant that belongs to it; both in the format of events."""

    first: str
    last: str


class Reach(NamedTuple):
    """The time up to which a backup is complete, and whether its increments were closed in order."""

    until: str
    closed: bool


def read_moment(text: str) -> Moment:
    """Parse `--at`. A time without a fraction means the whole second. Raises `BackupError`."""
    try:
        first = datetime.fromisoformat(text)
    except ValueError:
        raise BackupError(f"--at {text}: expected a time such as {EXAMPLE}") from None
    if first.tzinfo is None:
        raise BackupError(f"--at {text}: expected a time with its zone, such as {EXAMPLE}")
    last = first if "." in text else first + timedelta(milliseconds=999)
    return Moment(at_text(first), at_text(last))


def choose(
    path: Path, key: Key | None, moment: Moment | None, *, incomplete: bool = False
) -> Backup:
    """The backup at `path`; if that is a folder of backups, the newest that is not later than the moment.

    `incomplete` accepts broken increments and uses those before the first broken one. Raises `BackupError`.
    """
    if is_backup(path):
        return Backup(path, key, incomplete=incomplete)
    backups = Shelf(path).all()
    if not backups:
        raise BackupError(f"{path}: this is not a backup, and the folder holds none")
    for backup in reversed(backups):
        if moment is None or peek(backup).ended <= moment.last:
            return Backup(backup, key, incomplete=incomplete)
    raise BackupError(
        f"{path}: all backups in this folder are later than {moment.first if moment else ''}"
    )


async def reach(backup: Backup) -> Reach:
    """The time up to which a backup with its increments is complete. Raises `Corrupted`."""
    found = Reach(backup.manifest.ended, closed=True)
    async for lines in backup.increments():
        closed = any(isinstance(line, Closed) for line in lines)
        until = [found.until, *(line.at for line in lines if isinstance(line, Until))]
        found = Reach(max(until), closed)
    return found


async def demand_reached(backup: Backup, moment: Moment) -> None:
    """Raises `BackupError` if the backup and its increments do not cover the moment."""
    if moment.last < backup.manifest.ended:
        raise BackupError(
            f"{backup.folder}: this backup was complete at {backup.manifest.ended}: choose one from "
            f"before {moment.first}"
        )
    until = (await reach(backup)).until
    if moment.first > until:
        raise BackupError(
            f"{backup.folder}: its changes end at {until}: leave out --at to restore all of them"
        )
