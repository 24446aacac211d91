"""Distinguishes our backups (sealed with the key, or plain if no key is configured) from foreign ones.

Anyone with write access to the folder can plant a plain backup, or one sealed with another key. A foreign
backup gets no increments, counts in no metric, and never displaces one of ours in the rotation.
"""

from pathlib import Path
from typing import NamedTuple

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.manifest import FILE, Manifest, peek
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf


class Sorted(NamedTuple):
    """The backups of a folder, oldest first; `foreign` has the reason for each foreign one."""

    ours: dict[Path, Manifest]
    foreign: dict[Path, str]


class Trust:
    """Sorts backups into ours and foreign ones. A manifest is checked again only after it changed."""

    def __init__(self, shelf: Shelf, key: Key | None) -> None:
        self._shelf, self._key = shelf, key
        self._seen: dict[Path, tuple[tuple[int, ...], Manifest | str]] = {}

    def look(self) -> Sorted:
        """Sort all backups of the folder; blocks. Raises `BackupError` if it cannot be read."""
        found = {path: self._proven(path) for path in self._shelf.all()}
        for path in self._seen.keys() - found.keys():
            self._seen.pop(path, None)  # with a default, as two threads may do this at once
        return Sorted(
            {path: proof for path, proof in found.items() if isinstance(proof, Manifest)},
            {path: proof for path, proof in found.items() if isinstance(proof, str)},
        )

    def is_ours(self, path: Path) -> bool:
        """Whether the backup is ours; blocks."""
        return isinstance(self._proven(path), Manifest)

    def _proven(self, path: Path) -> Manifest | str:
        state = _state(path / FILE)
        seen = self._seen.get(path)
        if seen is not None and seen[0] == state and state:
            return seen[1]
        try:
            found: Manifest | str = Backup(path, self._key).manifest
        except ArchiveError as error:
            found = str(error)
        self._seen[path] = state, found
        return found


def may_be_ours(path: Path, key: Key | None) -> bool:
    """Whether a foreign backup may be one of ours that is damaged: its manifest names one of our keys, or cannot be read."""
    try:
        wanted = peek(path).key
    except ArchiveError:
        return True
    if wanted is None or key is None:
        return wanted is None and key is None
    return key.find(wanted) is not None


def _state(file: Path) -> tuple[int, ...]:
    """A value that differs after each change of the file, as nobody can set an inode's change time."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_ctime_ns, found.st_size
