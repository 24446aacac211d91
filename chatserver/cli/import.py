"""`chatserver import`: fills an empty store from an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.export import Missing
from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.config import Loaded
    from chatserver.copies.archive.importing import Imported


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--without-files", is_flag=True, help="Leave out the files of users.")
@click.option("--require-files", is_flag=True, help="Fail if the archive lacks a file.")
@configured
def command(
    file: Path,
    source: str | None,
    overrides: dict[str, object],
    without_files: bool,
    require_files: bool,
) -> None:
    """Fill an empty installation from an archive, read it back and compare.

    The archive is checked before anything is written. After an interruption, run the import again: it
    continues. No server starts on the installation before it has finished. Everybody has to sign in
    again, and clients reload their rooms. Files of users go to the place of the configuration, which
    must be empty; it may be of another kind than the one they came from.

    \b
    chatserver import chat.jsonl.gz -c production
    """
    from chatserver.cli.stores import run_quietly

    loaded = load_configuration(source, overrides)
    missing = Missing(required=require_files)
    got = run_quietly(import_(loaded, file, without_files, missing))
    with_files = f", {got.files:,} files" if got.files else ""
    click.echo(
        f"Imported and verified {got.events:,} events of {got.rooms:,} rooms{with_files} and "
        f"{got.records:,} records from {file}."
    )
    missing.summarize("they were lost before the archive was made")
    if got.left_out:
        click.echo(
            f"{got.left_out:,} files are not imported: `chatserver blobs copy` brings them from their old place.",
            err=True,
        )


async def import_(loaded: Loaded, file: Path, without_files: bool, missing: Missing) -> Imported:
    """Fill the store of the configuration from an archive. Raises `ArchiveError`."""
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_place, opened_to_write
    from chatserver.copies.archive.files import old_file
    from chatserver.copies.archive.filesin import FilesIn
    from chatserver.copies.archive.importing import import_archive

    with old_file(file):
        """Check the file before a store is made for it."""
    async with opened_to_write(loaded) as store, opened_place(loaded) as place:
        files = None if place is None or without_files else FilesIn(place, missing.add)
        return await import_archive(file, store, progress, files, without_files=without_files)
