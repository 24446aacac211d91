"""The files of an export: in a zip, a tar, a folder, or one file alone. Nothing is written under a name that they give.

Sizes are bounded before anything is unpacked: an archive of a few kilobytes can stand for terabytes.
"""

import gzip
import hashlib
import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import BinaryIO, NoReturn, Protocol, cast

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.foreign.report import Report, printable

DOCUMENT_BYTES = 256 << 20  # of a file that is read as a whole
MOST_FILES = 5_000_000
# JSON of chats shrinks to a tenth or less; what unpacks to far more is made to fill the disk.
MOST_TIMES, SPARE_BYTES = 200, 1 << 30
PART_BYTES = 1 << 20
# Raised by what is damaged, encrypted, or packed in a way that is not known here.
READ_ERRORS = (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, RuntimeError)


class Pack(Protocol):
    """The files of an export by their names, with `/` between folders."""

    name: str  # for errors

    def names(self) -> Sequence[str]: ...

    def size(self, name: str) -> int: ...

    def open(self, name: str) -> BinaryIO: ...


class _Zip:
    def __init__(self, path: Path, pack: zipfile.ZipFile, report: Report) -> None:
        self.name, self._zip = str(path), pack
        found = [info for info in self._zip.infolist() if not info.is_dir()]
        _demand_bounds(self.name, path, sum(info.file_size for info in found), len(found))
        self._files = {info.filename: info for info in found if _is_safe(info.filename, report)}

    def names(self) -> Sequence[str]:
        return list(self._files)

    def size(self, name: str) -> int:
        return self._files[name].file_size

    def open(self, name: str) -> BinaryIO:
        return cast(BinaryIO, self._zip.open(self._files[name]))


class _Files:
    """Files of the disk by the names that they have in the export."""

    def __init__(self, name: str, files: dict[str, Path]) -> None:
        self.name, self._files = name, files

    def names(self) -> Sequence[str]:
        return list(self._files)

    def size(self, name: str) -> int:
        return self._files[name].stat().st_size

    def open(self, name: str) -> BinaryIO:
        return self._files[name].open("rb")


@contextmanager
def opened(path: Path, report: Report) -> Iterator[Pack]:
    """The files of an export. Raises `ArchiveError`, also from the block, if they cannot be read."""
    try:
        with ExitStack() as stack:
            yield _pack(path, stack, report)
    except READ_ERRORS as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f"{path}: the file cannot be read: {error}") from error


def folder(path: Path) -> Pack:
    """The files in a folder and those below it, without links. Raises `ArchiveError`."""
    if not path.is_dir():
        raise ArchiveError(f"{path}: this is not a folder")
    found: dict[str, Path] = {}
    for base, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(base, name)
            if file.is_file() and not file.is_symlink():
                found[os.fsencode(file.relative_to(path)).decode("utf-8", "replace")] = file
    return _Files(str(path), found)


def fingerprint(path: Path, pack: Pack, beside: Sequence[Pack]) -> str:
    """A hash of an export that is one file, or of the names and sizes in a folder; and of those in folders beside it."""
    digest = hashlib.sha256()
    for listed in (*([pack] if path.is_dir() else []), *beside):
        for name in listed.names():
            digest.update(f"{name}\n{listed.size(name)}\n".encode())
    if path.is_file():
        with path.open("rb") as file:
            while part := file.read(PART_BYTES):
                digest.update(part)
    return digest.hexdigest()


def base_of(pack: Pack, name: str, what: str) -> str:
    """The folder, with `/` at its end or empty, that has the file `name`: the uppermost. Raises `ArchiveError`."""
    found = [each for each in pack.names() if each == name or each.endswith(f"/{name}")]
    if not found:
        raise ArchiveError(f"{pack.name}: {name} is missing: this is no export of {what}")
    return min(found, key=len).removesuffix(name)


