"""A user whom a plugin leaves out is found at no door, and each request costs one call.

What answers with users is read from the protocol, the routes and the schema: a new way fails until it is tried here, or
named among those that are not filtered.
"""

import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from graphql import get_named_type, is_object_type

from chatserver import MemberView, ServerRole, Suggested, User
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build
from tests.protocol.running import Person, Running
from tests.protocol.test_filters import SETTINGS, query

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import http_reference
import protocol_reference

ROOM = "/api/v1/rooms/ID"


@pytest.fixture(scope="module")
def veiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("veiled"), SETTINGS) as server:
        yield server
        assert not server.take_errors()


class Scene(NamedTuple):
    ada: Person
    bob: Person
    ghost: Person
    rooms: list[str]


async def built(server: Running) -> Scene:
    ada, bob = await server.people("ada", "bob")
    ghost = await server.person("ghost")
    rooms = []
    for name in ("one", "two"):
        given = {"name": f"{name} {ada.id[-6:]}", "members": [bob.id, ghost.id]}
        rooms.append((await ada.http("POST", "/api/v1/rooms", given)).json()["id"])
    await calls(server)
    return Scene(ada, bob, ghost, rooms)


async def calls(server: Running) -> list[list[Any]]:
    rows: list[list[Any]] = (await server.http("GET", "/curtain")).json()
    return [row for row in rows if row[0] == "users"]


async def _ws_members(scene: Scene, name: str) -> Any:
    async with scene.ada.connect() as client:
        return await client.ok("members", room=scene.rooms[0])


async def _ws_suggestions(scene: Scene, name: str) -> Any:
    async with scene.ada.connect() as client:
        return await client.ok("complete", room=scene.rooms[0], text=f"/meet @{name[:3]}")


async def _http_members(scene: Scene, name: str) -> Any:
    return (await scene.ada.http("GET", f"/api/v1/rooms/{scene.rooms[0]}/members")).json()


async def _http_user(scene: Scene, name: str) -> Any:
    return (await scene.ada.http("GET", f"/api/v1/users/{name}")).json()


async def _http_suggestions(scene: Scene, name: str) -> Any:
    path = f"/api/v1/rooms/{scene.rooms[0]}/commands/suggestions"
    return (await scene.ada.http("POST", path, {"text": f"/meet @{name[:3]}"})).json()


async def _graphql_members(scene: Scene, name: str) -> Any:
    part = "{ edges { node { user { username } } } nodes { user { id name } } }"
    room = f"{{ name members {part} more: members(first: 2) {part} last: members(last: 3) {part} }}"
    one, two = [f'room(id: "{room_id}") {room}' for room_id in scene.rooms]
    return await query(scene.ada, f"{{ one: {one} two: {two} }}")


async def _graphql_user(scene: Scene, name: str) -> Any:
    return await query(scene.ada, f'{{ userByName(username: "{name}") {{ id username }} }}')


async def _graphql_suggestions(scene: Scene, name: str) -> Any:
    given = f'room: "{scene.rooms[0]}", text: "/meet @{name[:3]}"'
    return await query(scene.ada, f"{{ commandSuggestions({given}) {{ label }} }}")


Ask = Callable[[Scene, str], Awaitable[Any]]
# By door and what it answers: the way, and the door's name for plugins.
FILTERED: dict[tuple[str, str], tuple[Ask, str]] = {
    ("websocket", "members"): (_ws_members, "websocket"),
    ("websocket", "complete"): (_ws_suggestions, "websocket"),
    ("http", f"GET {ROOM}/members"): (_http_members, "http"),
    ("http", "GET /api/v1/users/NAME"): (_http_user, "http"),
    ("http", f"POST {ROOM}/commands/suggestions"): (_http_suggestions, "http"),
    ("graphql", "Room.members"): (_graphql_members, "graphql"),
    ("graphql", "Query.userByName"): (_graphql_user, "graphql"),
    ("graphql", "Query.commandSuggestions"): (_graphql_suggestions, "graphql"),
}
STAFF = {
    ("http", "GET /api/v1/admin/users"),
    ("http", "DELETE /api/v1/admin/users/NAME/sessions"),
    ("http", "PUT /api/v1/users/NAME"),
    ("http", "POST /api/v1/users"),
    ("http", "PUT /api/v1/users/NAME/password"),
}
OWN = {
    ("websocket", "auth"),
    ("http", "POST /api/v1/register"),
    ("http", "POST /api/v1/login"),
    ("http", "GET /api/v1/me"),
    ("http", "PATCH /api/v1/me"),
    ("http", "PUT /api/v1/me/status"),
    ("http", "DELETE /api/v1/me/status"),
    ("http", "POST /api/v1/login/begin"),
    ("http", "POST /api/v1/login/proceed"),
    ("graphql", "Query.me"),
    ("graphql", "LoginProgress.user"),
    ("graphql", "SessionPayload.user"),
}
BY_ID = {
    ("graphql", "Query.user"),
    ("graphql", "UserPresence.user"),
    ("graphql", "UserPayload.user"),
}
# Parts of rooms' logs and messages: who did something, and whom a text names.
SAID = {"author", "authors", "by", "mentions", "users", "user"}


