"""`chatserver config`: the settings in effect."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.config.text import SettingRow


@click.command()
@configured
@click.option("--default", is_flag=True, help="Print every setting at its default instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one setting a line.")
def command(source: str | None, overrides: dict[str, object], default: bool, as_json: bool) -> None:
    """Print the configuration in effect as TOML: secrets hidden, each value with its origin.

    If no configuration is named and a server runs on the data folder, print that server's
    configuration.

    \b
    chatserver config -c production
    chatserver config --default > chat.toml
    """
    from chatserver.config.text import default_rows, render_default, render_rows

    if default and not as_json:
        click.echo(render_default(), nl=False)
        return
    rows = default_rows() if default else shown(source, overrides)
    if not as_json:
        click.echo(render_rows(rows), nl=False)
        return
    import msgspec

    from chatserver.cli.shapes import SettingShown

    for row in rows:
        shape = SettingShown(**row._asdict())
        click.echo(msgspec.json.encode(shape, enc_hook=str))  # texts as they are


def shown(source: str | None, overrides: dict[str, object]) -> list[SettingRow]:
    """The settings in effect; if no configuration is named, those of a server on the data folder."""
    from chatserver.config.text import effective
    from chatserver.hooks.loading import plugin_settings
    from chatserver.process.running_config import read_running

    loaded = load_configuration(source, overrides)
    if not (source or os.environ.get("CHATSERVER_CONFIG") or overrides.keys() - {"server.data"}):
        running = read_running(Path(loaded.config.server.data))
        if running is not None:
            click.echo("chatserver: of the server that runs on the data folder", err=True)
            return running
    return effective(loaded, plugin_settings(loaded.config))
