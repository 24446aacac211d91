"""Threads: replies to a message, which are read apart from what is said in its room."""

import pytest

from chatserver.service import threads
from tests.protocol.client import Client
from tests.protocol.conftest import Start
from tests.protocol.running import Running
from tests.protocol.test_http_rooms import code, post, room_of


async def said(client: Client, room: str, key: str, **fields: object) -> str:
    """The id of a new message."""
    answer = await client.ok("send", room=room, client_id=key, body=f"text of {key}", **fields)
    message: str = answer["id"]
    return message


async def test_replies_reach_everybody_live_and_are_read_by_thread(every_store: Running) -> None:
    anna, ben = await every_store.people("anna", "ben")
    room = await room_of(anna)
    await ben.http("POST", f"/api/v1/rooms/{room}/join")
    async with anna.connect() as owner, ben.connect() as member:
        await member.ok("sub", rooms={room: None})
        root = await said(owner, room, "root")
        other = await said(owner, room, "other")
        one = await said(member, room, "one", thread=root)
        two = await said(owner, room, "two", thread=root, broadcast=True, reply_to=one)
        await said(owner, room, "apart", thread=other)
        events = {each: await member.event("message.posted") for each in (root, other, one, two)}
        assert "thread" not in events[root] and "broadcast" not in events[root]
        assert events[one]["thread"] == root and "broadcast" not in events[one]
        assert (events[two]["thread"], events[two]["broadcast"]) == (root, True)

        await member.ok("react", room=room, message=two, emoji="👍")
        await owner.ok("edit", room=room, message=two, body="another text")
        found = await member.ok("thread", room=room, message=root)
        assert found["root"]["id"] == root and "more" not in found
        assert [each["id"] for each in found["messages"]] == [one, two]
        last = found["messages"][1]
        assert (last["thread"], last["broadcast"], last["reply_to"]) == (root, True, one)
        assert (last["body"], list(last["reactions"])) == ("another text", ["👍"])
        assert found["head"] >= last["seq"]
        assert (await owner.ok("thread", room=room, message=one))["root"]["id"] == root

        told = (await owner.ok("threads", room=room, messages=[root, other, one, "no"]))["threads"]
        assert set(told) == {root, other}
        assert told[root]["count"] == 2
        assert (told[root]["seq"], told[root]["at"]) == (last["seq"], last["at"])
        assert [each["id"] for each in told[root]["authors"]] == [anna.id, ben.id]
        assert [each["id"] for each in told[other]["authors"]] == [anna.id]

        history = (await owner.ok("history", room=room))["messages"]
        assert [each.get("thread") for each in history] == [None, None, root, root, other]


