"""`python -m tests.bench.least [ROW]...`: our server beside the least that a chat in Python costs (bare.py).

What ours costs above it is what its promises, accounts, rights, bounds and plugins cost; and no server in Python can
reach a figure that it misses.
"""

from pathlib import Path

from tests.bench import comparison
from tests.bench.comparison import Column, Comparison
from tests.bench.peers import Bare, Peer
from tests.bench.rows import Row
from tests.bench.stores import MongoBackend

COMPARED = ("fanout", "paced", "sends", "rooms")


def columns(database: MongoBackend) -> list[Column]:
    """Ours, the least in Python with and without waiting for the disk, and Node."""

    def bare(row: Row, folder: Path, name: str) -> Peer:
        return Bare(folder, durable=False)

    def durable(row: Row, folder: Path, name: str) -> Peer:
        return Bare(folder, durable=True)

    return [
        *comparison.ours(database),
        Column("least, durable", durable),
        Column("least", bare),
        comparison.node(),
    ]


LEAST = Comparison("least", COMPARED, columns)


@comparison.arguments(COMPARED)
def main(names: tuple[str, ...], quick: bool, write: bool) -> None:
    """Measure the server beside the least in Python, and Node: all rows, or those named."""
    comparison.run(LEAST, names, quick=quick, write=write)


if __name__ == "__main__":
    main()
