"""`chatserver check`: would it start?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli import refuse
from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.config import Config


@click.command()
@configured
@click.pass_context
def command(ctx: click.Context, source: str | None, overrides: dict[str, object]) -> None:
    """Check the configuration and the plugins, without starting.

    Prints each problem with its path; exits with 1 if there is one. Nothing is opened or
    connected to.

    \b
    chatserver check -c production
    """
    loaded = load_configuration(source, overrides)
    found = list(problems(loaded.config))
    if found:
        refuse("\n".join(found))
        ctx.exit(1)
    click.echo(f"Configuration and {len(loaded.config.plugins.enabled)} plugins are in order.")
    for line in idle_sections(loaded.config):
        click.echo(line)


def problems(config: Config) -> Iterator[str]:
    """What would refuse to start: each plugin on its own, then all of them together."""
    from msgspec.structs import replace

    from chatserver.errors import StartupError
    from chatserver.plugins import Plugins, discover, stray_sections

    data = Path(config.server.data)
    strays = stray_sections(config, discover(config))
    yield from strays
    alone = not strays
    for name in dict.fromkeys(config.plugins.enabled):
        own = {name: config.plugin[name]} if name in config.plugin else {}
        only = replace(config, plugins=replace(config.plugins, enabled=[name]), plugin=own)
        try:
            Plugins(only, data)
        except StartupError as error:
            alone = False
            yield str(error)
    if not alone:
        return
    try:
        calls = Plugins(config, data).calls()
    except StartupError as error:
        yield str(error)
        return
    for hook in ("provide_store", "provide_authenticator"):
        names = [call.plugin for call in calls[hook]]
        if len(names) != 1:
            yield (
                f"plugins.enabled: expected one plugin with {hook} ({_all_with(hook, config)}), "
                f"got {', '.join(names) or 'none'}"
            )
    buses = [call.plugin for call in calls["provide_bus"]]
    if len(buses) > 1:
        yield f"plugins.enabled: expected at most one plugin with provide_bus, got {', '.join(buses)}"


def idle_sections(config: Config) -> Iterator[str]:
    """Settings that nobody reads, for their plugin is off. No mistake, but seldom meant."""
    for name in config.plugin:
        if name not in config.plugins.enabled:
            yield f"[plugin.{name}] is not used: {name} is not listed in plugins.enabled."


def _all_with(hook: str, config: Config) -> str:
    from chatserver.plugins import survey

    return ", ".join(sorted(row.name for row in survey(config) if hook in row.hooks))
