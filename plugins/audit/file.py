"""A file that only its owner reads, which is put aside when it has grown. All calls block."""

import os
from pathlib import Path


class RotatingFile:
    """`NAME` is the newest, `NAME.1` the one before it, up to `NAME.keep`."""

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path, self._max_bytes, self._keep = path, max_bytes, keep
        self._file: int | None = None

    def write(self, data: bytes) -> None:
        """Append all of `data` or, with an `OSError`, nothing of it."""
        file = self.open()
        size = os.fstat(file).st_size
        if size and size + len(data) > self._max_bytes:
            self._rotate()
            file, size = self.open(), 0
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError:
            os.ftruncate(file, size)
            raise

    def open(self) -> int:
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._path.chmod(0o600)  # it may be from before
        return self._file

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            try:
                os.fsync(file)
            finally:
                os.close(file)

    def _rotate(self) -> None:
        self.close()
        if self._keep == 0:
            self._path.unlink()
            return
        for number in range(self._keep - 1, 0, -1):
            older = self._aside(number)
            if older.exists():
                older.replace(self._aside(number + 1))
        self._path.replace(self._aside(1))

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
