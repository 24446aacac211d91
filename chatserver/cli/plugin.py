"""`chatserver plugin`: what authors of plugins need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from chatserver.cli import refuse
from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chatserver.config import Config, Loaded
    from chatserver.hooks.context import Context

T = TypeVar("T")

# What a plugin is checked beside if the configuration names no plugins, unless it answers the hook itself.
BESIDE = {"provide_store": "memory", "provide_authenticator": "password"}


@click.group()
def command() -> None:
    """For authors of plugins.

    \b
    chatserver plugin new calm
    chatserver plugin check calm
    chatserver plugin run calm --help
    """


@command.command()
@click.argument("name")
@click.option("--to", "folder", metavar="DIR", help="The new folder.  [default: chatserver-NAME]")
@click.option("--page", is_flag=True, help="With a part of the page: a panel in each room.")
def new(name: str, folder: str | None, page: bool) -> None:
    """Write the beginning of a plugin: a package with a setting, a hook, a test, CI and a README.

    NAME is what operators write into plugins.enabled. The test passes as it is; README.md says how to run
    it. Exits with 1 if there is such a plugin, or such a folder, already.

    \b
    chatserver plugin new calm
    chatserver plugin new waves --page
    """
    from chatserver.authoring.scaffold import write

    for path in write(name, Path(folder or f"chatserver-{name}"), page=page):
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
    server, of names of metrics, of settings without a description, and of a package that does not say which
    versions of the server it is for. Nothing is started or changed.
    Exits with 1 if a server with this plugin would not start, or if it uses a power that it does not declare.

    \b
    chatserver plugin check calm
    chatserver plugin check calm --set plugins.folder=local
    """
    from chatserver.authoring.advice import advice
    from chatserver.cli.check import problems
    from chatserver.denial.refusal import UndeclaredPower
    from chatserver.hooks.loading import discover, load_class

    loaded = _with(load_configuration(source, overrides), name)
    sources = discover(loaded.config)
    if found := list(problems(loaded.config)):
        refuse("\n".join(found))
        ctx.exit(1)
    try:
        _build_held(loaded, name)
    except UndeclaredPower as error:
        refuse(str(error))
        ctx.exit(1)
    lines = advice(name, load_class(sources[name]), sources[name].distribution)
    for line in lines:
        click.secho(str(line), fg="yellow")
    if not lines:
        click.echo(f"{name}: in order")
    ctx.exit(1 if strict and lines else 0)


@command.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@configured
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run(
    ctx: click.Context,
    name: str,
    arguments: tuple[str, ...],
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Run a command of a plugin that is on.

    Options of this command come before NAME; all that follows it is the plugin's.

    \b
    chatserver plugin run -c production bookmarks --help
    """
    from chatserver.app import Server
    from chatserver.cli.stores import run_quietly

    server = Server(load_configuration(source, overrides))

    def run_in_server(action: Callable[[Context], Awaitable[T]]) -> T:
        async def act() -> T:
            async with server.opened(beside=True):
                return await action(server.context(name))

        return run_quietly(act())

    own = server.provided.command(name, run_in_server)
    own.main(list(arguments), prog_name=f"chatserver plugin run {name}", standalone_mode=False)


def _build_held(loaded: Loaded, name: str) -> None:
    """Build a server, in which the plugin gets only what it declares. Raises `StartupError`, `UndeclaredPower`."""
    from chatserver.cli.rehearsal import rehearse
    from chatserver.cli.stores import run_quietly
    from chatserver.denial.refusal import Denial
    from chatserver.denial.server import DeniedServer, holding

    denial = Denial(loaded.config, strict=(name,))

    async def build() -> None:
        with holding(denial):
            rehearse(DeniedServer(loaded, denial))

    run_quietly(build())


def _with(loaded: Loaded, name: str) -> Loaded:
    """The configuration with the plugin on, beside those that it names or BESIDE."""
    from msgspec.structs import replace

    config = loaded.config
    named = config.plugins.enabled if "plugins.enabled" in loaded.origin else _beside(config, name)
    enabled = [*named, *([] if name in named else [name])]
    plugins = replace(config.plugins, enabled=enabled)
    return loaded._replace(config=replace(config, plugins=plugins))


def _beside(config: Config, name: str) -> list[str]:
    from chatserver.hooks.loading import survey

    own = {hook for row in survey(config) if row.name == name for hook in row.hooks}
    return [plugin for hook, plugin in BESIDE.items() if hook not in own]
