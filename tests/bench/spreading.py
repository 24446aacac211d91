"""`python -m tests.bench.spreading [ROW]...`: what further processes cost, ours beside the least in Python (bare.py).

The same load for one, two and four processes on the same core. Each message has to reach all of them, as each has some
of its listeners: the least does nothing more than that.
"""

from pathlib import Path

from tests.bench import comparison
from tests.bench.comparison import Column, Comparison
from tests.bench.peers import Bare, Chatserver, Peer
from tests.bench.rows import Row
from tests.bench.stores import MongoBackend

COMPARED = ("rooms", "workers-2", "workers-4")


def columns(database: MongoBackend) -> list[Column]:
    """Ours on the store that processes can share, and the least that waits for the disk."""

    def on_mongo(row: Row, folder: Path, name: str) -> Peer:
        return Chatserver(folder, database.settings(name), workers=row.workers)

    def least(row: Row, folder: Path, name: str) -> Peer:
        return Bare(folder, durable=True, processes=row.workers)

    return [Column("chatserver, MongoDB", on_mongo), Column("least, durable", least)]


SPREADING = Comparison("spreading", COMPARED, columns)


@comparison.arguments(COMPARED)
def main(names: tuple[str, ...], quick: bool, write: bool) -> None:
    """Measure one, two and four processes, ours and the least in Python: all rows, or those named."""
    comparison.run(SPREADING, names, quick=quick, write=write)


if __name__ == "__main__":
    main()