@contextmanager
def opened_text(pack: Pack, name: str) -> Iterator[BinaryIO]:
    """A file whose content is text, unpacked if it is compressed with gzip."""
    with pack.open(name) as file:
        if not name.endswith(".gz"):
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield cast(BinaryIO, unpacked)


def head(pack: Pack, name: str, size: int) -> bytes:
    """At most so many bytes from the beginning of a file. Raises `ArchiveError` if it is damaged."""
    try:
        with opened_text(pack, name) as file:
            return file.read(size)
    except READ_ERRORS as error:
        broken(pack, name, str(error))


def document(pack: Pack, name: str) -> bytes:
    """A file as a whole. Raises `ArchiveError` if it is too large for that, or damaged."""
    size = pack.size(name)
    if size <= DOCUMENT_BYTES:
        try:
            with opened_text(pack, name) as file:
                content = file.read(DOCUMENT_BYTES + 1)
        except READ_ERRORS as error:
            broken(pack, name, str(error))
        if len(content) <= DOCUMENT_BYTES:
            return content
    raise ArchiveError(
        f"{pack.name}: {printable(name)}: the file has more than {DOCUMENT_BYTES >> 20} MiB"
    )


def lines(pack: Pack, name: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers, without empty ones. Raises `ArchiveError` for one that is too long."""
    try:
        with opened_text(pack, name) as file:
            reader = io.BufferedReader(cast(io.RawIOBase, file), PART_BYTES)
            number = 0
            while line := reader.readline(DOCUMENT_BYTES + 1):
                number += 1
                if len(line) > DOCUMENT_BYTES:
                    broken(pack, name, f"line {number}: it is too long")
                if line.strip():
                    yield number, line.rstrip()
    except READ_ERRORS as error:
        if isinstance(error, ArchiveError):
            raise
        broken(pack, name, str(error))


def broken(pack: Pack, name: str, reason: str) -> NoReturn:
    """Raise `ArchiveError` for a file of an export."""
    raise ArchiveError(f"{pack.name}: {printable(name)}: {reason}")


def _pack(path: Path, stack: ExitStack, report: Report) -> Pack:
    if path.is_dir():
        return folder(path)
    if not path.is_file():
        raise ArchiveError(f"{path}: there is no such file or folder")
    if zipfile.is_zipfile(path):
        return _Zip(path, stack.enter_context(zipfile.ZipFile(path)), report)
    if path.stat().st_size and tarfile.is_tarfile(path):
        unpacked = Path(stack.enter_context(TemporaryDirectory(prefix="chatserver-import-")))
        return _Files(str(path), _unpacked(path, unpacked, report))
    return _Files(str(path), {path.name: path})


def _unpacked(path: Path, into: Path, report: Report) -> dict[str, Path]:
    """Unpack a tar, as it cannot be read in any other order: each file under a number."""
    found: dict[str, Path] = {}
    total = 0
    with tarfile.open(path, "r|*") as tar:
        for member in tar:
            if member.isdir() or not _is_safe(member.name, report):
                continue
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                report.leave_out("files of the export that are links or devices", member.name)
                continue
            total += member.size
            _demand_bounds(str(path), path, total, len(found))
            target = into / str(len(found))
            with target.open("wb") as file:
                while part := content.read(PART_BYTES):
                    file.write(part)
            found[member.name.removeprefix("./")] = target
    return found


def _demand_bounds(name: str, path: Path, unpacked: int, files: int) -> None:
    if unpacked > path.stat().st_size * MOST_TIMES + SPARE_BYTES or files > MOST_FILES:
        raise ArchiveError(
            f"{name}: it unpacks to {unpacked:,} bytes in {files:,} files, far more than an export does"
        )


def _is_safe(name: str, report: Report) -> bool:
    """Whether the name stays in its folder. No name is used as a path; one that tries to leave is no export's."""
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or "\0" in name:
        report.leave_out("files of the export whose names lead out of it", name)
        return False
    return True
