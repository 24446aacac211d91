"""`chatserver import`: fills an empty store from an archive, or from the export of another chat."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli import movingin
from chatserver.cli.export import Missing
from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.config import Loaded
    from chatserver.copies.archive.importing import Imported


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--from", "form", type=click.Choice(movingin.NAMES), help="The chat that made the export."
)
@click.option("--dry-run", is_flag=True, help="With --from: only report what would be imported.")
@click.option(
    "--owner",
    "owners",
    multiple=True,
    metavar="USERNAME",
    help="With --from: a user who becomes owner of the server. Can be repeated.",
)
@click.option(
    "--files",
    "folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="DIR",
    help="With --from: a folder with files that the export lacks.",
)
@click.option(
    "--to-archive",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="NEW",
    help="With --from: only write an archive.",
)
@click.option("--without-files", is_flag=True, help="Leave out the files of users.")
@click.option("--require-files", is_flag=True, help="Fail if a file is missing.")
@configured
def command(
    file: Path,
    source: str | None,
    overrides: dict[str, object],
    without_files: bool,
    require_files: bool,
    form: str | None,
    dry_run: bool,
    owners: tuple[str, ...],
    folder: Path | None,
    target: Path | None,
) -> None:
    """Fill an empty installation from an archive, read it back and compare.

    The archive is checked before anything is written. After an interruption, run the import again: it
    continues. No server starts on the installation before it has finished. Everybody has to sign in
    again, and clients reload their rooms. Files of users go to the place of the configuration, which
    must be empty; it may be of another kind than the one they came from.

    With --from, FILE is the export of another chat: docs/moving-in.md says what is taken over of each.
    It is converted to an archive first. Nothing is fetched from the network.

    \b
    chatserver import chat.jsonl.gz -c production
    chatserver import export.zip --from slack --dry-run -c production
    chatserver import export.zip --from slack --owner ada -c production
    """
    from chatserver.cli.stores import run_quietly

    loaded = load_configuration(source, overrides)
    if form is None:
        if dry_run or owners or folder or target:
            raise click.UsageError("--dry-run, --owner, --files and --to-archive need --from")
        _import(loaded, file, file, without_files, require_files)
        return
    if dry_run and target:
        raise click.UsageError("--dry-run writes no archive: leave out --to-archive")
    options = movingin.options_of(loaded, owners, folder, without_files=without_files)
    convert = partial(movingin.convert, file, form, options, require_files=require_files)
    if dry_run:
        run_quietly(convert(None))
    elif target is not None:
        run_quietly(convert(target))
        click.echo(f"Wrote {target}.")
    else:
        with movingin.temporary_archive() as archive:
            run_quietly(convert(archive))
            _import(loaded, archive, file, without_files, require_files)


def _import(
    loaded: Loaded, archive: Path, file: Path, without_files: bool, require_files: bool
) -> None:
    """Import an archive that is, or was made of, `file`."""
    from chatserver.cli.stores import run_quietly

    missing = Missing(required=require_files)
    got = run_quietly(import_(loaded, archive, without_files, missing))
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
    from chatserver.app import Server
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_place, opened_to_write
    from chatserver.copies.archive.files import old_file
    from chatserver.copies.archive.filesin import FilesIn
    from chatserver.copies.archive.importing import import_archive
    from chatserver.copies.backup.key import configured_key
    from chatserver.copies.backup.sealedfile import ArchiveSeal

    seal = ArchiveSeal(configured_key(loaded.config.backup))
    with old_file(file, seal):
        """Check the file before a store is made for it."""
    server = Server(loaded)
    async with opened_to_write(loaded, server) as store, opened_place(server) as place:
        files = None if place is None or without_files else FilesIn(place, missing.add)
        return await import_archive(
            file, store, progress, files, without_files=without_files, seal=seal
        )
