"""Clients that die, in every state that the protocol has: nothing of them stays."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver import Room, Subscriber
from chatserver.app import Server
from chatserver.delivery.streams import Group, Stream
from chatserver_plugins.graphql.groups import Encoder, EventExecutor
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.socket import GraphQLSocket
from tests.graphql.asker import PATH, Asker
from tests.graphql.conftest import PLUGINS, Start
from tests.graphql.speaker import EVENTS, Speaker
from tests.protocol.running import Running

pytestmark = pytest.mark.long

LOCAL = Path(__file__).parent / "local"
KINDS = (Operation, GraphQLSocket, Stream, Subscriber, Group, Encoder)
SIZES = """subscription ($room: ID!, $after: Int) { roomEvents(roomId: $room, after: $after) {
  ... on MessagePosted { message { size } } } }"""
CLIENTS = 200
AT_ONCE = 20

State = Callable[[Speaker, str, str], Awaitable[None]]


async def opened(speaker: Speaker, token: str, room: str) -> None:
    """A connection that has sent nothing."""


async def initialising(speaker: Speaker, token: str, room: str) -> None:
    speaker.say({"type": "connection_init", "payload": {"token": token}})


async def ready(speaker: Speaker, token: str, room: str) -> None:
    await speaker.init(token)


async def asking(speaker: Speaker, token: str, room: str) -> None:
    await speaker.init(token)
    speaker.subscribe("1", "{ slow(seconds: 60) }")
    await speaker.ping()


async def subscribing(speaker: Speaker, token: str, room: str) -> None:
    await speaker.init(token)
    speaker.subscribe("1", EVENTS, room=room)


async def live(speaker: Speaker, token: str, room: str) -> None:
    await speaker.init(token)
    for name in "123":
        speaker.subscribe(name, EVENTS, room=room)
    speaker.subscribe("mine", "subscription { userEvents { __typename } }")
    await speaker.run("{ __typename }")


async def executing(speaker: Speaker, token: str, room: str) -> None:
    await speaker.init(token)
    speaker.subscribe("1", SIZES, room=room)
    await speaker.ping()


async def catching_up(speaker: Speaker, token: str, room: str) -> None:
    await speaker.init(token)
    speaker.subscribe("1", EVENTS, room=room, after=0)
    speaker.subscribe("2", SIZES, room=room, after=0)
    await speaker.ping()


async def not_reading(speaker: Speaker, token: str, room: str) -> None:
    await speaker.init(token)
    speaker.pause()
    for name in range(10):
        speaker.subscribe(f"{name}", EVENTS, room=room, after=0)


async def refused(speaker: Speaker, token: str, room: str) -> None:
    await speaker.init(token)
    speaker.subscribe("1", "{ nonsense }")
    speaker.text(b"nonsense")


STATES: list[State] = [
    *(opened, initialising, ready, asking, subscribing),
    *(live, executing, catching_up, not_reading, refused),
]


def is_of(server: Server, each: Any) -> bool:
    """Other tests in this process may have left some that belong to a hub of theirs."""
    if isinstance(each, Stream):
        each = each.subscriber
    return not isinstance(each, Subscriber | Group) or each._outlet is server.service.hub.outlet


def _groups(server: Server, room: Room) -> int:
    channel = server.service.hub.channels.existing(room)
    return len(channel.groups) if channel else 0


async def census(server: Server) -> dict[str, Any]:
    gc.collect()
    found = [each for each in gc.get_objects() if isinstance(each, KINDS) and is_of(server, each)]
    rooms = list(server.service.room_cache._rooms.values())
    return {
        **{kind.__name__: sum(isinstance(each, kind) for each in found) for kind in KINDS},
        "tasks": len(asyncio.all_tasks()),
        "timers": len(
            [each for each in asyncio.get_running_loop()._scheduled if not each._cancelled]
        ),
        "connections": server.service.hub.connections(),
        "users": {user: len(of) for user, of in server.service.hub._users.items()},
        "rooms": {room.id: (room.followers, room.holders, _groups(server, room)) for room in rooms},
    }


async def settled(server: Running, to: dict[str, Any] | None = None) -> dict[str, Any]:
    """The census once it stops changing, or once it equals `to`; the last one if it never does.

    Objects kept for a moment, such as pages of a log, have timers until then.
    """
    last: dict[str, Any] = {}
    deadline = time.monotonic() + 60
    while True:
        found = await server.run(census)
        if found == (last if to is None else to) or time.monotonic() > deadline:
            return found
        last = found
        await asyncio.sleep(0.5)


async def test_nothing_stays_of_clients_that_died(start: Start) -> None:
    server = start(
        {
            "plugins.folder": str(LOCAL),
            "plugins.enabled": [*PLUGINS, "slow"],
            "limits.connections_per_user": 1000,
            "limits.connections_per_address": 1000,
        }
    )
    person = await server.person("ada")
    ada = Asker(server, person)
    room = await ada.make_room()
    for number in range(300):
        await ada.post(room, f"{number}")
    before = await settled(server)
    server.take_errors()  # of what other tests left: the census has collected it
    writing = asyncio.create_task(write(ada, room))
    reached = asyncio.Semaphore(AT_ONCE)

    async def die(number: int) -> None:
        async with reached, Speaker(server.port) as speaker:
            await STATES[number % len(STATES)](speaker, person.token, room)
            if number % 2:
                speaker._writer.transport.abort()

    await asyncio.gather(*(die(number) for number in range(CLIENTS)))
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert await settled(server, to=before) == before
    assert before["Operation"] == before["GraphQLSocket"] == before["Stream"] == 0
    assert not server.take_errors()


async def write(ada: Asker, room: str) -> None:
    number = 0
    while True:
        number += 1
        await ada.post(room, f"while they die {number}")


async def test_nothing_stays_of_events(start: Start) -> None:
    server = start()
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()

    async def remembered(server: Server) -> list[int]:
        """Number of selections that each living executor remembers."""
        found = [each for each in gc.get_objects() if isinstance(each, EventExecutor)]
        return [len(each._relevant_sub_fields) + len(each._selected) for each in found]

    async with Speaker(server.port) as speaker:
        assert ada.person is not None
        await speaker.init(ada.person.token)
        # No plan has the body as HTML, so graphql-core executes it.
        text = """subscription ($room: ID!, $after: Int) { roomEvents(roomId: $room, after: $after) {
          ... on RoomLogEntry { seq } ... on MessagePosted { message { bodyHtml } } } }"""
        speaker.subscribe("1", text, room=room, after=0)
        await speaker.seqs("1", 2)
        await ada.post(room, "first")
        await speaker.seqs("1", 1)
        before = await server.run(remembered)
        for number in range(20):
            await ada.post(room, f"{number}")
        await speaker.seqs("1", 20)
        assert await server.run(remembered) == before
        assert before and before[0] > 0


async def test_nothing_stays_of_event_streams_that_died(start: Start) -> None:
    server = start({"plugins.folder": str(LOCAL), "plugins.enabled": [*PLUGINS, "slow"]})
    person = await server.person("ada")
    ada = Asker(server, person)
    room = await ada.make_room()
    for number in range(100):
        await ada.post(room, f"{number}")
    before = await settled(server)
    server.take_errors()  # of what other tests left: the census has collected it
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n"
        "Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: "
    )
    bodies = [
        '{"query": "{ slow(seconds: 60) }"}',
        '{"query": "{ nonsense }"}',
        '{"query": "subscription { userEvents { __typename } }"}',
        '{"query": "subscription { roomEvents(roomId: \\"ROOM\\", after: 0) { __typename } }"}',
    ]
    for number in range(40):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        body = bodies[number % len(bodies)].replace("ROOM", room)
        writer.write(f"{head}{len(body)}\r\n\r\n{body}".encode())
        await asyncio.sleep(0.005 * (number % 4))
        writer.transport.abort()
    assert await settled(server, to=before) == before
    assert not server.take_errors()
