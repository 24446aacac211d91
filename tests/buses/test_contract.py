"""Every bus keeps the contract."""

import secrets

import pytest

import chatserver
from chatserver.testing.buses import BusContract, MakeBus
from chatserver_plugins.redis_bus import RedisBusPlugin
from tests.buses.servers import BusServer


class TestRedis(BusContract):
    @pytest.fixture
    def address(self, redis: BusServer) -> tuple[str, int]:
        return redis.address

    @pytest.fixture
    def make_bus(self) -> MakeBus:
        channel = secrets.token_hex(8)

        def make(port: int) -> chatserver.Bus:
            config = RedisBusPlugin.Config(
                uri=f"redis://127.0.0.1:{port}", channel=channel, timeout_ms=500
            )
            return RedisBusPlugin(config).provide_bus()

        return make
