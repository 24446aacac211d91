"""The server's folders: its data folder, which it locks, and folders installed with it."""

import contextlib
import fcntl
import importlib.util
import os
from pathlib import Path

from chatserver.errors import FolderInUse, StartupError

_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW  # a link could point anywhere


def packaged(package: str) -> Path | None:
    """The folder of an installed package without code (the page, the configurations).

    Also works in an editable install, unlike `importlib.resources`.
    """
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    return next((Path(place) for place in places or () if Path(place).is_dir()), None)


def is_same(one: Path, other: Path) -> bool:
    """Whether both are the same folder, even if reached by a link or a second mount."""
    try:
        return one.samefile(other)
    except OSError:  # one does not exist yet
        return one.resolve() == other.resolve()


def no_folder(path: Path, error: OSError) -> str:
    """The reason, for operators, why `path` could not be made or used as a folder."""
    for place in (path, *path.parents):
        if place.exists() and not place.is_dir():
            return f"{'it' if place == path else place} is a file, expected a folder"
    return error.strerror or str(error)


def demand_writable(path: Path, setting: str) -> None:
    """Raises `StartupError` if the folder cannot be made or written to. Does not make it."""
    place = next(place for place in (path, *path.parents) if place.exists())
    if not place.is_dir():
        raise StartupError(f"{setting}: {no_folder(path, OSError())}")
    if not os.access(place, os.W_OK | os.X_OK):
        raise StartupError(f"{setting}: {path}: the folder {place} is not writable")


def give_back(descriptor: int, folder: Path) -> None:
    """Give a file made by root to the owner of its folder, whose server needs it later.

    Raises `OSError`.
    """
    owner = folder.stat()
    if os.geteuid() == 0 and os.fstat(descriptor).st_uid == 0 != owner.st_uid:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


class DataFolder:
    """The data folder, locked for one process; a second server is refused.

    The lock is held as long as this object is open, and ends with the process.
    """

    def __init__(self, path: Path, lock: int | None = None) -> None:
        """`lock` is the file of the lock, inherited from a process that holds it.

        Raises `FolderInUse`, `StartupError`.
        """
        self.path = path
        if lock is not None:
            self._lock = lock
            return
        try:
            path.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", _OPEN, 0o600)
            give_back(self._lock, path)
        except OSError as error:
            raise StartupError(f"server.data: {path}: {no_folder(path, error)}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._lock, 20).decode(errors="replace").strip()
            os.close(self._lock)
            raise FolderInUse(
                f"server.data: {path} is in use by another server (process {holder or '?'})"
            ) from error
        self.note()

    def note(self) -> None:
        """Note in the file of the lock that this process holds it."""
        with contextlib.suppress(OSError):  # on a full disk it is not noted
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def fileno(self) -> int:
        """The file of the lock, for a process that inherits it."""
        return self._lock

    def close(self) -> None:
        """Release the lock, unless another process has inherited it. May be called again."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
