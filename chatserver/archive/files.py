"""Archives as files: plain or compressed with gzip, there only when they are complete."""

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from chatserver.archive.errors import ArchiveError

GZIP = b"\x1f\x8b"
PACKED = ".gz"
LEVEL = 1  # a million messages are 250 MB of JSON: 2.6 s, and a fifth is left; 6 takes 7 s
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to; it has its name, and is on the disk, once it was left without an error.

    It is compressed if its name ends with `.gz`. Nobody else may read it. Raises `ArchiveError`
    where there is one already, or no way to write.
    """
    part = path.with_name(path.name + ".part")
    if path.exists():
        raise ArchiveError(f"{path}: there is a file already")
    try:
        try:
            with os.fdopen(os.open(part, FLAGS, 0o600), "wb") as file:
                with _packed(file) if path.suffix == PACKED else _plain(file) as sink:
                    yield sink
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync(path.parent)
        finally:
            with suppress(OSError):
                part.unlink()
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror or error}") from error


class OldFile(NamedTuple):
    """`data` is uncompressed; `position` and `size` are those of the file."""

    data: BinaryIO
    position: Callable[[], int]
    size: int


@contextmanager
def old_file(path: Path) -> Iterator[OldFile]:
    """A file to read from. Raises `ArchiveError`."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not file.peek(len(GZIP)).startswith(GZIP):
                yield OldFile(file, file.tell, size)
                return
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield OldFile(cast(BinaryIO, unpacked), file.tell, size)
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror or error}") from error


@contextmanager
def _plain(file: BinaryIO) -> Iterator[BinaryIO]:
    yield file


@contextmanager
def _packed(file: BinaryIO) -> Iterator[BinaryIO]:
    with gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:
        yield cast(BinaryIO, packed)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
