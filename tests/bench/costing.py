"""Measures the costs of which `python -m tests.bench.model` computes, and installations of 1 to 8 nodes to check it.

All nodes share the server's one core, so that their processor time can be added up; how fast they are together is not
what is asked. The bus is NATS, so the database's time is that of the log alone.
"""

import asyncio
import secrets
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from chatserver.app import THREAD_SECONDS, Server
from chatserver.cluster.bus import announcer
from chatserver.cluster.bus.contents import Key
from chatserver.cluster.bus.envelopes import Envelopes, Events, Head, Moved, encode
from chatserver.cluster.bus.online import MOVED_USERS, Online
from chatserver.config import load as load_config
from chatserver.roomlog import log
from chatserver.runtime.ids import new_id
from chatserver.testing.samples import described, posted
from tests.bench import machine
from tests.bench.load import Load
from tests.bench.measure import Plan, percentile, quiet, window
from tests.bench.peers import Chatserver
from tests.bench.rows import IDLE_PER_USER, USERS
from tests.bench.scaling import Costs, StoreCosts, nodes_of_room
from tests.bench.stores import Backend, started
from tests.buses.servers import nats_server

FILE = Path(__file__).with_name("scaling.json")
RATE = 200.0  # messages a second of all users together: eight nodes on one core have time left
IN_ROOM = 10
MANY_NODES = 8
WARM, LONG_WARM, SECONDS = 2.0, 6.0, 8.0
BARE = "mongo,password"  # without the default plugins
MANY_ROOMS = 2_000
SMALL, LARGE, APPENDS, LARGE_APPENDS = 1, 250, 300, 60
READS = 500
ITEMS, FRAMES = 100, 300
ONLINE = 100_000
MESSAGE_BYTES = {"mongo": 351.0, "postgres": 803.0, "sqlite": 676.0}  # sizing.md; benchmarks.md

Values = dict[str, float]


class Measured(msgspec.Struct):
    """What was seen, by name."""

    windows: dict[str, Values]
    parts: dict[str, float]
    stores: dict[str, Values]


def read() -> Measured:
    return msgspec.json.decode(FILE.read_bytes(), type=Measured)


def write(found: Measured) -> None:
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found, order="sorted")) + b"\n")


def costs(found: Measured, store: str = "mongo") -> Costs:
    """The costs that explain what one, two and eight nodes used."""
    windows, parts, of_store = found.windows, found.parts, found.stores[store]
    connections = USERS * parts["connection_us"]

    def each(name: str) -> float:
        """µs of a message in a window, without what idle nodes and connections take."""
        seen = windows[name]
        node = parts["bare_cores" if name.startswith("bare-") else "node_cores"] * 1e6
        return (seen["cores"] * 1e6 - node * seen["nodes"] - connections) / seen["messages"]

    delivery = max(0.0, (each("rooms-1") - each("alone-1")) / (IN_ROOM - 1))
    full = max(1.0, windows["sends"]["us"] - delivery)
    # What a second node adds, with all default plugins: a frame sent and received, an event published once more, and
    # for half of the messages consumers that hear of them. Without plugins, and alone in rooms, it is less of that.
    added = max(0.0, each("rooms-2") - each("rooms-1"))
    bus = min(added, max(0.0, each("bare-alone-2") - each("bare-alone-1")))
    bare = max(0.0, each("bare-rooms-2") - each("bare-rooms-1"))
    followed = min(added, max(bus, bare)) - bus
    # A frame is sent once, and received by each of the others.
    places = nodes_of_room(MANY_NODES, IN_ROOM) - nodes_of_room(2, IN_ROOM)
    further = each(f"rooms-{MANY_NODES}") - each("rooms-2") - followed * places
    frame = min(bus, max(0.0, further / (MANY_NODES - 2)))
    return Costs(
        node_us=parts["node_cores"] * 1e6,
        connection_us=parts["connection_us"],
        connection_bytes=parts["connection_bytes"],
        memory_bytes=parts["memory_bytes"],
        room_bytes=parts["room_bytes"],
        send_us=full,
        batch_us=max(0.0, each("alone-1") - delivery - full),
        delivery_us=delivery,
        publish_us=bus - frame,
        frame_us=frame,
        item_us=parts["item_us"],
        followed_us=followed,
        consumers_us=(added - bus - followed) * 2,
        consumers=parts["consumers"],
        online_bytes=parts["online_bytes"],
        item_bytes=parts["item_bytes"],
        frame_bytes=parts["frame_bytes"],
        batches=min(1 / log.PACE_SECONDS, of_store["batches"]),
        frames=1 / announcer.PACE_SECONDS,
        store=StoreCosts(
            event_us=of_store["event_us"],
            batch_us=of_store["batch_us"],
            bytes=of_store["bytes"],
            most=of_store["most"],
        ),
    )


# -- nodes -----------------------------------------------------------------------------------------


