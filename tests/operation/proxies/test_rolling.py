"""Two nodes and their proxy are restarted and reloaded under traffic: no user sees an error.

200 clients talk over WebSockets through each proxy, each from one address. Every message is acknowledged
once, in order, none is lost or stored twice; what a client is refused, it may try again.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import tools
from tests.buses.servers import BusServer
from tests.faults import trial
from tests.faults.fleet import Fleet
from tests.faults.scale import SHORT
from tests.faults.server import ChatServer
from tests.operation.proxies.machine import HOST, Machine
from tests.operation.proxies.sites import NODE, OPERATOR, Proxy
from tests.servers import Mongod
from tests.waiting import until, wait_until

CLIENTS = 200
SCALE = SHORT._replace(clients=CLIENTS, rate=40)  # messages a second; each goes to 40 clients
DRAIN_SECONDS = 2  # over which a node tells its clients to move
PORTS = (NODE, NODE + 1)

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def settings(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, object]]:
    """A replica set and a bus for all tests; the settings of nodes that use them."""
    database = Mongod(tmp_path_factory.mktemp("mongod"), within=machine.network)
    redis = [tools.need_tool("redis-server"), "--port", "{port}", "--bind", "127.0.0.1"]
    bus = BusServer(*machine.network, *redis, "--save", "", "--appendonly", "no")
    with ExitStack() as stack:
        stack.callback(database.kill)
        machine.call(database.start)
        machine.call(bus.start)
        stack.callback(bus.kill)
        yield {
            "plugin__mongo__uri": database.uri,
            "plugin__redis_bus__uri": f"redis://127.0.0.1:{bus.port}",
            "server__drain_seconds": DRAIN_SECONDS,
            "server__trusted_proxies": "127.0.0.1",
        }


@pytest.fixture
def servers(
    machine: Machine, proxy: Proxy, settings: dict[str, object], tmp_path: Path
) -> Iterator[list[ChatServer]]:
    """Two nodes that run."""
    made = []
    with ExitStack() as stack:
        for port in PORTS:
            server = ChatServer(
                tmp_path / str(port),
                store="mongo,redis_bus",
                within=machine.network,
                plugin__mongo__database=f"{proxy.name}-{tmp_path.name}"[-60:],
                **settings,
            )
            server.port = port
            stack.callback(machine.call, server.kill)
            machine.call(server.start)
            made.append(server)
        yield made


def test_restarts_and_reloads_are_not_noticed(
    machine: Machine, proxy: Proxy, servers: list[ChatServer]
) -> None:
    proxy.install(PORTS)
    proxy.start()
    wait_until(lambda: proxy.fetch("/health/ready").status_code == 200)
    outcomes, refusals, kept = machine.call(asyncio.run, _scenario(proxy, servers))
    for name, outcome in outcomes.items():
        print(f"{proxy.name}: {name}: {outcome.acknowledged} acknowledged, gap {outcome.gap:.2f} s")
    print(f"{proxy.name}: refused upgrades {sorted(refusals)}")
    (whole, *_) = outcomes.values()
    assert whole.findings == []
    assert whole.complaints == []
    assert [machine.call(server.errors) for server in servers] == [[], []]
    assert kept, "the reload cut WebSockets"
    assert set(refusals) <= {502, 503}, "no more than a client tries again"


def _connect(url: object) -> socket.socket:
    return socket.create_connection((OPERATOR, 443))


async def _scenario(
    proxy: Proxy, servers: list[ChatServer]
) -> tuple[dict[str, trial.Outcome], list[int], bool]:
    options = {"ssl_context": proxy.tls(), "socket_factory": _connect}
    first, *others = servers
    kept = False

    async with Fleet(
        first, SCALE, 1, others=others, through=[f"https://{HOST}"], options=options
    ) as fleet:

        def connections() -> list[int]:
            return [client.connections for client in fleet.clients]

        async def all_reconnected(before: list[int]) -> None:
            await until(
                lambda: all(now > then for now, then in zip(connections(), before, strict=True))
            )

        async def restart_nodes() -> None:
            before = connections()
            for server in servers:
                assert await asyncio.to_thread(server.stop) == 0
                await asyncio.to_thread(server.start)
            await all_reconnected(before)

        async def reload() -> None:
            nonlocal kept
            before = connections()
            await asyncio.to_thread(proxy.reload)
            await asyncio.sleep(1)  # of traffic
            kept = connections() == before

        async def crash() -> None:
            before = connections()
            await asyncio.to_thread(proxy.kill)
            proxy.install(PORTS, proxy.keep_streams(1))
            await asyncio.to_thread(proxy.start)
            await all_reconnected(before)

        async def reload_and_cut() -> None:
            before = connections()
            await asyncio.to_thread(proxy.reload)
            await all_reconnected(before)

        outcomes = await trial.run_in_turn(
            fleet,
            {
                "the nodes restart in turn": restart_nodes,
                "the proxy is reloaded": reload,
                "the proxy dies and starts": crash,
                "the proxy is reloaded and cuts": reload_and_cut,
            },
        )
    return outcomes, [status for client in fleet.clients for status in client.refusals], kept
