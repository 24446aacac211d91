"""Mentions of everybody in a room, and of those who are online there."""

import pytest

from chatserver import ServerRole
from chatserver.service import mentions
from tests.protocol.conftest import Start
from tests.protocol.running import Person, Running
from tests.protocol.test_http_rooms import post, room_of


async def mentioned(sender: Person, room: str, number: int, body: str) -> list[str]:
    """The mentions of a message with this text, as its room has them."""
    sent = await post(sender, room, number, body=body)
    assert sent.status_code == 201, sent.text
    message = (await sender.http("GET", f"/api/v1/messages/{sent.json()['id']}")).json()
    mentions: list[str] = message.get("mentions", [])
    return mentions


async def counts(person: Person, room: str) -> tuple[int, int]:
    """As the store counts, and as the list does in memory."""
    entry = (await person.http("GET", f"/api/v1/rooms/{room}")).json()
    rooms = (await person.http("GET", "/api/v1/rooms?limit=500")).json()["rooms"]
    (listed,) = [each for each in rooms if each["id"] == room]
    assert (listed["unread"], listed["mentions"]) == (entry["unread"], entry["mentions"])
    return entry["unread"], entry["mentions"]


async def test_a_mention_of_everybody_counts_for_every_member(every_store: Running) -> None:
    anna, ben, cid = await every_store.people("anna", "ben", "cid")
    room = await room_of(anna, members=[ben.id])
    assert await mentioned(anna, room, 1, "Lunch, @room?") == ["@room"]
    assert await mentioned(anna, room, 2, f"@ROOM and @{ben.username}") == ["@room", ben.id]
    assert await mentioned(anna, room, 3, "mail@room, @roommate, @ room") == []
    assert await counts(ben, room) == (3, 2)
    await cid.http("POST", f"/api/v1/rooms/{room}/join")
    assert await mentioned(ben, room, 4, "Welcome, @room") == ["@room"]
    assert (await anna.http("GET", f"/api/v1/rooms/{room}")).json()["member_count"] == 3
    assert await counts(cid, room) == (1, 1)


async def test_here_mentions_those_who_are_online(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ben, cid = await server.people("anna", "ben", "cid")
    room = await room_of(anna, members=[ben.id, cid.id])
    async with anna.connect(), ben.connect() as member:
        await member.ok("rooms", limit=1)
        assert await mentioned(anna, room, 1, "Who is there, @here?") == [ben.id]
        assert await mentioned(anna, room, 2, "@here, or rather @room") == ["@room"]
        assert await counts(cid, room) == (2, 1)
        async with cid.connect() as third:
            await third.ok("rooms", limit=1)
            assert await mentioned(anna, room, 3, "@here") == [ben.id, cid.id]
            monkeypatch.setattr(mentions, "MANY_MOST", 1)
            assert await mentioned(anna, room, 4, "@here") == [ben.id]


async def test_guests_mention_nobody_at_once_nor_do_members_of_large_rooms(
    start: Start,
) -> None:
    server = start({"limits.mention_all_members": 2})
    anna, ben, cid = await server.people("anna", "ben", "cid")
    room = await room_of(anna, members=[ben.id])
    assert await mentioned(ben, room, 1, "@room") == ["@room"]
    await cid.http("POST", f"/api/v1/rooms/{room}/join")
    assert await mentioned(ben, room, 2, "@room and @here") == []
    assert await mentioned(anna, room, 3, "@room, from its owner") == ["@room"]
    await server.run(lambda s: s.service.accounts.set_role(ben.username, ServerRole.GUEST))
    small = await room_of(anna, members=[ben.id])
    assert await mentioned(ben, small, 4, f"@room @here @{anna.username}") == [anna.id]


async def test_who_calls_everybody_in_a_large_room_again_and_again_is_not_heard(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mentions, "LARGE", 1)  # whoever may do so there
    server = start()
    anna, ben = await server.people("anna", "ben")
    large, small = await room_of(anna, members=[ben.id]), await room_of(anna)
    for number in range(mentions.LARGE_BURST):
        assert await mentioned(anna, large, number, "@room") == ["@room"]
    assert await mentioned(anna, large, 90, f"@room, @here and @{ben.username}") == [ben.id]
    assert await mentioned(anna, large, 91, "@here") == []
    assert await mentioned(anna, small, 92, "@room") == ["@room"]
    path = f"/api/v1/rooms/{large}/members/{ben.id}"
    assert (await anna.http("PUT", path, {"role": "admin"})).status_code == 200
    assert await mentioned(ben, large, 93, "@room") == ["@room"]


async def test_whom_one_blocks_mentions_one_with_nobody(server: Running) -> None:
    """What the blocked person writes in a thread alone was not counted, so it is not taken off either."""
    anna, ben, cid = await server.people("anna", "ben", "cid")
    room = await room_of(anna, members=[ben.id, cid.id])
    blocked = await ben.http("PUT", f"/api/v1/me/blocks/{anna.id}")
    assert blocked.status_code in (200, 204), blocked.text
    assert await mentioned(anna, room, 1, "@room") == ["@room"]
    assert await counts(ben, room) == (0, 0)
    root = (await post(cid, room, 1, body="@room, too")).json()["id"]
    await post(anna, room, 2, thread=root)
    assert await counts(ben, room) == (1, 1)
