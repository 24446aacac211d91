"""`chatserver import`: fills an empty store from an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.config import Loaded
    from chatserver.copies.archive.lines import End


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@configured
def command(file: Path, source: str | None, overrides: dict[str, object]) -> None:
    """Fill an empty installation from an archive, read it back and compare.

    The archive is checked before anything is written. After an interruption, run the import again: it
    continues. No server starts on the installation before it has finished. Everybody has to sign in
    again, and clients reload their rooms.

    \b
    chatserver import chat.jsonl.gz -c production
    """
    from chatserver.cli.stores import run_quietly

    loaded = load_configuration(source, overrides)
    end = run_quietly(import_(loaded, file))
    click.echo(
        f"Imported and verified {end.events:,} events of {end.rooms:,} rooms and "
        f"{end.records:,} records from {file}."
    )


async def import_(loaded: Loaded, file: Path) -> End:
    """Fill the store of the configuration from an archive. Raises `ArchiveError`."""
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_to_write
    from chatserver.copies.archive.files import old_file
    from chatserver.copies.archive.importing import import_archive

    with old_file(file):
        """Check the file before a store is made for it."""
    async with opened_to_write(loaded) as store:
        return await import_archive(file, store, progress)
