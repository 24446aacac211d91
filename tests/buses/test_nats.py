"""What nats-py does that its errors do not say."""

from typing import NoReturn

import pytest

from chatserver import BusUnavailable
from chatserver_plugins.nats_bus.bus import NatsBus
from chatserver_plugins.nats_bus.config import Config


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
