"""Messages and what happens to them, over WebSocket, on every store that comes with the server."""

from typing import Any

import pytest

from tests.protocol.client import Client
from tests.protocol.running import Person, Running

Event = dict[str, Any]


@pytest.fixture
def server(every_store: Running) -> Running:
    return every_store


async def room_of(client: Client, **fields: object) -> str:
    room: str = (await client.ok("create", name="Lounge", **fields))["id"]
    added = await client.event("room.added")
    assert added["room"] == room
    return room


def author(person: Person) -> dict[str, str]:
    return {"id": person.id, "name": person.user["name"]}


async def test_a_message_reaches_every_follower_and_the_sender(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, anna.connect() as a2, ben.connect() as b:
        room = await room_of(a)
        await a2.event("room.added")
        for client in (a, a2, b):
            answer = await client.ok("sub", rooms={room: None})
            assert answer == {"rooms": {room: {"state": "live", "head": 2}}}
        sent = await a.ok("send", room=room, client_id="1", body="こんにちは ✨")
        assert sent == {"id": sent["id"], "seq": 3, "at": sent["at"]}
        for client in (a, a2, b):
            assert await client.event("message.posted") == {
                "ev": "message.posted",
                "room": room,
                "seq": 3,
                "at": sent["at"],
                "author": author(anna),
                "id": sent["id"],
                "body": "こんにちは ✨",
                "client_id": "1",
            }
            await client.quiet()


async def test_sending_twice_is_sending_once(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, anna.connect() as a2, ben.connect() as b:
        room = await room_of(a)
        await a2.event()
        await b.ok("join", room=room)
        await b.event("room.added")
        await a.ok("sub", rooms={room: None})
        first = await a.ok("send", room=room, client_id="1", body="once")
        for client in (a, a2):
            again = await client.ok("send", room=room, client_id="1", body="twice")
            assert again == {**first, "dup": True}
        await a.event("message.posted")
        await a.quiet()
        other = await b.ok("send", room=room, client_id="1", body="of another author")
        assert other["seq"] == first["seq"] + 1 and "dup" not in other
        await a.event("message.posted")
        elsewhere = await room_of(a)
        error = await a.code("send", room=elsewhere, client_id="1", body="once")
        assert error == "message.client_id_reused"


async def test_many_sends_at_once_are_numbered_without_a_hole(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_of(client)
        await client.ok("sub", rooms={room: None})
        answers = [
            client.begin("send", room=room, client_id=str(number), body=str(number))
            for number in range(300)
        ]
        seqs = [(await answer)["ok"]["seq"] for answer in answers]
        assert seqs == list(range(3, 303))
        events = await client.take(300)
        assert [(event["seq"], event["body"]) for event in events] == [
            (number + 3, str(number)) for number in range(300)
        ]


async def test_a_reply_and_a_mention(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as client:
        room = await room_of(client)
        await client.ok("sub", rooms={room: None})
        first = await client.ok("send", room=room, client_id="1", body="first")
        await client.event()
        body = f"@{ben.username} see above"
        await client.ok("send", room=room, client_id="2", body=body, reply_to=first["id"])
        event = await client.event("message.posted")
        assert (event["reply_to"], event["mentions"]) == (first["id"], [ben.id])
        for unknown in ("nonsense", f"{room}-999", f"{room}-0", f"{room}--1", "x-3"):
            error = await client.code("send", room=room, client_id="3", body="x", reply_to=unknown)
            assert error == "message.not_found"


async def test_an_edit_is_an_event_and_changes_the_message(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as client, ben.connect() as other:
        room = await room_of(client, members=[ben.id])
        await client.ok("sub", rooms={room: None})
        sent = await client.ok("send", room=room, client_id="1", body="bfore")
        await client.event()
        assert await client.ok("edit", room=room, message=sent["id"], body="before") == {"seq": 5}
        event = await client.event("message.edited")
        assert event == {
            "ev": "message.edited",
            "room": room,
            "seq": 5,
            "at": event["at"],
            "author": author(anna),
            "message": sent["id"],
            "body": "before",
        }
        (message,) = (await client.ok("history", room=room))["messages"]
        assert (message["body"], message["edited_at"], message["seq"]) == ("before", event["at"], 4)
        await other.event("room.added")
        assert await other.code("edit", room=room, message=sent["id"], body="x") == "room.forbidden"


async def test_a_deletion_keeps_the_place_and_takes_the_text(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_of(client)
        await client.ok("sub", rooms={room: None})
        sent = await client.ok("send", room=room, client_id="1", body="a secret")
        await client.event()
        await client.ok("react", room=room, message=sent["id"], emoji="👀")
        await client.event()
        assert await client.ok("delete", room=room, message=sent["id"]) == {"seq": 5}
        event = await client.event("message.deleted")
        assert set(event) == {"ev", "room", "seq", "at", "author", "message"}
        page = await client.ok("history", room=room)
        (message,) = page["messages"]
        assert (message["deleted"], message["body"], message["reactions"]) == (True, "", {})
        for op, fields in (
            ("edit", {"body": "x"}),
            ("delete", {}),
            ("react", {"emoji": "x"}),
            ("pin", {}),
        ):
            error = await client.code(op, room=room, message=sent["id"], **fields)
            assert error == "message.not_found"


async def test_reactions(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        room = await room_of(a, members=[ben.id])
        sent = await a.ok("send", room=room, client_id="1", body="cake?")
        await a.ok("sub", rooms={room: None})
        target = {"room": room, "message": sent["id"]}
        assert await a.ok("react", **target, emoji="👍") == {"seq": 5}
        assert await b.ok("react", **target, emoji="👍") == {"seq": 6}
        assert await b.ok("react", **target, emoji="🍰") == {"seq": 7}
        # The same again changes nothing, and tells the head.
        assert await b.ok("react", **target, emoji="👍") == {"seq": 7}
        assert await a.ok("unreact", **target, emoji="👍") == {"seq": 8}
        assert await a.ok("unreact", **target, emoji="👍") == {"seq": 8}
        events = await a.take(4)
        await a.quiet()
        assert [(event["ev"], event["seq"], event["author"]["id"]) for event in events] == [
            ("reaction.added", 5, anna.id),
            ("reaction.added", 6, ben.id),
            ("reaction.added", 7, ben.id),
            ("reaction.removed", 8, anna.id),
        ]
        assert set(events[0]) == {"ev", "room", "seq", "at", "author", "message", "emoji"}
        (message,) = (await a.ok("history", room=room))["messages"]
        assert message["reactions"] == {"👍": [ben.id], "🍰": [ben.id]}


async def test_pins(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        room = await room_of(a, members=[ben.id])
        sent = await a.ok("send", room=room, client_id="1", body="rules")
        await a.ok("sub", rooms={room: None})
        target = {"room": room, "message": sent["id"]}
        assert await b.code("pin", **target) == "room.forbidden"
        assert await a.ok("pin", **target) == {"seq": 5}
        event = await a.event("pin.added")
        assert set(event) == {"ev", "room", "seq", "at", "author", "message"}
        assert (await a.ok("history", room=room))["messages"][0]["pinned"] is True
        assert await a.ok("unpin", **target) == {"seq": 6}
        await a.event("pin.removed")
        assert "pinned" not in (await a.ok("history", room=room))["messages"][0]


async def test_history_and_events_are_paged_as_over_http(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_of(client)
        for number in range(70):
            client.begin("send", room=room, client_id=str(number), body=str(number))
        await client.ok("ping")
        await client.ok("send", room=room, client_id="last", body="last")
        for fields, query in (
            ({}, ""),
            ({"limit": 5}, "?limit=5"),
            ({"before": 30}, "?before=30"),
            ({"before": 30, "limit": 2}, "?before=30&limit=2"),
            ({"before": None}, ""),
        ):
            page = await client.ok("history", room=room, **fields)
            assert page == (await anna.http("GET", f"/api/v1/rooms/{room}/messages{query}")).json()
            assert page["head"] == 73
        for fields, query in (
            ({"after": 0}, ""),
            ({"after": 70}, "?after=70"),
            ({"after": 3, "limit": 2}, "?after=3&limit=2"),
            ({"after": 73}, "?after=73"),
        ):
            found = await client.ok("events", room=room, **fields)
            assert found == (await anna.http("GET", f"/api/v1/rooms/{room}/events{query}")).json()


async def test_everything_is_replayed_as_it_was_live(server: Running) -> None:
    """The log, a replay and what was delivered live are the same, field by field, but for replaced texts."""
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        room = await room_of(a)
        await a.ok("sub", rooms={room: 0})
        await b.ok("join", room=room)
        await b.event("room.added")
        sent = await a.ok("send", room=room, client_id="1", body="text")
        target = {"room": room, "message": sent["id"]}
        await a.ok("edit", **target, body="better text")
        await b.ok("react", **target, emoji="👍")
        await b.ok("unreact", **target, emoji="👍")
        await a.ok("pin", **target)
        await a.ok("unpin", **target)
        await a.ok("delete", **target)
        await a.ok("role", room=room, user=ben.id, role="admin")
        await a.ok("change", room=room, topic="tea")
        await b.ok("leave", room=room)
        live = await a.take(13)
        assert [event["seq"] for event in live] == list(range(1, 14))
        assert [event["ev"] for event in live] == [
            "room.changed",
            "member.joined",
            "member.joined",
            "message.posted",
            "message.edited",
            "reaction.added",
            "reaction.removed",
            "pin.added",
            "pin.removed",
            "message.deleted",
            "member.changed",
            "room.changed",
            "member.left",
        ]
        assert all({"ev", "room", "seq", "at", "author"} <= set(event) for event in live)
        assert [live[3]["body"], live[4]["body"]] == ["text", "better text"]
        for said in live[3:5]:
            said |= {"body": "", "redacted": True}
        assert (await a.ok("events", room=room, after=0))["events"] == live
    async with anna.connect() as late:
        await late.ok("sub", rooms={room: 0})
        assert await late.take(13) == live


async def test_reading_moves_a_marker_and_tells_the_user_s_other_connections(
    server: Running,
) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, anna.connect() as a2, ben.connect() as b:
        room = await room_of(a, members=[ben.id])
        await a2.event()
        await b.event()
        for number in range(3):
            body = f"@{anna.username} {number}"
            await b.ok("send", room=room, client_id=str(number), body=body)
        assert await unread(a, room) == (2, 3, 3)
        assert await a.ok("read", room=room, seq=5) == {}
        assert await a2.event("read") == {"ev": "read", "room": room, "seq": 5}
        assert await unread(a, room) == (5, 1, 1)
        await a.ok("read", room=room, seq=4)  # never back
        assert await unread(a2, room) == (5, 1, 1)
        await a.ok("read", room=room, seq=2**53)  # nor beyond the head
        assert (await a2.event("read"))["seq"] == 6
        assert await unread(a2, room) == (6, 0, 0)
        for client in (a, a2, b):
            await client.quiet()


async def unread(client: Client, room: str) -> tuple[int, int, int]:
    entries = {entry["id"]: entry for entry in (await client.ok("rooms"))["rooms"]}
    entry = entries[room]
    return entry["read"], entry["unread"], entry["mentions"]


async def test_typing_is_told_and_not_kept(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        room = await room_of(a, members=[ben.id])
        await b.event()
        for client in (a, b):
            await client.ok("sub", rooms={room: None})
        a.say({"id": 99, "op": "typing", "room": room})
        assert await b.event() == {"ev": "typing", "room": room, "user": author(anna)}
        a.say({"id": 99, "op": "typing", "room": "nowhere"})
        await a.quiet()
        assert a.answers.empty()
        assert (await a.ok("events", room=room, after=0))["head"] == 3


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("東京", [1]),
        ("京都", [1, 2]),
        ("ラーメン", [3]),
        ("らーめん", [3]),
        ("ﾗｰﾒﾝ", [3]),
        ("HELLO", [4]),
        ("hello world", [4]),
        ("ＨＥＬＬＯ", [4]),
        ("食べ", [3]),
        ("nothing like it", []),
    ],
)
async def test_search_finds_words_of_two_characters(
    server: Running, text: str, found: list[int]
) -> None:
    anna, ben = await server.people("anna", "ben")
    bodies = {1: "東京都に住む", 2: "京都に行く", 3: "ラーメンを食べた", 4: "Hello, hello World"}
    async with anna.connect() as a, ben.connect() as b:
        room = await room_of(a, kind="private")
        for number, body in bodies.items():
            await a.ok("send", room=room, client_id=str(number), body=body)
        for fields in ({"room": room}, {}):
            messages = (await a.ok("search", text=text, **fields))["messages"]
            assert [int(message["client_id"]) for message in messages] == sorted(
                found, reverse=True
            )
        assert (await b.ok("search", text=text))["messages"] == []
        assert await b.code("search", text=text, room=room) == "room.not_found"


async def test_search_goes_on_before_what_it_found(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_of(client)
        for number in range(6):
            await client.ok("send", room=room, client_id=str(number), body=f"word {number}")
        await client.ok("edit", room=room, message=f"{room}-4", body="changed")
        seen = []
        before: dict[str, object] = {}
        while page := (await client.ok("search", room=room, text="word", limit=2, **before))[
            "messages"
        ]:
            seen += [message["client_id"] for message in page]
            before = {"before": page[-1]["seq"]}
        assert seen == ["5", "4", "3", "2", "0"]


@pytest.mark.parametrize(
    ("body", "code"),
    [("", "request.invalid"), (" \n\t", "request.invalid"), ("x" * 8001, "limit.size")],
)
async def test_texts_that_are_refused(server: Running, body: str, code: str) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        room = await room_of(client)
        sent = await client.ok("send", room=room, client_id="1", body="x" * 8000)
        assert await client.code("send", room=room, client_id="2", body=body) == code
        assert await client.code("edit", room=room, message=sent["id"], body=body) == code
        assert (await client.ok("history", room=room))["head"] == 3
