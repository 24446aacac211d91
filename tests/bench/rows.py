"""The measurements: one function a row, each giving its figures for one server and one window."""

import asyncio
from array import array
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, NamedTuple

import msgspec

from tests.bench import graphql, machine, restarting, returning
from tests.bench.http import Connection, request_bytes
from tests.bench.load import Load
from tests.bench.measure import Plan, percentile, quiet, window
from tests.bench.peers import Peer

USERS = 500
ROOMS = 50
SENDERS = 10
STORED = 200  # messages in the room whose newest page is read
READERS = 10
IDLE_PER_USER = 20
FEW, FEW_ROOMS = 50, 5
# Until ten people in a room have sent 128 messages, which are then indexed, in all rooms at about the same time.
INDEXED_SECONDS = 13.0

Values = dict[str, float]


class Figure(NamedTuple):
    """One column of a row. `target` is what the project aims at."""

    unit: str
    target: float | None = None
    more_is_better: bool = False


class Row(NamedTuple):
    """`run` prepares the peer, and gives the values of each window."""

    name: str
    title: str
    run: Callable[[Peer, Plan], Awaitable[list[Values]]]
    figures: dict[str, Figure]
    graphql: bool = False  # it is asked over GraphQL
    stores: bool = False  # what the store costs shows: compare with both write concerns
    workers: int = 1  # processes of our server
    bus: bool = False  # they use the database as their bus
    alone: bool = False  # nothing is measured beside it
    vault: bool = False  # the store is encrypted


async def fanout(peer: Peer, plan: Plan) -> list[Values]:
    load = await _one_room(peer)
    load.closed = True
    load.start(load.clients[:SENDERS], USERS)
    return await _windows(peer, plan, load, load.delivered)


async def paced(peer: Peer, plan: Plan) -> list[Values]:
    load = await _one_room(peer)
    pacing = asyncio.ensure_future(load.pace(load.clients[:SENDERS], USERS, 20))
    return await _windows(peer, plan, load, load.delivered, pacing)


async def sends(peer: Peer, plan: Plan) -> list[Values]:
    tokens = await peer.users(USERS)
    rooms = await peer.rooms([[token] for token in tokens])
    load = Load(closed=True)
    await load.connect(peer.port, tokens, rooms)
    load.start(load.clients, 1)
    return await _windows(peer, plan, load, load.acknowledged)


async def sends_one_room(peer: Peer, plan: Plan) -> list[Values]:
    load = await _one_room(peer, listen=False)
    load.closed = True
    load.start(load.clients, 0)
    return await _windows(peer, plan, load, load.acknowledged)


async def rooms(peer: Peer, plan: Plan) -> list[Values]:
    return await _talking(peer, plan, USERS, ROOMS)


async def few(peer: Peer, plan: Plan) -> list[Values]:
    return await _talking(peer, plan, FEW, FEW_ROOMS)


