"""Several rooms in one subscription, and who is typing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import GraphQLUnionType

from chatserver import RoomKind
from chatserver.app import Server
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build
from tests.faults.server import ForkedServer
from tests.graphql.asker import PATH, Asker, Json
from tests.graphql.conftest import People, Start
from tests.graphql.speaker import Speaker
from tests.graphql.test_restarts import send
from tests.graphql.test_resuming import load, node, resuming
from tests.graphql.test_subscriptions import fill, in_room, remove, token
from tests.protocol.running import Running

__all__ = ["resuming"]  # a fixture

EVENTS = """subscription Rooms($rooms: [RoomPosition!]!, $epoch: String) {
  roomsEvents(rooms: $rooms, epoch: $epoch) {
    __typename
    ... on RoomLogEntry { seq roomId }
    ... on MessagePosted { message { id body } }
    ... on StreamGap { roomId head epoch }
    ... on RoomGone { roomId code }
  }
}"""
TYPING = "subscription ($room: ID!) { typing(roomId: $room) { roomId user { id name } } }"
TYPE = "mutation ($input: RoomInput!) { setTyping(input: $input) { roomId } }"


async def event(speaker: Speaker, name: str = "1") -> Json:
    found: Json = (await speaker.data(name))["roomsEvents"]
    return found


def at(*positions: tuple[str, int | None]) -> list[Json]:
    return [{"id": room, "after": after} for room, after in positions]


async def by_room(speaker: Speaker, count: int) -> dict[str, list[int]]:
    """The seqs of the next events, by room, in the order in which they came."""
    found: dict[str, list[int]] = {}
    for _ in range(count):
        told = await event(speaker)
        found.setdefault(told["roomId"], []).append(told["seq"])
    return found


async def test_each_room_goes_on_after_its_own_seq(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    rooms = [await ada.make_room(f"R{number}") for number in range(3)]
    await fill(ada, rooms[0], 250)
    for room in rooms[1:]:
        await ada.post(room, f"Hello {room}")
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", EVENTS, rooms=at((rooms[0], 0), (rooms[1], 2), (rooms[2], None)))
        found = await by_room(speaker, 253)
        assert found == {rooms[0]: list(range(1, 253)), rooms[1]: [3]}
        for room in rooms:
            await ada.post(room, f"live {room}")
        live = await by_room(speaker, 3)
        assert live == {rooms[0]: [253], rooms[1]: [4], rooms[2]: [4]}
        speaker.complete("1")
        await ada.post(rooms[1], "over")
        await speaker.silent("1")


async def test_a_gap_concerns_one_room_which_continues_after_it(
    server: Running, people: People
) -> None:
    (ada,) = await people("ada")
    one, two = await ada.make_room("One"), await ada.make_room("Two")
    async with Speaker(server.port) as speaker:
        epoch = (await speaker.init(token(ada)))["payload"]["epoch"]
        speaker.subscribe("1", EVENTS, rooms=at((one, 99), (two, 0)))
        gap = {"__typename": "StreamGap", "roomId": one, "head": 2, "epoch": epoch}
        told = [await event(speaker) for _ in range(3)]
        assert gap in told
        assert [each["seq"] for each in told if each != gap] == [1, 2]
        await ada.post(one, "live")
        assert (await event(speaker))["seq"] == 3
        speaker.subscribe("2", EVENTS, rooms=at((one, 0), (two, 0)), epoch="other")
        gaps = [await event(speaker, "2") for _ in range(2)]
        assert [(each["roomId"], each["head"]) for each in gaps] == [(one, 3), (two, 2)]


async def test_a_room_that_may_not_be_read_is_reported_and_the_others_continue(
    server: Running, people: People
) -> None:
    ada, bob = await people("ada", "bob")
    secret = await ada.make_room("Secret", "PRIVATE")
    shared = await ada.make_room("Shared", "PRIVATE", bob.id)
    lounge = await ada.make_room("Lounge")
    async with Speaker(server.port) as speaker:
        await speaker.init(token(bob))
        rooms = at((secret, 0), ("none", 0), (shared, 0), (lounge, 2))
        speaker.subscribe("1", EVENTS, rooms=rooms)
        gone = {"__typename": "RoomGone", "code": "room.not_found"}
        told = [await event(speaker) for _ in range(5)]
        assert {**gone, "roomId": secret} in told
        assert {**gone, "roomId": "none"} in told
        assert [each["seq"] for each in told if "seq" in each] == [1, 2, 3]
        await remove(ada, shared, bob)
        assert (await event(speaker))["__typename"] == "MemberLeft"
        lost = {"__typename": "RoomGone", "roomId": shared, "code": "room.forbidden"}
        assert await event(speaker) == lost
        await ada.post(shared, "secret")
        await ada.post(lounge, "for all")
        told_last = await event(speaker)
        assert told_last["message"]["body"] == "for all"
        await speaker.silent("1")
        await in_room(ada, shared, bob)
        speaker.subscribe("2", EVENTS, rooms=at((shared, 5)))
        assert (await event(speaker, "2"))["seq"] == 6


@pytest.mark.parametrize(
    ("count", "code"), [(0, "request.invalid"), (1501, "limit.count"), (-2, "request.invalid")]
)
async def test_the_number_of_rooms_is_bounded(
    server: Running, people: People, count: int, code: str
) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    rooms = at(*[(room, 0)] * 2) if count < 0 else at(*((f"{n}", 0) for n in range(count)))
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", EVENTS, rooms=rooms)
        assert await speaker.error_code("1") == code
        speaker.subscribe("2", EVENTS, rooms=at((room, -1)))
        assert await speaker.error_code("2") == "request.invalid"


async def test_a_thousand_rooms_in_one_subscription(start: Start) -> None:
    server = start({"limits.rooms_per_user": 2000})
    ada = Asker(server, await server.person("ada"))

    async def make(running: Server) -> list[str]:
        user = await running.service.accounts.get(ada.id)
        create = running.service.rooms.create
        made = [await create(user, RoomKind.PRIVATE, f"R{n}") for n in range(1000)]
        return [room.id for room in made]

    rooms: Sequence[str] = await server.run(make)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", EVENTS, rooms=at(*((room, 1) for room in rooms)))
        assert await by_room(speaker, 1000) == {room: [2] for room in rooms}
        for room in (rooms[0], rooms[500], rooms[999]):
            await ada.post(room, room)
        live = await by_room(speaker, 3)
        assert live == {rooms[0]: [3], rooms[500]: [3], rooms[999]: [3]}
        assert await speaker.run("{ __typename }") == {"data": {"__typename": "Query"}}


async def test_followers_of_the_same_room_share_the_execution(
    server: Running, people: People
) -> None:
    ada, bob = await people("ada", "bob")
    one, two = await ada.make_room("One"), await ada.make_room("Two")

    async def groups(server: Server) -> list[int]:
        loaded = server.service.room_cache.known(one)
        assert loaded is not None
        channel = server.service.hub.channels.existing(loaded)
        assert channel is not None
        return [len(group.streams) for group in channel.groups.values()]

    async with Speaker(server.port) as speaker, Speaker(server.port) as other:
        await speaker.init(token(ada))
        await other.init(token(bob))
        speaker.subscribe("1", EVENTS, rooms=at((one, None), (two, None)))
        other.subscribe("1", EVENTS, rooms=at((one, None)))
        for each in (speaker, other):
            await each.run("{ __typename }")
        assert await server.run(groups) == [2]


async def test_as_server_sent_events_they_have_no_ids(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    one, two = await ada.make_room("One"), await ada.make_room("Two")
    body = {"query": EVENTS, "variables": {"rooms": at((one, 0), (two, 0))}}
    headers = {"Authorization": f"Bearer {token(ada)}", "Accept": "text/event-stream"}
    url = f"http://127.0.0.1:{server.port}{PATH}"
    lines: list[str] = []
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("POST", url, json=body, headers=headers) as answer,
    ):
        async for line in answer.aiter_lines():
            lines.append(line)
            if sum(each.startswith("data:") for each in lines) == 4:
                break
    assert not [line for line in lines if line.startswith("id:")]


def test_it_tells_all_that_one_room_tells() -> None:
    schema = build([own_part()])
    one, many = schema.get_type("RoomEvent"), schema.get_type("RoomsEvent")
    assert isinstance(one, GraphQLUnionType)
    assert isinstance(many, GraphQLUnionType)
    names = {kind.name for kind in one.types}
    assert {kind.name for kind in many.types} == {*names, "RoomGone"}


# -- the resuming client -----------------------------------------------------------------------------


async def test_the_resuming_client_keeps_the_place_of_each_room(
    resuming: Path, tmp_path: Path
) -> None:
    enabled = "sqlite,password,graphql"
    with ForkedServer(tmp_path / "server", store="sqlite", plugins__enabled=enabled) as server:
        token = server.register("ada")
        one, two = server.room(token), server.room(token)
        rooms = [*at((one, 0), (two, 1), ("none", 0))]
        seen: dict[str, list[int]] = {one: [], two: []}
        async with node(resuming, "apollo", server.url, token, EVENTS, rooms=rooms) as follower:

            async def hear(count: int) -> None:
                for _ in range(count):
                    line = await follower.line()
                    if "seq" in line:
                        seen[line["room"]].append(line["seq"])

            assert await follower.line() == {"started": True}
            with load(server, token, one):
                for number in range(2):
                    await hear(40)
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
                    await asyncio.to_thread(send, server, token, two, f"{number}")
                await hear(40)
            last = await asyncio.to_thread(send, server, token, one, "last")
            while seen[one][-1] != last:
                await hear(1)
            await asyncio.to_thread(send, server, token, two, "over")
            await hear(1)
            assert await follower.ended() == 0
    assert seen == {one: list(range(1, last + 1)), two: [2, 3, 4, 5]}


# -- who is typing -------------------------------------------------------------------------------------


async def test_the_others_are_told_of_typing_users(server: Running, people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Attic", "PRIVATE", bob.id)

    async def types(asker: Asker) -> Any:
        return await asker.ask(TYPE, input={"roomId": room})

    async with Speaker(server.port) as speaker, Speaker(server.port) as own:
        await speaker.init(token(ada))
        await own.init(token(bob))
        for each in (speaker, own):
            each.subscribe("1", TYPING, room=room)
            await each.run("{ __typename }")
        assert await types(bob) == {"setTyping": {"roomId": room}}
        told = {"typing": {"roomId": room, "user": {"id": bob.id, "name": "bob"}}}
        assert await speaker.data("1") == told
        await ada.post(room, "Hello")  # events of the log are not told here
        await types(bob)
        assert await speaker.data("1") == told
        await own.silent("1")  # nobody is told of their own
        await remove(ada, room, bob)
        assert await own.error_code("1") == "room.forbidden"
        assert await bob.code(TYPE, input={"roomId": room}) == "room.not_found"


async def test_typing_too_often_is_not_told(server: Running, people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", TYPING, room=room)
        await speaker.run("{ __typename }")
        text = "mutation ($i: RoomInput!) {" + " ".join(
            f"m{n}: setTyping(input: $i) {{ roomId }}" for n in range(40)
        ) + "}"  # fmt: skip
        await bob.ask(text, i={"roomId": room})
        await speaker.ping()
        told = [frame for frame in speaker.received if frame.get("id") == "1"]
        assert 1 <= len(told) <= 10


async def test_typing_needs_the_right_to_post(people: People, nobody: Asker) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Lounge")
    assert await bob.code(TYPE, input={"roomId": room}) == "room.forbidden"
    assert await nobody.code(TYPE, input={"roomId": room}) == "auth.required"
    async with Speaker(ada.server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", TYPING, room="none")
        assert await speaker.error_code("1") == "room.not_found"
