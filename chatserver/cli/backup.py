"""`chatserver backup`: make one, look at them, verify one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.backup.manifest import Manifest
    from chatserver.backup.moment import Reach
    from chatserver.backup.reading import Backup
    from chatserver.config import Loaded

where = click.option(
    "--to", "folder", metavar="DIR", help="Folder of the backups, instead of backup.folder."
)


@click.group(invoke_without_command=True)
@where
@click.option("--no-rotate", is_flag=True, help="Remove none, however old.")
@configured
@click.pass_context
def command(
    ctx: click.Context,
    source: str | None,
    overrides: dict[str, object],
    folder: str | None,
    no_rotate: bool,
) -> None:
    """Make a backup, and remove those that are too old.

    It is consistent also while servers work: of every room it has the log up to some event, and
    nothing in it points beyond.

    \b
    chatserver backup -c production
    chatserver backup --to /mnt/backups -c production
    chatserver backup verify /mnt/backups/chatserver-20261125T100000Z -c production
    """
    if ctx.invoked_subcommand is not None:
        return
    loaded = load_configuration(source, overrides | directed(folder))
    path, manifest = make(loaded)
    click.echo(f"{path}: {summary(manifest)}")
    if not no_rotate:
        for gone in rotate(loaded):
            click.echo(f"{gone}: removed")


@command.command()
@click.argument(
    "backup",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="[BACKUP]",
    required=False,
)
@configured
def verify(backup: Path | None, source: str | None, overrides: dict[str, object]) -> None:
    """Restore a backup into a scratch store, and check all of it.

    Without BACKUP it is the newest in backup.folder. The scratch store is a file in the folder for
    temporary files (TMPDIR), about as large as the store that was copied.

    \b
    chatserver backup verify -c production
    chatserver backup verify backups/chatserver-20261125T100000Z -c production
    """
    from chatserver.backup.errors import BackupError
    from chatserver.backup.moment import reach
    from chatserver.backup.verify import note_verified, verify
    from chatserver.cli.progress import progress
    from chatserver.cli.scratch import scratch_store
    from chatserver.cli.stores import run_quietly

    found = chosen(backup, load_configuration(source, overrides))

    async def check() -> Reach:
        with progress("verified") as show:
            async with scratch_store() as scratch:
                await verify(found, scratch, show)
        return await reach(found)

    reached = run_quietly(check())
    going_on = "" if reached.closed else ", and is being written or was cut off by a crash"
    click.echo(f"{found.folder}: whole: {summary(found.manifest)}")
    click.echo(f"{found.folder}: reaches until {reached.until}{going_on}")
    try:
        note_verified(found.folder)
    except BackupError as error:  # on a disk that is only read it is as whole
        click.echo(f"not noted in the backup: {error}", err=True)


@command.command("list")
@where
@configured
def list_(folder: str | None, source: str | None, overrides: dict[str, object]) -> None:
    """List the backups, oldest first.

    \b
    chatserver backup list -c production
    """
    from chatserver.backup.configured import shelf_of
    from chatserver.backup.verify import verified_at
    from chatserver.cli.table import print_table

    loaded = load_configuration(source, overrides | directed(folder))
    print_table(
        ("backup", "holds", "verified"),
        (
            (path.name, told(path, loaded), verified_at(path) or "")
            for path in shelf_of(loaded.config).all()
        ),
    )


def directed(folder: str | None) -> dict[str, object]:
    """The settings that --to stands for."""
    return {} if folder is None else {"backup.folder": folder}


def make(loaded: Loaded) -> tuple[Path, Manifest]:
    """Copy the store of a configuration to where it says."""
    from chatserver.archive.claims import whole_epoch
    from chatserver.backup.configured import settings_of, shelf_of
    from chatserver.backup.take import take
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_untouched, run_quietly

    settings, shelf = settings_of(loaded), shelf_of(loaded.config)

    async def work() -> tuple[Path, Manifest]:
        async with opened_untouched(loaded) as store:
            await whole_epoch(store)
            with progress("copied") as show:
                return await take(store, shelf, settings, show)

    return run_quietly(work())


def rotate(loaded: Loaded) -> list[Path]:
    """Remove what is too old; returns what went."""
    from datetime import UTC, datetime

    from chatserver.backup.configured import shelf_of

    kept = loaded.config.backup
    return shelf_of(loaded.config).rotate(datetime.now(UTC), kept.keep_days, kept.keep_count)


def chosen(path: Path | None, loaded: Loaded) -> Backup:
    """The backup at `path`, else the newest there is. Raises `BackupError`."""
    from chatserver.backup.configured import shelf_of
    from chatserver.backup.key import configured_key
    from chatserver.backup.moment import choose

    folder = path if path is not None else shelf_of(loaded.config).folder
    return choose(folder, configured_key(loaded.config.backup), None)


def opened(path: Path, loaded: Loaded) -> Backup:
    """A backup, with the key of the configuration. Raises `BackupError`."""
    from chatserver.backup.key import configured_key
    from chatserver.backup.reading import Backup

    return Backup(path, configured_key(loaded.config.backup))


def told(path: Path, loaded: Loaded) -> str:
    """What a backup holds, or why that cannot be told."""
    from chatserver.archive.errors import ArchiveError

    try:
        return summary(opened(path, loaded).manifest)
    except ArchiveError as error:
        return str(error)


def summary(manifest: Manifest) -> str:
    """What is in a backup, in one line."""
    counts, megabytes = manifest.counts, manifest.bytes / 1e6
    sealed = "encrypted" if manifest.key else "not encrypted"
    return (
        f"{counts.events:,} events of {counts.rooms:,} rooms, {counts.records:,} records, "
        f"{megabytes:,.1f} MB in {manifest.seconds:.1f} s, {sealed}"
    )
