"""The part of a backup's increments that its ledger names: this is what a target gets.

Frames behind it may still be written, or be rolled back.
"""

from pathlib import Path
from typing import NamedTuple

from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.chunks import CutOff, end_of_frame, open_file
from chatserver.copies.backup.increments import FOLDER
from chatserver.copies.backup.ledger import FILE, ledger_bytes, parse_ledger
from chatserver.copies.backup.reading import Backup


class Ledgered(NamedTuple):
    """The ledger's content, the time up to which it is complete ("": unknown), the length of each file in bytes."""

    ledger: bytes
    until: str
    ends: dict[str, int]


class LedgerReader:
    """Reads a backup's ledger again and again. All calls block."""

    def __init__(self, backup: Backup) -> None:
        self._backup = backup
        self._state: tuple[int, int] | None = None
        self._known: dict[str, tuple[int, int]] = {}  # frames and bytes of each file

    def changed(self) -> bool:
        """Whether the ledger was replaced since the last `read`."""
        return self._stat() != self._state

    def read(self) -> Ledgered | None:
        """The ledger and what it names; None if the backup has no ledger, as old ones. Raises `Corrupted`."""
        self._state = self._stat()
        folder = self._backup.folder
        data = ledger_bytes(folder)
        if data is None:
            return None
        ledger = parse_ledger(folder, data, self._backup.key, self._backup.salt)
        ends = {name: self._end(folder / FOLDER / name, n) for name, n in ledger.frames.items()}
        return Ledgered(data, ledger.until, ends)

    def _end(self, path: Path, frames: int) -> int:
        """The offset behind the first `frames` frames of a file."""
        number, end = self._known.get(path.name, (0, 0))
        if number > frames:  # the folder was replaced by an older one
            number = end = 0
        try:
            with open_file(path) as file:
                for _ in range(number, frames):
                    end = end_of_frame(file, end)
        except CutOff:
            raise Corrupted(
                f"{path}: the file is truncated: it has fewer than {frames} frames"
            ) from None
        except OSError as error:
            raise Corrupted(f"{path}: {error.strerror}") from None
        self._known[path.name] = frames, end
        return end

    def _stat(self) -> tuple[int, int] | None:
        try:
            found = (self._backup.folder / FILE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino
