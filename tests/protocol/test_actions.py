"""Each action of a user is asked of plugins first, on every interface and whoever acts; no interface forgets one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from chatserver import (
    AccountLock,
    Action,
    Interact,
    MessageDelete,
    PasswordReset,
    Pin,
    React,
    Register,
    RoomAppoint,
    RoomChange,
    RoomCreate,
    RoomInvite,
    RoomJoin,
    RoomLeave,
    RoomRemove,
    RunCommand,
    ServerRole,
    SignIn,
    protocol,
)
from chatserver.hooks.actions import ACTIONS
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build
from tests.protocol.running import PASSWORD, Person, Running

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "plugins.enabled": ["memory", "password", "graphql", "slash_commands", "judge"],
    "plugins.folder": str(Path(__file__).parent / "plugins"),
}


class Scene(NamedTuple):
    """A room of the actor with a member, a message of the actor's, and a room of somebody else."""

    actor: Person
    member: Person
    outsider: Person
    room: str
    elsewhere: str
    message: str
    pinned: str  # a message that is pinned, and has a reaction of the actor's
    asking: str  # a message with a button


class Case(NamedTuple):
    """One way to ask for an action: the names and arguments by which each interface knows it."""

    kind: type[Action]
    op: Callable[[Scene], tuple[str, dict[str, Any]]] | None = None
    http: Callable[[Scene], tuple[str, str, Any]] | None = None
    mutation: Callable[[Scene], tuple[str, dict[str, Any]]] | None = None
    by_staff: bool = False


