"""Keeps a database file to one process, under one name, until that process releases it or dies.

SQLite keeps its log beside a file's name: under two names, as hard links and mounts give it, one file
has two logs, and is damaged (https://sqlite.org/howtocorrupt.html, 2.4). So there is a lock on a file
beside the name, which is there before the database is, and one on the database itself.
"""

import contextlib
import fcntl
import os
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from chatserver import StartupError

FLAGS = os.O_CREAT | os.O_CLOEXEC


class Place(NamedTuple):
    """Identifies a file whatever its name: device and inode number."""

    device: int
    number: int


class FileLock:
    """Keeps other processes out, which would write beside this one; makes the file where there is none.

    A second store in this process, as in tests, is let in by the same name. There is one descriptor for
    all of them, closed with the last: when a process closes any of a file, SQLite's own locks go.
    """

    def __init__(self, path: Path) -> None:
        """Raises `StartupError` where another process has the file, and `OSError`."""
        with _changing:
            held = _held.get(_place(path))
            if held is None:
                held = _Held(path)
                _held[held.place] = held
            elif held.name != path.resolve():
                raise StartupError(f"open already by another name: {held.name}")
            held.users += 1
        self._file = held

    def release(self) -> None:
        """Once; when nothing here has the file open any more."""
        with _changing:
            self._file.users -= 1
            if not self._file.users:
                del _held[self._file.place]
                self._file.close()


def demand_one_name(path: Path) -> None:
    """Raises `StartupError` where the file is a hard link, and `OSError`."""
    if (names := path.stat().st_nlink) > 1:
        raise StartupError(
            f"the file has {names} names (hard links), and what is written by one is not seen by the "
            "others: remove those, or take a copy"
        )


class _Held:
    def __init__(self, path: Path) -> None:
        self.name, self.users = path.resolve(), 0
        with contextlib.ExitStack() as stack:
            beside = _opened(stack, self.name.with_name(self.name.name + "-lock"), os.O_RDWR)
            if not _locked(beside):
                holder = os.pread(beside, 20, 0).decode(errors="replace").strip()
                raise StartupError(f"in use by another server (process {holder or '?'})")
            with contextlib.suppress(OSError):  # on a full disk others are not told who has it
                os.ftruncate(beside, 0)
                os.pwrite(beside, str(os.getpid()).encode(), 0)
            if not _locked(_opened(stack, self.name, os.O_RDONLY)):
                raise StartupError("in use by another server, which has another name for it")
            demand_one_name(self.name)
            self.place = _place(self.name)
            self.close = stack.pop_all().close


_held: dict[Place | None, _Held] = {}
_changing = Lock()  # each store opens in a thread of its own


def _place(path: Path) -> Place | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return Place(found.st_dev, found.st_ino)


def _opened(stack: contextlib.ExitStack, path: Path, how: int) -> int:
    descriptor = os.open(path, FLAGS | how, 0o600)
    stack.callback(os.close, descriptor)
    owner = path.parent.stat()
    if os.geteuid() == 0 and os.fstat(descriptor).st_uid == 0 != owner.st_uid:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)  # a server of that user needs it later
    return descriptor


def _locked(descriptor: int) -> bool:
    """Not by a lock of POSIX: SQLite lets go of all of those that its process has on the file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
