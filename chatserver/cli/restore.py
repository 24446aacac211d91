"""`chatserver restore`: fill an empty installation from a backup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from chatserver.cli.names import backups
from chatserver.cli.options import configured, load_configuration
from chatserver.errors import ChatError, StartupError

if TYPE_CHECKING:
    from chatserver.config import Loaded
    from chatserver.copies.backup.erasures import Entry
    from chatserver.copies.backup.keeping import Refill
    from chatserver.copies.backup.moment import Moment
    from chatserver.copies.backup.reading import Backup
    from chatserver.copies.backup.restore import Restored
    from chatserver.copies.backup.vault import VaultReader


@click.command()
@click.argument("backup", metavar="BACKUP", shell_complete=backups)
@click.option("--at", metavar="TIME", help="Restore the state at this time; default: the latest.")
@click.option(
    "--incomplete", is_flag=True, help="Restore broken increments up to the first broken frame."
)
@configured
def command(
    backup: str,
    at: str | None,
    incomplete: bool,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Fill an empty installation from a backup.

    BACKUP is a backup, or a folder of backups, from which the newest one that covers the TIME is
    restored; or the URL of either on a target, as in backup.targets. From a URL it is downloaded first,
    to a folder below TMPDIR; an interrupted download goes on where it stopped. Files of users are not
    downloaded there: those that the backup needs go straight to their place. The later changes written
    beside it (backup.ship_seconds) are restored too, up to the TIME.

    If anything is changed, truncated or missing, nothing is restored. If only the changes beside the
    backup are broken, --incomplete restores them up to the first broken one, and prints the reason.

    No server may run on the installation. Existing data is never touched: a store that is not empty
    is refused. Accounts that were erased since the backup, by the ledger beside it, are erased again.
    After an interruption, run the restore again with the same BACKUP and TIME: it
    continues. Afterwards everybody has to sign in again, and clients reload their rooms.

    \b
    chatserver restore backups -c production
    chatserver restore backups --at 2026-11-25T10:00:00Z -c production
    chatserver restore 's3://bucket/prefix?region=eu-central-1' -c production
    """
    from chatserver.cli.targets import is_url, located
    from chatserver.copies.backup.moment import read_moment
    from chatserver.copies.targets.urls import name_of

    loaded = load_configuration(source, overrides)
    moment = read_moment(at) if at is not None else None
    with located(backup, loaded, moment, incomplete=incomplete) as (found, vault, erasures):
        restored, until, refilled = fill(found, vault, loaded, moment, erasures)
        events = sum(restored.heads.values())
        place = f"{name_of(backup)}: {found.manifest.name}" if is_url(backup) else found.folder
        click.echo(
            f"Restored {events:,} events of {len(restored.heads):,} rooms as of {until}, from {place}."
        )
        report(refilled)
        if restored.erased:
            erase_again(loaded, restored.erased)
        if found.lost:
            click.echo(f"Later changes are missing: {found.lost}", err=True)


def erase_again(loaded: Loaded, number: int) -> None:
    """Erase the accounts again that were erased since the backup. A server does it at its start if this fails."""
    from chatserver.app import opened
    from chatserver.cli.stores import run_quietly

    async def work() -> int:
        async with opened(loaded) as server:
            return await server.service.removal.replay()

    try:
        run_quietly(work())
    except (ChatError, StartupError) as error:
        click.echo(
            f"{number:,} accounts were erased since the backup. They are erased again when a server starts, "
            f"before it shows anything, as it was not possible now: {error}",
            err=True,
        )
        return
    click.echo(f"{number:,} accounts that were erased since the backup are erased again.")


def report(files: Refill) -> None:
    """Print what became of the files of users."""
    if files.files:
        there = files.files - files.lost
        click.echo(
            f"{there:,} of {files.files:,} files are in their place, {files.new:,} of them from the backup."
        )
    if files.lost:
        click.echo(f"{files.lost:,} files are missing.", err=True)
    if files.is_foreign:
        click.echo(
            "The place of the files has another owner, and was left as it is: if its server is gone, run "
            "`chatserver blobs claim`.",
            err=True,
        )


def fill(
    backup: Backup,
    vault: VaultReader,
    loaded: Loaded,
    moment: Moment | None,
    erasures: Sequence[Entry] = (),
) -> tuple[Restored, str, Refill]:
    """Restore into a configuration's store and place of files.

    Returns the result, the time up to which it is complete, and what became of the files.
    """
    from chatserver.app import Server
    from chatserver.cli.export import Missing
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_place, opened_to_write, run_quietly
    from chatserver.copies.backup.keeping import Refill
    from chatserver.copies.backup.moment import demand_reached, reach
    from chatserver.copies.backup.restore import restore

    lost = Missing(required=False)

    async def work() -> tuple[Restored, str, Refill]:
        if moment is not None:
            await demand_reached(backup, moment)
        until = moment.last if moment else (await reach(backup)).until
        server = Server(loaded)
        async with opened_to_write(loaded, server) as store, opened_place(server) as place:
            with progress("restored") as show, progress("files restored") as show_files:
                refill = Refill(place, vault, lost.add, show_files)
                try:
                    done = await restore(backup, store, show, moment, refill, erasures)
                    return done, until, refill
                finally:
                    await vault.close()

    return run_quietly(work())
