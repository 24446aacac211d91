"""Increments: changes since a backup, in files beside it that grow while the server works.

A file is a sequence of frames (`chunks.py`). A frame holds some JSON lines, compressed and sealed, and is
durable before the next one begins. The first line of a file names the files before it with their numbers of
frames, and the ledger (`ledger.py`) has the numbers after the last round. So a lost frame is noticed, and a
frame truncated by a crash is not missed.

A file's name is a number and a random part. Each file is encrypted with a key derived from its name; the
random part keeps two servers that continue two copies of a folder from using the same key. The line `Until`
ends a round: everything durable at its time is in the file. A file that was closed in order ends with a
frame marked as the last one.
"""

import os
import re
import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.archive.lines import Closed, Follows, Line, decode, encode
from chatserver.copies.backup.chunks import CutOff, frame, open_file, read_frame
from chatserver.copies.backup.errors import BackupError, BrokenIncrements
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.ledger import FILE as LEDGER
from chatserver.copies.backup.ledger import Ledger, clear_drafts, read_ledger, write_ledger
from chatserver.copies.backup.owner import reason
from chatserver.copies.backup.parts import COMPRESSION, write_all
from chatserver.copies.backup.seal import Seal, seal_for

FOLDER = "increments"
NAME = "{number:05}-{once}"
_NAME = re.compile(r"\d+(-[0-9a-f]+)?")  # backups of version 1 have no second part
MOST_BYTES = 64 << 20  # of one frame, decompressed


class IncrementFile:
    """A new increment file, open for writing. All calls block."""

    def __init__(self, backup: Path, key: Key | None, salt: bytes) -> None:
        """Begin a file beside the backup; it is durable with its first frame. Raises `BackupError`."""
        folder = backup / FOLDER
        self._backup, self._key, self._salt = backup, key, salt
        before = self._before = {each.name: frames_in(each) for each in files(backup)}
        number = int(max(before, default="0").partition("-")[0]) + 1
        self._path = folder / NAME.format(number=number, once=secrets.token_hex(8))
        self._seal = _seal(key, salt, self._path)
        self._frames, self._until = 0, ""
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
        except OSError as error:
            raise BackupError(f"{self._path}: {reason(self._path, error)}") from error
        try:
            self.write([Follows(before)])
            _sync(folder)
            _sync(backup)
            clear_drafts(backup)
            known = read_ledger(backup, key, salt)
            self.settle(known.until if known else "")
        except OSError as error:
            self._file.close()
            raise BackupError(f"{self._path}: {error.strerror}") from error
        except BaseException:
            self._file.close()
            raise

    def write(self, lines: Sequence[Line], *, last: bool = False) -> None:
        """Append one frame durably. Raises `BackupError` and then leaves the file unchanged."""
        text = encode(lines)
        if len(text) > MOST_BYTES and len(lines) > 1:
            self.write(lines[: len(lines) // 2])
            self.write(lines[len(lines) // 2 :], last=last)
            return
        data = zlib.compress(text, COMPRESSION)
        framed = frame(self._seal.close(self._frames, last, data), last)
        size = os.fstat(self._file.fileno()).st_size
        try:
            write_all(self._file, framed)
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(size)
            self._file.seek(size)
            raise BackupError(f"{self._path}: {error.strerror}") from error
        self._frames += 1

    def settle(self, until: str) -> None:
        """Record all frames so far in the ledger, as complete up to `until`. Raises `BackupError`."""
        self._until = until
        ledger = Ledger(self._before | {self._path.name: self._frames}, until)
        write_ledger(self._backup, ledger, self._key, self._salt, self._path.name)

    def close(self) -> None:
        """Write the closing frame and close the file. Raises `BackupError`."""
        try:
            self.write([Closed()], last=True)
            self.settle(self._until)
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close the file without a closing frame, as a crash would leave it."""
        self._file.close()


def files(backup: Path) -> list[Path]:
    """The increment files of a backup, in order. Raises `Corrupted` if their folder cannot be read."""
    folder = backup / FOLDER
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Corrupted(f"{folder}: {error.strerror}") from None


def read(
    backup: Path, key: Key | None, salt: bytes, *, ledger: bool = False
) -> Iterator[list[Line]]:
    """The lines of each frame, in order. Raises `BrokenIncrements` at the first broken or missing frame.

    With `ledger`, a missing ledger raises too, after all frames were yielded.
    """
    # Read before the files, which may grow meanwhile.
    known, problem = _known(backup, key, salt, ledger)
    found: dict[str, int] = {}
    try:
        for path in files(backup):
            seal = _seal(key, salt, path)
            found[path.name] = 0
            for sealed, last in _frames(path):
                lines = _lines(path, seal, found[path.name], last, sealed)
                found[path.name] += 1
                for follows in [line for line in lines if isinstance(line, Follows)]:
                    _demand(backup, found, follows.frames)
                yield lines
        _demand(backup, found, known.frames, known.until)
    except Corrupted as error:
        raise BrokenIncrements(str(error)) from None
    if problem:
        raise BrokenIncrements(problem)


def _known(backup: Path, key: Key | None, salt: bytes, demanded: bool) -> tuple[Ledger, str]:
    """The ledger and "", or an empty ledger and the reason why the real one cannot be used."""
    try:
        known = read_ledger(backup, key, salt)
    except Corrupted as error:
        return Ledger({}), str(error)
    if known is None:
        return Ledger({}), f"{backup / LEDGER}: the ledger is missing" if demanded else ""
    return known, ""


def _demand(
    backup: Path, found: Mapping[str, int], wanted: Mapping[str, int], until: str = ""
) -> None:
    """Raises `Corrupted` if a file has fewer frames than were written."""
    for name, frames in wanted.items():
        if found.get(name, 0) < frames:
            written = f"; all changes until {until} had been written" if until else ""
            raise Corrupted(
                f"{backup / FOLDER / name}: the file is truncated or missing: it has "
                f"{found.get(name, 0)} of {frames} frames{written}"
            )


def frames_in(path: Path) -> int:
    """Number of whole frames in a file."""
    return sum(1 for _ in _frames(path))


def _frames(path: Path) -> Iterator[tuple[bytes, bool]]:
    """A file's sealed chunks, each with a flag on the last one. A frame truncated by a crash is left out."""
    try:
        with open_file(path) as file:
            while (found := read_frame(file)) is not None:
                yield found
    except CutOff:
        return
    except Corrupted as error:
        raise Corrupted(f"{path}: {error}") from None
    except OSError as error:  # such as a read error of the disk
        raise Corrupted(f"{path}: {error.strerror}") from None


def _lines(path: Path, seal: Seal, number: int, last: bool, sealed: bytes) -> list[Line]:
    try:
        data = zlib.decompressobj().decompress(seal.open(number, last, sealed), MOST_BYTES)
        return [line for lines in decode([data]) for line in lines]
    except zlib.error:
        raise Corrupted(f"{path}: a frame cannot be decompressed") from None
    except Corrupted as error:
        raise Corrupted(f"{path}: {error}") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _seal(key: Key | None, salt: bytes, path: Path) -> Seal:
    return seal_for(key, salt, f"{FOLDER}/{path.name}")
