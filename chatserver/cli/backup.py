"""`chatserver backup`: make, list and verify backups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.names import backups
from chatserver.cli.options import configured, load_configuration
from chatserver.errors import StartupError

if TYPE_CHECKING:
    from chatserver.cli.shapes import BackupShown
    from chatserver.config import Loaded
    from chatserver.copies.backup.errors import BrokenIncrements
    from chatserver.copies.backup.manifest import Manifest
    from chatserver.copies.backup.moment import Reach
    from chatserver.copies.backup.reading import Backup
    from chatserver.copies.backup.shelf import Shelf

where = click.option(
    "--to", "folder", metavar="DIR", help="Folder of the backups, instead of backup.folder."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on one line.")
WHOLE_UNTIL = "complete until {}: `chatserver restore --incomplete` restores up to then"


@click.group(invoke_without_command=True)
@where
@click.option("--no-rotate", is_flag=True, help="Keep old backups.")
@as_json
@configured
@click.pass_context
def command(
    ctx: click.Context,
    source: str | None,
    overrides: dict[str, object],
    folder: str | None,
    no_rotate: bool,
    as_json: bool,
) -> None:
    """Make a backup, and remove old ones.

    The backup is consistent even while servers run: it has the log of every room up to some event, and
    no record in it points beyond that event.

    \b
    chatserver backup -c production
    chatserver backup --to /mnt/backups -c production
    chatserver backup verify /mnt/backups/chatserver-20261125T100000Z -c production
    """
    if ctx.invoked_subcommand is not None:
        return
    loaded = load_configuration(source, overrides | directed(folder))
    path, manifest = make(loaded)
    if not as_json:
        click.echo(f"{path}: {summary(manifest)}")
    removed = [] if no_rotate else rotate(loaded)
    if as_json:
        from chatserver.cli.shapes import BackupMade

        made = described(manifest, path)
        print_json(BackupMade(made=made, removed=[str(each) for each in removed]))
        return
    for each in removed:
        click.echo(f"{each}: removed")


@command.command()
@click.argument(
    "backup",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="[BACKUP]",
    shell_complete=backups,
    required=False,
)
@as_json
@configured
def verify(
    backup: Path | None, source: str | None, overrides: dict[str, object], as_json: bool
) -> None:
    """Restore a backup into a scratch store, and check all of it.

    Without BACKUP, verify the newest one in backup.folder. The scratch store is a file in the folder for
    temporary files (TMPDIR), about as large as the store that was copied.

    Exits with 0 if the backup is complete, and with 1 if anything is changed, truncated or missing, or
    the backup is not sealed with the key.

    \b
    chatserver backup verify -c production
    chatserver backup verify backups/chatserver-20261125T100000Z -c production
    """
    from msgspec.structs import asdict

    from chatserver.cli.progress import progress
    from chatserver.cli.scratch import scratch_store
    from chatserver.cli.stores import run_quietly
    from chatserver.copies.backup.errors import BackupError, BrokenIncrements
    from chatserver.copies.backup.moment import reach
    from chatserver.copies.backup.verify import note_verified, verify

    found = chosen(backup, load_configuration(source, overrides))

    async def check() -> Reach:
        with progress("verified") as show:
            async with scratch_store() as scratch:
                try:
                    await verify(found, scratch, show)
                except BrokenIncrements as error:
                    raise await _far_enough(found, error) from None
        return await reach(found)

    reached = run_quietly(check())
    if as_json:
        from chatserver.cli.shapes import BackupVerified

        facts = asdict(described(found.manifest, found.folder))
        print_json(BackupVerified(**facts, **reached._asdict()))
    else:
        going_on = "" if reached.closed else ", and is still written or was truncated by a crash"
        click.echo(f"{found.folder}: complete: {summary(found.manifest)}")
        click.echo(f"{found.folder}: reaches until {reached.until}{going_on}")
    try:
        note_verified(found.folder)
    except BackupError as error:  # such as a read-only disk; the backup is verified nevertheless
        click.echo(f"the verification is not noted in the backup: {error}", err=True)


async def _far_enough(broken: Backup, error: BrokenIncrements) -> StartupError:
    """The error, with the time up to which a restore is still possible."""
    from chatserver.copies.backup.moment import reach
    from chatserver.copies.backup.reading import Backup

    until = (await reach(Backup(broken.folder, broken.key, incomplete=True))).until
    return StartupError(f"{error}\n{broken.folder}: {WHOLE_UNTIL.format(until)}")


@command.command("list")
@where
@as_json
@configured
def list_(
    folder: str | None, source: str | None, overrides: dict[str, object], as_json: bool
) -> None:
    """List the backups, oldest first.

    Exits with 1 if the folder holds no backup, as it may be the wrong folder.

    \b
    chatserver backup list -c production
    """
    from chatserver.cli.table import print_table
    from chatserver.copies.backup.configured import shelf_of
    from chatserver.copies.backup.verify import verified_at

    loaded = load_configuration(source, overrides | directed(folder))
    paths = there(shelf_of(loaded.config))
    if as_json:
        print_json([listed(path, loaded) for path in paths])
        return
    print_table(
        ("backup", "holds", "verified"),
        ((path.name, described_or_error(path, loaded), verified_at(path) or "") for path in paths),
    )


def there(shelf: Shelf) -> list[Path]:
    """The backups in the folder. Raises `BackupError` if there is none."""
    from chatserver.copies.backup.errors import BackupError
    from chatserver.copies.backup.manifest import is_backup

    if found := shelf.all():
        return found
    if not shelf.folder.is_dir():
        raise BackupError(f"{shelf.folder}: there is no such folder")
    if is_backup(shelf.folder):
        raise BackupError(f"{shelf.folder}: this is a backup: name the folder that holds it")
    raise BackupError(f"{shelf.folder}: there is no backup in it")


def directed(folder: str | None) -> dict[str, object]:
    """The settings that --to overrides."""
    return {} if folder is None else {"backup.folder": folder}


def make(loaded: Loaded) -> tuple[Path, Manifest]:
    """Copy a configuration's store to its backup folder."""
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_untouched, run_quietly
    from chatserver.copies.archive.claims import whole_epoch
    from chatserver.copies.backup.configured import settings_of, shelf_of
    from chatserver.copies.backup.take import take

    settings, shelf = settings_of(loaded), shelf_of(loaded.config)

    async def work() -> tuple[Path, Manifest]:
        async with opened_untouched(loaded) as store:
            await whole_epoch(store)
            with progress("copied") as show:
                return await take(store, shelf, settings, show)

    made = run_quietly(work())
    if advice := shelf.out_of_reach():
        click.echo(advice, err=True)
    return made


