"""`chatserver serve`: run the server."""

import click

from chatserver.cli.options import configured, listening, load_configuration


@click.command()
@configured
@listening
@click.pass_context
def command(
    ctx: click.Context,
    source: str | None,
    overrides: dict[str, object],
    host: str | None,
    port: int | None,
    data: str | None,
) -> None:
    """Run the server until it is told to stop (SIGTERM drains).

    \b
    chatserver serve -c production
    chatserver serve -c /etc/chatserver/chat.toml --port 8080
    CHATSERVER_PLUGIN__MONGO__URI=mongodb://db chatserver serve -c production
    """
    loaded = load_configuration(source, overrides, host=host, port=port, data=data)
    from chatserver.app import run

    ctx.exit(run(loaded))
