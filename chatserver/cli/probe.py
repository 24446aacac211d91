"""`chatserver probe`: two accounts send each other a message through the public address."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chatserver.probe import Outcome, Probe

PORT = 9465


@click.command()
@click.argument("url")
@click.option(
    "--accounts",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File with two lines, each USERNAME PASSWORD or a token alone; the first account sends.",
)
@click.option("--once", is_flag=True, help="Make one round and print it; status 1 if it fails.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the round as JSON.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Seconds between the beginnings of two rounds.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="Most seconds of a round.",
)
@click.option(
    "--listen",
    default=f"127.0.0.1:{PORT}",
    show_default=True,
    metavar="HOST:PORT",
    help="Address at which Prometheus finds the metrics; port 0 takes a free one.",
)
@click.option(
    "--ca",
    metavar="FILE",
    help="Certificates (PEM) of authorities to trust instead of the system's.",
)
def command(
    url: str,
    accounts: Path,
    once: bool,
    as_json: bool,
    every: float,
    timeout: float,
    listen: str,
    ca: str | None,
) -> None:
    """Measure what users notice: sign-in, a message acknowledged, a message received.

    Two accounts of your own sign in at URL, the public address. The first sends the second a message in their
    direct room; the second receives it over WebSocket. The certificate is checked. Without --once it goes on and
    serves metrics (chatserver_probe_…) for Prometheus. Each round adds one message to that room's log.

    \b
    chatserver probe https://chat.example.org --accounts probe.txt --once --json
    chatserver probe https://chat.example.org --accounts probe.txt
    """
    from chatserver.probe import Probe, read_accounts

    if as_json and not once:
        raise click.UsageError("--json needs --once.")
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65535 or not host:
        raise click.BadParameter(f"{listen}: expected HOST:PORT", param_hint="--listen")
    probe = Probe(url, read_accounts(accounts), seconds=timeout, ca=ca)
    if once:
        outcome = asyncio.run(probe.round())
        show(outcome, as_json)
        raise click.exceptions.Exit(0 if outcome.ok else 1)
    asyncio.run(export(probe, host.strip("[]"), int(port), every))


def show(outcome: Outcome, as_json: bool) -> None:
    """Print the outcome of a round."""
    import msgspec

    if as_json:
        click.echo(msgspec.json.encode(outcome))
        return
    for step, seconds in outcome.seconds.items():
        click.echo(f"{step:12} {seconds * 1000:8.1f} ms")
    if outcome.failure is not None:
        click.secho(f"{outcome.failure.step:12} failed: {outcome.failure.text}", fg="red")


async def export(probe: Probe, host: str, port: int, every: float) -> None:
    """Serve metrics and make rounds, until SIGTERM or Ctrl+C."""
    import signal

    from chatserver.errors import StartupError
    from chatserver.probe.exporter import Exporter

    exporter = Exporter(probe)
    try:
        bound = exporter.serve(host, port)
    except OSError as error:
        raise StartupError(f"--listen {host}:{port}: {error.strerror or error}") from error
    click.echo(f"metrics at http://{host}:{bound}/metrics", err=True)
    task = asyncio.create_task(exporter.run(every))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        click.echo("the probe ends", err=True)
