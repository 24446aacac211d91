"""`chatserver serve`: run the server."""

import signal

import click

from chatserver.cli.options import configured, listening, load_configuration


@click.command()
@configured
@listening
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Number of processes that share the port. They must be able to share the store.",
)
@click.pass_context
def command(
    ctx: click.Context,
    source: str | None,
    overrides: dict[str, object],
    host: str | None,
    port: int | None,
    workers: int,
) -> None:
    """Run the server until it is told to stop (SIGTERM drains).

    `chatserver restart`, or SIGUSR2, replaces the process by a new one without a gap.

    \b
    chatserver serve -c production
    chatserver serve -c /etc/chatserver/chat.toml --port 8080
    chatserver serve -c production --workers 4
    CHATSERVER_PLUGIN__MONGO__URI=mongodb://db chatserver serve -c production
    """
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # until it can be replaced
    from chatserver.cluster.workers import place as places
    from chatserver.handover import predecessor as handover

    place = places.place_of_this_process()
    with handover.reporting() as predecessor, places.reporting(place):
        loaded = load_configuration(source, overrides, host=host, port=port)
        if workers > 1 and place is None:
            from chatserver.cluster.workers.parent import run_workers

            status = run_workers(loaded, workers, predecessor)
        else:
            from chatserver.serving import run

            status = run(loaded, place=place, predecessor=predecessor)
    ctx.exit(status)
