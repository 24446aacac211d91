"""`chatserver jobs`: lists the periodic jobs and their last runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatserver.cli.opened import with_server
from chatserver.cli.options import configured

if TYPE_CHECKING:
    from chatserver.cluster.jobs import LastRun, UnreadableRun
    from chatserver.hooks.types import Job


@click.command()
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one job a line.")
def command(source: str | None, overrides: dict[str, object], as_json: bool) -> None:
    """List the periodic jobs of plugins, each with its last run.

    Works beside running servers, but not on an embedded database that one of them has open.

    \b
    chatserver jobs -c production
    chatserver jobs --json
    """
    jobs = with_server(source, overrides, lambda server: server.jobs.last_runs())
    if as_json:
        import msgspec

        from chatserver.cli.shapes import JobShown

        for job, last in jobs:
            click.echo(msgspec.json.encode(JobShown(name=job.name, every=job.every, last=last)))
        return
    from chatserver.cli.table import print_table

    print_table(
        ("job", "every", "last run", "took", "on", ""), (_row(job, last) for job, last in jobs)
    )


def _row(job: Job, last: LastRun | UnreadableRun | None) -> tuple[str, ...]:
    from chatserver.cluster.jobs import UnreadableRun

    every = f"{job.every:g} s"
    if last is None:
        return job.name, every, "never", "", "", ""
    if isinstance(last, UnreadableRun):
        return job.name, every, "unreadable", "", "", ""
    outcome = f"failed, {last.failures} in a row" if last.failures else "ok"
    return job.name, every, last.at, f"{last.seconds:.1f} s", last.node, outcome
