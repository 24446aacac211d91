"""`python -m tests.bench.comparison [ROW]...`: our server beside good plain ones, in Node and in Tornado.

The same rows and the same load as `python -m tests.bench`, which has plain Tornado alone beside it. Here our
server runs on SQLite and on MongoDB, one after the other, as the others have the one or the other.
"""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import click
import uvloop
from rich.console import Console
from rich.table import Table

from chatserver_plugins.mongo.mongod import find
from tests.bench import javascript, machine, report, tables
from tests.bench.measure import Plan
from tests.bench.peers import Chatserver, Peer, Plain
from tests.bench.rows import ROWS, Row, Values
from tests.bench.stores import MongoBackend

COMPARED = (
    "fanout",
    "paced",
    "sends",
    "rooms",
    "history",
    "list-50",
    "list-500",
    "graphql-fanout",
    "graphql-query",
    "graphql-list",
    "graphql-rooms",
    "idle",
)
SQLITE = {"plugins.enabled": "+sqlite,-mongo"}
WIDTH = 120

Lines = list[list[str]]


class Column(NamedTuple):
    """One server. `start` gets a folder and the name of a part of the database, of its own."""

    title: str
    start: Callable[[Row, Path, str], Peer]


class Comparison(NamedTuple):
    """A table in docs/benchmarks.md: its name, its rows, and a column for each server, ours first."""

    name: str
    rows: tuple[str, ...]
    columns: Callable[[MongoBackend], list[Column]]

    def compared(self) -> list[Row]:
        """The rows, in the order of the benchmark."""
        return [row for row in ROWS if row.name in self.rows]


def ours(database: MongoBackend) -> list[Column]:
    """Our server on either store."""

    def on_sqlite(row: Row, folder: Path, name: str) -> Peer:
        return Chatserver(folder, SQLITE, graphql=row.graphql)

    def on_mongo(row: Row, folder: Path, name: str) -> Peer:
        return Chatserver(folder, database.settings(name), graphql=row.graphql)

    return [Column("chatserver, SQLite", on_sqlite), Column("chatserver, MongoDB", on_mongo)]


def node() -> Column:
    def start(row: Row, folder: Path, name: str) -> Peer:
        return javascript.Node(folder, graphql=row.graphql)

    return Column("Node, SQLite", start)


def with_peers(database: MongoBackend) -> list[Column]:
    """Ours beside plain servers."""

    def tornado(row: Row, folder: Path, name: str) -> Peer:
        return Plain(folder, database.uri, name, graphql=row.graphql)

    return [*ours(database), node(), Column("Tornado, MongoDB", tornado)]


PEERS = Comparison("peers", COMPARED, with_peers)


def lines(row: Row, measured: Iterable[Values]) -> Lines:
    """The cells of a row: a line for each figure, of which the first has the row's title."""
    found = list(measured)
    return [
        [row.title if number == 0 else "", figure.unit, *(report.text(one[key]) for one in found)]
        for number, (key, figure) in enumerate(row.figures.items())
    ]


def written(
    page: str,
    of: Comparison,
    titles: list[str],
    about: dict[str, str],
    measured: dict[str, Lines],
) -> str:
    """The page with these rows in its table, by title; rows that were not measured keep their figures."""
    rows = report.rows_in(tables.part(page, of.name))
    rows |= {
        title: [f"| {' | '.join(cells)} |" for cells in found] for title, found in measured.items()
    }
    made = ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in about.items()), ""]
    made += [f"| | | {' | '.join(titles)} |", f"|---|---|{'--:|' * len(titles)}"]
    made += [line for row in of.compared() for line in rows.get(row.title, ())]
    return tables.replaced(page, of.name, "\n".join(made))


def measure(row: Row, column: Column, folder: Path, name: str, plan: Plan) -> Values:
    peer = column.start(row, folder, name)

    async def run() -> list[Values]:
        await peer.wait_until_ready()
        return await row.run(peer, plan)

    try:
        return report.medians(uvloop.run(run()))
    finally:
        peer.stop()


def run(of: Comparison, names: tuple[str, ...], *, quick: bool, write: bool) -> None:
    """Measure all rows, or those named, and print their table; with `write`, put it into the page."""
    javascript.install()
    machine.allow_open_files()
    machine.use_client_core()
    console = Console(width=WIDTH)
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as place:
        folder = Path(place)
        database = MongoBackend(folder)
        spent = database.cpu_seconds
        plan = Plan(1.0, 2.0, 1, spent) if quick else Plan(2.0, 4.0, 3, spent)
        beside = of.columns(database)
        measured: dict[str, Lines] = {}
        try:
            for row in of.compared():
                if names and row.name not in names:
                    continue
                values = []
                for number, column in enumerate(beside):
                    name = f"{row.name}-{number}".replace("-", "_")
                    with console.status(f"{row.title}: {column.title}"):
                        values.append(measure(row, column, folder / name, name, plan))
                measured[row.title] = lines(row, values)
                if write:
                    note(of, beside, measured)
        finally:
            database.stop()
    table = Table("row", "figure", *(column.title for column in beside))
    for found in measured.values():
        for cells in found:
            table.add_row(*cells)
    console.print(table)


def note(of: Comparison, beside: list[Column], measured: dict[str, Lines]) -> None:
    """Put what was measured until now into the page: a later row may fail."""
    about = machine.describe(find("")) | javascript.versions()
    page = tables.PAGE.read_text(encoding="utf-8")
    titles = [column.title for column in beside]
    tables.PAGE.write_text(written(page, of, titles, about, measured), encoding="utf-8")


def arguments(rows: tuple[str, ...]) -> Callable[[Callable[..., None]], click.Command]:
    """The command line of a comparison with these rows."""

    def command(main: Callable[..., None]) -> click.Command:
        main = click.option(
            "--write",
            is_flag=True,
            help="Put the figures into docs/benchmarks.md; other rows stay.",
        )(main)
        main = click.option(
            "--quick", is_flag=True, help="One short window instead of the median of three."
        )(main)
        choice = click.Choice(rows)
        return click.command()(
            click.argument("names", nargs=-1, type=choice, metavar="[ROW]...")(main)
        )

    return command


@arguments(COMPARED)
def main(names: tuple[str, ...], quick: bool, write: bool) -> None:
    """Measure the server beside plain ones in Node and in Tornado: all rows, or those named."""
    run(PEERS, names, quick=quick, write=write)


if __name__ == "__main__":
    main()
