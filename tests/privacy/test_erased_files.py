"""After an erasure the person's texts are in no file of the database: 200 markers are looked for in all bytes.

On SQLite that holds at once: while a server runs but for the gaps of its pages, after `chatserver privacy erase` in
these as well. PostgreSQL keeps old rows until they are vacuumed, and its
log until the segments end. For MongoDB see `tests/faults/test_erased_members.py`.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chatserver.service import cleanings, removal
from chatserver.testing.running import running
from tests.forking import ran
from tests.privacy.planted import MARKERS, PLUGINS, SETTINGS, erase, found_in, marker, talk
from tests.servers import Postgres
from tests.sqlite_pages import with_gaps_of


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


async def test_the_command_leaves_nothing_in_any_byte_of_sqlite(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = {**SETTINGS, "server.data": str(data)}
    async with running(*PLUGINS, store="sqlite", settings=settings) as chat:
        await talk(chat)
    (file,) = data.rglob("*.db")
    file.write_bytes(with_gaps_of(file.read_bytes(), marker(0).encode()))
    assert len(found_in(data, gaps=True)) == MARKERS + 1, "the scan finds what is there"
    enabled = f"--set=plugins.enabled={','.join(('sqlite', 'password', *PLUGINS))}"
    options = (enabled, f"--set=server.data={data}")
    erase = ("privacy", "erase", "ada", "--messages", "redact", "--yes", *options)
    done = await asyncio.to_thread(ran, *erase, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "written anew" in done.stdout
    assert found_in(data, gaps=True) == set()
    file.write_bytes(with_gaps_of(file.read_bytes(), marker(0).encode()))
    assert found_in(data, gaps=True) == {marker(0)}
    done = await asyncio.to_thread(ran, "privacy", "compact", *options, cwd=tmp_path)
    assert "written anew" in done.stdout
    assert found_in(data, gaps=True) == set()


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
