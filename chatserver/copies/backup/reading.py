"""Reads a backup: the manifest, and the streams one by one. Every byte is checked."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

from chatserver.blobs import carrying
from chatserver.blobs.model import BLOBS
from chatserver.copies.archive.background import ahead
from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.archive.lines import Held, Line, Record
from chatserver.copies.backup import increments
from chatserver.copies.backup.errors import BackupError, BrokenIncrements
from chatserver.copies.backup.increments import IncrementFile
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.manifest import FILE, Manifest, Part, is_backup, key_of, read_manifest
from chatserver.copies.backup.parts import check_part, read_parts
from chatserver.copies.backup.seal import Seal, seal_for
from chatserver.copies.backup.shelf import is_name
from chatserver.copies.backup.streams import read_lines
from chatserver.copies.backup.take import CONFIG, ENDS, EVENTS, FILES, LATE, RECORDS
from chatserver.copies.backup.vault import name_of


class Backup:
    """One complete backup. Raises `BackupError` if the folder holds none, or it is not sealed with the key.

    `key` becomes the one that sealed it, which may be an older key.

    `incomplete` reads the increments up to the first broken frame; `lost` then has that frame's error.
    """

    def __init__(self, folder: Path, key: Key | None, *, incomplete: bool = False) -> None:
        if not is_backup(folder):
            raise BackupError(f"{folder}: this is not a backup: there is no {FILE} in it")
        self.folder = folder
        self.lost = ""
        self._incomplete = incomplete
        self.manifest: Manifest = read_manifest(folder, key)
        self.key = key_of(folder, self.manifest.key, key)
        if is_name(folder.name) and folder.name != self.manifest.name:
            raise Corrupted(
                f"{folder}: this is backup {self.manifest.name}: give the folder that name again"
            )
        missing = {CONFIG, RECORDS, EVENTS, LATE, ENDS} - self.manifest.streams.keys()
        if missing:
            raise Corrupted(f"{folder / FILE}: {', '.join(sorted(missing))} is missing")
        names = {part.name for parts in self.manifest.streams.values() for part in parts}
        if any(Path(name).name != name for name in names):  # a path to another folder
            raise Corrupted(f"{folder / FILE}: it names files outside the backup")

    def check_files(self) -> None:
        """Compare every part with the manifest; blocks. Raises `Corrupted`."""
        for parts in self.manifest.streams.values():
            for part in parts:
                check_part(self.folder, part)

    def configuration(self) -> str:
        """The settings of the server, without secrets. Raises `Corrupted`."""
        pieces = read_parts(self.folder, self.manifest.streams[CONFIG], self._seal(CONFIG))
        return b"".join(pieces).decode()

    async def lines(self, *streams: str) -> AsyncIterator[list[Line]]:
        """The lines of these streams, in lists of bounded size. Raises `Corrupted`."""
        for stream in streams:
            parts: list[Part] = self.manifest.streams[stream]
            async for lines in read_lines(self.folder, parts, self._seal(stream)):
                yield lines

    async def increments(self) -> AsyncGenerator[list[Line], None]:
        """The lines of the increments, frame by frame. Raises `BrokenIncrements`."""
        ledger = self.manifest.ledger
        found = increments.read(self.folder, self.key, self.salt, ledger=ledger)
        try:
            async with aclosing(ahead(found)) as frames:
                async for lines in frames:
                    yield lines
        except BrokenIncrements as error:
            if not self._incomplete:
                raise
            self.lost = str(error)

    async def files(self) -> set[str]:
        """Names in the vault of the files of users that the backup needs. Raises `Corrupted`."""
        if FILES not in self.manifest.streams:
            return set()
        return {
            name_of(line.sha256, self.key)
            async for lines in self.lines(FILES)
            for line in lines
            if isinstance(line, Held) and not line.lost
        }

    async def shipped_files(self) -> set[str]:
        """Names in the vault of the files of users that came with the increments. Raises `BrokenIncrements`."""
        found: set[str] = set()
        async with aclosing(self.increments()) as frames:
            async for lines in frames:
                for line in lines:
                    if isinstance(line, Record) and line.space == BLOBS and line.value is not None:
                        blob = carrying.kept(line.value)
                        if blob is not None:
                            found.add(name_of(blob.sha256, self.key))
        return found

    def new_increment(self) -> IncrementFile:
        """Begin a new increment file; blocks. Raises `BackupError`."""
        return IncrementFile(self.folder, self.key, self.salt)

    @property
    def salt(self) -> bytes:
        """The salt of the seals."""
        if self.key is None and self.manifest.version == 1:
            return b""
        return bytes.fromhex(self.manifest.salt)

    def _seal(self, stream: str) -> Seal:
        return seal_for(self.key, self.salt, stream)
