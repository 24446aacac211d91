"""What replicated stores say of their replicas: lag, loss, failover; with real databases."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chatserver import Replication
from chatserver.testing.samples import posted
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from tests.faults.members import Members
from tests.faults.proxy import Network
from tests.servers import Postgres
from tests.stores.waiting import comes_back
from tests.waiting import until


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Members]:
    with Network() as network:
        members = Members(tmp_path, network)
        try:
            members.start()
            yield members
        finally:
            members.kill()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Postgres, Postgres]]:
    primary = Postgres(tmp_path / "primary")
    primary.start()
    standby = Postgres.standby(tmp_path / "standby", primary)
    standby.start()
    yield primary, standby
    standby.stop()
    primary.stop()


async def test_members_of_a_replica_set(io_loop: Any, members: Members, tmp_path: Path) -> None:
    store = MongoPlugin(
        MongoPlugin.Config(uri=f"{members.uri}&heartbeatFrequencyMS=500"), tmp_path
    ).provide_store()
    await store.open()

    async def look() -> Replication:
        await store.ping()
        found = await store.replication()
        return found or Replication([])

    async def lags() -> list[float]:
        return [each.lag for each in (await look()).replicas if each.up and each.lag is not None]

    try:
        await until(lambda: settled(lags, 2))
        before = await look()
        primary = await asyncio.to_thread(members.primary)
        assert primary.host not in {each.name for each in before.replicas}
        frozen, other = [each for each in members.all if each is not primary]
        frozen.freeze()

        async def lost() -> bool:
            states = {each.name: each.up for each in (await look()).replicas}
            return states == {frozen.host: False, other.host: True}

        await until(lost)
        frozen.thaw()
        await until(lambda: settled(lags, 2))
        await asyncio.to_thread(primary.kill)
        await comes_back(store)
        await until(lambda: changed(look, before.era))
    finally:
        await store.close()


async def settled(lags: Any, count: int) -> bool:
    found = await lags()
    return len(found) == count and max(found) < 5


async def changed(look: Any, era: str) -> bool:
    found: str = (await look()).era
    return found not in ("", era)


async def test_a_standby(io_loop: Any, pair: tuple[Postgres, Postgres]) -> None:
    primary, standby = pair
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    config = PostgresPlugin.Config(uri=f"postgresql://chat@{hosts}/postgres", timeout_ms=2000)
    store = PostgresPlugin(config).provide_store()
    await store.open()
    try:

        async def lag() -> float:
            found = await store.replication()
            assert found is not None
            (replica,) = found.replicas
            assert replica.up and replica.name == "walreceiver@127.0.0.1"
            return -1.0 if replica.lag is None else replica.lag

        async def is_behind() -> bool:
            return await lag() > 1.5

        async def is_even() -> bool:
            return await lag() == 0

        await until(is_even)
        before = await store.replication()
        standby.freeze()
        await store.append([posted("r", 1)])
        await until(is_behind)  # though it says nothing any more
        standby.thaw()
        await until(is_even)
        await asyncio.to_thread(primary.kill)
        connection = await asyncpg.connect(standby.uri)
        await connection.execute("SELECT pg_promote()")
        await connection.close()
        await comes_back(store)
        after = await store.replication()
        assert before is not None and after is not None
        assert after.replicas == [] and after.era > before.era
    finally:
        await store.close()


async def test_an_account_without_the_right_sees_a_standby_but_not_its_lag(
    io_loop: Any, pair: tuple[Postgres, Postgres]
) -> None:
    primary, _ = pair
    admin = await asyncpg.connect(primary.uri)
    await admin.execute("CREATE ROLE plain LOGIN")
    await admin.execute("GRANT CREATE ON DATABASE postgres TO plain")
    await admin.execute("SELECT pg_create_physical_replication_slot('lost')")
    config = PostgresPlugin.Config(uri=f"postgresql://plain@127.0.0.1:{primary.port}/postgres")
    store = PostgresPlugin(config).provide_store()
    await store.open()
    try:
        found = await store.replication()
        assert found is not None
        assert [(each.up, each.lag) for each in found.replicas] == [(False, None), (True, None)]
        await admin.execute("GRANT pg_monitor TO plain")
        found = await store.replication()
        assert found is not None
        lost, standby = found.replicas
        assert lost.name == "slot lost" and standby.lag is not None
    finally:
        await store.close()
        await admin.close()