async def test_a_long_thread_is_read_in_pages(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    async with anna.connect() as client:
        root = await said(client, room, "root")
        replies = []
        for n in range(7):
            replies.append(await said(client, room, f"reply {n}", thread=root))
            await said(client, room, f"beside {n}")
        newest = await client.ok("thread", room=room, message=root, limit=3)
        assert [each["id"] for each in newest["messages"]] == replies[4:] and newest["more"]
        before = newest["messages"][0]["seq"]
        older = await client.ok("thread", room=room, message=root, limit=4, before=before)
        assert [each["id"] for each in older["messages"]] == replies[:4] and "more" not in older
        assert (await client.ok("threads", room=room, messages=[root]))["threads"][root][
            "count"
        ] == 7
        monkeypatch.setattr(threads, "PAGE", 2)
        most = await client.ok("thread", room=room, message=root, limit=50)
        assert [each["id"] for each in most["messages"]] == replies[5:] and most["more"]
        monkeypatch.undo()
        for limit in (0, "x"):
            assert await client.code("thread", room=room, message=root, limit=limit) == (
                "request.invalid"
            )
        for messages in ([], [root] * 101, root):
            assert await client.code("threads", room=room, messages=messages) == "request.invalid"
    path = f"/api/v1/rooms/{room}/messages/{root}/thread"
    over_http = (await anna.http("GET", f"{path}?limit=3&before={before}")).json()
    assert [each["id"] for each in over_http["messages"]] == replies[1:4] and over_http["more"]
    assert code(await anna.http("GET", f"{path}?limit=x")) == (400, "request.invalid")


async def test_one_page_fits_into_a_connections_buffer(start: Start) -> None:
    server = start({"limits.buffer_soft_bytes": 20_000, "limits.buffer_hard_bytes": 40_000})
    anna = await server.person("anna")
    room = await room_of(anna)
    root = (await post(anna, room, 0)).json()["id"]
    for n in range(1, 8):
        sent = await post(anna, room, n, body="t" * 6_000, thread=root)
        assert sent.status_code == 201, sent.text
    path = f"/api/v1/rooms/{room}/messages/{root}/thread"
    answer = await anna.http("GET", path)
    assert len(answer.content) < 28_000
    page = answer.json()
    assert len(page["messages"]) == 3 and page["more"]
    rest = (await anna.http("GET", f"{path}?before={page['messages'][0]['seq']}")).json()
    assert len(rest["messages"]) == 3 and rest["more"]


async def test_one_replies_to_messages_alone_that_are_there(server: Running) -> None:
    anna = await server.person("anna")
    room, elsewhere = await room_of(anna), await room_of(anna)
    async with anna.connect() as client:
        root, gone = await said(client, room, "root"), await said(client, room, "gone")
        far = await said(client, elsewhere, "far")
        reply = await said(client, room, "reply", thread=root)
        await client.ok("delete", room=room, message=gone)
        for message in (gone, far, f"{room}-999", "nonsense", f"{room}-1"):
            fields = {"room": room, "client_id": f"to {message}", "body": "text"}
            assert await client.code("send", **fields, thread=message) == "message.not_found"
        error = await client.error("send", room=room, client_id="n", body="text", thread=reply)
        assert (error["code"], error["detail"]) == (
            "request.invalid",
            {"field": "thread", "reason": "nested"},
        )
        error = await client.error("send", room=room, client_id="b", body="text", broadcast=True)
        assert (error["code"], error["detail"]) == (
            "request.invalid",
            {"field": "broadcast", "reason": "no_thread"},
        )
        assert code(await post(anna, room, 9, thread=gone)) == (404, "message.not_found")
        for message in (far, f"{room}-999", f"{room}-1"):
            assert await client.code("thread", room=room, message=message) == "message.not_found"


async def test_a_deleted_reply_keeps_its_place_and_a_thread_outlives_its_root(
    server: Running,
) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    async with anna.connect() as client:
        root = await said(client, room, "root")
        one = await said(client, room, "one", thread=root)
        await said(client, room, "two", thread=root)
        await client.ok("delete", room=room, message=one)
        await client.ok("delete", room=room, message=root)
        found = await client.ok("thread", room=room, message=root)
        assert found["root"]["deleted"] and found["root"]["body"] == ""
        assert [each.get("deleted", False) for each in found["messages"]] == [True, False]
        told = (await client.ok("threads", room=room, messages=[root]))["threads"]
        assert told[root]["count"] == 2
        assert await client.code("send", room=room, client_id="3", body="text", thread=root) == (
            "message.not_found"
        )


async def test_replies_in_a_thread_alone_are_no_unread_messages_of_the_room(
    every_store: Running,
) -> None:
    anna, ben = await every_store.people("anna", "ben")
    room = await room_of(anna)
    await ben.http("POST", f"/api/v1/rooms/{room}/join")

    async def counts() -> tuple[int, int]:
        """As the store counts, and as the list does in memory."""
        entry = (await ben.http("GET", f"/api/v1/rooms/{room}")).json()
        rooms = (await ben.http("GET", "/api/v1/rooms?limit=500")).json()["rooms"]
        (listed,) = [each for each in rooms if each["id"] == room]
        assert (listed["unread"], listed["mentions"]) == (entry["unread"], entry["mentions"])
        return entry["unread"], entry["mentions"]

    async with anna.connect() as owner:
        root = await said(owner, room, "root")
        assert await counts() == (1, 0)
        mention = {"room": room, "body": f"@{ben.username} look", "thread": root}
        await owner.ok("send", client_id="apart", **mention)
        assert await counts() == (1, 0)
        await owner.ok("send", client_id="both", **mention, broadcast=True)
        assert await counts() == (2, 1)


async def test_who_may_not_read_the_room_reads_no_thread(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, kind="private")
    root = (await post(anna, room, 1)).json()["id"]
    await post(anna, room, 2, thread=root)
    async with ben.connect() as client:
        assert await client.code("thread", room=room, message=root) == "room.not_found"
        assert await client.code("threads", room=room, messages=[root]) == "room.not_found"
    path = f"/api/v1/rooms/{room}/messages/{root}/thread"
    assert code(await ben.http("GET", path)) == (404, "room.not_found")
    assert (await anna.http("GET", path)).status_code == 200


@pytest.mark.parametrize("broadcast", [False, True])
async def test_an_edited_reply_stays_where_it_was(server: Running, broadcast: bool) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    async with anna.connect() as client:
        root = await said(client, room, "root")
        reply = await said(client, room, "reply", thread=root, broadcast=broadcast)
        await client.ok("edit", room=room, message=reply, body="another")
        (found,) = (await client.ok("thread", room=room, message=root))["messages"]
        assert (found["body"], found["thread"]) == ("another", root)
        assert found.get("broadcast", False) is broadcast
