"""The backups in the configured folder, from names and times of its files; none is opened or decrypted."""

import time
from pathlib import Path

from chatserver.config import Config
from chatserver.copies.backup.configured import shelf_of
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.increments import FOLDER
from chatserver.copies.backup.shelf import made
from chatserver.copies.backup.verify import verified_at
from chatserver.status.report import BackupReport


def backups(config: Config) -> BackupReport:
    """The report; never raises."""
    shelf = shelf_of(config)
    empty = BackupReport(folder=str(shelf.folder), every_hours=config.backup.every_hours)
    try:
        found = shelf.all()
        if not found:
            return empty
        return _newest(config, found)
    except BackupError as error:
        return BackupReport(folder=empty.folder, every_hours=empty.every_hours, error=str(error))


def _newest(config: Config, found: list[Path]) -> BackupReport:
    newest, now = found[-1], time.time()
    files = [path for path in newest.rglob("*") if path.is_file()]
    written = _times(newest / FOLDER)
    shipped = max(written) if written else made(newest).timestamp()
    return BackupReport(
        folder=str(newest.parent),
        every_hours=config.backup.every_hours,
        count=len(found),
        newest=newest.name,
        age=round(now - made(newest).timestamp(), 1),
        bytes=sum(_size(path) for path in files),
        verified=verified_at(newest),
        shipped_age=round(now - shipped, 1) if config.backup.ship_seconds else None,
    )


def _times(folder: Path) -> list[float]:
    try:
        return [path.stat().st_mtime for path in folder.iterdir()]
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # the server removes files meanwhile
        return 0
