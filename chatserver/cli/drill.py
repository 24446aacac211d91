"""`chatserver drill`: measures loss and recovery time after all data is lost."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured
from chatserver.errors import StartupError

if TYPE_CHECKING:
    from chatserver.copies.drill.course import Plan
    from chatserver.copies.drill.outcome import DrillResult

MESSAGES = 100_000


@click.command()
@click.option(
    "--messages",
    type=click.IntRange(min=2000),
    default=MESSAGES,
    show_default=True,
    help="Messages in the store at the larger of two sizes, in thousands; the smaller is a tenth.",
)
@click.option(
    "--moments",
    type=click.IntRange(1, 3),
    default=3,
    show_default=True,
    help="Number of kills at the smaller size.",
)
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="File for the page."
)
@click.option(
    "--metrics",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.prom",
    help="File for the result as metrics, in the folder of node_exporter's textfile collector.",
)
@click.option("--most-rpo", type=float, metavar="SECONDS", help="Fail if the RPO is greater.")
@click.option(
    "--most-rto",
    type=float,
    metavar="SECONDS",
    help="Fail if 10 million messages would take longer.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one object, instead of the page."
)
@click.option(
    "--target",
    metavar="URL",
    help="Restore from this target, as in backup.targets; it must hold no backup.",
)
@click.option(
    "--erase",
    "erases",
    is_flag=True,
    help="Erase an account after each backup; it may not come back.",
)
@configured
def command(
    messages: int,
    moments: int,
    report: Path | None,
    metrics: Path | None,
    most_rpo: float | None,
    most_rto: float | None,
    as_json: bool,
    target: str | None,
    erases: bool,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Measure the cost of losing all data: lost messages, and time until the server is back.

    The drill makes its own installation on the configured store: a folder below TMPDIR, and with
    PostgreSQL or MongoDB a schema or database `chatserver_drill_…` on that server. It reads and writes
    no other data, but it keeps that server busy. It removes its installation afterwards.

    It fills the store, makes a backup and lets users write. Several times it kills the server, removes
    all data, restores, and compares the restored messages with the acknowledged ones.

    With --target, the backups are copied there by the server, the disaster takes the local ones too, and the
    restore reads the target.

    With --erase, an account that the backup has is erased before the disaster. The restore erases it again, for which it
    reads the whole log once; the drill fails if anything of it is left.

    \b
    chatserver drill -c production
    chatserver drill -c production --messages 1000000 --report drill.md
    """
    from datetime import UTC, datetime

    from chatserver.copies.drill.course import Plan
    from chatserver.copies.drill.metrics import write_metrics
    from chatserver.copies.drill.report import page

    plan = Plan(messages, moments, erases)
    outcome: DrillResult | None = None
    success = False
    try:
        outcome = tried(source, overrides, plan, target or "")
        text = page(outcome, when=datetime.now(UTC))
        click.echo(encoded(outcome) if as_json else text)
        if report is not None:
            write(report, text)
        demand(outcome, most_rpo, most_rto)
        success = True
    finally:
        if metrics is not None:
            write_metrics(metrics, outcome, success=success)


def encoded(outcome: DrillResult) -> bytes:
    """The result as JSON."""
    import msgspec

    from chatserver.cli.shapes import DrillShown, FallShown

    return msgspec.json.encode(
        DrillShown(
            store=outcome.store,
            ship_seconds=outcome.ship_seconds,
            rpo=outcome.rpo,
            rto=outcome.rto,
            falls=[FallShown(**fall._asdict()) for fall in outcome.falls],
        )
    )


def tried(source: str | None, overrides: dict[str, object], plan: Plan, target: str) -> DrillResult:
    """Run the drill in a temporary folder."""
    from chatserver.cli.progress import progress
    from chatserver.cli.scratch import scratch_folder
    from chatserver.cli.stores import run_quietly
    from chatserver.copies.drill.course import Drill
    from chatserver.copies.drill.scratch import Scratch

    def say(text: str) -> None:
        click.echo(f"drill: {text}", err=True)

    with scratch_folder("chatserver-drill-") as folder:
        name = f"chatserver_drill_{secrets.token_hex(4)}"
        scratch = Scratch(source, overrides, Path(folder), name, target)
        say(f"the drill uses only {scratch.touches}")
        with progress("rooms filled") as show:
            return run_quietly(Drill(scratch, plan, say, show).run())


def write(report: Path, text: str) -> None:
    """Write the report. Raises `StartupError` if that fails."""
    try:
        report.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StartupError(f"--report {report}: {error.strerror}") from error


def demand(outcome: DrillResult, most_rpo: float | None, most_rto: float | None) -> None:
    """Raises `StartupError` if the loss or the time exceeds its limit."""
    from chatserver.copies.drill.report import BIG

    if most_rpo is not None and outcome.rpo > most_rpo:
        raise StartupError(f"RPO {outcome.rpo:.1f} s is more than {most_rpo:g} s")
    if most_rto is not None and outcome.rto_at(BIG) > most_rto:
        raise StartupError(f"RTO {outcome.rto_at(BIG):.1f} s is more than {most_rto:g} s")