async def paced(peer: Chatserver, plan: Plan, in_room: int) -> Values:
    """Users in rooms of so many, who send at RATE together."""
    await peer.wait_until_ready()
    tokens = await peer.users(USERS)
    count = USERS // in_room
    made = await peer.rooms([tokens[number::count] for number in range(count)])
    load = Load()
    await load.connect(peer.port, tokens, [made[number % count] for number in range(USERS)])
    pacing = asyncio.ensure_future(load.pace(load.clients, in_room, RATE))
    with quiet():
        seen = await window(peer.pid, plan, load.delivered)
    pacing.cancel()
    assert not await load.finish() and not load.failed
    load.close()
    samples = seen.samples[0]
    return {
        "cores": seen.cpu / seen.seconds,
        "database": seen.database_cpu / seen.seconds,
        "messages": len(samples) / seen.seconds / in_room,
        "p99": percentile(samples, 0.99) * 1e3,
    }


async def closed(peer: Chatserver, plan: Plan) -> Values:
    """Each user in a room of their own sends as fast as answers come: µs of a message in full batches."""
    await peer.wait_until_ready()
    tokens = await peer.users(USERS)
    made = await peer.rooms([[token] for token in tokens])
    load = Load(closed=True)
    await load.connect(peer.port, tokens, made)
    load.start(load.clients, 1)
    with quiet():
        seen = await window(peer.pid, plan, load.acknowledged)
    assert not await load.finish() and not load.failed
    load.close()
    sent = len(seen.samples[0])
    return {"us": seen.cpu * 1e6 / sent, "database_us": seen.database_cpu * 1e6 / sent}


async def alone(peer: Chatserver, plan: Plan) -> float:
    """Cores of a node with nothing to do."""
    await peer.wait_until_ready()
    seen = await window(peer.pid, plan._replace(warm=LONG_WARM))
    return seen.cpu / seen.seconds


async def idle(peer: Chatserver, plan: Plan) -> Values:
    """A node with users, then with rooms, then with connections."""
    await peer.wait_until_ready()
    tokens = await peer.users(USERS)
    empty = machine.resident_bytes(peer.pid)
    made = await peer.rooms([[tokens[number % USERS]] for number in range(MANY_ROOMS)])
    with_rooms = machine.resident_bytes(peer.pid)
    quiet_node = await window(peer.pid, plan._replace(warm=LONG_WARM))
    before = quiet_node.cpu / quiet_node.seconds
    load = Load()
    await load.connect(peer.port, tokens * IDLE_PER_USER, made[:USERS] * IDLE_PER_USER)
    seen = await window(peer.pid, plan._replace(warm=LONG_WARM))
    grown = machine.resident_bytes(peer.pid) - with_rooms
    count = len(load.clients)
    load.close()
    return {
        "memory_bytes": empty,
        "room_bytes": (with_rooms - empty) / MANY_ROOMS,
        "connection_bytes": grown / count,
        "connection_us": max(0.0, seen.cpu / seen.seconds - before) * 1e6 / count,
    }


def nodes(name: str, folder: Path, database: Backend) -> Values:
    """One window by its name: `alone-N` or `rooms-N` for N nodes; before it `bare-` without the default plugins."""
    kind, _, count = name.removeprefix("bare-").partition("-")
    bare = BARE if name.startswith("bare-") else ""
    plan = Plan(WARM, SECONDS, 1, database.cpu_seconds)
    with nats_server() as bus:
        store = database.settings(f"model_{name}".replace("-", "_"))
        if int(count) > 1:
            subject = f"chat-{secrets.token_hex(4)}"
            uri = f"nats://127.0.0.1:{bus.port}"
            store |= {"plugin.nats_bus.uri": uri, "plugin.nats_bus.subject": subject}
            store["plugins.enabled"] = f"{bare},nats_bus" if bare else "+nats_bus"
        elif bare:
            store["plugins.enabled"] = bare
        peer = Chatserver(folder / name, store, workers=int(count))
        try:
            found = uvloop.run(paced(peer, plan, 1 if kind == "alone" else IN_ROOM))
        finally:
            peer.stop()
    return found | {"nodes": float(count)}


# -- parts of a node, in this process --------------------------------------------------------------


def of_the_bus() -> Values:
    """An event in a frame of many, with its hint, and the bytes of both."""
    epoch = new_id()
    sealed, key = (
        Envelopes(secrets.token_bytes(32), epoch, "a" * 16),
        Key("1", secrets.token_bytes(32), epoch),
    )
    rooms = [new_id() for _ in range(ITEMS)]
    runs = [(room, [posted(room, 12_345, body="x" * 120)]) for room in rooms]

    def frames(count: int) -> list[bytes]:
        heads = [encode(Head(room, 12_345)) for room in rooms[:count]]
        return [*sealed.pack([*key.seal(runs[:count], time.time()), *heads])]

    known: dict[str, object] = {new_id(): None for _ in range(1_000)}
    began = time.process_time()
    for _ in range(FRAMES):
        for frame in frames(ITEMS):
            for item in sealed.unpack(frame).items:
                if isinstance(item, Events):
                    assert all(run.room not in known for run in key.open(item).runs)
                else:
                    assert isinstance(item, Head) and item.room not in known
    spent = time.process_time() - began
    one, all_of_them = (sum(map(len, frames(count))) for count in (1, ITEMS))
    item_bytes = (all_of_them - one) / (ITEMS - 1)
    return {
        "item_us": spent * 1e6 / FRAMES / ITEMS,
        "item_bytes": item_bytes,
        "frame_bytes": one - item_bytes,
    }


