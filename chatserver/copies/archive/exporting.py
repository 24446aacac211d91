"""Exports a store to an archive file, or to any function that takes bytes."""

import secrets
from collections.abc import Callable
from pathlib import Path

from chatserver.copies.archive import files, writer
from chatserver.copies.archive.background import Writing
from chatserver.copies.archive.claims import whole_epoch
from chatserver.copies.archive.copying import Counts
from chatserver.copies.archive.digests import Progress, silent
from chatserver.copies.archive.filesout import FilesOut
from chatserver.copies.archive.patience import Patient, Readable


async def export(
    store: Readable,
    path: Path,
    progress: Progress = silent,
    filesout: FilesOut | None = None,
    seal: files.Seal | None = None,
) -> Counts:
    """Write a new file, compressed if its name ends with `.gz`. Servers may use the store meanwhile.

    With `filesout`, the files of users are in it; with `seal`, it is encrypted. Raises `ArchiveError` and then leaves no file.
    """
    with files.new_file(path, seal) as file:
        return await export_to(store, file.write, progress, filesout)


async def export_to(
    store: Readable,
    write: Callable[[bytes], object],
    progress: Progress = silent,
    filesout: FilesOut | None = None,
) -> Counts:
    """Pass the archive to a blocking function. See `export`. Raises `ArchiveError`, and the function's errors."""
    patient = Patient(store)
    header = writer.header(await whole_epoch(patient), secrets.token_hex(16))
    writing = Writing(write)
    try:
        counts = await writer.write_archive(patient, header, writing.write, progress, filesout)
        await writing.flush()
    finally:
        await writing.abandon()
    return counts
