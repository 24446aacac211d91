"""`chatserver upgrade-check`: what an upgrade to this version changes for an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured

if TYPE_CHECKING:
    from chatserver.upgrade.findings import UpgradeReport


@click.command()
@configured
@click.option(
    "--from",
    "used",
    metavar="VERSION",
    default="",
    help="The version in use.  [default: found from the nodes, the data folder or the newest backup]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object.")
@click.pass_context
def command(
    ctx: click.Context, source: str | None, overrides: dict[str, object], used: str, as_json: bool
) -> None:
    """Show what an upgrade to this version changes, before it is made.

    Run it with the NEW version, installed beside the one in use, on the present configuration and data.
    It changes nothing, and works while servers of the old version run. It compares settings and
    defaults, and checks plugins, Python, the version of the database, the migrations with their time,
    the free disk, and the newest backup.

    Exits with 0 if nothing prevents the upgrade, and with 1 if there is a blocker.

    \b
    /opt/chatserver-new/bin/chatserver upgrade-check -c production
    chatserver upgrade-check -c production --from 0.1.0 --json
    """
    found = checked(source, overrides, used)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found))
    else:
        show(found)
    ctx.exit(0 if found.ok else 1)


def checked(source: str | None, overrides: dict[str, object], used: str) -> UpgradeReport:
    """The report. Raises `StartupError` if the records of versions cannot be read."""
    from chatserver.app import Server
    from chatserver.cli.options import load_configuration
    from chatserver.cli.stores import impatient, run_quietly
    from chatserver.config import given_keys
    from chatserver.errors import StartupError
    from chatserver.upgrade.check import Given, UpgradeCheck

    origin, enabled = given_keys(source, overrides=overrides)
    server, refused = None, []
    try:
        loaded = load_configuration(source, overrides)
        server = Server(impatient(loaded))
    except StartupError as error:
        refused = str(error).splitlines()
    return run_quietly(UpgradeCheck(Given(origin, enabled), server, refused).report(used))


def show(found: UpgradeReport) -> None:
    """Print the report for a person."""
    from chatserver.cli.table import print_table
    from chatserver.logging.text import visible

    click.echo(f"From {found.from_version or 'an unknown version'} to {found.to_version}:")
    if found.migrations:
        print_table(
            ("migration", "rows", "about"),
            (
                (step.title, f"{step.rows:,}" if step.rows else "", f"{step.seconds:.0f} s")
                for step in found.migrations
            ),
        )
    for finding in found.findings:
        if finding.code != "migration":
            colour = "red" if finding.level == "blocker" else None
            click.secho(f"{finding.level}: {finding.code}: {visible(finding.text)}", fg=colour)
    if found.ok:
        click.secho("Nothing prevents the upgrade.", fg="green")
