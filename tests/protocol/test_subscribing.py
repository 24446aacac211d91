"""Following rooms: from now on, from a seq on, and when that cannot be."""

import pytest

from tests.protocol.client import Client
from tests.protocol.running import Running


async def room_with(client: Client, messages: int) -> str:
    """A room whose head is 2 + `messages`."""
    room: str = (await client.ok("create", name="Lounge"))["id"]
    await client.event("room.added")
    answers = [
        client.begin("send", room=room, client_id=f"{room}{number}", body=str(number))
        for number in range(messages)
    ]
    for answer in answers:
        assert "ok" in await answer
    return room


async def test_a_replay_gives_exactly_the_missed_events_then_live_ones(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_with(client, 10)
        answer = await client.ok("sub", rooms={room: 5})
        assert answer == {"rooms": {room: {"state": "replay", "head": 12, "count": 7}}}
        await client.ok("send", room=room, client_id="next", body="next")
        assert [event["seq"] for event in await client.take(8)] == list(range(6, 14))
        await client.quiet()


async def test_from_zero_everything_is_replayed(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_with(client, 700)
        await client.ok("sub", rooms={room: 0})
        assert [event["seq"] for event in await client.take(702)] == list(range(1, 703))


async def test_messages_sent_during_a_replay_come_once_and_in_order(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        room = await room_with(a, 1000)
        await b.ok("join", room=room)
        replay = a.begin("sub", rooms={room: 0})
        for number in range(200):
            b.begin("send", room=room, client_id=str(number), body="meanwhile")
        await replay
        assert [event["seq"] for event in await a.take(1203)] == list(range(1, 1204))
        await a.quiet()


async def test_at_the_head_it_is_live_at_once(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_with(client, 1)
        assert await client.ok("sub", rooms={room: 3}, epoch=client.hello["epoch"]) == {
            "rooms": {room: {"state": "live", "head": 3}}
        }
        await client.quiet()


@pytest.mark.parametrize("after", [4, 1000, 2**53])
async def test_a_seq_beyond_the_head_is_a_gap(server: Running, after: int) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_with(client, 1)
        answer = await client.ok("sub", rooms={room: after})
        assert answer == {"rooms": {room: {"state": "gap", "head": 3}}}
        await client.ok("send", room=room, client_id="x", body="not followed")
        await client.quiet()


async def test_a_seq_of_another_epoch_is_a_gap_and_a_page_heals_it(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_with(client, 3)
        answer = await client.ok("sub", rooms={room: 2}, epoch="of another installation")
        assert answer["rooms"][room] == {"state": "gap", "head": 5}
        page = await client.ok("history", room=room)
        answer = await client.ok("sub", rooms={room: page["head"]}, epoch=client.hello["epoch"])
        assert answer["rooms"][room]["state"] == "live"


async def test_null_of_another_epoch_is_live(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_with(client, 0)
        answer = await client.ok("sub", rooms={room: None}, epoch="another")
        assert answer["rooms"][room]["state"] == "live"


async def test_several_rooms_at_once_each_in_its_order(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        first, second = await room_with(client, 5), await room_with(client, 3)
        answer = await client.ok("sub", rooms={first: 1, second: 0})
        assert {room: state["count"] for room, state in answer["rooms"].items()} == {
            first: 6,
            second: 5,
        }
        events = await client.take(11)
        for room, seqs in ((first, range(2, 8)), (second, range(1, 6))):
            assert [event["seq"] for event in events if event["room"] == room] == list(seqs)


async def test_following_again_starts_from_the_new_place(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_with(client, 3)
        await client.ok("sub", rooms={room: None})
        await client.ok("sub", rooms={room: 3})
        assert [event["seq"] for event in await client.take(2)] == [4, 5]
        await client.ok("send", room=room, client_id="x", body="once")
        assert (await client.event())["seq"] == 6
        await client.quiet()


async def test_unsub_ends_it(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room, other = await room_with(client, 0), await room_with(client, 0)
        await client.ok("sub", rooms={room: None, other: None})
        assert await client.ok("unsub", rooms=[room, "nowhere"]) == {}
        assert await client.ok("unsub", rooms=[]) == {}
        await client.ok("send", room=room, client_id="x", body="unheard")
        await client.ok("send", room=other, client_id="y", body="heard")
        assert (await client.event())["room"] == other
        await client.quiet()


async def test_one_room_that_cannot_be_followed_does_not_stop_the_others(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_with(client, 0)
        answer = (await client.ok("sub", rooms={room: None, "nowhere": None}))["rooms"]
        assert answer[room]["state"] == "live"
        assert answer["nowhere"]["state"] == "error"
        assert answer["nowhere"]["error"]["code"] == "room.not_found"
        assert await client.code("sub", rooms={"nowhere": 3}) == "room.not_found"


async def test_nothing_is_followed_after_sub_of_nothing(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        assert await client.ok("sub", rooms={}) == {"rooms": {}}


async def test_more_rooms_than_one_connection_may_follow(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        rooms = {f"room-{number}": None for number in range(1501)}
        assert await client.code("sub", rooms=rooms) == "limit.count"


async def test_public_rooms_can_be_followed_without_joining(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        room = await room_with(a, 1)
        await b.ok("sub", rooms={room: 2})
        assert (await b.event("message.posted"))["seq"] == 3
        b.say({"op": "typing", "room": room})
        await b.quiet()
