"""`chatserver plugin`: what authors of plugins need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli import refuse
from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.config import Loaded

BESIDE = (
    "memory",
    "password",
)  # what a plugin is checked beside, if the configuration names no plugins


@click.group()
def command() -> None:
    """For authors of plugins.

    \b
    chatserver plugin new calm
    chatserver plugin check calm
    """


@command.command()
@click.argument("name")
@click.option("--to", "folder", metavar="DIR", help="The new folder.  [default: chatserver-NAME]")
def new(name: str, folder: str | None) -> None:
    """Write the beginning of a plugin: a package with a setting, a hook, a test, CI and a README.

    NAME is what operators write into plugins.enabled. The test passes as it is; README.md says how to run
    it. Exits with 1 if there is such a plugin, or such a folder, already.

    \b
    chatserver plugin new calm
    """
    from chatserver.authoring.scaffold import write

    for path in write(name, Path(folder or f"chatserver-{name}")):
        click.echo(path)


@command.command()
@click.argument("name")
@click.option("--strict", is_flag=True, help="Exit with 1 for advice, too.")
@configured
@click.pass_context
def check(
    ctx: click.Context, name: str, strict: bool, source: str | None, overrides: dict[str, object]
) -> None:
    """Check a plugin: everything that it registers is built, and its sources are read.

    Builds its hooks, routes, jobs, consumers and GraphQL as a server does, beside the plugins of the
    configuration, or beside a store in memory. Then warns of private imports, of calls that block the
    server, of names of metrics, and of settings without a description. Nothing is started or changed.
    Exits with 1 if a server with this plugin would not start.

    \b
    chatserver plugin check calm
    chatserver plugin check calm --set plugins.folder=local
    """
    from chatserver.authoring.advice import advice
    from chatserver.cli.check import problems, tried
    from chatserver.hooks.loading import discover, load_class

    loaded = _with(load_configuration(source, overrides), name)
    sources = discover(loaded.config)
    if found := list(problems(loaded.config)):
        refuse("\n".join(found))
        ctx.exit(1)
    tried(loaded, connect=False)
    lines = advice(name, load_class(sources[name]))
    for line in lines:
        click.secho(str(line), fg="yellow")
    if not lines:
        click.echo(f"{name}: in order")
    ctx.exit(1 if strict and lines else 0)


def _with(loaded: Loaded, name: str) -> Loaded:
    """The configuration with the plugin on, beside those that it names or BESIDE."""
    from msgspec.structs import replace

    config = loaded.config
    named = config.plugins.enabled if "plugins.enabled" in loaded.origin else BESIDE
    enabled = [*named, *([] if name in named else [name])]
    plugins = replace(config.plugins, enabled=enabled)
    return loaded._replace(config=replace(config, plugins=plugins))
