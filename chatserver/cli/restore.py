"""`chatserver restore`: fill an empty installation from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.backup.reading import Backup
    from chatserver.config import Loaded


@click.command()
@click.argument("backup", type=click.Path(file_okay=False, path_type=Path), metavar="BACKUP")
@configured
def command(backup: Path, source: str | None, overrides: dict[str, object]) -> None:
    """Fill an empty installation from a backup.

    No server may run on it. What is there already is never touched: a store that is not empty is
    refused. Afterwards everybody has to sign in again, and clients load their rooms anew.

    \b
    chatserver restore backups/chatserver-20261125T100000Z -c production
    """
    from chatserver.cli.backup import opened

    loaded = load_configuration(source, overrides)
    found = opened(backup, loaded)
    fill(found, loaded)
    counts = found.manifest.counts
    click.echo(
        f"Restored {counts.events:,} events of {counts.rooms:,} rooms as of {found.manifest.begun}."
    )


def fill(backup: Backup, loaded: Loaded) -> None:
    from chatserver.backup.restore import restore
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_to_write, run_quietly

    async def work() -> None:
        async with opened_to_write(loaded) as store:
            with progress("restored") as show:
                await restore(backup, store, show)

    run_quietly(work())
