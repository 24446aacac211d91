"""With a synchronous standby, durable means: on the standby too."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chatserver import Appended, StoreUnavailable
from chatserver.testing.samples import posted
from chatserver_plugins.postgres import PostgresPlugin
from tests.servers import Postgres
from tests.stores.waiting import LIMIT_SECONDS, comes_back


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Postgres, Postgres]]:
    """A primary and its standby, which the test may damage."""
    primary = Postgres(tmp_path / "primary")
    primary.start()
    standby = Postgres.standby(tmp_path / "standby", primary)
    standby.start()
    yield primary, standby
    standby.stop()
    primary.stop()


async def execute(server: Postgres, *statements: str) -> None:
    connection = await asyncpg.connect(server.uri)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def test_a_write_without_its_standby_is_not_acknowledged(
    io_loop: Any, pair: tuple[Postgres, Postgres]
) -> None:
    primary, standby = pair
    await execute(
        primary, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"
    )
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    config = PostgresPlugin.Config(uri=f"postgresql://chat@{hosts}/postgres", timeout_ms=1000)
    store = PostgresPlugin(config).provide_store()
    await store.open()
    try:
        assert await store.append([posted("r", 1)]) == Appended(1)

        standby.freeze()
        with pytest.raises(StoreUnavailable):
            await store.append([posted("r", 2)])
        assert await store.read("r", 0, 9) == [posted("r", 1)], "nobody sees what is not settled"

        # A primary that starts anew shows what it has, whether the standby has it or not.
        await asyncio.to_thread(primary.kill)
        await asyncio.to_thread(primary.start)
        async with asyncio.timeout(LIMIT_SECONDS):
            while len(await read_when_there(store)) < 2:
                await asyncio.sleep(0.05)
        for call in (store.heads(["r"]), store.repeats([("u1", "c-r-2")]), store.ping()):
            with pytest.raises(StoreUnavailable):
                await call

        standby.thaw()
        await comes_back(store)
        assert await store.heads(["r"]) == {"r": 2}
        assert await store.repeats([("u1", "c-r-2")]) == {("u1", "c-r-2"): posted("r", 2)}

        await asyncio.to_thread(primary.kill)
        await execute(
            standby,
            "SELECT pg_promote()",
            "ALTER SYSTEM RESET synchronous_standby_names",
            "SELECT pg_reload_conf()",
        )
        await comes_back(store)
        assert await store.read("r", 0, 9) == [posted("r", 1), posted("r", 2)]
        assert await store.append([posted("r", 3)]) == Appended(1)
    finally:
        await store.close()


async def read_when_there(store: Any) -> list[Any]:
    try:
        found: list[Any] = await store.read("r", 0, 9)
        return found
    except StoreUnavailable:
        return []
