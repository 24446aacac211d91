"""`chatserver status`: one look at an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.config import Loaded
    from chatserver.status.report import JobReport, NodeReport, Status, StoreReport, TargetReport


@click.command()
@configured
@click.option(
    "--alertmanager",
    metavar="URL",
    help="Ask this Alertmanager for alerts that fire.  [default: status.alertmanager]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for each part.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object.")
@click.pass_context
def command(
    ctx: click.Context,
    source: str | None,
    overrides: dict[str, object],
    alertmanager: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Show the nodes, the store, the bus, jobs, consumers, backups, their targets and alerts.

    Changes nothing. Works beside running servers, also on an embedded database, and says so if the store
    does not answer. Exits with 0 if all is well, and with 1 if anything is wrong.

    \b
    chatserver status -c production
    chatserver status --json | jq .problems
    """
    loaded = load_configuration(source, overrides)
    found = look(loaded, alertmanager, timeout)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found))
    else:
        show(found)
    ctx.exit(0 if found.ok else 1)


def look(loaded: Loaded, alertmanager: str | None, timeout: float) -> Status:
    """The report. Raises `StartupError` for a mistake in the configuration."""
    from chatserver.app import Server
    from chatserver.cli.stores import impatient, run_quietly
    from chatserver.status.collect import Collector

    address = loaded.config.status.alertmanager if alertmanager is None else alertmanager
    server = Server(impatient(loaded))
    return run_quietly(Collector(server, timeout).look(address))


def show(found: Status) -> None:
    """Print the report for a person; the problems come last."""
    from chatserver.cli.table import print_table
    from chatserver.logging.text import visible

    if found.nodes:
        print_table(
            ("node", "state", "version", "roles", "since", "address", "connections", "bus"),
            (_node(node) for node in found.nodes),
        )
    print_table(("what", ""), _facts(found))
    if found.store.members:
        print_table(
            ("member", "role", "state", "lag"),
            (
                (
                    each.name,
                    each.role,
                    "ok" if each.healthy else "down",
                    "" if each.lag_seconds is None else f"{each.lag_seconds:.1f} s",
                )
                for each in found.store.members
            ),
        )
    if found.jobs:
        print_table(("job", "last run", "took", "on", ""), (_job(job) for job in found.jobs))
    if found.consumers:
        print_table(
            ("consumer", "lag", "dead letters", "runs on"),
            ((one.name, str(one.lag), str(one.dead), one.node or "-") for one in found.consumers),
        )
    if found.timers:
        print_table(
            ("timer", "set", "late", "dead letters", "runs on"),
            (
                (one.name, str(one.pending), f"{one.late:.0f} s", str(one.dead), one.node or "-")
                for one in found.timers
            ),
        )
    for problem in found.problems:
        click.secho(f"{problem.code}: {visible(problem.text)}", fg="red")
    if found.ok:
        click.secho("All is well.", fg="green")


def _node(node: NodeReport) -> tuple[str, ...]:
    bus = {None: "-", True: "connected", False: "deaf"}[node.bus]
    state = node.state if node.alive else "silent"
    roles, count = ", ".join(node.roles), str(node.connections)
    return node.node, state, node.version, roles, node.started, node.address, count, bus


def _job(job: JobReport) -> tuple[str, ...]:
    at = job.at or ("unreadable" if job.unreadable else "never")
    failed = f"failed, {job.failures} in a row" if job.failures else ""
    took = f"{job.seconds:.1f} s" if job.at else ""
    return job.name, at, took, job.node, failed or ("late" if job.overdue else "")


def _facts(found: Status) -> list[tuple[str, str]]:
    store, backups = found.store, found.backups
    rows = [
        (
            "store",
            f"{store.plugin}: {store.state}{f' ({store.software})' if store.software else ''}",
        ),
        ("", _schema(store)),
        (
            "bus",
            f"{found.bus.plugin}: {found.bus.connected} of {found.bus.nodes} nodes hear it"
            if found.bus.plugin
            else "none",
        ),
        ("backups", f"{backups.count} in {backups.folder}"),
    ]
    if backups.age is not None:
        verified = f"verified {backups.verified}" if backups.verified else "never verified"
        size = (backups.bytes or 0) / 1e6
        age = backups.age / 3600
        rows.append(("", f"{backups.newest}: {age:.1f} h old, {size:,.1f} MB, {verified}"))
    if backups.shipped_age is not None:
        rows.append(("", f"changes written {backups.shipped_age:.0f} s ago"))
    rows += [("target", _target(target)) for target in found.targets]
    alerts = "not asked" if found.alerts is None else f"{len(found.alerts)} firing"
    return [*(row for row in rows if row[1]), ("alerts", alerts)]


def _target(target: TargetReport) -> str:
    if target.error or target.age is None:
        return f"{target.target}: {target.error}"
    return f"{target.target}: {target.backups}, with all changes until {target.age:.0f} s ago"


def _schema(store: StoreReport) -> str:
    parts = []
    if store.schema is not None:
        parts.append(f"schema {store.schema} of {store.known}")
    if store.latency_ms is not None:
        parts.append(f"{store.latency_ms:g} ms")
    if store.bytes is not None:
        parts.append(f"{store.bytes / 1e6:,.1f} MB")
    if "events" in store.rows:
        parts.append(f"about {store.rows['events']:,} events")
    return ", ".join(parts)
