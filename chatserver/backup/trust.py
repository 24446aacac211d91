"""Which backups of a folder are ours: sealed with the key, or plain where there is none.

Anyone who can write to the folder can put a plain backup there, or one of another key. Such a foreign one
gets no increments, counts for no figure, and takes no place of ours when old ones go.
"""

from pathlib import Path
from typing import NamedTuple

from chatserver.archive.errors import ArchiveError
from chatserver.backup.key import Key
from chatserver.backup.manifest import FILE, Manifest
from chatserver.backup.reading import Backup
from chatserver.backup.shelf import Shelf


class Sorted(NamedTuple):
    """Both oldest first; `foreign` with the reason, which names the folder."""

    ours: dict[Path, Manifest]
    foreign: dict[Path, str]


class Trust:
    """Tells them apart. A manifest that did not change is proven once."""

    def __init__(self, shelf: Shelf, key: Key | None) -> None:
        self._shelf, self._key = shelf, key
        self._seen: dict[Path, tuple[tuple[int, ...], Manifest | str]] = {}

    def look(self) -> Sorted:
        """All that are there; blocks. Raises `BackupError` where the folder cannot be read."""
        found = {path: self._proven(path) for path in self._shelf.all()}
        for path in self._seen.keys() - found.keys():
            self._seen.pop(path, None)  # two threads may look at once
        return Sorted(
            {path: it for path, it in found.items() if isinstance(it, Manifest)},
            {path: it for path, it in found.items() if isinstance(it, str)},
        )

    def is_ours(self, path: Path) -> bool:
        """Whether this one is; blocks."""
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


def _state(file: Path) -> tuple[int, ...]:
    """Another one after each change: nobody can set the time of the inode's change."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_ctime_ns, found.st_size
