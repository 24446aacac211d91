"""An invalid address is refused without showing any of the password in it."""

import traceback

import pytest

from chatserver import BusUnavailable, StartupError
from chatserver_plugins.postgres_bus import PostgresBusPlugin
from chatserver_plugins.redis_bus import RedisBusPlugin

MARKS = "/?#"  # what ends the part of an address that has user, password, host and port


@pytest.mark.parametrize("mark", MARKS)
def test_addresses_of_redis(mark: str) -> None:
    plugin = RedisBusPlugin(RedisBusPlugin.Config(uri=f"redis://:hunter2{mark}x@127.0.0.1:1"))
    with pytest.raises(StartupError, match="percent-encoded") as caught:
        plugin.provide_bus()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("mark", MARKS)
async def test_hosts_of_postgresql(mark: str) -> None:
    uri = f"postgresql://u:hunter2{mark}x@127.0.0.1:1/"
    bus = PostgresBusPlugin(PostgresBusPlugin.Config(uri=uri)).provide_bus()
    with pytest.raises(BusUnavailable, match="percent-encoded") as caught:
        await bus.carry()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
