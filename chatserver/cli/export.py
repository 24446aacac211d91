"""`chatserver export`: writes everything in the store to an archive."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.blobs.carrying import Lost
    from chatserver.config import Loaded
    from chatserver.copies.archive.copying import Counts
    from chatserver.copies.archive.filesout import FilesOut
    from chatserver.copies.backup.sealedfile import ArchiveSeal
    from chatserver.interfaces import Store


@click.command()
@click.option(
    "--to",
    "path",
    metavar="FILE",
    help="A new file, compressed if it ends with .gz; - for standard output.  "
    "[default: chatserver-TIME.jsonl.gz]",
)
@click.option("--without-files", is_flag=True, help="Leave out the files of users.")
@click.option("--require-files", is_flag=True, help="Fail if a file that something needs is lost.")
@click.option("--sealed", is_flag=True, help="Encrypt it with the key of backups.")
@click.option("--plain", is_flag=True, help="Do not encrypt it, though the store is encrypted.")
@configured
def command(
    source: str | None,
    overrides: dict[str, object],
    path: str | None,
    without_files: bool,
    require_files: bool,
    sealed: bool,
    plain: bool,
) -> None:
    """Write everything in the store to one file, in an open format, with the files of users.

    Works beside running servers. The archive holds all messages, accounts and password hashes, but no
    sessions: protect it like the store. Of a store that a plugin encrypts, the archive is encrypted with the key of
    backups (backup.key_file), unless --plain says otherwise. A file whose content is lost is named with its rooms, and the
    archive is made without it.

    \b
    chatserver export -c production --to chat.jsonl.gz
    chatserver export -c production --to - | zstd > chat.jsonl.zst
    """
    from chatserver.cli.stores import run_quietly

    loaded = load_configuration(source, overrides)
    path = default_name() if path is None else path
    missing = Missing(required=require_files)
    if sealed and plain:
        raise click.UsageError("--sealed and --plain: expected one of them")
    wish = None if not (sealed or plain) else sealed
    counts, files = run_quietly(export(loaded, path, without_files, missing, wish))
    with_files = "" if files is None else f", {files.files:,} files ({files.bytes / 1e6:,.1f} MB)"
    click.echo(
        f"Exported {counts.events:,} events of {counts.rooms:,} rooms{with_files} and {counts.records:,} "
        f"records to {'standard output' if path == '-' else path}.",
        err=path == "-",
    )
    missing.summarize("the archive does not have them")


class Missing:
    """Prints the name of each lost file to standard error; with `required`, the first one is an error."""

    def __init__(self, *, required: bool) -> None:
        self.count, self._required = 0, required

    def add(self, lost: Lost) -> None:
        """Raises `ArchiveError` if files are required."""
        from chatserver.copies.archive.errors import ArchiveError

        self.count += 1
        if self._required:
            raise ArchiveError(f"a file is missing: {lost}")
        click.echo(f"missing: {lost}", err=True)

    def summarize(self, effect: str) -> None:
        """Print how many are lost, if any are."""
        if self.count:
            click.echo(f"{self.count:,} files are missing: {effect}.", err=True)


def default_name() -> str:
    """The name of an archive if none is given."""
    from datetime import UTC, datetime

    return f"chatserver-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl.gz"


async def export(
    loaded: Loaded, path: str, without_files: bool, missing: Missing, sealed: bool | None = None
) -> tuple[Counts, FilesOut | None]:
    """Write the archive to a file, or to standard output for `-`. Raises `ArchiveError`.

    `sealed` says whether to encrypt it; None: if a plugin encrypts the store.
    """
    from chatserver.app import Server
    from chatserver.blobs.model import BLOBS
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_place, opened_untouched
    from chatserver.copies.archive import exporting
    from chatserver.copies.archive.errors import ArchiveError
    from chatserver.copies.archive.filesout import FilesOut

    server = Server(loaded)
    async with opened_untouched(loaded, server) as store, opened_place(server) as place:
        seal = seal_for(store, loaded, sealed)
        if place is None and not without_files and BLOBS in await store.spaces():
            raise ArchiveError(
                "plugins.enabled: no plugin provides the place of the files that this store knows: enable it, "
                "or export with --without-files"
            )
        with progress("events exported") as show, progress("files exported") as show_files:
            files = None
            if place is not None and not without_files:
                files = FilesOut(place, missing.add, show_files)
            if path != "-":
                return await exporting.export(store, Path(path), show, files, seal), files
            try:
                with (
                    nullcontext(sys.stdout.buffer)
                    if seal is None
                    else seal.sealing(sys.stdout.buffer) as sink
                ):
                    counts = await exporting.export_to(store, sink.write, show, files)
                sys.stdout.buffer.flush()
            except OSError as error:
                forget_stdout()
                raise ArchiveError(f"standard output: {error.strerror}") from error
            return counts, files


def seal_for(store: Store, loaded: Loaded, sealed: bool | None) -> ArchiveSeal | None:
    """What encrypts an archive of the store, if that is wished. Raises `ArchiveError` if there is no key."""
    from chatserver.cluster.wrappers import is_sealed
    from chatserver.copies.archive.errors import ArchiveError
    from chatserver.copies.backup.configured import checked_key
    from chatserver.copies.backup.sealedfile import ArchiveSeal

    if not (is_sealed(store) if sealed is None else sealed):
        return None
    key = checked_key(loaded.config.backup)
    if key is None:
        raise ArchiveError(
            "backup.key_file: required for an encrypted archive; --plain writes one that is not encrypted"
        )
    return ArchiveSeal(key)


def forget_stdout() -> None:
    """Drop the rest of the buffer, whose write would fail again at the end of the process."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
