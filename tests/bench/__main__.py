"""`python -m tests.bench [ROW]...`: measure, print, and with --write put the figures into the docs."""

import tempfile
from contextlib import closing
from pathlib import Path

import click
import uvloop
from rich.console import Console

from chatserver_plugins.mongo.mongod import find
from tests.bench import machine, profile, report, storing
from tests.bench.measure import Plan
from tests.bench.peers import Chatserver, Peer, Plain
from tests.bench.report import Result
from tests.bench.rows import ROWS, Row, Values
from tests.bench.stores import MongoBackend, started

WIDTH = 110  # of the table
SHARED = ("mongo", "postgres")  # stores that several workers can have
OTHERS = 0.1  # cores that something else may use while we measure


@click.command()
@click.argument(
    "names", nargs=-1, type=click.Choice([row.name for row in ROWS]), metavar="[ROW]..."
)
@click.option("--quick", is_flag=True, help="One short window instead of the median of three.")
@click.option("--alone", is_flag=True, help="Only our server, nothing to compare with.")
@click.option("--store", default="mongo", help="Plugin that stores; another than mongo runs alone.")
@click.option("--stores", is_flag=True, help="The stores alone instead, each by itself.")
@click.option(
    "--write", is_flag=True, help="Put the figures into docs/benchmarks.md; other rows stay."
)
@click.option("--profile", "profiled", is_flag=True, help="Show where our server's time goes.")
def main(
    names: tuple[str, ...],
    quick: bool,
    alone: bool,
    store: str,
    stores: bool,
    write: bool,
    profiled: bool,
) -> None:
    """Measure the server beside the plain Tornado way: all rows, or those named."""
    if stores:
        storing.run_all(storing.STORES, quick=quick, write=write)
        return
    if write and store != "mongo":
        raise click.UsageError("--write is for the figures of the default store")
    rows = [
        row
        for row in ROWS
        if row.name in names or (not names and (row.workers == 1 or store in SHARED))
    ]
    console = Console(width=WIDTH)
    machine.allow_open_files()
    machine.use_client_core()
    with (
        tempfile.TemporaryDirectory(prefix="chatserver-bench-") as folder,
        closing(Bench(Path(folder), store, quick, console)) as bench,
    ):
        if profiled:
            for row in rows:
                bench.profile(row, write)
            return
        results = [bench.measure(row, alone or store != "mongo") for row in rows]
    about = machine.describe(find(""))
    show(results, about, console)
    if write:
        report.write(results, about)


def show(results: list[Result], about: dict[str, str], console: Console) -> None:
    """Print the figures, as a table and as JSON, with a warning where the machine was not quiet."""
    console.print(", ".join(f"{key} {value}" for key, value in about.items()), style="dim")
    report.show(results, console)
    others = max(
        (ours.get("other cores", 0.0) for result in results for ours in result.values.values()),
        default=0.0,
    )
    if others > OTHERS:
        console.print(
            f"Something else used up to {others:.1f} cores meanwhile: rates and latencies are "
            "worse than they are, and µs by up to a factor of two. Look at the ratios.",
            style="yellow",
        )
    for line in report.json_lines(results):
        print(line)


class Bench:
    """A database, and for each row a fresh server with its own part of it."""

    def __init__(self, folder: Path, store: str, quick: bool, console: Console) -> None:
        self._folder, self._console = folder, console
        self._count = 0
        self._database = started(store, folder)
        spent = self._database.cpu_seconds
        self._plan = Plan(1.0, 2.0, 1, spent) if quick else Plan(2.0, 4.0, 3, spent)

    def close(self) -> None:
        self._database.stop()

    def measure(self, row: Row, alone: bool) -> Result:
        values = {"chatserver": self._run(row, self._chatserver(row))}
        if not alone and not row.alone:
            for concern in ("w1", "majority") if row.stores else ("w1",):
                values[f"plain {concern}"] = self._run(row, self._plain(row, concern))
        return Result(row, values)

    def profile(self, row: Row, write: bool) -> None:
        samples = self._folder / "samples.txt"
        samples.unlink(missing_ok=True)
        plan = self._plan._replace(runs=1, samples=samples)
        self._run(row, self._chatserver(row), plan)
        if not samples.exists():
            self._console.print(f"{row.title}: over too soon to take samples")
            return
        found = profile.Profile(samples)
        found.show(row.title, self._console)
        if write:
            found.write(row.title)

    def _chatserver(self, row: Row) -> Peer:
        folder, name = self._place()
        settings = self._database.settings(name)
        if row.bus:
            settings |= self._database.bus(name)
        return Chatserver(
            folder, settings, graphql=row.graphql, workers=row.workers, vault=row.vault
        )

    def _plain(self, row: Row, concern: str) -> Peer:
        assert isinstance(self._database, MongoBackend)
        folder, name = self._place()
        return Plain(folder, self._database.uri, name, concern, graphql=row.graphql)

    def _place(self) -> tuple[Path, str]:
        """Folder, and name of the part of the database, of one server."""
        self._count += 1
        return self._folder / str(self._count), f"bench{self._count}"

    def _run(self, row: Row, peer: Peer, plan: Plan | None = None) -> Values:
        async def run() -> list[Values]:
            await peer.wait_until_ready()
            return await row.run(peer, plan or self._plan)

        with self._console.status(f"{row.title}: {peer.name}"):
            try:
                return report.medians(uvloop.run(run()))
            finally:
                peer.stop()


if __name__ == "__main__":
    main()
