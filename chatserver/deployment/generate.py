"""The command deploy/generate: writes what is generated from the topology, or reports where it differs."""

from __future__ import annotations

from pathlib import Path

import click

from chatserver.deployment.generated import first_difference, generated
from chatserver.deployment.problem import DeploymentError
from chatserver.deployment.table import with_tables
from chatserver.deployment.topology import FILE, Topology
from chatserver.deployment.topologyfile import read_topology


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; exit with 1 if a file is not what would be written.",
)
@click.option(
    "--may",
    nargs=3,
    metavar="FROM TO PORT",
    help="Only answer: may a part speak to another, at a port of [ports]?",
)
def command(folder: Path, check: bool, may: tuple[str, str, str] | None) -> None:
    """Write the firewalls, NetworkPolicies, security groups and the tables of docs/network.md from topology.toml."""
    try:
        topology = read_topology(folder)
    except DeploymentError as error:
        for each in error.problems:
            click.echo(f"{folder / each.file}{str(each).removeprefix(each.file)}", err=True)
        raise SystemExit(1) from None
    if may:
        answer(topology, *may)
        return
    wrong = [path for path, text in outputs(topology, folder).items() if differs(path, text)]
    for path in wrong:
        if check:
            click.echo(f"{path}: is not what {FILE} says: run deploy/generate", err=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(outputs(topology, folder)[path], "utf-8")
            click.echo(f"wrote {path}")
    if check and wrong:
        raise SystemExit(1)


def answer(topology: Topology, source: str, target: str, port: str) -> None:
    try:
        allowed = topology.allows(source, target, port)
    except KeyError as error:
        raise click.ClickException(f"{FILE} does not define {error.args[0]}") from None
    click.echo("yes" if allowed else "no")


def outputs(topology: Topology, folder: Path) -> dict[Path, str]:
    """The text of each file that is written; docs/network.md only where it is beside the folder."""
    found = {folder / name: text for name, text in generated(topology).items()}
    page = folder.resolve().parent / "docs/network.md"
    if page.exists():
        found[page] = with_tables(page.read_text("utf-8"), topology)
    return found


def differs(path: Path, text: str) -> bool:
    return not path.exists() or first_difference(path.read_text("utf-8"), text) > 0


if __name__ == "__main__":
    command()
