"""Checks the lines of files in an archive: each file that a record names once, whole, with its hash."""

import hashlib

from chatserver.blobs.carrying import kept
from chatserver.copies.archive.lines import FileData, FileEnd, FileLine, FileStart

MOST_DATA_BYTES = 1 << 20  # of one line


class FileChecks:
    """Takes the records of blobs, then the lines of their files. Raises `ValueError`, whose text says what is wrong."""

    def __init__(self) -> None:
        self.files = self.lost = 0
        self._wanted: dict[bytes, bytes] = {}  # hashes by the ids of blobs whose files are to come
        self._known: dict[bytes, bytes] = {}  # and of those that came
        self._open: FileStart | None = None
        self._size = 0
        self._hash = hashlib.sha256()

    @property
    def is_open(self) -> bool:
        """Whether a file has begun and not ended."""
        return self._open is not None

    @property
    def left_out(self) -> int:
        """Number of blobs whose files are to come."""
        return len(self._wanted)

    def add_record(self, record: bytes) -> None:
        """Expect the file of a blob's record."""
        if (blob := kept(record)) is not None:
            self._wanted[bytes.fromhex(blob.id)] = bytes.fromhex(blob.sha256)

    def add(self, line: FileLine) -> None:
        if isinstance(line, FileStart):
            self._start(line)
        elif self._open is None:
            raise ValueError("its file has no beginning")
        elif isinstance(line, FileData):
            if len(line.data) > MOST_DATA_BYTES:
                raise ValueError(f"file {self._open.blob}: a line of it is too long")
            self._size += len(line.data)
            if self._open.same or self._size > self._open.size:
                raise ValueError(f"file {self._open.blob}: it has more bytes than it states")
            self._hash.update(line.data)
        else:
            self._end(self._open, line)

    def demand_end(self) -> None:
        """Nothing may be missing, unless the archive has no files at all."""
        if self._wanted and (self.files or self.lost):
            raise ValueError(f"file {min(self._wanted).hex()}: it is missing")

    def _start(self, line: FileStart) -> None:
        if self._open is not None:
            raise ValueError(f"file {self._open.blob}: it has no end")
        if self._wanted.get(_bytes(line.blob)) != _bytes(line.sha256):
            raise ValueError(f"file {line.blob}: no record has it, or another hash")
        if line.same and self._known.get(_bytes(line.same)) != _bytes(line.sha256):
            raise ValueError(f"file {line.blob}: no earlier file has the same content")
        self._open, self._size, self._hash = line, 0, hashlib.sha256()

    def _end(self, begun: FileStart, line: FileEnd) -> None:
        if line.blob != begun.blob:
            raise ValueError(f"file {begun.blob}: it has no end")
        if line.lost:
            self.lost += 1
        else:
            found = self._size, self._hash.hexdigest()
            if not begun.same and found != (begun.size, begun.sha256):
                raise ValueError(f"file {begun.blob}: it does not match its hash")
            self.files += 1
            self._known[_bytes(begun.blob)] = _bytes(begun.sha256)
        del self._wanted[_bytes(begun.blob)]
        self._open = None


def _bytes(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise ValueError(f"{digits[:80]!r} is no id or hash") from None
