"""Imports an archive file into an empty store."""

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from chatserver.cluster.wrappers import is_for_files
from chatserver.copies.archive import claims, digests, files, source
from chatserver.copies.archive.background import ahead
from chatserver.copies.archive.claims import Origin
from chatserver.copies.archive.digests import Phases, Progress, SpaceDigests, silently
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.filesin import FilesIn
from chatserver.copies.archive.lines import (
    End,
    FileData,
    FileEnd,
    FileStart,
    Record,
    RoomEnd,
    encode,
)
from chatserver.copies.archive.patience import Patient, patiently
from chatserver.copies.archive.reader import Content, Reader
from chatserver.copies.archive.target import Target
from chatserver.copies.archive.transient import FILES, is_of_nodes, is_transient
from chatserver.interfaces import Store
from chatserver.model import Event


class Imported(NamedTuple):
    """Numbers of what an archive has; `left_out` is that of files that the import, or the archive, leaves out."""

    rooms: int
    events: int
    records: int
    files: int
    left_out: int


async def import_archive(
    path: Path,
    store: Store,
    phases: Phases = silently,
    filesin: FilesIn | None = None,
    *,
    without_files: bool = False,
    seal: files.Seal | None = None,
) -> Imported:
    """Fill an empty store. `filesin` takes the files of users, `seal` opens an encrypted archive.

    The archive is checked as a whole before anything is written. After an interruption, call it again with
    the same archive. At the end all data is read back and compared; only then may a server start on the
    store, with a new epoch, so that clients load their rooms again. Raises `ArchiveError`.
    """
    with phases("bytes checked") as progress:
        checked = await check(path, progress, seal)
    if checked.end.files and filesin is None and not without_files:
        raise ArchiveError(
            f"plugins.enabled: no plugin provides a place for the {checked.end.files:,} files of the archive: "
            "enable one such as disk_blobs, or import with --without-files"
        )
    origin = Origin("import", f"the archive {checked.header.id}")
    claim = await patiently(lambda: claims.claim(store, origin))
    target = Target(store, str(path), lambda: patiently(lambda: claims.check(store, claim)))
    if filesin is not None and checked.end.files:
        await filesin.begin(store)
    filling = _Filling(target, filesin)
    with phases("events, records and files imported") as progress:
        await filling.fill(path, checked.end, progress, seal)
    with phases("events verified") as progress:
        await filling.demand_same(Patient(store), progress)
    epoch = secrets.token_hex(8)
    if filesin is not None and checked.end.files:
        await filesin.end(store, epoch)
    await patiently(lambda: claims.complete(store, claim, epoch))
    end, given = checked.end, checked.end.files if filesin is not None else 0
    left_out = checked.left_out + checked.end.files - given
    return Imported(end.rooms, end.events, end.records, given, left_out)


async def check(path: Path, progress: Progress, seal: files.Seal | None = None) -> Reader:
    """Read and check a whole archive. Raises `ArchiveError`."""
    with files.old_file(path, seal) as file:
        reader = Reader(file.data, str(path))
        async with aclosing(ahead(reader)) as pieces:
            async for _ in pieces:
                progress(file.position(), file.size)
    return reader


class _Filling:
    """Fills a store, and computes the digests that its content must have.

    The archive's own digests may differ, as its lines may be formatted in another way.
    """

    def __init__(self, target: Target, files: FilesIn | None) -> None:
        self._target, self._files = target, files
        self._rooms: dict[str, RoomEnd] = {}
        self._spaces = SpaceDigests()
        self._log = hashlib.sha256()

    async def fill(
        self, path: Path, end: End, progress: Progress, seal: files.Seal | None = None
    ) -> None:
        done, total = 0, end.events + end.records + end.files + end.lost
        try:
            with files.old_file(path, seal) as file:
                async with aclosing(ahead(Reader(file.data, str(path)))) as pieces:
                    async for lines in pieces:
                        done += await self._add(lines)
                        progress(done, total)
        finally:
            if self._files is not None:
                await self._files.abandon()

    async def demand_same(self, store: Patient, progress: Progress) -> None:
        """Raises `ArchiveError` unless the store has exactly the imported data."""
        rooms = await digests.of_rooms(store, await source.positions(store), progress)
        for room in self._rooms.keys() | rooms.keys():
            if self._rooms.get(room) != rooms.get(room):
                raise ArchiveError(f"room {room}: its log in the store differs")
        spaces, wanted = await digests.of_spaces(store, _is_own), self._spaces.ends()
        for space in wanted.keys() | spaces.keys():
            if wanted.get(space) != spaces.get(space):
                raise ArchiveError(f"space {space}: its records in the store differ")

    async def _add(self, lines: Sequence[Content]) -> int:
        """Write the lines. Returns the number of events and records among them."""
        events = [line for line in lines if isinstance(line, Event)]
        records = [
            line
            for line in lines
            if isinstance(line, Record) and not is_transient(line.space, line.key)
        ]
        ended = 0
        await self._target.append(events)
        await self._target.put(records)
        self._spaces.add([each for each in records if not is_for_files(each.space)])
        for line in lines:
            if isinstance(line, RoomEnd):
                self._rooms[line.room] = RoomEnd(line.room, line.seq, self._log.hexdigest())
                self._log = hashlib.sha256()
            elif isinstance(line, Event):
                self._log.update(encode([line]))
            elif isinstance(line, FileStart | FileData | FileEnd) and self._files is not None:
                await self._files.add(line)
                ended += isinstance(line, FileEnd)
        return len(events) + len(records) + ended


def _is_own(space: str, key: str) -> bool:
    """Whether the record is this installation's own, and not of the archive."""
    return is_of_nodes(space, key) or space in FILES or is_for_files(space)
