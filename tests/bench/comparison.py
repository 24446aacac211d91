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
NAME = "peers"  # of the table in docs/benchmarks.md
WIDTH = 120

Lines = list[list[str]]


class Column(NamedTuple):
    """One server. `start` gets a folder and the name of a part of the database, of its own."""

    title: str
    start: Callable[[Row, Path, str], Peer]


def columns(database: MongoBackend) -> list[Column]:
    """The servers that are compared, ours first."""

    def on_sqlite(row: Row, folder: Path, name: str) -> Peer:
        return Chatserver(folder, SQLITE, graphql=row.graphql)

    def on_mongo(row: Row, folder: Path, name: str) -> Peer:
        return Chatserver(folder, database.settings(name), graphql=row.graphql)

    def node(row: Row, folder: Path, name: str) -> Peer:
        return javascript.Node(folder, graphql=row.graphql)

    def tornado(row: Row, folder: Path, name: str) -> Peer:
        return Plain(folder, database.uri, name, graphql=row.graphql)

    return [
        Column("chatserver, SQLite", on_sqlite),
        Column("chatserver, MongoDB", on_mongo),
        Column("Node, SQLite", node),
        Column("Tornado, MongoDB", tornado),
    ]


def compared() -> list[Row]:
    """The rows, in the order of the benchmark."""
    return [row for row in ROWS if row.name in COMPARED]


def lines(row: Row, measured: Iterable[Values]) -> Lines:
    """The cells of a row: a line for each figure, of which the first has the row's title."""
    found = list(measured)
    return [
        [row.title if number == 0 else "", figure.unit, *(report.text(one[key]) for one in found)]
        for number, (key, figure) in enumerate(row.figures.items())
    ]


def written(page: str, titles: list[str], about: dict[str, str], measured: dict[str, Lines]) -> str:
    """The page with these rows in its table, by title; rows that were not measured keep their figures."""
    rows = report.rows_in(tables.part(page, NAME))
    rows |= {title: [f"| {' | '.join(cells)} |" for cells in of] for title, of in measured.items()}
    made = ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in about.items()), ""]
    made += [f"| | | {' | '.join(titles)} |", f"|---|---|{'--:|' * len(titles)}"]
    made += [line for row in compared() for line in rows.get(row.title, ())]
    return tables.replaced(page, NAME, "\n".join(made))


def measure(row: Row, column: Column, folder: Path, name: str, plan: Plan) -> Values:
    peer = column.start(row, folder, name)

    async def run() -> list[Values]:
        await peer.wait_until_ready()
        return await row.run(peer, plan)

    try:
        return report.medians(uvloop.run(run()))
    finally:
        peer.stop()


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(COMPARED), metavar="[ROW]...")
@click.option("--quick", is_flag=True, help="One short window instead of the median of three.")
@click.option(
    "--write", is_flag=True, help="Put the figures into docs/benchmarks.md; other rows stay."
)
def main(names: tuple[str, ...], quick: bool, write: bool) -> None:
    """Measure the server beside plain ones in Node and in Tornado: all rows, or those named."""
    javascript.install()
    machine.allow_open_files()
    machine.use_client_core()
    console = Console(width=WIDTH)
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as place:
        folder = Path(place)
        database = MongoBackend(folder)
        spent = database.cpu_seconds
        plan = Plan(1.0, 2.0, 1, spent) if quick else Plan(2.0, 4.0, 3, spent)
        beside = columns(database)
        measured: dict[str, Lines] = {}
        try:
            for row in compared():
                if names and row.name not in names:
                    continue
                values = []
                for number, column in enumerate(beside):
                    name = f"{row.name}-{number}".replace("-", "_")
                    with console.status(f"{row.title}: {column.title}"):
                        values.append(measure(row, column, folder / name, name, plan))
                measured[row.title] = lines(row, values)
                if write:
                    note(beside, measured)
        finally:
            database.stop()
    table = Table("row", "figure", *(column.title for column in beside))
    for of in measured.values():
        for cells in of:
            table.add_row(*cells)
    console.print(table)


def note(beside: list[Column], measured: dict[str, Lines]) -> None:
    """Put what was measured until now into the page: a later row may fail."""
    about = machine.describe(find("")) | javascript.versions()
    page = tables.PAGE.read_text(encoding="utf-8")
    titles = [column.title for column in beside]
    tables.PAGE.write_text(written(page, titles, about, measured), encoding="utf-8")


if __name__ == "__main__":
    main()
