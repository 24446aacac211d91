"""`chatserver check`: checks that the server would start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from chatserver.cli import refuse
from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.config import Config, Loaded


@click.command()
@configured
@click.option(
    "--connect",
    is_flag=True,
    help="Also open the store, start the plugins, reach the bus, try the port.",
)
@click.option(
    "--deploy",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Check a copy of deploy/ instead: its topology, what was generated from it, ports, images, secrets.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: problems and notes.")
@click.pass_context
def command(
    ctx: click.Context,
    source: str | None,
    overrides: dict[str, object],
    connect: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Check that the server would start, without starting it.

    Checks everything that needs no other server: plugins, hooks, the GraphQL schema, TLS files, the
    page, the key of backups. With --connect it also tries the store, the bus and the port; a server
    that passes will start. Nothing is changed. Prints each problem with its path; exits with 1 if
    there is one. With --deploy the files of a deployment are checked, not a configuration; each
    problem has its file, its line and a code.

    \b
    chatserver check -c production
    chatserver check -c production --connect
    chatserver check --deploy deploy
    """
    if folder is not None:
        if connect:
            raise click.UsageError("--connect and --deploy exclude each other.")
        check_folder(ctx, folder, as_json)
    found, notes = verdict(source, overrides, connect)
    if as_json:
        import msgspec

        from chatserver.cli.shapes import Checked

        click.echo(msgspec.json.encode(Checked(problems=found, notes=notes)))
    elif found:
        refuse("\n".join(found))
    else:
        for line in notes:
            click.echo(line)
    ctx.exit(1 if found else 0)


def check_folder(ctx: click.Context, folder: Path, as_json: bool) -> NoReturn:
    """Print what is wrong with a copy of deploy/, and exit."""
    from chatserver.deployment.check import check_deployment

    found = check_deployment(folder)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"problems": found, "notes": []}))
    elif found:
        refuse("\n".join(f"{folder}/{each}" for each in found))
    else:
        click.echo(f"{folder}: nothing is wrong.")
    ctx.exit(1 if found else 0)


def verdict(
    source: str | None, overrides: dict[str, object], connect: bool
) -> tuple[list[str], list[str]]:
    """Problems, and notes for the operator."""
    from chatserver.errors import StartupError

    try:
        loaded = load_configuration(source, overrides)
    except StartupError as error:
        return str(error).splitlines(), []
    config = loaded.config
    try:
        found = list(problems(config))
        notes = [f"Configuration and {len(config.plugins.enabled)} plugins are valid."]
        if not found:
            notes += tried(loaded, connect)
    except StartupError as error:
        return str(error).splitlines(), []
    return found, [*notes, *idle_sections(config)]


def tried(loaded: Loaded, connect: bool) -> list[str]:
    """Rehearse the server's start; returns notes for the operator. Raises `StartupError`."""
    from chatserver.app import Server
    from chatserver.cli.rehearsal import rehearse, rehearse_connected
    from chatserver.cli.stores import run_quietly

    async def make() -> list[str]:
        rehearse(Server(loaded))
        return []

    return run_quietly(rehearse_connected(loaded) if connect else make())


def problems(config: Config) -> Iterator[str]:
    """Problems that would prevent a start: of single plugins, then of all together."""
    from msgspec.structs import replace

    from chatserver.errors import StartupError
    from chatserver.hooks.loading import Plugins, discover, stray_sections

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
    """A line for each section whose plugin is off: allowed, but rarely intended."""
    for name in config.plugin:
        if name not in config.plugins.enabled:
            yield f"[plugin.{name}] is not used: {name} is not listed in plugins.enabled."


def _all_with(hook: str, config: Config) -> str:
    from chatserver.hooks.loading import survey

    return ", ".join(sorted(row.name for row in survey(config) if hook in row.hooks))