def of_presence() -> Values:
    """Memory that a node needs for each user who is online at another one."""
    tracemalloc.start()
    try:
        online = Online()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(0, ONLINE, MOVED_USERS):
            online.heard("b", Moved(True, [new_id() for _ in range(MOVED_USERS)]), 0.0)
        online.changed.clear()
        return {"online_bytes": (tracemalloc.get_traced_memory()[0] - before) / ONLINE}
    finally:
        tracemalloc.stop()


async def of_plugins(folder: Path) -> Values:
    """How many consumers the default plugins have."""
    settings = {"plugins.enabled": "-mongo,+memory", "server.data": str(folder / "plugins-data")}
    async with Server(load_config(environ={}, overrides=settings)).opened() as server:
        return {"consumers": float(len(server.consumers.names()))}


# -- stores ----------------------------------------------------------------------------------------


async def of_store(database: Backend, folder: Path) -> Values:
    """What the database does for a batch, for a message in a large one, and for a read of news."""
    settings = {**database.settings("model_store"), "server.data": str(folder / "store-data")}
    async with Server(load_config(environ={}, overrides=settings)).opened() as server:
        server.service.indexer.pause()
        store = server.store
        rooms = [new_id() for _ in range(LARGE)]
        assert (await store.append([described(room, 1) for room in rooms])).conflict is None

        async def append(size: int, first: int, times: int) -> Values:
            batches = [
                [posted(room, first + turn, body="x" * 120) for room in rooms[:size]]
                for turn in range(times)
            ]
            began, spent, own = time.perf_counter(), database.cpu_seconds(), time.process_time()
            for batch in batches:
                assert (await store.append(batch)).conflict is None
            return {
                "seconds": (time.perf_counter() - began) / times,
                "us": (database.cpu_seconds() - spent) * 1e6 / times,
                "own_us": (time.process_time() - own) * 1e6 / times,
            }

        large = await append(LARGE, 2, LARGE_APPENDS)
        small = await append(SMALL, 2 + LARGE_APPENDS, APPENDS)
        head = 1 + LARGE_APPENDS + APPENDS

        async def news() -> None:
            (found,) = await store.ranges([(rooms[0], head - 1)], 200)
            assert len(found) == 1

        read = await spent_on(news, database, READS)
        event = max(0.0, large["us"] - small["us"]) / (LARGE - SMALL)
        return {
            "event_us": event,
            "batch_us": max(0.0, small["us"] - event),
            "read_us": read["us"],
            "own_read_us": read["own_us"],
            "own_event_us": max(0.0, large["own_us"] - small["own_us"]) / (LARGE - SMALL),
            "own_batch_us": small["own_us"],
            "batches": 1 / small["seconds"],
            "most": LARGE / large["seconds"],
        }


async def spent_on(call: Callable[[], Awaitable[Any]], database: Backend, times: int) -> Values:
    spent, own = database.cpu_seconds(), time.process_time()
    for _ in range(times):
        await call()
    return {
        "us": (database.cpu_seconds() - spent) * 1e6 / times,
        "own_us": (time.process_time() - own) * 1e6 / times,
    }


# -- all of it -------------------------------------------------------------------------------------

WINDOWS = (
    *("bare-alone-1", "bare-alone-2", "bare-rooms-1", "bare-rooms-2"),
    *("alone-1", "rooms-1", "rooms-2", "rooms-4", "rooms-8"),
)
STORES = ("mongo", "postgres", "sqlite")
ALL = (*WINDOWS, "sends", "base", "idle", "parts", *STORES)


def measure(name: str, folder: Path, found: Measured) -> None:
    """Measure one of ALL, and put it into `found`."""
    sys.setswitchinterval(THREAD_SECONDS)
    if name == "parts":
        found.parts |= of_the_bus() | of_presence() | uvloop.run(of_plugins(folder))
        return
    database = started(name if name in STORES else "mongo", folder / f"database-{name}")
    try:
        if name in STORES:
            seen = uvloop.run(of_store(database, folder))
            found.stores[name] = seen | {"bytes": MESSAGE_BYTES[name]}
        elif name in WINDOWS:
            found.windows[name] = nodes(name, folder, database)
        else:
            peer = Chatserver(folder / name, database.settings(f"model_{name}"))
            plan = Plan(WARM, SECONDS, 1, database.cpu_seconds)
            try:
                if name == "sends":
                    found.windows[name] = uvloop.run(closed(peer, plan))
                elif name == "base":
                    found.parts["node_cores"] = uvloop.run(alone(peer, plan))
                    peer.stop()
                    bare = {"plugins.enabled": BARE} | database.settings("model_bare")
                    peer = Chatserver(folder / "bare", bare)
                    found.parts["bare_cores"] = uvloop.run(alone(peer, plan))
                else:
                    found.parts |= uvloop.run(idle(peer, plan))
            finally:
                peer.stop()
    finally:
        database.stop()
