"""Archive files: plain or compressed with gzip, encrypted or not, visible only when complete."""

import fcntl
import gzip
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

from chatserver.copies.archive.errors import ArchiveError

GZIP = b"\x1f\x8b"
PACKED = ".gz"
LEVEL = 1  # 250 MB of JSON (a million messages) shrink to a fifth in 2.6 s; level 6 takes 7 s
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC


class Seal(Protocol):
    """Encrypts archives; see `chatserver.copies.backup.sealedfile`."""

    def sealing(self, file: BinaryIO) -> AbstractContextManager[BinaryIO]:
        """What is written to the result goes into the file, encrypted."""

    def opened(self, file: BinaryIO) -> BufferedReader | None:
        """The content of an encrypted file; None for another one. Raises `ArchiveError` without its key."""


@contextmanager
def new_file(path: Path, seal: Seal | None = None) -> Iterator[BinaryIO]:
    """A file to write to. It gets its name, durably, when the block ends without an error.

    It is compressed if its name ends with `.gz`, and encrypted with a `seal`. Only its owner may read it. Raises `ArchiveError` if the
    file exists, another process is writing it, or it cannot be written.
    """
    try:
        if path.is_dir():
            raise ArchiveError(f"{path}: this is a folder: name a new file in it")
        if path.exists():
            raise _is_there(path)
        if not path.parent.exists():
            raise ArchiveError(f"{path}: there is no folder {path.parent}")
        packed = _packed if path.suffix == PACKED else _plain
        sealed = _plain if seal is None else seal.sealing
        with _part(path) as file, sealed(file) as inner, packed(inner) as sink:
            yield sink
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror or error}") from error


class OldFile(NamedTuple):
    """An open archive. `data` is uncompressed; `position` and `size` are those of the file."""

    data: BinaryIO
    position: Callable[[], int]
    size: int


@contextmanager
def old_file(path: Path, seal: Seal | None = None) -> Iterator[OldFile]:
    """A file to read from; `seal` opens an encrypted one. Raises `ArchiveError`."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ArchiveError(
                    f"{path}: expected a regular file, since an import reads it twice"
                )
            size = found.st_size
            opened = None if seal is None else seal.opened(file)
            inner = file if opened is None else opened
            if not inner.peek(len(GZIP)).startswith(GZIP):
                yield OldFile(inner, file.tell, size)
                return
            with gzip.GzipFile(fileobj=inner) as unpacked:
                yield OldFile(cast(BinaryIO, unpacked), file.tell, size)
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror or error}") from error


@contextmanager
def _part(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path`, renamed to `path` at the end; overwrites one that a crash left."""
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, FLAGS, 0o600), "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveError(f"{path}: another command is writing this file") from None
        try:
            if path.exists():  # the last holder of the lock has just renamed this very file
                raise _is_there(path)
            file.truncate()
            yield file
            file.flush()
            os.fsync(file.fileno())
            part.replace(path)
            _sync(path.parent)
        finally:
            with suppress(OSError):
                part.unlink()


def _is_there(path: Path) -> ArchiveError:
    return ArchiveError(f"{path}: the file exists already")


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
