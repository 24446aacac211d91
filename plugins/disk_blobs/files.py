"""The files below a folder. Everything here blocks, and is called in threads.

incoming/KEY.RANDOM   a blob that is being written
ab/ab12…              a whole blob, below the first two characters of its key
"""

import contextlib
import os
import secrets
from pathlib import Path
from threading import Lock

INCOMING = "incoming"
SYNC_BYTES = 8 << 20  # written between two syncs, so that the last one takes no longer
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class NoSpace(Exception):
    """Too little of the disk is free."""


class Tree:
    """All files of a back end."""

    def __init__(self, folder: Path, min_free_percent: float) -> None:
        self.folder = folder
        self._incoming = folder / INCOMING
        self._least = min_free_percent
        self._durable: set[Path] = set()  # folders whose names this process has synced

    def make(self) -> None:
        """Make the folder if it is missing."""
        self._incoming.mkdir(mode=0o750, parents=True, exist_ok=True)

    def make_durable(self, folder: Path) -> None:
        """Make a folder for blobs; another process may have made it, and not synced it yet."""
        if folder not in self._durable:
            folder.mkdir(mode=0o750, exist_ok=True)
            sync_folder(self.folder)
            self._durable.add(folder)

    def begin(self, key: str) -> "Incoming":
        """A new file for a blob. Raises `FileExistsError`, `NoSpace`."""
        self.demand_space()
        place = self._place(key)
        if place.exists():  # spares the work; `publish` decides
            raise FileExistsError(place)
        return Incoming(self, self._incoming / f"{key}.{secrets.token_hex(4)}", place)

    def take_out(self, key: str) -> "Outgoing | None":
        """An open blob; None if there is none."""
        try:
            return Outgoing(self._place(key))
        except FileNotFoundError:
            return None

    def size(self, key: str) -> int | None:
        try:
            return self._place(key).stat().st_size
        except FileNotFoundError:
            return None

    def remove(self, key: str) -> None:
        place = self._place(key)
        with contextlib.suppress(FileNotFoundError):
            place.unlink()
            sync_folder(place.parent)

    def list(self, after: str, limit: int) -> list[tuple[str, int, float]]:
        """At most `limit` (key, size, time of the write) with key > `after`, ascending."""
        found: list[tuple[str, int, float]] = []
        for folder in sorted(each.name for each in self.folder.iterdir() if len(each.name) == 2):
            if folder < after[:2]:
                continue
            names = (path.name for path in (self.folder / folder).iterdir())
            for name in sorted(name for name in names if name > after):
                if len(found) >= limit:
                    return found
                with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                    facts = (self.folder / folder / name).stat()
                    found.append((name, facts.st_size, facts.st_mtime))
        return found

    def sweep(self, before: float) -> None:
        """Remove files of writes in which nothing was written since this Unix time."""
        for path in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def demand_space(self) -> None:
        """Raises `NoSpace`."""
        disk = os.statvfs(self.folder)
        usable = (
            disk.f_blocks - disk.f_bfree + disk.f_bavail
        )  # without the blocks reserved for root
        if usable and disk.f_bavail * 100 < self._least * usable:
            free = 100 * disk.f_bavail / usable
            raise NoSpace(f"only {free:.1f} % of the disk is free, expected {self._least:g} %")

    def _place(self, key: str) -> Path:
        return self.folder / key[:2] / key


class Incoming:
    """A blob that is being written. A thread that was left behind may still write when it is discarded."""

    def __init__(self, tree: Tree, path: Path, place: Path) -> None:
        self._tree, self._path, self._place = tree, path, place
        self._lock = Lock()
        self._size, self._synced = 0, 0
        self._file = os.open(path, _NEW, 0o640)

    def add(self, part: bytes) -> None:
        """Raises `NoSpace`."""
        with self._lock:
            left = memoryview(part)
            while left:
                left = left[os.write(self._file, left) :]
            self._size += len(part)
            if self._size - self._synced >= SYNC_BYTES:
                os.fsync(self._file)
                self._synced = self._size
                self._tree.demand_space()

    def publish(self) -> int:
        """Make the file a blob, durably; returns its size. Raises `FileExistsError`."""
        with self._lock:
            os.fsync(self._file)
            folder = self._place.parent
            self._tree.make_durable(folder)
            # A link replaces nothing, as a rename would. It fails for a file that was swept.
            os.link(self._path, self._place)
            sync_folder(folder)
            return self._size

    def discard(self) -> None:
        """Close the file and remove its temporary name."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
            with contextlib.suppress(OSError):
                self._path.unlink()


class Outgoing:
    """An open blob."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.size = os.fstat(self._file).st_size

    def read(self, start: int, length: int) -> bytes:
        """Raises `OSError` if the file was cut off meanwhile, instead of an endless loop of empty parts."""
        with self._lock:
            piece = os.pread(self._file, length, start)
        if not piece:
            raise OSError("the file is shorter than it was")
        return piece

    def close(self) -> None:
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
