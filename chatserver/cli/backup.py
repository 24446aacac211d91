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
    from chatserver.copies.backup.vault import VaultReader

where = click.option(
    "--to", "folder", metavar="DIR", help="Folder of the backups, instead of backup.folder."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on one line.")
WHOLE_UNTIL = "complete until {}: `chatserver restore --incomplete` restores up to then"


@click.group(invoke_without_command=True)
@where
@click.option("--no-rotate", is_flag=True, help="Keep old backups.")
@click.option("--plain", is_flag=True, help="Make one that is not encrypted beside encrypted ones.")
@as_json
@configured
@click.pass_context
def command(
    ctx: click.Context,
    source: str | None,
    overrides: dict[str, object],
    folder: str | None,
    no_rotate: bool,
    plain: bool,
    as_json: bool,
) -> None:
    """Make a backup, and remove old ones.

    The backup is consistent even while servers run: it has the log of every room up to some event, and
    no record in it points beyond that event. Without a key, nothing is made beside an encrypted backup: the
    key may only be missing here, and the server has it.

    \b
    chatserver backup -c production
    chatserver backup --to /mnt/backups -c production
    chatserver backup verify /mnt/backups/chatserver-20261125T100000Z -c production
    """
    if ctx.invoked_subcommand is not None:
        return
    loaded = load_configuration(source, overrides | directed(folder))
    if not plain:
        demand_key(loaded)
    path, manifest = make(loaded, plain=plain)
    if not as_json:
        click.echo(f"{path}: {summary(manifest)}")
    removed = [] if no_rotate else rotate(loaded)
    if as_json:
        from chatserver.cli.shapes import BackupMade

        made = described(manifest, str(path))
        print_json(BackupMade(made=made, removed=[str(each) for each in removed]))
        return
    for each in removed:
        click.echo(f"{each}: removed")


@command.command()
@click.argument("backup", metavar="[BACKUP]", shell_complete=backups, required=False)
@as_json
@configured
def verify(
    backup: str | None, source: str | None, overrides: dict[str, object], as_json: bool
) -> None:
    """Restore a backup into a scratch store, and check all of it.

    Without BACKUP, verify the newest one in backup.folder. BACKUP may be the URL of a target, for its
    newest one, or of a backup on it; it is downloaded to a folder below TMPDIR. The scratch store is a file in the folder for
    temporary files (TMPDIR), about as large as the store that was copied.

    Exits with 0 if the backup is complete, and with 1 if anything is changed, truncated or missing, or
    the backup is not sealed with the key.

    \b
    chatserver backup verify -c production
    chatserver backup verify backups/chatserver-20261125T100000Z -c production
    chatserver backup verify sftp://backup@host/backups -c production
    """
    from chatserver.cli.targets import is_url, located
    from chatserver.copies.backup.configured import shelf_of
    from chatserver.copies.backup.errors import BackupError
    from chatserver.copies.backup.key import configured_key
    from chatserver.copies.backup.verify import note_verified
    from chatserver.copies.targets.urls import name_of

    loaded = load_configuration(source, overrides)
    place = backup if backup is not None else str(shelf_of(loaded.config).folder)
    with located(place, loaded) as (found, vault, _):
        reached = checked(found, vault)
        shown = f"{name_of(place)}: {found.manifest.name}" if is_url(place) else str(found.folder)
    if as_json:
        from msgspec.structs import asdict

        from chatserver.cli.shapes import BackupVerified

        facts = asdict(described(found.manifest, shown))
        print_json(BackupVerified(**facts, **reached._asdict()))
    else:
        going_on = "" if reached.closed else ", and is still written or was truncated by a crash"
        click.echo(f"{shown}: complete: {summary(found.manifest)}")
        click.echo(f"{shown}: reaches until {reached.until}{going_on}")
        if found.key is not None:
            newest = configured_key(loaded.config.backup)
            which = "the present" if newest and newest.id == found.key.id else "an old"
            click.echo(f"{shown}: sealed with {which} key {found.key.id}")
    if is_url(place):
        return
    try:
        note_verified(found.folder)
    except BackupError as error:  # such as a read-only disk; the backup is verified nevertheless
        click.echo(f"the verification is not noted in the backup: {error}", err=True)


def checked(found: Backup, vault: VaultReader) -> Reach:
    """Verify a backup in a scratch store. Returns its reach. Raises `StartupError`."""
    from chatserver.cli.export import Missing
    from chatserver.cli.progress import progress
    from chatserver.cli.scratch import scratch_store
    from chatserver.cli.stores import run_quietly
    from chatserver.copies.backup.errors import BrokenIncrements
    from chatserver.copies.backup.moment import reach
    from chatserver.copies.backup.verify import verify

    lost = Missing(required=False)

    async def check() -> Reach:
        with progress("verified") as show:
            async with scratch_store(sealed=found.key is not None) as scratch:
                try:
                    await verify(found, scratch, show, vault, lost.add)
                except BrokenIncrements as error:
                    raise await _far_enough(found, error) from None
                finally:
                    await vault.close()
        return await reach(found)

    reached = run_quietly(check())
    lost.summarize("they were lost before the backup, or came after it and are not copied yet")
    return reached


async def _far_enough(broken: Backup, error: BrokenIncrements) -> StartupError:
    """The error, with the time up to which a restore is still possible."""
    from chatserver.copies.backup.moment import reach
    from chatserver.copies.backup.reading import Backup

    until = (await reach(Backup(broken.folder, broken.key, incomplete=True))).until
    return StartupError(f"{error}\n{broken.folder}: {WHOLE_UNTIL.format(until)}")


@command.command("list")
@click.argument("url", metavar="[URL]", required=False)
@where
@as_json
@configured
def list_(
    url: str | None,
    folder: str | None,
    source: str | None,
    overrides: dict[str, object],
    as_json: bool,
) -> None:
    """List the backups, oldest first, and what each of backup.targets holds.

    With the URL of a target, list the backups on it. Exits with 1 if the folder or target holds no backup,
    as it may be the wrong one.

    \b
    chatserver backup list -c production
    chatserver backup list sftp://backup@host/backups -c production
    """
    from chatserver.cli.targets import manifests, summaries
    from chatserver.copies.backup.configured import shelf_of
    from chatserver.copies.backup.errors import BackupError
    from chatserver.copies.backup.shelf import Shelf
    from chatserver.copies.targets.urls import name_of

    loaded = load_configuration(source, overrides | directed(folder))
    if url is not None:
        name = name_of(url)
        with manifests(url, loaded) as scratch:
            if not (paths := Shelf(scratch).all()):
                raise BackupError(f"{name}: there is no backup on it")
            print_backups(paths, loaded, as_json, place=name)
        return
    paths = there(shelf_of(loaded.config))
    rows = summaries(loaded)
    print_backups(paths, loaded, as_json, targets=[row._asdict() for row in rows])
    if rows and not as_json:
        from chatserver.cli.table import print_table

        click.echo()
        print_table(
            ("target", "backups", "newest", "has all changes until"),
            ((row.target, str(row.backups), row.newest, row.error or row.until) for row in rows),
        )


@command.command()
@configured
def copy(source: str | None, overrides: dict[str, object]) -> None:
    """Copy all backups to backup.targets, as the server does by itself.

    For installations in which a timer makes the backups. Removes old backups on the targets. Exits with 1 if
    a target failed; the others are served nevertheless.

    \b
    chatserver backup copy -c production
    """
    from chatserver.cli.stores import run_quietly
    from chatserver.cli.targets import mirrors

    loaded = load_configuration(source, overrides)
    if not (found := mirrors(loaded)):
        raise StartupError("backup.targets: none is configured")

    async def work() -> list[str]:
        return [f"{mirror.name}: {mirror.failing}" for mirror in found if await mirror.once()]

    if failed := run_quietly(work()):
        raise StartupError("\n".join(failed))
    for mirror in found:
        click.echo(f"{mirror.name}: has everything")


def print_backups(
    paths: list[Path],
    loaded: Loaded,
    as_json: bool,
    *,
    place: str = "",
    targets: list[dict[str, object]] | None = None,
) -> None:
    """Print the backups as a table or as JSON. `place` is the target that holds them, "" for a folder."""
    from chatserver.cli.table import print_table
    from chatserver.copies.backup.verify import verified_at

    if as_json:
        from msgspec.structs import replace

        found = [listed(path, loaded) for path in paths]
        if place:
            found = [replace(row, backup=f"{place}/{Path(row.backup).name}") for row in found]
        print_json([*found, *(targets or ())])
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


def demand_key(loaded: Loaded) -> None:
    """Raises `BackupError` if the newest backup is encrypted, and there is no key for another one."""
    from chatserver.copies.archive.errors import ArchiveError
    from chatserver.copies.backup.configured import shelf_of
    from chatserver.copies.backup.errors import BackupError
    from chatserver.copies.backup.key import configured_key
    from chatserver.copies.backup.manifest import peek

    found = shelf_of(loaded.config).all()
    if not found or configured_key(loaded.config.backup) is not None:
        return
    try:
        is_sealed = peek(found[-1]).key is not None
    except ArchiveError:  # a broken one must not keep a new one from being made
        return
    if is_sealed:
        raise BackupError(
            f"{found[-1]}: it is encrypted, and no key is configured for another one: name it "
            "(backup.key_file), or make a plain backup with --plain"
        )


def make(loaded: Loaded, *, plain: bool = False) -> tuple[Path, Manifest]:
    """Copy a configuration's store to its backup folder.

    Unless `plain`, a store that a plugin encrypts is copied only with a key.
    """
    from chatserver.app import Server
    from chatserver.cli.export import Missing
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_place, opened_untouched, run_quietly
    from chatserver.copies.archive.claims import whole_epoch
    from chatserver.copies.backup.configured import demand_sealed, settings_of, shelf_of
    from chatserver.copies.backup.keeping import Keeping
    from chatserver.copies.backup.take import take
    from chatserver.copies.backup.vault import Vault

    settings, shelf = settings_of(loaded), shelf_of(loaded.config)
    lost = Missing(required=False)

    async def work() -> tuple[Path, Manifest]:
        server = Server(loaded)
        async with opened_untouched(loaded, server) as store, opened_place(server) as place:
            if not plain:
                demand_sealed(store, loaded.config.backup)
            await whole_epoch(store)
            files = None
            if place is not None:
                vault = Vault(shelf.folder, settings.key, shelf.owner)
                files = Keeping(place, vault, lost.add)
            with progress("copied") as show:
                return await take(store, shelf, settings, show, files)

    made = run_quietly(work())
    lost.summarize("the backup does not have them")
    if advice := shelf.out_of_reach():
        click.echo(advice, err=True)
    return made


def rotate(loaded: Loaded) -> list[Path]:
    """Remove old backups; returns the removed ones."""
    from datetime import UTC, datetime

    from chatserver.cli.stores import run_quietly
    from chatserver.copies.backup.clearing import clear_vault
    from chatserver.copies.backup.configured import shelf_of
    from chatserver.copies.backup.key import configured_key
    from chatserver.copies.backup.trust import Trust

    kept = loaded.config.backup
    shelf = shelf_of(loaded.config)
    trust = Trust(shelf, configured_key(kept))
    removed = shelf.rotate(datetime.now(UTC), kept.keep_days, kept.keep_count, trust.is_ours)
    run_quietly(clear_vault(shelf, configured_key(kept)))
    return removed


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
        found = described(opened(path, loaded).manifest, str(path))
    except ArchiveError as error:
        return BackupShown(backup=str(path), error=str(error))
    return replace(found, verified=verified_at(path))


def described(manifest: Manifest, place: str) -> BackupShown:
    """A backup's facts."""
    from chatserver.cli.shapes import BackupShown

    counts = manifest.counts
    return BackupShown(
        backup=place,
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
    files = f", {manifest.files:,} files ({manifest.file_bytes / 1e6:,.1f} MB new)"
    sealed = f"encrypted with key {manifest.key}" if manifest.key else "not encrypted"
    return (
        f"{counts.events:,} events of {counts.rooms:,} rooms, {counts.records:,} records"
        f"{files if manifest.files else ''}, "
        f"{megabytes:,.1f} MB in {manifest.seconds:.1f} s, {sealed}"
    )
