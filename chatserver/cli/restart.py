"""`chatserver restart`: replace the running server by a new process, without a gap."""

from __future__ import annotations

import click

from chatserver.cli import refuse
from chatserver.cli.options import configured, load_configuration


@click.command()
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context, source: str | None, overrides: dict[str, object], as_json: bool
) -> None:
    """Restart the running server with new code and configuration, without a gap.

    The server starts its command anew. The new process takes over the open port, and the old one finishes what
    it has accepted. If the new one cannot start, the old one goes on, and the exit status is 1. With workers,
    all of them are replaced. Options and the environment stay those of the first start.

    \b
    chatserver restart -c production
    """
    import getpass
    from pathlib import Path

    from chatserver.handover.restarting import ask

    folder = Path(load_configuration(source, overrides).config.server.data).absolute()
    done = ask(folder, getpass.getuser())
    if done is None:
        refuse(f"no server runs on {folder} (server.data)")
        ctx.exit(1)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(done))
    elif done.why:
        refuse(f"not restarted, process {done.before} goes on: {done.why}")
    else:
        click.echo(f"process {done.pid} serves in place of process {done.before}")
    ctx.exit(1 if done.why else 0)