def _has(kind: Any, wanted: tuple[type, ...], seen: set[Any]) -> bool:
    """Whether values of a type may have one of the wanted types inside."""
    if kind in wanted:
        return True
    if kind in seen:
        return False
    seen.add(kind)
    inner = list(getattr(kind, "__args__", ()))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        inner += [field.type for field in msgspec.structs.fields(kind)]
    return any(_has(each, wanted, seen) for each in inner)


def _is_in(person: Person, answer: str) -> bool:
    return person.id in answer or person.username in answer


def test_no_door_answers_with_users_unfiltered() -> None:
    kinds = (User, MemberView, Suggested)
    answering = {
        ("websocket", op)
        for op, answer in protocol_reference.ANSWERS.items()
        if _has(answer, kinds, set())
    }
    answering |= {
        ("http", f"{call.method} {call.path}")
        for call in http_reference.CALLS
        if _has(call.answer, kinds, set())
    }
    schema = build([own_part()])
    lists = {"MemberConnection", "User", "CommandSuggestion"}
    for name, kind in schema.type_map.items():
        if not is_object_type(kind) or name.startswith("__"):
            continue
        for field, found in kind.fields.items():
            is_said = field in SAID and name not in ("Query", "LoginProgress")
            if get_named_type(found.type).name in lists and not (is_said and name != "Room"):
                answering.add(("graphql", f"{name}.{field}"))
    assert answering - STAFF - OWN - BY_ID == set(FILTERED)


@pytest.mark.parametrize("door", FILTERED)
async def test_who_is_left_out_is_found_nowhere(veiled: Running, door: tuple[str, str]) -> None:
    scene = await built(veiled)
    ask, via = FILTERED[door]
    shown = json.dumps(await ask(scene, scene.bob.username))
    assert _is_in(scene.bob, shown)
    assert await calls(veiled) == [["users", scene.ada.username, via]], "once for a request"
    hidden = json.dumps(await ask(scene, scene.ghost.username))
    assert not _is_in(scene.ghost, hidden) and "ghost" not in hidden
    assert await calls(veiled) == [["users", scene.ada.username, via]]


async def test_everybody_finds_themselves(veiled: Running) -> None:
    scene = await built(veiled)
    scene = scene._replace(ada=scene.ghost, ghost=scene.ada)
    for ask, _ in FILTERED.values():
        assert _is_in(scene.ada, json.dumps(await ask(scene, scene.ada.username)))


@pytest.mark.parametrize(("size", "expected_pages"), [(1, 3), (2, 2), (3, 1)])
async def test_pages_of_members_go_on_behind_who_was_left_out(
    veiled: Running, size: int, expected_pages: int
) -> None:
    scene = await built(veiled)
    expected = sorted([scene.ada.id, scene.bob.id])
    path = f"/api/v1/rooms/{scene.rooms[0]}/members"
    found: list[str] = []
    after, pages = "", 0
    while True:
        page = (await scene.ada.http("GET", f"{path}?limit={size}&after={after}")).json()
        found += [member["id"] for member in page["members"]]
        pages += 1
        if not page.get("more"):
            break
        after = page["after"]
    assert (found, pages) == (expected, expected_pages)
    for number, cursor, more, end in (
        ("first", "after", "hasNextPage", "endCursor"),
        ("last", "before", "hasPreviousPage", "startCursor"),
    ):
        found, pages, place = [], 0, "null"
        while True:
            fields = f"nodes {{ user {{ id }} }} pageInfo {{ {more} {end} }}"
            given = f"members({number}: {size}, {cursor}: {place}) {{ {fields} }}"
            answer = await query(scene.ada, f'{{ room(id: "{scene.rooms[0]}") {{ {given} }} }}')
            connection = answer["room"]["members"]
            ids = [each["user"]["id"] for each in connection["nodes"]]
            found = found + ids if number == "first" else ids + found
            pages += 1
            if not connection["pageInfo"][more]:
                break
            place = json.dumps(connection["pageInfo"][end])
        assert (found, pages) == (expected, expected_pages)


async def test_staff_pages_and_ids_are_not_filtered(veiled: Running) -> None:
    await veiled.person("owner")  # a server's first account stays its owner
    scene = await built(veiled)
    user = await query(scene.ada, f'{{ user(id: "{scene.ghost.id}") {{ username }} }}')
    assert user["user"]["username"] == scene.ghost.username
    role = ServerRole.ADMIN
    await veiled.run(lambda server: server.service.accounts.set_role(scene.ada.username, role))
    listed = (
        await scene.ada.http("GET", f"/api/v1/admin/users?text={scene.ghost.username}")
    ).json()
    assert [each["id"] for each in listed["users"]] == [scene.ghost.id]
    assert not await calls(veiled)