CASES = {
    "register": Case(
        Register,
        http=lambda s: ("POST", "/register", {"username": "newcomer", "password": PASSWORD}),
        mutation=lambda s: ("register", {"username": "newcomer", "password": PASSWORD}),
    ),
    "login": Case(
        SignIn,
        http=lambda s: ("POST", "/login", {"username": s.actor.username, "password": PASSWORD}),
        mutation=lambda s: ("login", {"username": s.actor.username, "password": PASSWORD}),
    ),
    "lock": Case(
        AccountLock,
        http=lambda s: ("PUT", f"/users/{s.outsider.username}", {"disabled": True}),
        mutation=lambda s: (
            "setUserDisabled", {"username": s.outsider.username, "disabled": True},
        ),
        by_staff=True,
    ),
    "add a user": Case(
        Register,
        http=lambda s: ("POST", "/users", {"username": "made", "password": PASSWORD}),
        mutation=lambda s: (
            "addUser", {"username": "made", "password": PASSWORD, "mustChange": True},
        ),
        by_staff=True,
    ),
    "set a password": Case(
        PasswordReset,
        http=lambda s: ("PUT", f"/users/{s.outsider.username}/password", {"password": PASSWORD}),
        mutation=lambda s: (
            "setUserPassword", {"username": s.outsider.username, "password": PASSWORD},
        ),
        by_staff=True,
    ),
    "set an e-mail address": Case(
        PasswordReset,
        http=lambda s: ("PUT", f"/users/{s.outsider.username}/email", {"email": "a@example.org"}),
        mutation=lambda s: (
            "setUserEmail", {"username": s.outsider.username, "email": "a@example.org"},
        ),
        by_staff=True,
    ),
    "make a link for a password": Case(
        PasswordReset,
        http=lambda s: ("POST", f"/users/{s.outsider.username}/reset-link", None),
        mutation=lambda s: ("makeResetLink", {"username": s.outsider.username}),
        by_staff=True,
    ),
    "create": Case(
        RoomCreate,
        op=lambda s: ("create", {"name": "new"}),
        http=lambda s: ("POST", "/rooms", {"name": "new"}),
        mutation=lambda s: ("createRoom", {"name": "new", "kind": "PUBLIC"}),
    ),
    "create a direct room": Case(
        RoomCreate,
        op=lambda s: ("create", {"kind": "direct", "members": [s.outsider.id]}),
        http=lambda s: ("POST", "/rooms", {"kind": "direct", "members": [s.outsider.id]}),
        mutation=lambda s: ("createRoom", {"kind": "DIRECT", "members": [s.outsider.id]}),
    ),
    "change": Case(
        RoomChange,
        op=lambda s: ("change", {"room": s.room, "topic": "new"}),
        http=lambda s: ("PATCH", f"/rooms/{s.room}", {"topic": "new"}),
        mutation=lambda s: ("changeRoom", {"roomId": s.room, "topic": "new"}),
    ),
    "join": Case(
        RoomJoin,
        op=lambda s: ("join", {"room": s.elsewhere}),
        http=lambda s: ("POST", f"/rooms/{s.elsewhere}/join", {}),
        mutation=lambda s: ("joinRoom", {"roomId": s.elsewhere}),
    ),
    "leave": Case(
        RoomLeave,
        op=lambda s: ("leave", {"room": s.room}),
        http=lambda s: ("POST", f"/rooms/{s.room}/leave", {}),
        mutation=lambda s: ("leaveRoom", {"roomId": s.room}),
    ),
    "invite": Case(
        RoomInvite,
        op=lambda s: ("invite", {"room": s.room, "user": s.outsider.id}),
        http=lambda s: ("POST", f"/rooms/{s.room}/members", {"user": s.outsider.id}),
        mutation=lambda s: ("inviteMember", {"roomId": s.room, "userId": s.outsider.id}),
    ),
    "kick": Case(
        RoomRemove,
        op=lambda s: ("kick", {"room": s.room, "user": s.member.id}),
        http=lambda s: ("DELETE", f"/rooms/{s.room}/members/{s.member.id}", None),
        mutation=lambda s: ("removeMember", {"roomId": s.room, "userId": s.member.id}),
    ),
    "role": Case(
        RoomAppoint,
        op=lambda s: ("role", {"room": s.room, "user": s.member.id, "role": "admin"}),
        http=lambda s: ("PUT", f"/rooms/{s.room}/members/{s.member.id}", {"role": "admin"}),
        mutation=lambda s: (
            "setMemberRole", {"roomId": s.room, "userId": s.member.id, "role": "ADMIN"},
        ),
    ),
    "delete": Case(
        MessageDelete,
        op=lambda s: ("delete", {"room": s.room, "message": s.message}),
        http=lambda s: ("DELETE", f"/rooms/{s.room}/messages/{s.message}", None),
        mutation=lambda s: ("deleteMessage", {"roomId": s.room, "messageId": s.message}),
    ),
    "react": Case(
        React,
        op=lambda s: ("react", {"room": s.room, "message": s.message, "emoji": "🙂"}),
        http=lambda s: (
            "POST", f"/rooms/{s.room}/messages/{s.message}/reactions", {"emoji": "🙂"},
        ),
        mutation=lambda s: (
            "addReaction", {"roomId": s.room, "messageId": s.message, "emoji": "🙂"},
        ),
    ),
    "unreact": Case(
        React,
        op=lambda s: ("unreact", {"room": s.room, "message": s.pinned, "emoji": "🙂"}),
        http=lambda s: (
            "DELETE", f"/rooms/{s.room}/messages/{s.pinned}/reactions?emoji=🙂", None,
        ),
        mutation=lambda s: (
            "removeReaction", {"roomId": s.room, "messageId": s.pinned, "emoji": "🙂"},
        ),
    ),
    "pin": Case(
        Pin,
        op=lambda s: ("pin", {"room": s.room, "message": s.message}),
        mutation=lambda s: ("pinMessage", {"roomId": s.room, "messageId": s.message}),
    ),
    "unpin": Case(
        Pin,
        op=lambda s: ("unpin", {"room": s.room, "message": s.pinned}),
        mutation=lambda s: ("unpinMessage", {"roomId": s.room, "messageId": s.pinned}),
    ),
    "interact": Case(
        Interact,
        op=lambda s: ("interact", {"room": s.room, "message": s.asking, "part": "yes"}),
        http=lambda s: (
            "POST", f"/rooms/{s.room}/messages/{s.asking}/interactions", {"part": "yes"},
        ),
        mutation=lambda s: (
            "interact", {"roomId": s.room, "messageId": s.asking, "part": "yes"},
        ),
    ),
    "command": Case(
        RunCommand,
        op=lambda s: ("command", {"room": s.room, "text": "/shrug", "client_id": "c"}),
        http=lambda s: (
            "POST", f"/rooms/{s.room}/commands", {"text": "/shrug", "client_id": "c"},
        ),
        mutation=lambda s: (
            "runCommand", {"roomId": s.room, "text": "/shrug", "clientId": "c"},
        ),
    ),
}  # fmt: skip
# What is no action: it reads, is gone in a moment, concerns the user alone, or has hooks of its own (messages).
OTHER_OPS = {
    "auth",
    "rooms",
    "sub",
    "unsub",
    "history",
    "events",
    "read",
    "typing",
    "presence",
    "members",
}
OTHER_OPS |= {"search", "ping", "send", "edit", "commands", "complete"}
OTHER_ROUTES = {("POST", "/logout"), ("POST", "/rooms/{room}/messages")}
OTHER_ROUTES |= {
    ("PATCH", "/rooms/{room}/messages/{message}"),
    ("POST", "/rooms/{room}/commands/suggestions"),
}
# A sign-in by steps ends in SignIn, however it began (tests/core/test_logins.py).
OTHER_ROUTES |= {("POST", "/login/begin"), ("POST", "/login/proceed"), ("PUT", "/me/password")}
OTHER_ROUTES |= {("PUT", "/me/email"), ("POST", "/email/confirm")}
OTHER_ROUTES |= {("DELETE", "/me/sessions/{session}"), ("DELETE", "/me/identities/{identity}")}
OTHER_MUTATIONS = {"endSession", "changePassword", "setEmail", "confirmEmail"}
OTHER_MUTATIONS |= {"logout", "markRead", "setTyping", "sendMessage", "editMessage"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("judged"), SETTINGS) as server:
        yield server
        assert not server.take_errors()


async def switch(server: Running, refuses: bool) -> None:
    await server.http("POST", "/judge", refuses)


async def seen(server: Running) -> list[list[Any]]:
    rows: list[list[Any]] = (await server.http("GET", "/judge")).json()
    return rows


