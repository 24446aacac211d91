"""Faults 1 and 2 with PostgreSQL: kill -9 of the server, of the database, of both, in a burst."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.figures import record_trial
from tests.faults.fleet import Fleet
from tests.faults.scale import SCALE
from tests.faults.server import SHIPPED, ChatServer
from tests.faults.test_killed import during
from tests.servers import Postgres

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()


def kill_server(server: ChatServer, database: Postgres) -> None:
    server.kill()
    server.start()


def kill_database(server: ChatServer, database: Postgres) -> None:
    """The server reaches it again by itself."""
    database.kill()
    database.start()


def kill_all(server: ChatServer, database: Postgres) -> None:
    database.freeze()  # so that it does nothing between the two
    server.kill()
    database.kill()
    database.start()
    server.start()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("1 kill -9 of the server", kill_server),
        ("2 kill -9 of server and PostgreSQL", kill_all),
        ("2 kill -9 of PostgreSQL", kill_database),
    ],
    ids=["server", "all", "database"],
)
async def test_nothing_acknowledged_is_lost_on_postgresql(
    tmp_path: Path,
    database: Postgres,
    name: str,
    fault: Callable[[ChatServer, Postgres], None],
    seed: int,
) -> None:
    given = SHIPPED | {"plugin__postgres__uri": database.uri}
    with ChatServer(tmp_path, store="postgres", **given) as server:
        async with Fleet(server, SCALE, seed) as fleet:
            outcome = await during(fleet, lambda server: fault(server, database))
        if fault is kill_database:
            assert outcome.connections == 1, "sockets are kept"
        assert outcome.findings == []
        assert outcome.acknowledged == int(SCALE.seconds * 2 * SCALE.rate)
        record_trial(outcome.row(name, "PostgreSQL", seed))
        assert server.stop() == 0