def rotate(loaded: Loaded) -> list[Path]:
    """Remove old backups; returns the removed ones."""
    from datetime import UTC, datetime

    from chatserver.copies.backup.configured import shelf_of
    from chatserver.copies.backup.key import configured_key
    from chatserver.copies.backup.trust import Trust

    kept = loaded.config.backup
    shelf = shelf_of(loaded.config)
    trust = Trust(shelf, configured_key(kept))
    return shelf.rotate(datetime.now(UTC), kept.keep_days, kept.keep_count, trust.is_ours)


def chosen(path: Path | None, loaded: Loaded) -> Backup:
    """The backup at `path`, or the newest one without a path. Raises `BackupError`."""
    from chatserver.copies.backup.configured import shelf_of
    from chatserver.copies.backup.key import configured_key
    from chatserver.copies.backup.moment import choose

    folder = path if path is not None else shelf_of(loaded.config).folder
    return choose(folder, configured_key(loaded.config.backup), None)


def opened(path: Path, loaded: Loaded) -> Backup:
    """A backup, with the key of the configuration. Raises `BackupError`."""
    from chatserver.copies.backup.key import configured_key
    from chatserver.copies.backup.reading import Backup

    return Backup(path, configured_key(loaded.config.backup))


def described_or_error(path: Path, loaded: Loaded) -> str:
    """A summary of a backup, or the reason why it cannot be read."""
    from chatserver.copies.archive.errors import ArchiveError

    try:
        return summary(opened(path, loaded).manifest)
    except ArchiveError as error:
        return str(error)


def listed(path: Path, loaded: Loaded) -> BackupShown:
    """A backup's facts for programs; `error` is the reason why it cannot be read."""
    from msgspec.structs import replace

    from chatserver.cli.shapes import BackupShown
    from chatserver.copies.archive.errors import ArchiveError
    from chatserver.copies.backup.verify import verified_at

    try:
        found = described(opened(path, loaded).manifest, path)
    except ArchiveError as error:
        return BackupShown(backup=str(path), error=str(error))
    return replace(found, verified=verified_at(path))


def described(manifest: Manifest, path: Path) -> BackupShown:
    """A backup's facts."""
    from chatserver.cli.shapes import BackupShown

    counts = manifest.counts
    return BackupShown(
        backup=str(path),
        begun=manifest.begun,
        ended=manifest.ended,
        seconds=manifest.seconds,
        rooms=counts.rooms,
        events=counts.events,
        records=counts.records,
        bytes=manifest.bytes,
        key=manifest.key,
    )


def print_json(found: object) -> None:
    """Print a value as JSON on one line."""
    import msgspec

    click.echo(msgspec.json.encode(found))


def summary(manifest: Manifest) -> str:
    """A backup's content and size, in one line."""
    counts, megabytes = manifest.counts, manifest.bytes / 1e6
    sealed = "encrypted" if manifest.key else "not encrypted"
    return (
        f"{counts.events:,} events of {counts.rooms:,} rooms, {counts.records:,} records, "
        f"{megabytes:,.1f} MB in {manifest.seconds:.1f} s, {sealed}"
    )
