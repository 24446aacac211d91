"""Faults 33 to 38: floods at each layer, from one address and from many, with the limits of config/production.toml.

Meanwhile two honest users at another address are served: all messages are acknowledged and received, in order.
"""

import asyncio
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import floods
from tests.faults.figures import record
from tests.faults.floods import Flood, Worker, flooding, many_addresses, one_address
from tests.faults.honest import Honest
from tests.faults.scale import IS_LONG
from tests.faults.server import ChatServer
from tests.servers import free_port
from tests.waiting import until

SECONDS = 10 if IS_LONG else 1
FLOODERS = 40
LEAST = 10  # messages of the honest users
PRODUCTION = Path(__file__).parents[2] / "config/production.toml"
SOURCES: dict[str, Callable[[], Iterator[str]]] = {
    "one address": one_address,
    "many addresses": many_addresses,
}
FLOODS: dict[str, Worker] = {
    "33 connections cut at once": floods.connects,
    "33 silent connections": floods.silent_connections,
    "34 slow heads": floods.slow_heads,
    "34 slow bodies": floods.slow_bodies,
    "34 slow readers": floods.slow_readers,
    "35 cheap requests": floods.cheap_requests,
    "35 expensive requests": floods.expensive_requests,
    "35 requests that are none": floods.bad_requests,
    "36 sockets that do not sign in": floods.sockets,
    "36 sockets with wrong tokens": floods.wrong_tokens,
    "36 frames of signed-in users": floods.frames,
    "37 GraphQL": floods.graphql_queries,
    "38 sign-ins": floods.logins,
}
# Those that one address can't go on with, however slow the machine: it gets 429, or no further connection.
LIMITED = {
    *("33 silent connections", "34 slow heads", "34 slow bodies"),
    *("35 cheap requests", "37 GraphQL", "38 sign-ins"),
}


class World:
    """A server as in production, two honest users, and those who will flood it."""

    def __init__(self, folder: Path) -> None:
        limits = tomllib.loads(PRODUCTION.read_text())["limits"]
        given = {f"limits__{key}": value for key, value in limits.items()}
        plugins = {"plugins__enabled": "sqlite,password,metrics,graphql"}
        # Where many tests share two cores, a write, and a query of GraphQL, may wait long for its turn.
        given["delivery__append_seconds"] = given["plugins__deadline_seconds"] = 60
        # Hashing costs what it does in production, but the accounts are made at once.
        hashing = {"plugin__password__memory_kib": 19456, "plugin__password__passes": 2}
        given["limits__registrations_per_hour"] = 0
        self.server = ChatServer(
            folder, store="sqlite", server__internal_port=free_port(), **given, **plugins, **hashing
        )

    def start(self) -> None:
        self.server.start()
        names = [f"flooder{number}" for number in range(FLOODERS)]
        self.honest = (self.server.register("writer"), self.server.register("reader"))
        self.flooders = [self.server.register(name) for name in names]
        self.room = self.server.room(self.honest[0], "honest", self.honest[1])
        self.other = self.server.room(self.flooders[0], "other", *self.flooders[1:])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("server"))
    try:
        world.start()
        yield world
    finally:
        world.server.kill()


def refused(server: ChatServer) -> float:
    """Number of connections and requests that were refused for their number, so far."""
    connections = server.metric("chatserver_http_connections_refused_total")
    return connections + server.metric("http_request_duration_seconds_count", status="429")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", FLOODS)
async def test_honest_users_are_served_meanwhile(world: World, name: str, source: str) -> None:
    server = world.server
    honest = Honest(server, world.room, world.honest, f"{name} {source}")
    flood = Flood(server, SOURCES[source](), [*world.flooders], world.other)
    before, errors = refused(server), server.errors()
    async with honest.talking(), flooding(flood, FLOODS[name]):
        await asyncio.sleep(SECONDS)
        await until(lambda: len(honest.acknowledged) >= LEAST)
        if source == "one address" and name in LIMITED:
            await until(lambda: refused(server) > before)
    assert flood.sent > floods.WORKERS
    # No message is lost, doubled or out of order, and each is in the log as it was acknowledged.
    assert honest.received == sorted(honest.acknowledged.items())
    log = {event["seq"]: event.get("body") for event in server.log(world.room, world.honest[0])}
    assert honest.acknowledged.items() <= log.items()
    assert set(honest.reads) == {200}
    assert server.is_ready()
    assert server.errors() == errors
    waits = sorted(honest.waits)
    record(
        f"{name}, {source}",
        "connections and requests; half of the honest sends acknowledged within, all within",
        f"{flood.sent:,}; {waits[len(waits) // 2] * 1000:.0f} ms, {waits[-1] * 1000:.0f} ms",
    )
