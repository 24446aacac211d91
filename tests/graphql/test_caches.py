"""One id has one value: caches of clients never go back to what a message or a user was before."""

from pathlib import Path

import pytest

from chatserver.app import Server
from tests.graphql.asker import PATH, Asker, Json
from tests.graphql.conftest import People
from tests.graphql.node import Node
from tests.graphql.speaker import Speaker
from tests.graphql.test_subscriptions import fill, token
from tests.protocol.running import Running

EVENTS = """subscription ($room: ID!, $after: Int) { roomEvents(roomId: $room, after: $after) {
  __typename ... on RoomLogEntry { seq }
  ... on MessagePosted { messageId body message { ...Now } }
  ... on MessageEdited { message { ...Now } }
  ... on MessageDeleted { message { ...Now } }
  ... on ReactionAdded { message { ...Now } }
  ... on ReactionRemoved { message { ...Now } }
  ... on PinAdded { message { ...Now } }
  ... on PinRemoved { message { ...Now } } } }
  fragment Now on Message { id body deleted pinned reactions { emoji } author { id name } }"""
SEND = """mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  repeated message { id body deleted pinned reactions { emoji } author { id name } } } }"""
FIELDS = "{ seq message { id body deleted pinned reactions { emoji } author { id name } } }"


async def change(asker: Asker, name: str, kind: str, room: str, message: str, **more: str) -> Json:
    """The message that comes with the change."""
    text = f"mutation ($input: {kind}!) {{ {name}(input: $input) {FIELDS} }}"
    given = {"roomId": room, "messageId": message, **more}
    found: Json = (await asker.ask(text, input=given))[name]["message"]
    return found


async def rename(asker: Asker, name: str) -> None:
    async def rename(server: Server) -> None:
        accounts = server.service.accounts
        await accounts._change(await accounts.get(asker.id), name=name)

    await asker.server.run(rename)


@pytest.mark.parametrize("client", ["apollo", "urql"])
async def test_a_normalised_cache_never_goes_back(
    server: Running, people: People, clients: Path, client: str
) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    message = (await ada.post(room, "old", client_id="first"))["id"]
    await change(ada, "editMessage", "EditMessageInput", room, message, body="new")
    await rename(ada, "Ada Lovelace")
    url = f"http://127.0.0.1:{server.port}{PATH}"
    async with Node(clients / "caches.mjs", client, url, token(ada), room, message, 4) as node:
        name = "Ada Lovelace"
        assert await node.line() == {"step": "loaded", "body": "new", "name": name}
        assert await node.line() == {"step": "posted", "body": "new", "name": name}
        assert await node.line() == {"step": "replayed", "body": "new", "name": name}
        assert await node.line() == {"step": "repeated", "body": "new", "name": name}
        await change(ada, "editMessage", "EditMessageInput", room, message, body="newest")
        assert await node.line() == {"step": "live MessageEdited", "body": "newest", "name": name}
        assert await node.ended() == 0


async def test_a_repeated_send_answers_with_the_present_message(people: People) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    given = {"roomId": room, "clientId": "once", "body": "old"}
    message = (await ada.ask(SEND, input=given))["sendMessage"]["message"]["id"]

    async def again() -> Json:
        sent: Json = (await ada.ask(SEND, input=given))["sendMessage"]
        assert sent["repeated"] is True
        found: Json = sent["message"]
        return found

    edited = await change(ada, "editMessage", "EditMessageInput", room, message, body="new")
    assert edited["body"] == "new"
    assert await again() == edited
    pinned = await change(ada, "pinMessage", "MessageInput", room, message)
    assert pinned["pinned"] is True
    assert await again() == pinned
    liked = await change(ada, "addReaction", "ReactionInput", room, message, emoji="👍")
    assert liked["reactions"] == [{"emoji": "👍"}]
    assert await again() == liked
    for number in range(100):  # so far back that it takes a query to find out
        await ada.post(room, f"{number}")
    assert await again() == liked
    gone = await change(ada, "deleteMessage", "MessageInput", room, message)
    assert (gone["body"], gone["deleted"]) == ("", True)
    assert await again() == gone


async def test_a_change_of_no_message_carries_none(people: People) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    text = f"mutation ($input: MarkReadInput!) {{ markRead(input: $input) {FIELDS} }}"
    read = (await ada.ask(text, input={"roomId": room, "seq": 2}))["markRead"]
    assert read == {"seq": 2, "message": None}


