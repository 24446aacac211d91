"""`chatserver import --from`: converts the export of another chat, and imports the archive that this makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chatserver.config import Loaded
    from chatserver.copies.foreign.converting import Options

NAMES = ("slack", "mattermost", "zulip", "rocketchat", "discord")


def options_of(
    loaded: Loaded, owners: tuple[str, ...], files: Path | None, *, without_files: bool
) -> Options:
    """The options of a conversion for this installation."""
    from chatserver.copies.foreign.converting import Options

    config = loaded.config
    return Options(
        owners=owners,
        files=files,
        most_bytes=None if without_files else config.blobs.largest_mb << 20,
        message_chars=config.limits.message_chars,
    )


async def convert(
    file: Path, form: str, options: Options, target: Path | None, *, require_files: bool
) -> None:
    """Write the archive of an export, or none if `target` is None, and print the report. Raises `ArchiveError`."""
    from chatserver.cli.progress import progress
    from chatserver.copies.archive.errors import ArchiveError
    from chatserver.copies.archive.files import new_file
    from chatserver.copies.foreign import converting
    from chatserver.copies.foreign.enclosures import MISSING
    from chatserver.copies.foreign.formats import FORMATS
    from chatserver.copies.foreign.report import Report

    report = Report()
    with nullcontext() if target is None else new_file(target) as sink:
        await converting.convert(file, FORMATS[form], options, report, sink, progress)
        for line in report.lines():
            click.echo(line)
        if require_files and report.left_out[MISSING]:
            raise ArchiveError(f"{report.left_out[MISSING]:,} {MISSING}: give them by --files")
    if not options.owners:
        click.echo("Nobody becomes owner of the server: name somebody with --owner.")


@contextmanager
def temporary_archive() -> Iterator[Path]:
    """The name of an archive that is removed after the block."""
    with TemporaryDirectory(prefix="chatserver-import-") as folder:
        yield Path(folder) / "converted.jsonl.gz"
