"""Data of messages over every interface: sent, delivered, changed, refused, gone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver.copies.archive.exporting import export_to
from tests.protocol.running import Person, Running

CARD = {"title": "Tea house"}
SETTINGS = {
    "plugins.enabled": ["memory", "password", "graphql", "cards"],
    "plugins.folder": str(Path(__file__).parent / "plugins"),
}
SEND = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id data dataText } } }"
EDIT = "mutation ($input: EditMessageInput!) { editMessage(input: $input) { message { data } } }"
USE = 'mutation ($input: InteractInput!) { interact(input: $input) { note seq message { data(namespace: "cards") } } }'
LOG = """query ($room: ID!) { room(id: $room) { events(after: 0) {
  ... on MessagePosted { data card: data(namespace: "cards") none: data(namespace: "none") redacted }
  ... on MessageEdited { data redacted }
} } }"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("cards"), SETTINGS) as running:
        yield running
        assert not running.take_errors()


async def room_of(*people: Person) -> str:
    body = {"name": "room", "members": [person.id for person in people[1:]]}
    room: str = (await people[0].http("POST", "/api/v1/rooms", body)).json()["id"]
    return room


async def asked(person: Person, text: str, **variables: Any) -> Any:
    """The result of a GraphQL document."""
    answer = await person.http("POST", "/graphql", {"query": text, "variables": variables})
    found = answer.json()
    assert "data" in found, found
    return found


async def test_what_one_sends_all_get_over_every_interface(server: Running) -> None:
    ada, bob = await server.people("ada", "bob")
    room = await room_of(ada, bob)
    async with bob.connect() as reader, ada.connect() as client:
        await reader.ok("sub", rooms={room: None})
        fields = {"body": "Look", "data": {"cards": CARD}}
        await client.ok("send", room=room, client_id="ws", **fields)
        path = f"/api/v1/rooms/{room}/messages"
        answer = await ada.http("POST", path, {"client_id": "http", **fields})
        assert answer.status_code == 201, answer.text
        given = {"roomId": room, "clientId": "graphql", **fields}
        answered = (await asked(ada, SEND, input=given))["data"]["sendMessage"]["message"]
        events = await reader.take(3)
    parts = {"of": "cards", "items": [{"kind": "button", "id": "like", "label": "Like"}]}
    wanted = {"cards": CARD, "parts": parts}
    assert [event["client_id"] for event in events] == ["ws", "http", "graphql"]
    assert all(event["data"] == wanted for event in events)
    assert (answered["data"], answered["dataText"]) == (wanted, "Tea house")
    page = (await bob.http("GET", path)).json()["messages"]
    assert [message["data"] for message in page] == [wanted] * 3
    found = (await asked(bob, LOG, room=room))["data"]["room"]["events"]
    assert [each for each in found if each] == [
        {"data": wanted, "card": CARD, "none": None, "redacted": False}
    ] * 3
    async with bob.connect() as client:
        search = await client.ok("search", text="house", room=room)
        assert len(search["messages"]) == 3


WRONG = [
    ({"cards": {"title": ""}}, "shape", "$.title"),
    ({"cards": {"title": "x", "clicks": "many"}}, "shape", "$.clicks"),
    ({"parts": {"of": "cards", "items": []}}, "unknown", "$"),
    ({"stranger": 1}, "unknown", "$"),
]


@pytest.mark.parametrize(("data", "reason", "path"), WRONG)
async def test_wrong_data_is_refused_on_every_interface(
    server: Running, data: Any, reason: str, path: str
) -> None:
    (ada,) = await server.people("ada")
    room = await room_of(ada)
    fields = {"body": "Look", "data": data}
    async with ada.connect() as client:
        found = [await client.error("send", room=room, client_id="c", **fields)]
        said = await client.ok("send", room=room, client_id="good", body="Hello")
        found.append(await client.error("edit", room=room, message=said["id"], **fields))
    address = f"/api/v1/rooms/{room}/messages"
    for method, place in (("POST", address), ("PATCH", f"{address}/{said['id']}")):
        answer = await ada.http(method, place, {"client_id": "c", **fields})
        assert answer.status_code == 422
        found.append(answer.json()["error"])
    (error,) = (await asked(ada, SEND, input={"roomId": room, "clientId": "c", **fields}))["errors"]
    found.append(error["extensions"])
    given = {"roomId": room, "messageId": said["id"], **fields}
    (error,) = (await asked(ada, EDIT, input=given))["errors"]
    found.append(error["extensions"])
    for error in found:
        assert error["code"] == "message.data_invalid", error
        assert error["detail"]["reason"] == reason and error["detail"]["path"] == path
        assert error["detail"]["namespace"] == next(iter(data))