async def built(judged: Running, is_staff: bool) -> Scene:
    actor, member, outsider = await judged.people("actor", "member", "outsider")
    if is_staff:
        await judged.run(
            lambda server: server.service.accounts.set_role(actor.username, ServerRole.ADMIN)
        )

    async def made(person: Person, path: str, body: Any) -> Any:
        answer = await person.http("POST", f"/api/v1/rooms{path}", body)
        assert answer.is_success, answer.text
        return answer.json()

    room = (await made(actor, "", {"name": "room", "members": [member.id]}))["id"]
    elsewhere = (await made(outsider, "", {"name": "elsewhere"}))["id"]
    ids = [
        (await made(actor, f"/{room}/messages", {"client_id": name, "body": name}))["id"]
        for name in ("message", "pinned")
    ]
    async with actor.connect() as client:
        await client.ok("pin", room=room, message=ids[1])
        await client.ok("react", room=room, message=ids[1], emoji="🙂")
        # The last owner could not leave anyway.
        await client.ok("role", room=room, user=member.id, role="owner")
        await client.ok("role", room=room, user=member.id, role="member")
    asked = await judged.http("POST", "/judge/ask", {"user": actor.id, "room": room})
    await seen(judged)
    return Scene(actor, member, outsider, room, elsewhere, *ids, asked.json())


async def refusals(server: Running, scene: Scene, case: Case) -> dict[str, dict[str, Any]]:
    """The errors of one action by the interface that it was asked for."""
    found: dict[str, dict[str, Any]] = {}
    if case.op is not None:
        name, fields = case.op(scene)
        async with scene.actor.connect() as client:
            found["WebSocket"] = await client.error(name, **fields)
    if case.http is not None:
        method, path, body = case.http(scene)
        answer = await scene.actor.http(method, f"/api/v1{path}", body)
        assert answer.status_code == 422, answer.text
        found["HTTP"] = answer.json()["error"]
    if case.mutation is not None:
        name, fields = case.mutation(scene)
        document = f"mutation {{ {name}(input: {_literal(fields)}) {{ __typename }} }}"
        answer = await scene.actor.http("POST", "/graphql", {"query": document})
        (problem,) = answer.json()["errors"]
        found["GraphQL"] = problem["extensions"] | {"message": problem["message"]}
    return found


def _literal(value: Any) -> str:
    """A value in GraphQL's own notation; names in capitals are those of enumerations."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_literal(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    is_enumeration = isinstance(value, str) and value.isupper() and value.isascii()
    return value if is_enumeration else json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("is_staff", [False, True], ids=["of the room", "of the staff"])
@pytest.mark.parametrize("name", CASES)
async def test_a_plugin_can_refuse_it_on_every_interface(
    judged: Running, name: str, is_staff: bool
) -> None:
    case = CASES[name]
    scene = await built(judged, is_staff or case.by_staff)
    head = await judged.run(lambda server: _head(server, scene.room))
    await switch(judged, True)
    found = await refusals(judged, scene, case)
    await switch(judged, False)
    for interface, error in found.items():
        assert (error["code"], error["message"]) == ("action.refused", "Not today."), interface
        assert error["detail"]["plugin"] == "judge", interface
    by = None if case.kind is Register and not case.by_staff else scene.actor.id
    assert await seen(judged) == [[case.kind.__name__, by]] * len(found)
    assert await judged.run(lambda server: _head(server, scene.room)) == head


async def _head(server: Any, room: str) -> int:
    head: int = (await server.service.rooms.get(room)).head
    return head


def test_every_action_and_every_way_to_ask_for_it_is_tried() -> None:
    """A new operation of an interface must be one of an action, or be said to be none."""
    assert {case.kind for case in CASES.values()} == set(ACTIONS)
    scene = Scene(*[_Stub("{member}")] * 3, "{room}", "{room}", *["{message}"] * 3)  # type: ignore[arg-type]
    ops = {case.op(scene)[0] for case in CASES.values() if case.op}
    known = {str(kind.__struct_config__.tag) for kind in get_args(protocol.AnyOp)}
    assert ops | OTHER_OPS == known and not ops & OTHER_OPS

    openapi = json.loads((ROOT / "docs/schema/openapi.json").read_text(encoding="utf-8"))
    documented = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in openapi["paths"].items()
        for method in methods
        if method in ("post", "put", "patch", "delete")
    }
    asked = [case.http(scene) for case in CASES.values() if case.http]
    routes = {(method, path.partition("?")[0].replace("/users/{member}", "/users/{user}"))
              for method, path, _ in asked}  # fmt: skip
    assert routes | OTHER_ROUTES == documented and not routes & OTHER_ROUTES

    mutations = {case.mutation(scene)[0] for case in CASES.values() if case.mutation}
    schema = build([own_part()])
    assert schema.mutation_type is not None
    assert mutations | OTHER_MUTATIONS == set(schema.mutation_type.fields)
    assert not mutations & OTHER_MUTATIONS


class _Stub:
    """Stands for a person in an address."""

    def __init__(self, name: str) -> None:
        self.id = self.username = name
