"""The shelf: the folder with all backups, complete ones and drafts, and the rotation of old ones.

A backup is a folder that gets its name once all its data is on the disk; before that, and during its removal,
its name begins with a dot. One process at a time makes or removes backups, under a lock. Any folder with such
a name was left by a crash, so that process removes it.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.owner import Owner, hand_over, hand_over_new, reason

PREFIX = "chatserver-"
_NAME = re.compile(r"chatserver-(\d{8}T\d{6}Z)(-\d+)?")
_TIME = "%Y%m%dT%H%M%SZ"
NEVER = datetime.min.replace(tzinfo=UTC)
PARTIAL, REMOVED = ".partial-", ".removed-"
LOCK = ".lock"
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW  # a link could point anywhere


class Shelf:
    """All backups in one folder."""

    def __init__(self, folder: Path, owner: Owner | None = None) -> None:
        """With `owner`, new files are handed over to that user; only root can do that."""
        self.folder = folder.absolute()
        self._owner = owner

    def all(self) -> list[Path]:
        """The complete backups, oldest first; an empty list if the folder does not exist."""
        try:
            names = [entry.name for entry in os.scandir(self.folder) if is_name(entry.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BackupError(f"{self.folder}: {reason(self.folder, error)}") from error
        return sorted((self.folder / name for name in names), key=in_order)

    def demand_usable(self) -> None:
        """Raises `BackupError` if the folder exists but this process may not write to it."""
        try:
            if self.folder.exists() and not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise BackupError(f"{self.folder}: {reason(self.folder, error)}") from None

    def out_of_reach(self) -> str:
        """Advice if the folder is root's, so that the server cannot continue backups there; "" otherwise."""
        if self._owner is None or self.folder.stat().st_uid == self._owner.uid:
            return ""
        user = self._owner.user
        return f"{self.folder} belongs to root, and the server's data to {user}: chown {user}: {self.folder}"

    @contextmanager
    def draft(self, now: datetime) -> Iterator[Path]:
        """A new folder to fill. It becomes a backup at the end of the block, unless the block raised.

        Raises `BackupError`: disk full, no permission to write, another process at work.
        """
        with self.locked():
            name = self._free_name(now)
            partial = self.folder / (PARTIAL + name)
            try:
                partial.mkdir(mode=0o700)
                yield partial
                hand_over(partial, self._owner)
                _sync(partial)
                partial.rename(self.folder / name)
                _sync(self.folder)
            except BaseException as error:
                shutil.rmtree(partial, ignore_errors=True)
                if isinstance(error, OSError):
                    path = Path(error.filename or partial)
                    raise BackupError(f"{path}: {reason(path, error)}") from error
                raise

    def rotate(
        self,
        now: datetime,
        keep_days: float,
        keep_count: int,
        is_ours: Callable[[Path], bool] = lambda _: True,
    ) -> list[Path]:
        """Remove backups older than `keep_days`, and the oldest beyond `keep_count`; 0 sets no limit.

        Only our own backups count, and their newest always stays. Foreign ones are removed if they are older
        than `keep_days`, or than all of ours that `keep_count` keeps. Returns the removed ones.
        """
        with self.locked():
            backups = self.all()
            ours = [each for each in backups if is_ours(each)]
            removed = outdated(backups, ours, now, keep_days, keep_count)
            for each in removed:
                self._remove(each)
            return removed

    def _remove(self, backup: Path) -> None:
        try:
            removed = self.folder / (REMOVED + backup.name)
            backup.rename(removed)
            if removed.is_symlink() or not removed.is_dir():  # planted, or put there by mistake
                removed.unlink()
            else:
                shutil.rmtree(removed)
        except OSError as error:
            path = Path(error.filename or backup)
            raise BackupError(f"{path}: {reason(path, error)}") from error

    def _free_name(self, now: datetime) -> str:
        name = PREFIX + now.astimezone(UTC).strftime(_TIME)
        same = [place for backup in self.all() if PREFIX + (place := in_order(backup))[0] == name]
        return f"{name}-{same[-1][1] + 1}" if same else name

    @property
    def owner(self) -> Owner | None:
        """The user whom new files are handed over to."""
        return self._owner

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from making or removing backups. Raises `BackupError`."""
        try:
            if self.folder.exists() and not self.folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            hand_over_new(self.folder, self._owner)
            lock = os.open(self.folder / LOCK, _OPEN, 0o600)
        except OSError as error:
            path = Path(error.filename or self.folder)
            raise BackupError(f"{self.folder}: {reason(path, error)}") from error
        try:
            if self._owner:
                os.fchown(lock, *self._owner)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise BackupError(f"{self.folder}: another process is making a backup there") from None
        try:
            self._clear()
            yield
        finally:
            os.close(lock)

    def _clear(self) -> None:
        """Remove folders that a crashed process was making or removing."""
        for entry in list(os.scandir(self.folder)):
            if entry.name.startswith((PARTIAL, REMOVED)):
                shutil.rmtree(entry.path, ignore_errors=True)


def outdated(
    backups: Sequence[Path], ours: Sequence[Path], now: datetime, keep_days: float, keep_count: int
) -> list[Path]:
    """The backups to remove, by the rule of `Shelf.rotate`. Both lists are sorted, the oldest first."""
    spared = (ours or backups)[-1:]
    kept = ours[-keep_count:] if keep_count else ours
    full = 0 < keep_count <= len(ours)
    oldest = now - timedelta(days=keep_days) if keep_days else NEVER
    return [
        each
        for each in backups
        if each not in spared
        and (made(each) < oldest or (full and in_order(each) < in_order(kept[0])))
    ]


def is_name(name: str) -> bool:
    """Whether the name has the form of a backup's name."""
    found = _NAME.fullmatch(name)
    if found is None:
        return False
    with contextlib.suppress(ValueError):  # such as the 31st of February
        datetime.fromisoformat(found[1])
        return True
    return False


def made(backup: Path) -> datetime:
    """The time at which a backup was begun, from its name. Raises `BackupError`."""
    found = _NAME.fullmatch(backup.name)
    if found is None:
        raise BackupError(f"{backup}: this is not the name of a backup")
    return datetime.fromisoformat(found[1])


def in_order(backup: Path) -> tuple[str, int]:
    """Sort key: the order in which backups were made."""
    found = _NAME.fullmatch(backup.name)
    assert found is not None
    return found[1], int((found[2] or "-1")[1:])


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
