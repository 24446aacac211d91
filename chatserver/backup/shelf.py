"""The folder with all backups: what is complete, what is being made, what is too old.

A backup is a folder that gets its name when all of it is on the disk; before, and while it is being
removed, the name begins with a dot. One process at a time makes or removes backups: what has such
a name while nobody does was left by a crash, and goes.
"""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chatserver.backup.errors import BackupError

PREFIX = "chatserver-"
_NAME = re.compile(r"chatserver-(\d{8}T\d{6}Z)(-\d+)?")
_TIME = "%Y%m%dT%H%M%SZ"
PARTIAL, REMOVED = ".partial-", ".removed-"


class Shelf:
    """All backups in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def all(self) -> list[Path]:
        """The complete ones, oldest first; none where there is no folder."""
        try:
            names = [entry.name for entry in os.scandir(self.folder) if is_name(entry.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BackupError(f"{self.folder}: {error.strerror}") from error
        return [self.folder / name for name in sorted(names, key=_order)]

    @contextmanager
    def draft(self, now: datetime) -> Iterator[Path]:
        """A new folder to fill; with the end of the block it becomes a backup, after an error none.

        Raises `BackupError`: no room, no right to write, somebody else at it.
        """
        with self._locked():
            name = self._free_name(now)
            partial = self.folder / (PARTIAL + name)
            try:
                partial.mkdir(mode=0o700)
                yield partial
                _sync(partial)
                partial.rename(self.folder / name)
                _sync(self.folder)
            except BaseException as error:
                shutil.rmtree(partial, ignore_errors=True)
                if isinstance(error, OSError):
                    raise BackupError(f"{error.filename or partial}: {error.strerror}") from error
                raise

    def rotate(self, now: datetime, keep_days: float, keep_count: int) -> list[Path]:
        """Remove what is older than the days, and beyond the count the oldest; 0 sets no limit.

        The newest stays, whatever its age. Returns what went.
        """
        with self._locked():
            kept = self.all()
            gone = kept[:-keep_count] if keep_count else []
            if keep_days:
                oldest = now - timedelta(days=keep_days)
                gone += [each for each in kept[:-1] if each not in gone and made(each) < oldest]
            for each in gone:
                self._remove(each)
            return gone

    def _remove(self, backup: Path) -> None:
        try:
            removed = self.folder / (REMOVED + backup.name)
            backup.rename(removed)
            shutil.rmtree(removed)
        except OSError as error:
            raise BackupError(f"{error.filename or backup}: {error.strerror}") from error

    def _free_name(self, now: datetime) -> str:
        name = PREFIX + now.astimezone(UTC).strftime(_TIME)
        taken = {backup.name for backup in self.all()}
        names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
        return next(each for each in names if each not in taken)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BackupError(f"{self.folder}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise BackupError(f"{self.folder}: another backup is being made there") from None
        try:
            self._clear()
            yield
        finally:
            os.close(lock)

    def _clear(self) -> None:
        """What was being made or removed when its process ended."""
        for entry in list(os.scandir(self.folder)):
            if entry.name.startswith((PARTIAL, REMOVED)):
                shutil.rmtree(entry.path, ignore_errors=True)


def is_name(name: str) -> bool:
    """Is a folder with this name a backup on a shelf?"""
    return _NAME.fullmatch(name) is not None


def made(backup: Path) -> datetime:
    """When it was begun, by its name."""
    found = _NAME.fullmatch(backup.name)
    if found is None:
        raise BackupError(f"{backup}: it has not the name of a backup")
    return datetime.strptime(found[1], _TIME).replace(tzinfo=UTC)


def _order(name: str) -> tuple[str, int]:
    found = _NAME.fullmatch(name)
    assert found is not None
    return found[1], int((found[2] or "-1")[1:])


def _sync(folder: Path) -> None:
    """The names in a folder, to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
