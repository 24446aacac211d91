"""`chatserver config`: what is in effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.config import Config


@click.command()
@configured
@click.option("--default", is_flag=True, help="Print every setting at its default instead.")
def command(source: str | None, overrides: dict[str, object], default: bool) -> None:
    """Print the configuration in effect as TOML, secrets hidden, with where each value is from.

    \b
    chatserver config -c production
    chatserver config --default > chat.toml
    """
    from chatserver.config.text import render_default, render_effective

    if default:
        click.echo(render_default(), nl=False)
        return
    loaded = load_configuration(source, overrides)
    click.echo(render_effective(loaded, plugin_settings(loaded.config)), nl=False)


def plugin_settings(config: Config) -> dict[str, Mapping[str, Any]]:
    """The settings of each plugin that is on, and as they came of those that are not."""
    import msgspec

    from chatserver.config.settings import convert
    from chatserver.errors import StartupError
    from chatserver.plugins import discover, load_class, settings_type

    sources = discover(config)
    tables: dict[str, Mapping[str, Any]] = {}
    for name in config.plugins.enabled:
        if name not in sources:
            raise StartupError(f"plugins.enabled: there is no plugin {name!r}")
        kind = settings_type(load_class(sources[name]))
        settings = convert(config.plugin.get(name, {}), kind, f"plugin.{name}")
        tables[name] = msgspec.to_builtins(settings)
    off = {name: table for name, table in config.plugin.items() if name not in tables}
    return tables | off