async def _talking(peer: Peer, plan: Plan, users: int, rooms: int) -> list[Values]:
    """Each user is in one room, and sends a message a second."""
    plan = plan._replace(seconds=max(plan.seconds, INDEXED_SECONDS))
    tokens = await peer.users(users)
    made = await peer.rooms([tokens[number::rooms] for number in range(rooms)])
    load = Load()
    await load.connect(peer.port, tokens, [made[number % rooms] for number in range(users)])
    pacing = asyncio.ensure_future(load.pace(load.clients, users // rooms, users))
    return await _windows(peer, plan, load, load.delivered, pacing)


async def history(peer: Peer, plan: Plan) -> list[Values]:
    def request(token: str, room: str) -> bytes:
        return request_bytes("GET", f"/api/v1/rooms/{room}/messages?limit=50", token)

    return await _reads(peer, plan, request)


async def old_history(peer: Peer, plan: Plan) -> list[Values]:
    def request(token: str, room: str) -> bytes:
        path = f"/api/v1/rooms/{room}/messages?limit=50&before={STORED // 2}"
        return request_bytes("GET", path, token)

    return await _reads(peer, plan, request)


async def _reads(peer: Peer, plan: Plan, request_of: Callable[[str, str], bytes]) -> list[Values]:
    (token,) = await peer.users(1)
    (room,) = await peer.rooms([[token]])
    load = Load()
    await load.connect(peer.port, [token], [room])
    for _ in range(STORED):
        load.post(load.clients[0], 0.0, 1)
    await load.finish()
    request = request_of(token, room)
    seen = array("d")

    async def read() -> None:
        async with Connection.opened(peer.port) as connection:
            while True:
                began = perf_counter()
                reply = await connection.exchange(request)
                seen.append(perf_counter() - began)
                assert reply.status == 200, reply

    # A message a second keeps the page from being ready-made for ever.
    pacing = asyncio.gather(load.pace(load.clients, 1, 1), *(read() for _ in range(READERS)))
    return await _windows(peer, plan, load, seen, pacing)


async def list_50(peer: Peer, plan: Plan) -> list[Values]:
    return await _lists(peer, plan, 50, _list_request)


async def list_500(peer: Peer, plan: Plan) -> list[Values]:
    return await _lists(peer, plan, 500, _list_request)


def _list_request(token: str) -> bytes:
    return request_bytes("GET", "/api/v1/rooms", token)


async def graphql_list(peer: Peer, plan: Plan) -> list[Values]:
    def request(token: str) -> bytes:
        body = msgspec.json.encode({"query": graphql.ROOMS})
        return request_bytes("POST", graphql.PATH, token, body)

    return await _lists(peer, plan, 50, request)


async def _lists(
    peer: Peer, plan: Plan, rooms: int, request_of: Callable[[str], bytes]
) -> list[Values]:
    """Each user is in all rooms, and asks for the list again and again."""
    tokens = await peer.users(READERS)
    makers = [number % READERS for number in range(rooms)]  # one alone may not invite so often
    await peer.rooms([tokens[maker:] + tokens[:maker] for maker in makers])
    seen = array("d")

    async def read(token: str) -> None:
        request = request_of(token)
        async with Connection.opened(peer.port) as connection:
            while True:
                began = perf_counter()
                reply = await connection.exchange(request)
                seen.append(perf_counter() - began)
                assert _listed(reply.json(200)) == rooms, reply

    pacing = asyncio.gather(*map(read, tokens))
    return await _windows(peer, plan, Load(), seen, pacing)


def _listed(answer: Any) -> int:
    """How many rooms an answer has, of HTTP or of GraphQL."""
    return len(answer["data"]["rooms"]["nodes"] if "data" in answer else answer["rooms"])


async def graphql_fanout(peer: Peer, plan: Plan) -> list[Values]:
    return await _graphql(peer, plan, [graphql.document()] * USERS)


async def graphql_different(peer: Peer, plan: Plan) -> list[Values]:
    fields = [graphql.FIELDS.replace("seq", f"seq{number}: seq") for number in range(USERS)]
    return await _graphql(peer, plan, list(map(graphql.document, fields)))


async def _graphql(peer: Peer, plan: Plan, documents: list[str]) -> list[Values]:
    tokens = await peer.users(USERS)
    (room,) = await peer.rooms([tokens])
    load = Load()
    await load.connect(peer.port, tokens[:SENDERS], [room] * SENDERS, listen=False)
    senders = list(load.clients)
    await graphql.subscribe(load, peer.port, tokens, room, documents)
    load.post(senders[0], perf_counter(), USERS)
    assert not await load.finish(60), "not all subscriptions were opened"
    load.closed = True
    load.start(senders, USERS)
    return await _windows(peer, plan, load, load.delivered)


async def graphql_query(peer: Peer, plan: Plan) -> list[Values]:
    def request(token: str, room: str) -> bytes:
        body = msgspec.json.encode({"query": graphql.NEWEST, "variables": {"room": room}})
        return request_bytes("POST", graphql.PATH, token, body)

    return await _reads(peer, plan, request)


async def graphql_rooms(peer: Peer, plan: Plan) -> list[Values]:
    """Each user is in all rooms, and asks for them with their last messages, again and again."""
    tokens = await peer.users(READERS)
    makers = [number % READERS for number in range(ROOMS)]
    made = await peer.rooms([tokens[maker:] + tokens[:maker] for maker in makers])
    load = Load()
    await load.connect(peer.port, [tokens[maker] for maker in makers], made)
    for client in load.clients:
        load.post(client, 0.0, 1)
    await load.finish()
    body = msgspec.json.encode({"query": graphql.LAST_OF_ROOMS})
    seen = array("d")

    async def read(token: str) -> None:
        request = request_bytes("POST", graphql.PATH, token, body)
        async with Connection.opened(peer.port) as connection:
            while True:
                began = perf_counter()
                reply = await connection.exchange(request)
                seen.append(perf_counter() - began)
                assert reply.status == 200 and reply.body.count(b'"unread":') == ROOMS, reply

    pacing = asyncio.gather(*map(read, tokens))
    return await _windows(peer, plan, load, seen, pacing)


async def idle(peer: Peer, plan: Plan) -> list[Values]:
    tokens = await peer.users(USERS)
    made = await peer.rooms([tokens[number::ROOMS] for number in range(ROOMS)])
    places = [(token, made[number % ROOMS]) for number, token in enumerate(tokens)]
    load = Load()
    before = machine.resident_bytes(peer.pid)
    await load.connect(peer.port, *map(list, zip(*places * IDLE_PER_USER, strict=True)))
    found = await window(peer.pid, plan)
    grown = machine.resident_bytes(peer.pid) - before
    load.close()
    return [{"KB": grown / 1024 / len(load.clients), "cores": found.cpu / found.seconds}]


async def _one_room(peer: Peer, listen: bool = True) -> Load:
    tokens = await peer.users(USERS)
    (room,) = await peer.rooms([tokens])
    load = Load()
    await load.connect(peer.port, tokens, [room] * USERS, listen)
    return load


async def _windows(
    peer: Peer,
    plan: Plan,
    load: Load,
    seen: "array[float]",
    pacing: "asyncio.Future[object] | None" = None,
) -> list[Values]:
    measured = []
    with quiet():
        for _ in range(plan.runs):
            found = await window(peer.pid, plan, seen)
            samples = found.samples[0]
            if pacing is not None and pacing.done():
                pacing.result()
            if not samples:
                raise RuntimeError("nothing arrived")
            measured.append(
                {
                    "µs": found.cpu * 1e6 / len(samples),
                    "rate": len(samples) / found.seconds,
                    "p50": percentile(samples, 0.5) * 1e3,
                    "p99": percentile(samples, 0.99) * 1e3,
                    "max": max(samples) * 1e3,
                    "MB": machine.resident_bytes(peer.pid) / 1e6,
                    "cores": found.cpu / found.seconds,
                    "client cores": found.client_cpu / found.seconds,
                    "database cores": found.database_cpu / found.seconds,
                    "other cores": found.other_cpu / found.seconds,
                }
            )
        if pacing is not None:
            pacing.cancel()
            await asyncio.gather(pacing, return_exceptions=True)
        lost = await load.finish()
    if lost or load.failed:
        raise RuntimeError(f"{lost} messages lost, {load.failed} errors")
    load.close()
    return measured


ROWS = [
    Row(
        "fanout",
        "500 subscribers, 10 senders, closed loop",
        fanout,
        {
            "µs": Figure("µs a delivery", 1.5),
            "rate": Figure("deliveries/s", more_is_better=True),
            "p99": Figure("ms p99"),
        },
    ),
    Row(
        "paced",
        "500 subscribers, 20 messages/s",
        paced,
        {"µs": Figure("µs a delivery", 9), "p99": Figure("ms p99", 8)},
    ),
    Row(
        "sends",
        "500 senders, each in a room of its own",
        sends,
        {
            "rate": Figure("durable sends/s", 20_000, more_is_better=True),
            "µs": Figure("µs a send", 40),
            "p50": Figure("ms p50"),
        },
        stores=True,
    ),
    Row(
        "sends-one-room",
        "500 senders in one room",
        sends_one_room,
        {
            "rate": Figure("durable sends/s", 20_000, more_is_better=True),
            "µs": Figure("µs a send", 40),
            "p50": Figure("ms p50"),
        },
        stores=True,
    ),
    Row(
        "rooms",
        "500 users in 50 rooms, 500 messages/s",
        rooms,
        {
            "cores": Figure("cores", 0.3),
            "p50": Figure("ms p50"),
            "p99": Figure("ms p99", 10),
            "max": Figure("ms at most"),
            "MB": Figure("MB"),
        },
        stores=True,
    ),
    Row(
        "few",
        "50 users in 5 rooms, 50 messages/s",
        few,
        {
            "cores": Figure("cores"),
            "p50": Figure("ms p50"),
            "p99": Figure("ms p99"),
            "max": Figure("ms at most"),
            "MB": Figure("MB"),
        },
        alone=True,
    ),
    *(
        Row(
            f"workers-{count}{'-bus' * bus}",
            f"500 users in 50 rooms, {count} workers on the same core{', and a bus' * bus}",
            rooms,
            {"cores": Figure("cores"), "p99": Figure("ms p99")},
            workers=count,
            bus=bus,
            alone=True,
        )
        for bus in (False, True)
        for count in (2, 4)
    ),
    Row(
        "history",
        "newest page of an active room, 10 connections",
        history,
        {"rate": Figure("reads/s", 5_000, more_is_better=True), "µs": Figure("µs a read")},
    ),
    Row(
        "history-old",
        "an old page of a room, 10 connections",
        old_history,
        {"rate": Figure("reads/s", more_is_better=True), "µs": Figure("µs a read")},
        alone=True,
    ),
    *(
        Row(
            f"vault-{name}",
            f"{title}, with the store encrypted",
            run,
            figures,
            alone=True,
            vault=True,
        )
        for name, title, run, figures in (
            (
                "sends",
                "500 senders, each in a room of its own",
                sends,
                {"rate": Figure("durable sends/s", more_is_better=True), "µs": Figure("µs a send")},
            ),
            (
                "history",
                "an old page of a room, 10 connections",
                old_history,
                {"rate": Figure("reads/s", more_is_better=True), "µs": Figure("µs a read")},
            ),
        )
    ),
    Row(
        "list-50",
        "the list of 50 rooms, 10 users",
        list_50,
        {"µs": Figure("µs a list", 500), "p99": Figure("ms p99")},
        alone=True,
    ),
    Row(
        "list-500",
        "the list of 500 rooms, 10 users",
        list_500,
        {"µs": Figure("µs a list", 3000), "p99": Figure("ms p99")},
        alone=True,
    ),
    Row(
        "graphql-fanout",
        "500 GraphQL subscribers, one operation, 10 senders, closed loop",
        graphql_fanout,
        # 1.5 times what the same costs over chat.v1
        {"µs": Figure("µs a delivery", 2.25), "rate": Figure("deliveries/s", more_is_better=True)},
        graphql=True,
    ),
    Row(
        "graphql-different",
        "500 GraphQL subscribers, 500 different selections",
        graphql_different,
        {"µs": Figure("µs a delivery"), "rate": Figure("deliveries/s", more_is_better=True)},
        graphql=True,
    ),
    Row(
        "graphql-query",
        "GraphQL query: a room's last 50 messages, 10 connections",
        graphql_query,
        {"rate": Figure("requests/s", more_is_better=True), "µs": Figure("µs a request")},
        graphql=True,
    ),
    Row(
        "graphql-list",
        "GraphQL query: the list of 50 rooms, 10 users",
        graphql_list,
        {"rate": Figure("requests/s", more_is_better=True), "µs": Figure("µs a request")},
        graphql=True,
    ),
    Row(
        "graphql-rooms",
        f"GraphQL query: {ROOMS} rooms with unread counts and last messages, 10 users",
        graphql_rooms,
        {"µs": Figure("µs a request"), "p99": Figure("ms p99")},
        graphql=True,
        alone=True,
    ),
    Row(
        "idle",
        f"{USERS * IDLE_PER_USER:,} idle connections, each following a room",
        idle,
        {"KB": Figure("KB a connection", 16), "cores": Figure("cores")},
    ),
    Row(
        "resume",
        "500 clients, each 1,000 events behind, at once",
        returning.resume,
        {
            "seconds": Figure("s until the last is live", 3),
            "p50": Figure("s p50"),
            "µs": Figure("µs an event", 4),
            "MB": Figure("MB", 150),
        },
        alone=True,
    ),
    Row(
        "reconnect",
        "5,000 clients connect and subscribe, at once",
        returning.reconnect,
        {"seconds": Figure("s until the last is live"), "µs": Figure("µs a client")},
        alone=True,
    ),
    Row(
        "restart",
        "500 users in 50 rooms, 500 messages/s, and the server is restarted",
        restarting.restart,
        {
            "seconds": Figure("s from ready until the last has everything", 5),
            "all": Figure("s from the stop"),
            "ready": Figure("s from the stop until ready"),
        },
        alone=True,
    ),
]