async def test_too_many_namespaces_are_no_request(server: Running) -> None:
    (ada,) = await server.people("ada")
    room = await room_of(ada)
    data = {f"n{number}": 1 for number in range(9)}
    async with ada.connect() as client:
        for name in ("send", "edit"):
            fields = {"client_id": "c", "message": f"{room}-1", "body": "b", "data": data}
            assert await client.code(name, room=room, **fields) == "request.invalid"


async def test_clicks_change_the_message_for_all_and_answer_one(server: Running) -> None:
    ada, bob = await server.people("ada", "bob")
    room = await room_of(ada, bob)
    async with ada.connect() as reader, bob.connect() as client:
        said = await reader.ok("send", room=room, client_id="c", body="Look", data={"cards": CARD})
        message = said["id"]
        await reader.ok("sub", rooms={room: None})
        done = await client.ok("interact", room=room, message=message, part="like")
        assert done["note"] == "Thank you."
        path = f"/api/v1/rooms/{room}/messages/{message}/interactions"
        answers = await asyncio.gather(
            *(bob.http("POST", path, {"part": "like"}) for _ in range(5))
        )
        assert all(answer.json()["note"] == "Thank you." for answer in answers)
        given = {"roomId": room, "messageId": message, "part": "like", "values": {}}
        payload = (await asked(bob, USE, input=given))["data"]["interact"]
        assert payload["message"]["data"] == {**CARD, "clicks": 7}
        events = await reader.take(7)
        assert [event["data"]["cards"]["clicks"] for event in events] == [*range(1, 8)]
        assert {event["edited_at"] for event in events} == {""}
        assert "Thank you" not in str(events)
        (standing,) = (await reader.ok("history", room=room))["messages"]
        assert "edited_at" not in standing
        log = (await asked(bob, LOG, room=room))["data"]["room"]["events"]
        shown = [each["data"] for each in log if each]
        assert [bool(data) for data in shown] == [False] * 7 + [True]
        code = await client.code("interact", room=room, message=message, part="none")
        assert code == "message.part_not_found"


async def test_an_edit_gives_other_data_and_a_deletion_takes_all(server: Running) -> None:
    (ada,) = await server.people("ada")
    room = await room_of(ada)
    async with ada.connect() as client:
        fields = {"body": "Look", "data": {"cards": {"title": "first secret"}}}
        message = (await client.ok("send", room=room, client_id="c", **fields))["id"]
        other = {"cards": {"title": "second secret"}}
        await client.ok("edit", room=room, message=message, body="Look", data=other)
        (standing,) = (await client.ok("history", room=room))["messages"]
        assert standing["data"]["cards"] == other["cards"] and "parts" in standing["data"]
        assert standing["data_text"] == "second secret" and standing["edited_at"]
        log = await client.ok("events", room=room, after=0)
        assert "first secret" not in str(log) and "second secret" in str(log)
        await client.ok("delete", room=room, message=message)
        log = await client.ok("events", room=room, after=0)
        (gone,) = (await client.ok("history", room=room))["messages"]
        assert "data" not in gone and "secret" not in str(log)
        found = await asked(ada, LOG, room=room)
        assert "secret" not in str(found)
        written: list[bytes] = []
        await server.run(lambda running: export_to(running.store, written.append))
        ours = [line for line in b"".join(written).splitlines() if room.encode() in line]
        assert len(ours) > 4 and not any(b"secret" in line for line in ours)


async def test_an_archive_has_the_data_and_gives_it_back(server: Running) -> None:
    (ada,) = await server.people("ada")
    room = await room_of(ada)
    async with ada.connect() as client:
        fields = {"body": "Look", "data": {"cards": {"title": "In the archive"}}}
        await client.ok("send", room=room, client_id="c", **fields)
    written: list[bytes] = []
    await server.run(lambda running: export_to(running.store, written.append))
    lines = [msgspec.json.decode(line) for line in b"".join(written).splitlines()]
    (event,) = [line for line in lines if line.get("room") == room and "data" in line]
    assert event["data"]["cards"] == {"title": "In the archive"}