@pytest.mark.parametrize("later", [0, 300], ids=["in memory", "in the store"])
async def test_a_replay_shows_messages_as_they_stand(
    server: Running, people: People, later: int
) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    one = (await ada.post(room, "old"))["id"]
    two = (await ada.post(room, "doomed"))["id"]
    await change(ada, "editMessage", "EditMessageInput", room, one, body="newer")
    await change(ada, "addReaction", "ReactionInput", room, one, emoji="👍")
    await change(ada, "addReaction", "ReactionInput", room, one, emoji="🎉")
    await change(ada, "removeReaction", "ReactionInput", room, one, emoji="🎉")
    await change(ada, "pinMessage", "MessageInput", room, one)
    await change(ada, "unpinMessage", "MessageInput", room, one)
    await change(ada, "deleteMessage", "MessageInput", room, two)
    await change(ada, "editMessage", "EditMessageInput", room, one, body="newest")
    await fill(ada, room, later)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", EVENTS, room=room, after=2)
        events = [await speaker.room_event("1") for _ in range(10)]
        stands = {
            one: ("newest", False, False, [{"emoji": "👍"}]),
            two: ("", True, False, []),
        }
        shown = [event["message"] for event in events]
        assert [message["id"] for message in shown] == [one, two, *[one] * 6, two, one]
        for message in shown:
            found = tuple(message[name] for name in ("body", "deleted", "pinned", "reactions"))
            assert found == stands[message["id"]]
        assert [event.get("messageId") for event in events[:2]] == [one, two]
        assert [event.get("body") for event in events[:2]] == ["", ""]  # what was replaced


async def test_a_live_event_carries_the_message_as_it_is_then(
    server: Running, people: People
) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", EVENTS, room=room, after=2)
        message = (await ada.post(room, "one"))["id"]
        posted = await speaker.room_event("1")
        assert (posted["body"], posted["message"]["body"]) == ("one", "one")
        await change(ada, "editMessage", "EditMessageInput", room, message, body="two")
        assert (await speaker.room_event("1"))["message"]["body"] == "two"
        await change(ada, "deleteMessage", "MessageInput", room, message)
        assert (await speaker.room_event("1"))["message"]["deleted"] is True


async def test_a_user_has_one_name_wherever_it_comes_from(server: Running, people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)
    await bob.post(room, "Hello")
    await rename(bob, "Robert")
    found = await ada.ask(
        """query ($room: ID!, $bob: ID!) { user(id: $bob) { name } room(id: $room) {
          messages { author { name } } members { nodes { user { id name } } }
          events(after: 3) { ... on RoomLogEntry { author { name } }
            ... on MessagePosted { message { author { name } } } } } }""",
        room=room,
        bob=bob.id,
    )
    robert = {"name": "Robert"}
    assert found["user"] == robert
    assert found["room"]["messages"] == [{"author": robert}]
    assert {"user": {"id": bob.id, **robert}} in found["room"]["members"]["nodes"]
    assert found["room"]["events"] == [{"author": robert, "message": {"author": robert}}]
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", EVENTS, room=room, after=3)
        assert (await speaker.room_event("1"))["message"]["author"]["name"] == "Robert"


async def test_an_account_that_is_gone_keeps_the_name_it_had(
    server: Running, people: People
) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)
    await bob.post(room, "Hello")

    async def remove(server: Server) -> None:
        await server.store.delete("user", bob.id)
        server.service.accounts._cache.pop(bob.id, None)

    await server.run(remove)
    found = await ada.ask(
        "query ($room: ID!) { room(id: $room) { messages { author { name } } } }", room=room
    )
    assert found["room"]["messages"] == [{"author": {"name": "bob"}}]


async def test_a_live_event_is_still_executed_once_for_all_followers(
    server: Running, people: People
) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)

    async def groups(server: Server) -> list[int]:
        loaded = server.service.room_cache.known(room)
        assert loaded is not None
        channel = server.service.hub.channels.existing(loaded)
        assert channel is not None
        return [len(group.streams) for group in channel.groups.values()]

    async with Speaker(server.port) as one, Speaker(server.port) as two:
        for speaker, asker in ((one, ada), (two, bob)):
            await speaker.init(token(asker))
            speaker.subscribe("1", EVENTS, room=room)
            await speaker.run("{ __typename }")
        assert await server.run(groups) == [2]
