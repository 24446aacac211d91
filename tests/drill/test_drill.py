"""`chatserver drill` beside what others have on the same database server.

On SQLite it is tried with the page about it, in tests/docs/test_drill.py.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pymongo
import pytest
from click.testing import CliRunner, Result

from chatserver.cli import main
from chatserver.cli.stores import store_of
from chatserver.config import load
from tests.backup.seed import Contents, contents, seed
from tests.servers import Mongod, Postgres

pytestmark = pytest.mark.long

ROW = re.compile(r"^\| (\S+) \| (\D+) \| (\S+) \| (\S+) \| (\S+) s \| (\S+) s \| (\S+) s \|$", re.M)
MOST_RPO = 60.0  # what is promised; a loaded machine has to keep it as well


class Installation(NamedTuple):
    """One that is in use, and how to see what else is on its database server."""

    settings: dict[str, object]
    others: Callable[[], list[str]]  # names of schemas or databases

    def contents(self, *, fill: bool = False) -> Contents:
        async def read() -> Contents:
            store = store_of(load(environ={}, overrides=self.settings))
            await store.open()
            try:
                if fill:
                    await seed(store)
                return await contents(store)
            finally:
                await store.close()

        return asyncio.run(read())

    def drill(self, *options: str) -> Result:
        given = [f"--set={key}={value}" for key, value in self.settings.items()]
        return CliRunner().invoke(main, ["drill", *options, *given], prog_name="chatserver")


@pytest.fixture(params=["postgres", "mongo"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    settings: dict[str, object] = {
        "plugins.enabled": f"{request.param},password",
        "server.data": str(tmp_path / "data"),
        "backup.ship_seconds": "0.5",
        "plugin.password.memory_kib": "8",
        "plugin.password.passes": "1",
    }
    server: Postgres | Mongod
    if request.param == "postgres":
        server = Postgres(tmp_path / "server")
        names = partial(schemas, server.uri)
    else:
        server = Mongod(tmp_path / "server")
        names = partial(databases, server.uri)
    server.start()
    yield Installation({**settings, f"plugin.{request.param}.uri": server.uri}, names)
    server.stop()


def schemas(uri: str) -> list[str]:
    return asyncio.run(_schemas(uri))


async def _schemas(uri: str) -> list[str]:
    connection = await asyncpg.connect(uri)
    rows = await connection.fetch("SELECT nspname FROM pg_namespace ORDER BY nspname")
    await connection.close()
    return [row["nspname"] for row in rows]


def databases(uri: str) -> list[str]:
    with pymongo.MongoClient[dict[str, object]](uri) as client:
        return sorted(client.list_database_names())


def test_it_measures_and_leaves_no_trace(installation: Installation, tmp_path: Path) -> None:
    before, others = installation.contents(fill=True), installation.others()
    report = tmp_path / "drill.md"
    done = installation.drill(
        *("--messages=2000", "--moments=1", "--erase"),
        *(f"--report={report}", f"--most-rpo={MOST_RPO}"),
    )
    assert done.exit_code == 0, done.stderr
    assert "were gone after each restore" in report.read_text()
    falls = [match.groups() for match in ROW.finditer(report.read_text())]
    assert [fall[0] for fall in falls] == ["1,000", "2,000"]
    for _, _, acknowledged, _, _, restoring, rto in falls:
        assert int(acknowledged.replace(",", "")) > 0
        assert 0 < float(restoring) <= float(rto)
    assert re.search(r"^drill: the drill uses only the folder \S+", done.stderr, re.M)
    assert installation.others() == others
    assert installation.contents() == before
