"""Every bus keeps the contract, beside others on the same server."""

import secrets

import pytest

from chatserver import Bus
from chatserver.testing.buses import BusContract, MakeBus
from chatserver_plugins.mongo_bus import MongoBusPlugin
from chatserver_plugins.nats_bus import NatsBusPlugin
from chatserver_plugins.postgres_bus import PostgresBusPlugin
from chatserver_plugins.redis_bus import RedisBusPlugin
from tests.buses.servers import BusServer
from tests.servers import Mongod, Postgres

TIMEOUT_MS = 700  # what does not answer is to be given up soon


@pytest.fixture
def ours() -> str:
    """The name of a channel that is one test's alone."""
    return f"test_{secrets.token_hex(8)}"


class TestRedis(BusContract):
    @pytest.fixture
    def address(self, redis: BusServer) -> tuple[str, int]:
        return redis.address

    @pytest.fixture
    def make_bus(self, ours: str) -> MakeBus:
        def make(port: int) -> Bus:
            config = RedisBusPlugin.Config(
                uri=f"redis://127.0.0.1:{port}", channel=ours, timeout_ms=TIMEOUT_MS
            )
            return RedisBusPlugin(config).provide_bus()

        return make


class TestNats(BusContract):
    @pytest.fixture
    def address(self, nats: BusServer) -> tuple[str, int]:
        return nats.address

    @pytest.fixture
    def make_bus(self, ours: str) -> MakeBus:
        def make(port: int) -> Bus:
            config = NatsBusPlugin.Config(
                uri=f"nats://127.0.0.1:{port}", subject=ours, timeout_ms=TIMEOUT_MS
            )
            return NatsBusPlugin(config).provide_bus()

        return make


class TestPostgres(BusContract):
    @pytest.fixture
    def address(self, postgres: Postgres) -> tuple[str, int]:
        return "127.0.0.1", postgres.port

    @pytest.fixture
    def make_bus(self, postgres: Postgres, ours: str) -> MakeBus:
        def make(port: int) -> Bus:
            uri = postgres.uri.replace(f":{postgres.port}/", f":{port}/")
            config = PostgresBusPlugin.Config(uri=uri, channel=ours, timeout_ms=TIMEOUT_MS)
            return PostgresBusPlugin(config).provide_bus()

        return make


class TestMongo(BusContract):
    @pytest.fixture
    def address(self, replica_set: Mongod) -> tuple[str, int]:
        return "127.0.0.1", replica_set.port

    @pytest.fixture
    def make_bus(self, ours: str) -> MakeBus:
        def make(port: int) -> Bus:
            config = MongoBusPlugin.Config(
                uri=f"mongodb://127.0.0.1:{port}/?directConnection=true",
                collection=ours,
                timeout_ms=TIMEOUT_MS,
            )
            return MongoBusPlugin(config).provide_bus()

        return make
