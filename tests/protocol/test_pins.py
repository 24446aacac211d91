"""The pinned messages of a room: the last first, by page, live, bounded, and for those who may read the room."""

import asyncio

import pytest

from chatserver.errors import ChatError
from chatserver.service import pins
from chatserver.service.pins import SPACE, Pins
from tests.protocol.client import Client
from tests.protocol.running import Running
from tests.protocol.test_http_rooms import code, room_of


async def posted(client: Client, room: str, count: int) -> list[str]:
    return [
        (await client.ok("send", room=room, client_id=f"{room}-{n}", body=f"message {n}"))["id"]
        for n in range(count)
    ]


async def listed(client: Client, room: str, **place: object) -> list[str]:
    return [pin["message"]["id"] for pin in (await client.ok("pins", room=room, **place))["pins"]]


async def test_the_last_pinned_comes_first_as_it_stands_and_who_pinned_it(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna)
    async with anna.connect() as owner, ben.connect() as visitor:
        one, two, three, _ = await posted(owner, room, 4)
        assert await visitor.ok("pins", room=room) == {"pins": []}
        for message in (two, three, one):
            await owner.ok("pin", room=room, message=message)
        await owner.ok("edit", room=room, message=three, body="edited")
        assert await listed(visitor, room) == [one, three, two]
        found = (await visitor.ok("pins", room=room))["pins"][1]
        assert (found["message"]["body"], found["message"]["pinned"]) == ("edited", True)
        assert found["by"]["id"] == anna.id and found["at"] >= found["message"]["at"]
        await owner.ok("unpin", room=room, message=one)
        await owner.ok("delete", room=room, message=two)
        assert await listed(visitor, room) == [three]
        await owner.ok("pin", room=room, message=one)
        assert await listed(visitor, room) == [one, three]
    over_http = (await ben.http("GET", f"/api/v1/rooms/{room}/pins")).json()
    assert [pin["message"]["id"] for pin in over_http["pins"]] == [one, three]


async def test_pinning_over_http(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, members=[ben.id])
    async with anna.connect() as owner:
        one, two = await posted(owner, room, 2)
        for message in (one, two):
            path = f"/api/v1/rooms/{room}/messages/{message}/pin"
            assert code(await ben.http("PUT", path)) == (403, "room.forbidden")
            seq = (await anna.http("PUT", path)).json()["seq"]
            assert (await anna.http("PUT", path)).json() == {"seq": seq}  # it is pinned
        assert await listed(owner, room) == [two, one]
        assert (await anna.http("DELETE", path)).json() == {"seq": seq + 1}
        assert await listed(owner, room) == [one]
        missing = f"/api/v1/rooms/{room}/messages/{room}-99/pin"
        assert code(await anna.http("PUT", missing)) == (404, "message.not_found")


async def test_pages_follow_each_other_past_what_is_not_pinned_any_more(server: Running) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    async with anna.connect() as owner:
        messages = await posted(owner, room, 7)
        for message in messages:
            await owner.ok("pin", room=room, message=message)
        for message in messages[2:5]:
            await owner.ok("unpin", room=room, message=message)
        first = await owner.ok("pins", room=room, limit=2)
        assert [pin["message"]["id"] for pin in first["pins"]] == [messages[6], messages[5]]
        assert first["after"] == messages[5]
        rest = await owner.ok("pins", room=room, limit=2, after=first["after"])
        assert [pin["message"]["id"] for pin in rest["pins"]] == [messages[1], messages[0]]
        assert "after" not in rest
        for odd in ("nothing", f"{room}-99"):  # not pinned, or never was: from the beginning
            assert await listed(owner, room, after=odd, limit=1) == [messages[6]]
        for limit in (0, 1.5, "x"):
            assert await owner.code("pins", room=room, limit=limit) == "request.invalid"
    answer = await anna.http("GET", f"/api/v1/rooms/{room}/pins?after={messages[5]}&limit=1")
    assert answer.json()["after"] == messages[1]
    refused = await anna.http("GET", f"/api/v1/rooms/{room}/pins?limit=x")
    assert code(refused) == (400, "request.invalid")


async def test_a_room_has_at_most_a_hundred_and_one_that_is_unpinned_makes_room(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "MOST", 3)
    monkeypatch.setattr(pins, "CANDIDATES", 5)
    anna = await server.person("anna")
    room = await room_of(anna)
    async with anna.connect() as owner:
        messages = await posted(owner, room, 8)
        for message in messages[:3]:
            await owner.ok("pin", room=room, message=message)
        await owner.ok("pin", room=room, message=messages[0])  # it is
        error = await owner.error("pin", room=room, message=messages[3])
        assert error["code"] == "limit.count"
        assert error["detail"] == {"field": "pins", "reason": "count", "most": 3}
        for old, new in ((0, 3), (1, 4)):
            await owner.ok("unpin", room=room, message=messages[old])
            await owner.ok("pin", room=room, message=messages[new])
            assert await owner.code("pin", room=room, message=messages[old]) == "limit.count"
        assert await listed(owner, room) == [messages[4], messages[3], messages[2]]
        # Candidates are forgotten only when whatever noted them is over.
        await owner.ok("unpin", room=room, message=messages[2])
        assert await owner.code("pin", room=room, message=messages[5]) == "limit.rate"
        for op in ("pin", "unpin"):  # one that is noted needs no room
            await owner.ok(op, room=room, message=messages[2])
        monkeypatch.setattr(pins, "UNDECIDED_SECONDS", 0.0)
        await owner.ok("pin", room=room, message=messages[5])
        assert await listed(owner, room) == [messages[5], messages[4], messages[3]]


async def test_what_is_cut_off_while_it_pins_leaves_a_true_list(server: Running) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    async with anna.connect() as owner:
        noted, other = await posted(owner, room, 2)

        async def note(running: object) -> None:
            service = running.service  # type: ignore[attr-defined]
            found = await service.rooms.get(room)
            await service.messages.pins.note(found, noted)
            with pytest.raises(ChatError) as refused:
                await Pins(Taken(), service.config.limits, service.messages.pins._clock).note(
                    found, other
                )
            assert refused.value.code == "limit.rate"

        await server.run(note)
        assert await listed(owner, room) == []
        await asyncio.gather(*(owner.ok("pin", room=room, message=each) for each in (noted, other)))
        assert {*await listed(owner, room)} == {noted, other}


class Taken:
    """A store in which somebody else always was faster."""

    async def get(self, space: str, key: str) -> bytes:
        return b"{}"

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        return False


async def test_who_may_not_read_the_room_learns_nothing_and_a_deleted_room_leaves_nothing(
    server: Running,
) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, kind="private")
    async with anna.connect() as owner, ben.connect() as other:
        (message,) = await posted(owner, room, 1)
        await owner.ok("pin", room=room, message=message)
        assert await other.code("pins", room=room) == "room.not_found"
        for path in (room, "nothing"):
            answer = await ben.http("GET", f"/api/v1/rooms/{path}/pins")
            assert code(answer) == (404, "room.not_found")
        await owner.ok("delete_room", room=room)
        assert await owner.code("pins", room=room) == "room.not_found"

    async def left(running: object) -> bytes | None:
        await running.service.rooms.deletion.settle()  # type: ignore[attr-defined]
        found: bytes | None = await running.store.get(SPACE, room)  # type: ignore[attr-defined]
        return found

    assert await server.run(left) is None
