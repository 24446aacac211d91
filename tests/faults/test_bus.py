"""Faults 12 to 15: what carries hints between two nodes is killed, frozen, cut, repeats, drops, lies.

A bus is never needed: nothing is lost or doubled, no user sees an error, and what a lost hint would
have told is found by comparing heads.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.buses.servers import BusServer, nats_server, redis_server
from tests.faults import trial, wire
from tests.faults.figures import record_trial
from tests.faults.fleet import Fleet
from tests.faults.nodes import patient
from tests.faults.proxy import Network, Proxy
from tests.faults.scale import IS_LONG, SCALE
from tests.faults.server import ChatServer
from tests.servers import Mongod
from tests.waiting import until

SERVERS = {"redis": redis_server, "nats": nats_server}
RATE = 400 if IS_LONG else SCALE.rate  # messages a second; two nodes, and the bus's server
SECONDS = 2.0 if IS_LONG else 0.6
FROZEN_SECONDS = 5.0 if IS_LONG else 2.0  # a node takes it for gone after 3
RESET_SECONDS = 0.1
END_SECONDS = 60.0
RECEIVED = "chatserver_bus_frames_received_total"

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


class Setting(NamedTuple):
    """A bus, and the second of the two nodes on it, which reaches it through a proxy."""

    bus: str
    server: BusServer
    proxy: Proxy
    there: ChatServer
    seed: int

    def ports_there(self) -> set[int]:
        """The local ports of the second node's connections."""
        connections = psutil.Process(self.there.process.pid).net_connections("tcp4")
        return {connection.laddr.port for connection in connections}


async def kill(setting: Setting) -> None:
    await asyncio.to_thread(setting.server.kill)
    await asyncio.sleep(SECONDS)
    await asyncio.to_thread(setting.server.start)


async def freeze(setting: Setting) -> None:
    setting.server.freeze()
    await asyncio.sleep(FROZEN_SECONDS)
    setting.server.thaw()


async def cut(setting: Setting) -> None:
    """The first node has the bus as before."""
    await asyncio.to_thread(setting.proxy.hold, setting.ports_there)
    await asyncio.sleep(SECONDS)
    await asyncio.to_thread(setting.proxy.heal)


async def drop(setting: Setting) -> None:
    """Reset the connections again and again; frames under way are lost."""
    for _ in range(int(SECONDS / RESET_SECONDS)):
        await asyncio.sleep(RESET_SECONDS)
        await asyncio.to_thread(setting.proxy.reset)


async def repeat(setting: Setting) -> None:
    async with (
        wire.wire(setting.bus, setting.server.port) as other,
        during(wire.repeat(other, setting.seed)),
    ):
        await asyncio.sleep(SECONDS)


async def lie(setting: Setting, is_heard: Callable[[], Awaitable[bool]]) -> None:
    """At least until both nodes have got some of it."""
    async with wire.wire(setting.bus, setting.server.port) as other, during(wire.pester(other)):
        await asyncio.sleep(SECONDS)
        await until(is_heard)


@asynccontextmanager
async def during(action: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """The action goes on as long as this lasts, and raises nothing but its end."""
    task = asyncio.create_task(action)
    try:
        yield
        assert not task.done(), task
    finally:
        async with asyncio.timeout(END_SECONDS):
            while (
                not task.done()
            ):  # a client's library may lose a cancellation that comes at a bad time
                task.cancel()
                await asyncio.wait([task], timeout=0.1)


FAULTS: dict[str, Callable[[Setting], Awaitable[None]]] = {  # in this order, and then lies
    "12 the bus is killed": kill,
    "12 the bus is frozen": freeze,
    "13 the bus is cut off from one node": cut,
    "14 the bus drops": drop,
    "14 the bus repeats and reorders": repeat,
}
LIES = "15 hostile frames on the bus"


BUSES = SERVERS if IS_LONG else ["redis"]


@pytest.fixture(scope="module", params=BUSES)
def bus(request: pytest.FixtureRequest) -> Iterator[tuple[str, BusServer]]:
    name: str = request.param
    with SERVERS[name]() as server:
        yield name, server


async def test_a_bus_is_never_needed(
    tmp_path: Path, database: Mongod, network: Network, bus: tuple[str, BusServer], seed: int
) -> None:
    kind, server = bus
    proxy = network.proxy(server.port)

    def node(folder: str, port: int) -> ChatServer:
        settings = patient(database, tmp_path) | {
            "plugins__enabled": f"mongo,password,metrics,{kind}_bus",
            f"plugin__{kind}_bus__uri": f"{kind}://127.0.0.1:{port}",
            f"plugin__{kind}_bus__timeout_ms": 1000,
        }
        return ChatServer(tmp_path / folder, **settings)

    with node("here", server.port) as here, node("there", proxy.port) as there:
        setting = Setting(kind, server, proxy, there, seed)
        received: list[float] = []

        async def counted(kind: str) -> list[float]:
            return [
                await asyncio.to_thread(one.metric, RECEIVED, kind=kind) for one in (here, there)
            ]

        async def is_heard() -> bool:
            return min(await counted("foreign")) > 0

        async def lie_and_count() -> None:
            await lie(setting, is_heard)
            received.extend(await counted("taken"))

        faults: dict[str, trial.Fault] = {
            name: partial(fault, setting) for name, fault in FAULTS.items()
        }
        faults[LIES] = lie_and_count
        async with Fleet(here, SCALE._replace(rate=RATE), seed, others=[there]) as fleet:
            outcomes = await trial.run_in_turn(fleet, faults)
        for name, outcome in outcomes.items():
            assert outcome.findings == []
            assert outcome.complaints == []
            assert outcome.connections == 1
            record_trial(outcome.row(f"{name} ({kind})", "MongoDB", seed))
        assert here.errors() == there.errors() == []
        assert min(received) > 0, "they talk over the bus"
