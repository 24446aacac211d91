"""A rotated file that only its owner can read. All calls block.

A server and commands beside it may write the same file: each write happens under a lock, to the file that has
the name at that time.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec


class _Dated(msgspec.Struct):
    """What all lines have."""

    at: str


_decode = msgspec.json.Decoder(_Dated).decode


class RotatingFile:
    """`NAME` is the newest, `NAME.1` the one before it, up to `NAME.keep`."""

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path, self._max_bytes, self._keep = path, max_bytes, keep
        self._file: int | None = None

    def write(self, data: bytes) -> None:
        """Append all of `data`, or raise `OSError` and append nothing."""
        with self._locked() as file:
            size = os.fstat(file).st_size
            if not size or size + len(data) <= self._max_bytes:
                _append(file, data, size)
                return
            self._rotate()
        self.write(data)

    def open(self) -> None:
        if self._file is None:
            self._make_folder()
            is_new = not self._path.exists()
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            if is_new:
                _give_to_owner_of(self._path.parent, self._path)
            if os.fstat(self._file).st_mode & 0o077:  # the file may be older than this rule
                os.fchmod(self._file, 0o600)

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            try:
                os.fsync(file)
            finally:
                os.close(file)

    def drop_before(self, at: str) -> int:
        """Remove the lines from before a time (RFC 3339), also from older files; returns their number.

        Of an older file with none left the file goes, too. Raises `OSError`; may be repeated.
        """
        with self._locked():
            dropped = _drop(self._path, at)
            if dropped:
                self.close()  # another file has the name now
            for number in range(1, self._keep + 1):
                if (older := self._aside(number)).exists():
                    dropped += _drop(older, at)
                    if not older.stat().st_size:
                        older.unlink()
        return dropped

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The file that has the name now, locked for this process."""
        while True:
            self.open()
            file = self._file
            assert file is not None
            fcntl.flock(file, fcntl.LOCK_EX)
            if self._is_current(file):
                break
            self.close()  # and unlock it: another process has rotated this file
        try:
            yield file
        finally:
            if self._file is not None:
                fcntl.flock(file, fcntl.LOCK_UN)

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False

    def _make_folder(self) -> None:
        folder = self._path.parent
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _give_to_owner_of(folder.parent, folder)

    def _rotate(self) -> None:
        if self._keep == 0:
            self._path.unlink()
        else:
            for number in range(self._keep - 1, 0, -1):
                older = self._aside(number)
                if older.exists():
                    older.replace(self._aside(number + 1))
            self._path.replace(self._aside(1))
        self.close()

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _drop(path: Path, at: str) -> int:
    """Put a file without its lines from before this time in its place; returns how many these were."""
    start = dropped = 0
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with path.open("rb") as file:
        for line in file:  # in the order of time
            if _time(line) >= at:
                break
            start, dropped = start + len(line), dropped + 1
        if not dropped:
            return 0
        file.seek(start)
        try:
            made = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(made, "wb") as rest:
                shutil.copyfileobj(file, rest)
                rest.flush()
                os.fsync(rest.fileno())
            _give_to_owner_of(path.parent, draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return dropped


def _time(line: bytes) -> str:
    """The time of a line; of one that was never written whole it is before all others."""
    try:
        return _decode(line).at
    except msgspec.DecodeError:
        return ""


def _append(file: int, data: bytes, size: int) -> None:
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        os.ftruncate(file, size)
        raise


def _give_to_owner_of(folder: Path, made: Path) -> None:
    """Give files made by root's commands to the folder's owner, so that the server can write them."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(made, owner.st_uid, owner.st_gid)
