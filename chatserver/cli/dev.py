"""`chatserver dev`: a server for development."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, listening, load_configuration
from chatserver.errors import PortTaken, StartupError

if TYPE_CHECKING:
    from chatserver.config import Config, Loaded


@click.command()
@listening
@click.option(
    "--store",
    metavar="PLUGIN",
    help="Store plugin: mongo, sqlite, memory, …  [default: mongo]",
)
@click.option(
    "--reload/--no-reload", default=True, show_default=True, help="Restart when code changes."
)
@configured
@click.pass_context
def command(
    ctx: click.Context,
    source: str | None,
    overrides: dict[str, object],
    host: str | None,
    port: int | None,
    store: str | None,
    reload: bool,
) -> None:
    """Run a server for development: embedded database, readable log, restart on changes.

    \b
    chatserver dev
    chatserver dev --store sqlite --port 4001
    chatserver dev --data /tmp/chat --no-reload
    """
    if source is None and not os.environ.get("CHATSERVER_CONFIG"):
        source = "development"
    loaded = load_configuration(source, overrides, host=host, port=port)
    if store is not None:
        overrides["plugins.enabled"] = with_store(loaded.config, store)
        loaded = load_configuration(source, overrides, host=host, port=port)
    from chatserver.cli.terminal import own_foreground

    with own_foreground():
        try:
            status = served(loaded, reload)
        except PortTaken as error:
            raise StartupError(f"{error}: choose another with {another_port(loaded)}") from error
    ctx.exit(status)


def served(loaded: Loaded, reload: bool) -> int:
    """Run the server; returns its exit status."""
    if reload:
        from chatserver.cli.reload import run_reloading

        return run_reloading(loaded)
    from chatserver.serving import run

    return run(loaded, dev=True)


def another_port(loaded: Loaded) -> str:
    """The option that chooses another port, for `make run` or for the command itself."""
    port = loaded.config.server.port % 65_535 + 1
    return f"make run PORT={port}" if "MAKELEVEL" in os.environ else f"--port {port}"


def with_store(config: Config, store: str) -> list[str]:
    """The enabled plugins, with this store plugin instead of the configured one."""
    from chatserver.hooks.loading import survey

    stores = {row.name for row in survey(config) if "provide_store" in row.hooks}
    if store not in stores:
        known = ", ".join(sorted(stores)) or "none"
        raise click.BadParameter(
            f"there is no store plugin {store!r} (there are: {known})", param_hint="--store"
        )
    return [store, *(name for name in config.plugins.enabled if name not in stores)]
