"""`chatserver export`: writes everything in the store to an archive."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.config import Loaded
    from chatserver.copies.archive.copying import Counts


@click.command()
@click.option(
    "--to",
    "path",
    metavar="FILE",
    help="A new file, compressed if it ends with .gz; - for standard output.  "
    "[default: chatserver-TIME.jsonl.gz]",
)
@configured
def command(source: str | None, overrides: dict[str, object], path: str | None) -> None:
    """Write everything in the store to one file, in an open format.

    Works beside running servers. The archive holds all messages, accounts and password hashes, but no
    sessions: protect it like the store.

    \b
    chatserver export -c production --to chat.jsonl.gz
    chatserver export -c production --to - | zstd > chat.jsonl.zst
    """
    from chatserver.cli.stores import run_quietly

    loaded = load_configuration(source, overrides)
    path = default_name() if path is None else path
    counts = run_quietly(export(loaded, path))
    click.echo(
        f"Exported {counts.events:,} events of {counts.rooms:,} rooms and {counts.records:,} "
        f"records to {'standard output' if path == '-' else path}.",
        err=path == "-",
    )


def default_name() -> str:
    """The name of an archive if none is given."""
    from datetime import UTC, datetime

    return f"chatserver-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl.gz"


async def export(loaded: Loaded, path: str) -> Counts:
    """Write the archive to a file, or to standard output for `-`. Raises `ArchiveError`."""
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_untouched
    from chatserver.copies.archive import exporting
    from chatserver.copies.archive.errors import ArchiveError

    async with opened_untouched(loaded) as store:
        with progress("events exported") as show:
            if path != "-":
                return await exporting.export(store, Path(path), show)
            try:
                counts = await exporting.export_to(store, sys.stdout.buffer.write, show)
                sys.stdout.buffer.flush()
            except OSError as error:
                forget_stdout()
                raise ArchiveError(f"standard output: {error.strerror}") from error
            return counts


def forget_stdout() -> None:
    """Drop the rest of the buffer, whose write would fail again at the end of the process."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
