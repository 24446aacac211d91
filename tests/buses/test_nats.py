"""Behaviour of nats-py that its errors do not tell of."""

import asyncio
import secrets
from contextlib import suppress
from typing import NoReturn

import pytest

from chatserver import BusUnavailable
from chatserver.testing.buses import refuses
from chatserver_plugins.nats_bus.bus import NatsBus
from chatserver_plugins.nats_bus.config import Config
from tests.buses.servers import BusServer
from tests.waiting import until


class Closed:
    """A client whose connection has been closed under it, as uvloop puts it."""

    async def publish(self, subject: str, frame: bytes) -> None: ...

    async def flush(self, **options: object) -> NoReturn:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")


async def test_a_connection_that_is_closed_under_it_is_an_absence() -> None:
    bus = NatsBus(Config(uri="nats://127.0.0.1:1"))
    bus._client = Closed()
    with pytest.raises(BusUnavailable):
        await bus.publish([b"frame"])


async def test_after_a_pause_that_a_publish_did_not_wait_for_a_node_still_hears(
    nats: BusServer,
) -> None:
    """nats-py silently stops reading when an answer comes that nobody waits for any more."""
    subject = f"test_{secrets.token_hex(8)}"
    config = Config(uri=f"nats://127.0.0.1:{nats.port}", subject=subject, timeout_ms=300)
    one, other = NatsBus(config), NatsBus(config)
    heard: list[bytes] = []
    await one.open(heard.append, lambda: None)
    await other.open(lambda frame: None, lambda: None)
    try:
        async with asyncio.timeout(60):
            await until(lambda: one.is_connected() and other.is_connected())
            nats.freeze()
            await refuses(one)
            nats.thaw()
            while b"again" not in heard:
                with suppress(BusUnavailable):
                    await other.publish([b"again"])
                await asyncio.sleep(0.02)
    finally:
        nats.thaw()
        await one.close()
        await other.close()
