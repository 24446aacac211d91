"""Locks a database file for one process and one name, until that process releases it or dies.

SQLite keeps its log beside a file's name. Under two names, by hard links or mounts, one file would have two
logs and be damaged (https://sqlite.org/howtocorrupt.html, 2.4). So there is a lock on a file beside the name,
which exists before the database does, and one on the database itself.
"""

import contextlib
import fcntl
import os
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from chatserver import StartupError

FLAGS = os.O_CREAT | os.O_CLOEXEC


class FileId(NamedTuple):
    """Identifies a file under any name, by device and inode number."""

    device: int
    number: int


class FileLock:
    """Excludes other processes, and makes the file if it is missing.

    A second store in this process, as in tests, may use the same name. All stores share one descriptor,
    closed with the last one: whenever a process closes a descriptor of a file, it loses SQLite's own locks on
    it.
    """

    def __init__(self, path: Path) -> None:
        """Raises `StartupError` if another process has the file, and `OSError`."""
        with _changing:
            held = _held.get(_place(path))
            if held is None:
                held = _Held(path)
                _held[held.place] = held
            elif held.name != path.resolve():
                raise StartupError(f"already open under another name: {held.name}")
            held.users += 1
        self._file = held

    def release(self) -> None:
        """Release the lock; call this once, when the file is closed."""
        with _changing:
            self._file.users -= 1
            if not self._file.users:
                del _held[self._file.place]
                self._file.close()


def demand_one_name(path: Path) -> None:
    """Raises `StartupError` if the file has several hard links, and `OSError`."""
    if (names := path.stat().st_nlink) > 1:
        raise StartupError(
            f"the file has {names} names (hard links), and writes under one are not visible under the "
            "others: remove those, or use a copy"
        )


class _Held:
    def __init__(self, path: Path) -> None:
        self.name, self.users = path.resolve(), 0
        with contextlib.ExitStack() as stack:
            beside = _opened(stack, self.name.with_name(self.name.name + "-lock"), os.O_RDWR)
            if not _locked(beside):
                holder = os.pread(beside, 20, 0).decode(errors="replace").strip()
                raise StartupError(f"in use by another server (process {holder or '?'})")
            with contextlib.suppress(OSError):  # on a full disk the process id is not recorded
                os.ftruncate(beside, 0)
                os.pwrite(beside, str(os.getpid()).encode(), 0)
            if not _locked(_opened(stack, self.name, os.O_RDONLY)):
                raise StartupError("in use by another server under another name")
            demand_one_name(self.name)
            self.place = _place(self.name)
            self.close = stack.pop_all().close


_held: dict[FileId | None, _Held] = {}
_changing = Lock()  # guards the table, as each store opens in its own thread


def _place(path: Path) -> FileId | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return FileId(found.st_dev, found.st_ino)


def _opened(stack: contextlib.ExitStack, path: Path, how: int) -> int:
    descriptor = os.open(path, FLAGS | how, 0o600)
    stack.callback(os.close, descriptor)
    owner = path.parent.stat()
    if os.geteuid() == 0 and os.fstat(descriptor).st_uid == 0 != owner.st_uid:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)  # that user's server needs the file later
    return descriptor


def _locked(descriptor: int) -> bool:
    """Lock the file by flock(2): SQLite releases all POSIX locks that its process has on the file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
