"""Commands over WebSocket and HTTP, on every store."""

from typing import Any

import pytest

from tests.protocol.conftest import Start
from tests.protocol.running import Person, Running


@pytest.fixture
def server(every_store: Running) -> Running:
    return every_store


async def pair(server: Running) -> tuple[Person, Person, str]:
    """Two people in a private room that the first has made."""
    anna, ben = await server.people("anna", "ben")
    new = {"name": "Lounge", "kind": "private", "members": [ben.id]}
    room: str = (await anna.http("POST", "/api/v1/rooms", new)).json()["id"]
    return anna, ben, room


async def test_commands_are_listed_alike(server: Running) -> None:
    anna, ben, room = await pair(server)
    for person, names in (
        (anna, "help invite leave me shrug topic"),
        (ben, "help invite leave me shrug"),
    ):
        async with person.connect() as client:
            over_socket = await client.ok("commands", room=room)
        over_http = (await person.http("GET", f"/api/v1/rooms/{room}/commands")).json()
        assert over_socket == over_http
        assert [each["name"] for each in over_http["commands"]] == names.split()
    assert over_http["commands"][1] == {
        "name": "invite",
        "usage": "/invite @user",
        "about": {"en": "Invite somebody to this room.", "ja": "このルームに人を招待します。"},
        "who": "room.member",
        "arguments": [{"name": "user", "kind": "user", "required": True}],
    }


async def test_suggestions_are_alike(server: Running) -> None:
    anna, ben, room = await pair(server)
    wanted = [
        {"text": f"/invite @{ben.username}", "label": f"@{ben.username}", "about": "ben"},
    ]
    typed = f"/invite @{ben.username[:-1]}"
    async with anna.connect() as client:
        assert (await client.ok("complete", room=room, text=typed))["suggestions"] == wanted
    path = f"/api/v1/rooms/{room}/commands/suggestions"
    answer = await anna.http("POST", path, {"text": typed})
    assert answer.json() == {"suggestions": wanted}


async def test_a_message_of_a_command_reaches_everybody_once(server: Running) -> None:
    anna, ben, room = await pair(server)
    async with anna.connect() as a, ben.connect() as b:
        await b.ok("sub", rooms={room: None})
        call: dict[str, Any] = {"room": room, "client_id": "c1", "text": "/me waves"}
        first = await a.ok("command", **call)
        event = await b.event("message.posted")
        assert (event["body"], event["id"], event["seq"]) == (
            "* anna waves",
            first["message"],
            first["seq"],
        )
        assert event["client_id"] == "c1" and event["author"]["id"] == anna.id
        assert await a.ok("command", **call) == first | {"dup": True}
        path = f"/api/v1/rooms/{room}/commands"
        answer = await anna.http("POST", path, {"client_id": "c1", "text": "/me waves"})
        assert (answer.status_code, answer.json()) == (200, first | {"dup": True})
        # The same on another node, or after a restart: the log knows.
        await server.run(forget)
        assert await a.ok("command", **call) == first | {"dup": True}
        await b.quiet()


async def forget(running: Any) -> None:
    running.service.commands._runs._users.clear()


async def test_a_note_reaches_nobody_else(server: Running) -> None:
    anna, ben, room = await pair(server)
    async with anna.connect() as a, anna.connect() as second, ben.connect() as b:
        for client in (a, second, b):
            await client.ok("sub", rooms={room: None})
        for text in ("/help", "/help shrug"):
            outcome = await a.ok("command", room=room, client_id=text, text=text)
            assert set(outcome) == {"text"}
        for client in (a, second, b):
            await client.quiet()
        page = await a.ok("history", room=room)
        assert page["messages"] == []


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        ("/nothing", "command.unknown", {"command": "nothing"}),
        ("nothing", "command.unknown", {"command": ""}),
        ("/topic mine", "command.forbidden", {"command": "topic"}),
        (
            "/invite",
            "command.invalid",
            {"field": "argument", "reason": "missing", "argument": "user"},
        ),
        ("", "request.invalid", {"field": "body", "reason": "empty"}),
        ("/me " + "x" * 8000, "limit.size", {"field": "body", "reason": "long", "most": 8000}),
    ],
)
async def test_refusals_are_alike(
    server: Running, text: str, code: str, detail: dict[str, Any]
) -> None:
    _, ben, room = await pair(server)
    async with ben.connect() as client:
        error = await client.error("command", room=room, client_id="c", text=text)
    assert (error["code"], error["detail"]) == (code, detail)
    path = f"/api/v1/rooms/{room}/commands"
    answer = await ben.http("POST", path, {"client_id": "c", "text": text})
    assert answer.json()["error"] == error


async def test_commands_count_as_operations(start: Start) -> None:
    running = start({"limits.operations_per_second": 0.001, "limits.operations_burst": 6})
    anna = await running.person("anna")
    async with anna.connect() as client:
        room = (await client.ok("create", name="Lounge"))["id"]
        fields = {"room": room, "text": "/help"}
        codes = [
            (await client.ask("complete", **fields)).get("error", {}).get("code"),
            (await client.ask("commands", room=room)).get("error", {}).get("code"),
        ]
        for number in range(6):
            answer = await client.ask("command", **fields, client_id=str(number))
            codes.append(answer.get("error", {}).get("code"))
    assert codes[:2] == [None, None] and None in codes[2:]
    assert codes[-2:] == ["limit.rate"] * 2
