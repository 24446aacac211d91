"""`chatserver support-bundle`: one file with what a maintainer needs, without texts, names or secrets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.bundle.pack import Bundle


@click.command()
@configured
@click.option(
    "--to",
    "path",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to make.  [default: chatserver-support-TIME.tar.gz in the working directory]",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one object: the path and the files."
)
def command(
    source: str | None, overrides: dict[str, object], path: Path | None, as_json: bool
) -> None:
    """Make one file with what a maintainer needs to help.

    It has versions, settings, the report of `chatserver status`, metrics, the last errors, threads and
    tasks, disks and limits. All of it is on a list of what is allowed: numbers, times, and words of the
    server's own source. Messages, names, addresses, paths, passwords and keys are not in it; names that
    must be told apart have pseudonyms. Nothing is sent: look into the file, then attach it.

    Works if the store is away, and if the server refuses the configuration.

    \b
    chatserver support-bundle -c production
    chatserver support-bundle -c production --to /tmp/for-support.tar.gz
    """
    from chatserver.bundle.pack import NAME, write

    now = time.time()
    target = path or Path(time.strftime(f"{NAME}.tar.gz", time.gmtime(now)))
    files = gathered(source, overrides).files()
    write(target, files, now)
    if as_json:
        import msgspec

        from chatserver.cli.shapes import BundleMade

        made = BundleMade(
            bundle=str(target), files={name: len(text) for name, text in files.items()}
        )
        click.echo(msgspec.json.encode(made))
        return
    for name, text in files.items():
        click.echo(f"  {name}  {len(text):,} bytes")
    click.echo(f"{target}: made. It has no texts, names or secrets; only you can read it.")


def gathered(source: str | None, overrides: dict[str, object]) -> Bundle:
    """The bundle, with as much as the configuration and the store allow."""
    from chatserver.bundle.pack import Bundle
    from chatserver.cli.status import look
    from chatserver.config.text import effective
    from chatserver.errors import StartupError
    from chatserver.hooks.loading import plugin_settings

    try:
        loaded = load_configuration(source, overrides)
    except StartupError:
        return Bundle(None, [], None, refused=True)
    try:
        rows = effective(loaded, plugin_settings(loaded.config))
        status = look(loaded, None, 15.0)
    except StartupError:  # such as a plugin that cannot be used
        return Bundle(loaded.config, [], None, refused=True)
    return Bundle(loaded.config, rows, status, refused=False)
