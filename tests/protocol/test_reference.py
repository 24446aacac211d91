"""docs/protocol.md and the schemas beside it, against the code and a running server."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chatserver import EventRemoved, PluginEvent, ServerRole, UnknownEvent, UserRef, errors
from chatserver.app import Server
from chatserver.protocol import OPS
from chatserver.web import administration, api, login, messages, people
from tests.protocol.client import Client
from tests.protocol.running import PASSWORD, Person, Running
from tests.waiting import until

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))
import http_reference  # noqa: E402
import protocol_reference  # noqa: E402


def schema(name: str) -> Any:
    return json.loads((DOCS / "schema" / name).read_text(encoding="utf-8"))


def strict(node: Any) -> Any:
    """The schema with nothing allowed that it does not name."""
    if isinstance(node, dict):
        node = {key: strict(value) for key, value in node.items()}
        if node.get("type") == "object" and "properties" in node:
            node.setdefault("additionalProperties", False)
    elif isinstance(node, list):
        node = [strict(value) for value in node]
    return node


def validator(document: Any, part: str, name: str) -> Draft202012Validator:
    """Checks against one definition of a document, strictly."""
    place = document
    for key in part.strip("#/").split("/"):
        place = place[key]
    assert name in place
    return Draft202012Validator({**strict(document), "$ref": f"{part}/{name}"})


def test_the_reference_lists_every_operation_code_and_route() -> None:
    assert set(protocol_reference.ANSWERS) == set(OPS)
    codes = {value for name, value in vars(errors).items() if name.startswith("CLOSE_")}
    assert set(protocol_reference.CLOSE_CODES) == codes
    calls = {(call.method, call.path) for call in http_reference.CALLS}
    assert calls == {
        (method, path)
        for module in (api, login, administration, people, messages)
        for _, handler, path in module.ROUTES
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if method.lower() in _own(handler)
    }
    assert len(calls) == len(http_reference.CALLS)


def _own(handler: type) -> set[str]:
    return {
        name
        for kind in handler.__mro__
        if kind.__module__.startswith("chatserver")
        for name in vars(kind)
    }


@pytest.mark.parametrize("name", ["client-frame.json", "event.json", "server-frame.json"])
def test_the_schemas_are_valid(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


async def write_what_a_newer_version_writes(server: Running, room: str) -> None:
    async def append(running: Server) -> None:
        found = await running.service.rooms.get(room)
        event = UnknownEvent(
            room=room,
            seq=found.head + 1,
            at="2026-11-25T01:46:02.870Z",
            author=UserRef(id="someone", name="Someone"),
            unknown="poll.opened",
            fields={"question": "Tea?"},
        )
        noted = PluginEvent(
            room=room, seq=event.seq + 1, at=event.at, author=event.author, type="poll.closed"
        )
        removed = EventRemoved.of(room, noted.seq + 1)
        await running.store.append([event, noted, removed])

    await server.run(append)


async def everything(server: Running, anna: Person, ben: Person) -> list[Client]:
    """Every operation at least once; the clients remember their frames."""
    async with anna.connect() as a, anna.connect() as a2, ben.connect() as b, Client(a._port) as c:
        await c.ok("auth", token=anna.token)
        room = (
            await a.ok(
                "create", name="Lounge", topic="tea", description="All about tea", members=[]
            )
        )["id"]
        await a.ok("create", kind="direct", members=[ben.id])
        here: dict[str, Any] = {"room": room}
        await write_what_a_newer_version_writes(server, room)
        await a.ok("sub", rooms={room: 0, "nowhere": 1}, epoch=a.hello["epoch"])
        await a2.ok("sub", rooms={room: 5000})
        await b.ok("join", **here)
        sent = await a.ok("send", **here, client_id="1", body=f"@{ben.username} 日本語")
        await a.ok("send", **here, client_id="1", body="again")
        await b.ok("send", **here, client_id="1", body="reply", reply_to=sent["id"])
        target = {**here, "message": sent["id"]}
        await a.ok("edit", **target, body="edited")
        for op in ("react", "unreact"):
            await b.ok(op, **target, emoji="👍")
        await b.ok("react", **target, emoji="🎉")
        for op in ("pin", "unpin", "pin"):
            await a.ok(op, **target)
        await a.ok("pins", **here)
        await a.ok("change", **here, edit_history="members")
        await a.ok("edits", **target)
        await b.ok("send", **here, client_id="2", body="reply", thread=sent["id"], broadcast=True)
        await a.ok("thread", **target)
        await a.ok("threads", **here, messages=[sent["id"]])
        await a.error("interact", **target, part="yes")
        b.say({"id": 1, "op": "typing", **here})
        await a.ok("presence", **here, users=[ben.id, "nobody"])
        await b.ok("status", emoji="🍜", text="at lunch", until="2040-01-01T13:00:00+01:00")
        await a.ok("statuses", users=[ben.id, "nobody"])
        await b.ok("status")
        await a2.ok("block", user=ben.id)
        await a2.ok("blocks")
        await a2.ok("room", **here)
        await a2.ok("unblock", user=ben.id)
        await a.ok("read", **here, seq=4)
        await a.ok("prefer", **here, favourite=True, section="Tea")
        await a.ok("prefer_account", values={"page.theme": "dark", "page.density": None})
        await a.ok("preferences")
        await a.ok("role", **here, user=ben.id, role="admin")
        await a.ok("change", **here, name="Kitchen", posting="moderators", kind="public")
        await a.ok("ban", **here, user=ben.id, reason="tea", seconds=9)
        await a.ok("bans", **here)
        await a.ok("unban", **here, user=ben.id)
        await a.ok("invite", **here, user=ben.id)
        for archived in (True, False):
            await a.ok("archive", **here, archived=archived)
        await a.ok("members", **here)
        await a.ok("history", **here, before=5, limit=3)
        await a.ok("history", **here)
        await a.ok("events", **here, after=0)
        await a.ok("search", text="edited", **here)
        await a.ok("commands", **here)
        await a.ok("command", **here, text="/shrug tea?", client_id="shrug")
        await a.ok("command", **here, text="/help", client_id="help")
        await a.ok("command", **here, text="/help", client_id="help")
        await a.ok("complete", **here, text="/sh")
        await a.ok("rooms")
        await a.ok("delete", **target)
        await a.ok("history", **here)
        await a.ok("kick", **here, user=ben.id)
        await a.ok("invite", **here, user=ben.id)
        await b.ok("leave", **here)
        await a.ok("unsub", rooms=[room])
        gone = (await a.ok("create", name="Shed", members=[ben.id]))["id"]
        await b.ok("sub", rooms={gone: None})
        await a.ok("delete_room", room=gone)
        await b.ok("rooms")
        await b.error("nonsense")
        await b.error("history", room="nowhere")
        await a.ok("ping")
        return [a, a2, b, c]


async def test_every_frame_that_is_exchanged_validates(server: Running) -> None:
    clients = await everything(server, *await server.people("anna", "ben"))
    outgoing, incoming = schema("client-frame.json"), schema("server-frame.json")
    from_client = Draft202012Validator(strict(outgoing))
    events: set[str] = set()
    ops: set[str] = set()
    for client in clients:
        for frame in client.sent:
            if frame["op"] in OPS:
                from_client.validate(frame)
                ops.add(frame["op"])
        names = {frame["id"]: str(frame["op"]) for frame in client.sent}
        for frame in client.received:
            if "ev" in frame:
                events.add(frame["ev"])
            validator(incoming, "#/$defs", definition(frame, names)).validate(frame)
    assert ops == set(OPS)
    found = schema("event.json")["anyOf"]
    in_log = {key["$ref"].rpartition("/")[2] for key in found}
    assert {definition({"ev": event}, {}) for event in events} >= in_log
    assert {
        "typing",
        "status",
        "blocked",
        "read",
        "preferences",
        "account.preferences",
        "room.added",
        "room.removed",
    } <= events


def definition(frame: dict[str, Any], names: dict[int, str]) -> str:
    """The name of the schema that a frame of the server should fit."""
    if "re" in frame:
        return "Fault" if "error" in frame else f"{names[frame['re']].capitalize()}Answer"
    if "sys" in frame:
        return str(frame["sys"]).capitalize()
    others = {
        "typing": "TypingNow",
        "presence": "PresenceNow",
        "status": "StatusChanged",
        "blocked": "BlockChanged",
        "plugin.notice": "PluginNotice",
        "read": "ReadMoved",
        "preferences": "PreferencesChanged",
        "account.preferences": "AccountPreferencesChanged",
        "event.unknown": "UnknownEvent",
    }
    words = str(frame["ev"]).split(".")
    return others.get(frame["ev"]) or "".join(word.capitalize() for word in words)


def test_the_schema_refuses_frames_that_the_server_refuses() -> None:
    from_client = Draft202012Validator(schema("client-frame.json"))
    for frame in (
        {"op": "nonsense"},
        {"op": "send", "room": "r", "client_id": "c"},
        {"op": "send", "room": "r", "client_id": "", "body": "b"},
        {"op": "sub", "rooms": {"r": -1}},
        {"op": "ping", "id": "1"},
    ):
        assert not from_client.is_valid(frame), frame


async def test_every_http_answer_validates(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    await server.run(
        lambda running: running.service.accounts.set_role(anna.username, ServerRole.OWNER)
    )
    document = schema("openapi.json")
    seen = set()
    last: dict[str, Any] = {}
    for method, path, body in requests(anna, ben, last):
        answer = await anna.http(method, path, body)
        call, operation = find(document, method, path)
        seen.add(call)
        declared = operation["responses"].get(str(answer.status_code))
        assert declared, (method, path, answer.text)
        if body is not None:
            check(document, operation["requestBody"], body)
        check(document, declared, answer.json())
        last.update(answer.json())
    assert seen == {(call.method, call.path) for call in http_reference.CALLS} - {
        ("POST", "/api/v1/plugins/NAME"),  # for owners; see tests/switching
        # For staff; their answers are users.
        ("POST", "/api/v1/users"),
        ("PUT", "/api/v1/users/NAME/password"),
        ("POST", "/api/v1/users/NAME/reset-link"),
        ("DELETE", "/api/v1/admin/users/NAME/sessions"),
        ("GET", "/api/v1/users/NAME/email"),
        ("PUT", "/api/v1/users/NAME/email"),
        ("POST", "/api/v1/email/confirm"),  # needs a mail
        ("POST", "/api/v1/rooms/ID/messages/ID/interactions"),  # needs a plugin
        ("GET", "/api/v1/login/return"),  # leads on; no JSON
        ("POST", "/api/v1/login/return"),  # as above
        ("DELETE", "/api/v1/me/identities/ID"),  # needs a method of a plugin
    }
    refused = await anna.http("GET", "/api/v1/me")  # signed out
    check(document, document["paths"]["/api/v1/me"]["get"]["responses"]["default"], refused.json())


def requests(
    anna: Person, ben: Person, last: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    """One request after the other; `last` holds the answers to those before."""
    credentials = {"username": f"new-{anna.id}", "password": PASSWORD, "name": "New"}
    yield "POST", "/api/v1/register", credentials
    yield "POST", "/api/v1/login", {"username": anna.username, "password": PASSWORD}
    yield "GET", "/api/v1/me", None
    yield "PATCH", "/api/v1/me", {"name": "Anna of the reference"}
    yield "GET", f"/api/v1/users/{ben.username}", None
    yield "PUT", f"/api/v1/users/{ben.username}", {"role": "guest", "disabled": False}
    yield "PUT", f"/api/v1/users/{ben.username}", {"role": "member"}
    yield "GET", f"/api/v1/admin/users?text={ben.username}&limit=10", None
    yield "GET", f"/api/v1/admin/users/{ben.username}/sessions", None
    yield "GET", "/api/v1/admin/rooms?text=lounge&limit=10", None
    yield "GET", "/api/v1/admin/status", None
    yield "GET", "/api/v1/admin/plugins", None
    yield "GET", "/api/v1/admin/plugins/password/settings", None
    yield "POST", "/api/v1/admin/claims/release", {"plugin": "nobody"}
    yield "GET", "/api/v1/login/methods?purpose=confirm", None
    begin = {"method": "password", "purpose": "confirm", "secret": True}
    yield "POST", "/api/v1/login/begin", begin
    answer = {"flow": last["flow"], "secret": last["secret"], "answer": {"password": PASSWORD}}
    yield "POST", "/api/v1/login/proceed", answer
    yield "PUT", "/api/v1/me/status", {"emoji": "🍜", "until": "2040-01-01T12:00:00Z"}
    yield "DELETE", "/api/v1/me/status", None
    yield "PUT", f"/api/v1/me/blocks/{ben.id}", None
    yield "GET", "/api/v1/me/blocks", None
    yield "DELETE", f"/api/v1/me/blocks/{ben.id}", None
    yield "GET", "/api/v1/me/sessions", None
    other = next(each["id"] for each in last["sessions"] if not each["current"])
    yield "DELETE", f"/api/v1/me/sessions/{other}", None
    yield "GET", "/api/v1/me/identities", None
    yield "GET", "/api/v1/me/email", None
    yield "PUT", "/api/v1/me/email", {"email": None}
    yield "PUT", "/api/v1/me/password", {"old": PASSWORD, "new": f"{PASSWORD} 2"}
    yield (
        "POST",
        "/api/v1/rooms",
        {"name": "Lounge", "kind": "private", "topic": "t", "description": "d", "members": []},
    )
    room = f"/api/v1/rooms/{last['id']}"
    yield "GET", "/api/v1/rooms", None
    yield "GET", room, None
    yield (
        "PATCH",
        room,
        {
            "topic": "tea",
            "description": "All about tea",
            "posting": "moderators",
            "kind": "public",
            "edit_history": "members",
        },
    )
    yield "PUT", f"{room}/archived", {"archived": True}
    yield "PUT", f"{room}/archived", {"archived": False}
    yield "POST", f"{room}/join", None
    yield "POST", f"{room}/members", {"user": ben.id}
    yield "GET", f"{room}/members", None
    yield "PATCH", f"{room}/preferences", {"favourite": True, "section": "Tea"}
    yield "PATCH", "/api/v1/me/preferences", {"values": {"page.theme": "dark"}}
    yield "GET", "/api/v1/me/preferences", None
    yield "PUT", f"{room}/members/{ben.id}", {"role": "admin"}
    yield "DELETE", f"{room}/members/{ben.id}", None
    yield "POST", f"{room}/members", {"user": ben.id}
    yield "PUT", f"{room}/bans/{ben.id}", {"reason": "tea", "seconds": 9}
    yield "GET", f"{room}/bans", None
    yield "DELETE", f"{room}/bans/{ben.id}", None
    for _ in range(2):
        yield "POST", f"{room}/messages", {"client_id": "openapi", "body": f"@{ben.username}"}
    message = f"{room}/messages/{last['id']}"
    yield "PATCH", message, {"body": "edited"}
    yield "GET", f"/api/v1/messages/{message.rpartition('/')[2]}", None
    yield "GET", f"{message}/thread?before=9&limit=5", None
    yield "POST", f"{message}/reactions", {"emoji": "x"}
    yield "PUT", f"{message}/pin", None
    yield "DELETE", f"{message}/pin", None
    yield "GET", f"{room}/messages", None
    yield "DELETE", f"{message}/reactions?emoji=x", None
    yield "GET", f"{message}/edits?before=9&limit=5", None
    yield "DELETE", message, None
    yield "GET", f"{room}/messages?before=9&limit=5", None
    yield "GET", f"{room}/events?after=0&limit=100", None
    yield "PUT", f"{room}/read", {"seq": 2}
    yield "GET", f"/api/v1/search?text={ben.username}&limit=5", None
    yield "GET", f"{room}/pins", None
    yield "GET", f"{room}/commands", None
    yield "POST", f"{room}/commands/suggestions", {"text": "/sh"}
    yield "POST", f"{room}/commands", {"text": "/shrug", "client_id": "shrug"}
    yield "POST", f"{room}/commands", {"text": "/help", "client_id": "help"}
    yield "POST", f"{room}/leave", None
    yield "POST", "/api/v1/rooms", {"name": "Shed"}
    yield "DELETE", f"/api/v1/rooms/{last['id']}", None
    yield "POST", "/api/v1/logout", None


def find(document: Any, method: str, path: str) -> tuple[tuple[str, str], Any]:
    """The call of the reference that a request is, and its operation in the OpenAPI file."""
    parts = path.partition("?")[0].split("/")
    for call in http_reference.CALLS:
        pattern = call.path.split("/")
        if (
            call.method == method
            and len(pattern) == len(parts)
            and all(
                wanted in ("ID", "NAME", part) for wanted, part in zip(pattern, parts, strict=True)
            )
        ):
            template = http_reference.template(call.path)[0]
            return (call.method, call.path), document["paths"][template][method.lower()]
    raise AssertionError(path)


def check(document: Any, holder: Any, value: Any) -> None:
    found = holder["content"]["application/json"]["schema"]
    Draft202012Validator({**strict(document), **found}).validate(value)


async def test_the_example_bot_answers_once_also_after_a_lost_connection(
    server: Running,
) -> None:
    anna, bot = await server.people("anna", "bot")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(DOCS / "examples/echo_bot.py"),
        f"ws://127.0.0.1:{server.port}/ws",
        bot.token,
    )
    try:
        async with anna.connect() as client:
            await until(lambda: server.run(lambda node: is_connected(node, bot.id)))
            room = (await client.ok("create", name="Lounge", members=[bot.id]))["id"]
            await client.event("room.added")
            await connected(
                server, bot, room
            )  # it was told of the room, and so knows where it begins
            await client.ok("sub", rooms={room: None})
            # Before it has seen anything.
            await server.run(lambda node: cut(node, bot.id))
            await ask(client, room, "0")
            await ask(client, room, "1")
            await server.run(lambda node: cut(node, bot.id))
            await ask(client, room, "2")
            await server.run(lambda node: drain_for_bots(node, bot.id, True))
            await asyncio.sleep(2)  # in which it comes back, and is refused
            await server.run(lambda node: drain_for_bots(node, bot.id, False))
            await ask(client, room, "3")
            await client.quiet()
    finally:
        process.terminate()
        await process.wait()


async def ask(client: Client, room: str, client_id: str) -> None:
    sent = await client.ok("send", room=room, client_id=client_id, body="!ping")
    assert (await client.event("message.posted"))["id"] == sent["id"]
    answer = await client.event("message.posted")
    assert (answer["body"], answer["reply_to"]) == ("pong", sent["id"])


async def connected(server: Running, person: Person, room: str) -> None:
    """Wait until a connection of this person follows the room."""

    async def follows(node: Any) -> bool:
        subscribers = node.service.hub.of_user(person.id)
        return any(feed.room.id == room for one in subscribers for feed in one.feeds)

    await until(lambda: server.run(follows))


async def is_connected(node: Any, user: str) -> bool:
    return bool(node.service.hub.of_user(user))


async def cut(node: Any, user: str) -> None:
    for subscriber in node.service.hub.of_user(user):
        subscriber.pipe.close(errors.CLOSE_DRAINING, "a test")


async def drain_for_bots(node: Any, user: str, is_draining: bool) -> None:
    """Let in nobody new, as a node that restarts."""
    node._gate.draining = is_draining
    await cut(node, user)
