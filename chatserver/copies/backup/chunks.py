"""Frames: sealed chunks in a file, one after another, each with its length before it.

A frame is `kind` (1 byte: more, last), length (4 bytes), the first 4 bytes of a SHA-256 over those
five, then the sealed chunk. The header's checksum distinguishes a truncated file, which ends within a frame,
from a changed one.
"""

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO, Protocol

from chatserver.copies.archive.errors import Corrupted

HEADER_BYTES = 9
MOST_BYTES = 64 << 20  # of a chunk; a header with a greater length is invalid
MORE, LAST = b"\x00", b"\x01"


class Readable(Protocol):
    """What is read from its beginning to its end, such as an open file."""

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes; fewer at the end."""


class CutOff(Corrupted):
    """The file ends within a frame."""


def open_file(path: Path) -> BinaryIO:
    """Open a regular file. Raises `OSError`, also for a pipe or a device, which could block."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file")
    return file


def frame(sealed: bytes, last: bool) -> bytes:
    start = (LAST if last else MORE) + len(sealed).to_bytes(4, "big")
    return start + _check(start) + sealed


def read_frame(file: Readable) -> tuple[bytes, bool] | None:
    """The next sealed chunk and whether it is the last; None at the end of the file.

    Raises `CutOff`, `Corrupted` if the header is not valid, and `OSError`.
    """
    header = file.read(HEADER_BYTES)
    if not header:
        return None
    size = _size(header)
    sealed = file.read(size)
    if len(sealed) < size:
        raise CutOff("the file is truncated")
    return sealed, header[:1] == LAST


class FrameCutter:
    """Cuts frames from a stream of bytes that arrives in pieces."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def add(self, data: bytes) -> None:
        self._waiting += data

    def next(self) -> tuple[bytes, bool] | None:
        """The next whole frame, as `read_frame` returns it; None if more bytes are needed. Raises `Corrupted`."""
        if len(self._waiting) < HEADER_BYTES:
            return None
        header = bytes(self._waiting[:HEADER_BYTES])
        end = HEADER_BYTES + _size(header)
        if len(self._waiting) < end:
            return None
        sealed = bytes(self._waiting[HEADER_BYTES:end])
        del self._waiting[:end]
        return sealed, header[:1] == LAST

    def demand_empty(self) -> None:
        """Raises `CutOff` if the stream ended within a frame."""
        if self._waiting:
            raise CutOff("the file is truncated")


def end_of_frame(file: BinaryIO, start: int) -> int:
    """The offset behind the frame at offset `start`, which is not read. Raises as `read_frame` does."""
    file.seek(start)
    end = start + HEADER_BYTES + _size(file.read(HEADER_BYTES))
    if end > os.fstat(file.fileno()).st_size:
        raise CutOff("the file is truncated")
    return end


def _size(header: bytes) -> int:
    """The length of the sealed chunk behind a header."""
    if len(header) < HEADER_BYTES:
        raise CutOff("the file is truncated")
    start, size = header[:5], int.from_bytes(header[1:5], "big")
    if header[5:] != _check(start) or size > MOST_BYTES or start[:1] not in (MORE, LAST):
        raise Corrupted("the file is damaged")
    return size


def _check(start: bytes) -> bytes:
    return hashlib.sha256(start).digest()[:4]
