"""After an erasure the person's texts are in no file of the database: 200 markers are looked for in all bytes.

On SQLite that holds at once, but for the gaps of its pages. PostgreSQL keeps old rows until they are vacuumed, and its
log until the segments end. For MongoDB see `tests/faults/test_erased_members.py`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chatserver.service import cleanings, removal
from chatserver.testing.running import running
from tests.privacy.planted import MARKERS, PLUGINS, SETTINGS, erase, found_in, talk
from tests.servers import Postgres


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other node has accepted a message meanwhile, or is making a part of the index."""
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(cleanings, "SETTLED_SECONDS", 0.0)


async def test_nothing_is_left_in_the_files_of_sqlite() -> None:
    async with running(*PLUGINS, store="sqlite", settings=SETTINGS) as chat:
        folder = Path(chat._server.config.server.data)
        ada, eve = await talk(chat)
        assert len(found_in(folder)) == MARKERS + 1, "the scan finds what is there"
        await erase(chat, ada)
        assert found_in(folder) == set()
        assert (await eve.http("GET", "/api/v1/rooms")).status == 200


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL whose log is short: it removes segments at a checkpoint instead of using them again."""
    server = Postgres(tmp_path / "postgres")
    (tmp_path / "postgres").mkdir()
    server.start(wal_recycle="off", min_wal_size="32MB", max_wal_size="32MB", autovacuum="off")
    yield server
    server.stop()


async def vacuumed(uri: str) -> None:
    """What docs/privacy.md tells operators to do, or to wait for."""
    connection: Any = await asyncpg.connect(uri)
    try:
        await connection.execute("VACUUM FULL")
        for _ in range(2):
            await connection.execute("CHECKPOINT")
            await connection.execute("SELECT pg_switch_wal()")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


@pytest.mark.long
async def test_nothing_is_left_in_the_files_of_postgres_once_it_is_vacuumed(
    database: Postgres,
) -> None:
    settings = {**SETTINGS, "plugin.postgres.uri": database.uri}
    async with running(*PLUGINS, store="postgres", settings=settings) as chat:
        ada, eve = await talk(chat)
        await vacuumed(database.uri)
        folder = database.folder / "db"
        assert len(found_in(folder)) > MARKERS / 2, "rows that are short are not compressed"
        await erase(chat, ada)
        await vacuumed(database.uri)
        assert found_in(folder) == set()
        assert (await eve.http("GET", "/api/v1/rooms")).status == 200
