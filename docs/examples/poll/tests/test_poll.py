"""The plugin in a real server."""

import asyncio
import json
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatserver.testing.running import Chat, Person, running

QUESTION = {"question": "Tea or coffee?", "options": ["Tea", "Coffee"]}
FIELDS = "poll { question closed options { label votes mine } }"


async def results(person: Person, room: str, message: str) -> Any:
    query = f'{{ room(id: "{room}") {{ message(id: "{message}") {{ {FIELDS} }} }} }}'
    answer = (await person.http("POST", "/graphql", {"query": query})).json
    return answer["data"]["room"]["message"]["poll"]


async def asked(chat: Chat) -> tuple[Person, Person, str, str]:
    ada, bob = await chat.user("ada"), await chat.user("bob")
    room = await ada.create_room("Lounge", members=[bob])
    answer = await ada.http("POST", "/polls", {"room": room.id, **QUESTION})
    assert answer.status == 201, answer.json
    return ada, bob, room.id, answer.json["id"]


async def click(person: Person, room: str, message: str, part: str) -> Any:
    path = f"/api/v1/rooms/{room}/messages/{message}/interactions"
    answer = await person.http("POST", path, {"part": part})
    assert answer.status == 200, answer.json
    return answer.json


def test_a_poll() -> None:
    async def talk() -> None:
        async with running("graphql", "poll") as chat:
            ada, bob, room, message = await asked(chat)
            said = await click(ada, room, message, "0")
            assert said["note"] == "Counted: Tea" and said["seq"]
            await click(bob, room, message, "1")
            await click(bob, room, message, "0")
            found = await results(bob, room, message)
            assert found["question"] == "Tea or coffee?"
            assert found["options"] == [
                {"label": "Tea", "votes": 2, "mine": True},
                {"label": "Coffee", "votes": 0, "mine": False},
            ]
            await click(bob, room, message, "0")
            assert (await results(bob, room, message))["options"][0]["votes"] == 1

    asyncio.run(talk())


def test_only_its_author_ends_it() -> None:
    async def talk() -> None:
        async with running("graphql", "poll") as chat:
            ada, bob, room, message = await asked(chat)
            assert await click(bob, room, message, "close") == {
                "note": "Only its author may end a poll."
            }
            assert not (await results(bob, room, message))["closed"]
            await click(ada, room, message, "close")
            assert (await results(bob, room, message))["closed"]
            log = (await bob.http("GET", f"/api/v1/rooms/{room}/events?after=0")).json["events"]
            assert log[-1]["ev"] == "plugin.event"
            assert (log[-1]["type"], log[-1]["payload"]) == ("poll.ended", {"message": message})
            path = f"/api/v1/rooms/{room}/messages/{message}/interactions"
            answer = await bob.http("POST", path, {"part": "0"})
            assert answer.json["error"]["code"] == "message.part_not_found"

    asyncio.run(talk())


def test_votes_are_followed_until_the_end() -> None:
    async def talk() -> None:
        async with running("graphql", "poll") as chat:
            ada, bob, room, message = await asked(chat)
            request = HTTPRequest(f"ws://127.0.0.1:{chat.port}/graphql")
            socket = await websocket_connect(request, subprotocols=["graphql-transport-ws"])
            field = (
                f'poll(room: "{room}", message: "{message}") {{ closed options {{ votes mine }} }}'
            )
            init = {"type": "connection_init", "payload": {"token": bob.token}}
            query = {"query": f"subscription {{ {field} }}"}
            await socket.write_message(json.dumps(init))
            assert (await frame(socket))["type"] == "connection_ack"
            await socket.write_message(
                json.dumps({"id": "1", "type": "subscribe", "payload": query})
            )
            seen = [(await frame(socket))["payload"]["data"]["poll"]]
            for person, part in ((ada, "0"), (bob, "1"), (ada, "close")):
                await click(person, room, message, part)
                seen.append((await frame(socket))["payload"]["data"]["poll"])
            votes = [[each["votes"] for each in poll["options"]] for poll in seen]
            assert votes == [[0, 0], [1, 0], [1, 1], [1, 1]]
            assert seen[2]["options"][1]["mine"] and not seen[2]["options"][0]["mine"]
            assert [poll["closed"] for poll in seen] == [False, False, False, True]
            assert (await frame(socket))["type"] == "complete"
            socket.close()

    asyncio.run(talk())


async def frame(socket: WebSocketClientConnection) -> Any:
    async with asyncio.timeout(60):
        return json.loads(await socket.read_message() or "null")


def test_a_question_is_found() -> None:
    async def talk() -> None:
        async with running("poll") as chat:
            ada, _, _, message = await asked(chat)
            found = await chat.service.search.find(ada.user, "coffee tea")
            assert [each.id for each in found.messages] == [message]

    asyncio.run(talk())
