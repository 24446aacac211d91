"""A room that a plugin leaves out is found at no door, and each request costs one call."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.protocol.client import ANSWER_SECONDS
from tests.protocol.running import Person, Running

SETTINGS = {
    "plugins.enabled": ["memory", "password", "graphql", "slash_commands", "curtain"],
    "plugins.folder": str(Path(__file__).parent / "plugins"),
}
ROOMS = "{ rooms { nodes { id name } edges { node { id } } pageInfo { hasNextPage } } }"


@pytest.fixture
def veiled(tmp_path: Path) -> Iterator[Running]:
    """One for each test: a server that gets many public rooms at once shows new ones a second later."""
    with Running(tmp_path, SETTINGS) as server:
        yield server
        assert not server.take_errors()


class Scene(NamedTuple):
    ada: Person
    shown: list[str]  # ids of rooms: one of hers, and one to join
    hidden: list[str]


async def calls(server: Running) -> list[list[Any]]:
    rows: list[list[Any]] = (await server.http("GET", "/curtain")).json()
    return rows


async def built(server: Running) -> Scene:
    ada, bob = await server.people("ada", "bob")

    async def made(by: Person, name: str) -> str:
        room = (await by.http("POST", "/api/v1/rooms", {"name": name})).json()["id"]
        body = {"client_id": f"c{room}", "body": f"some tea in {name}"}
        assert (await by.http("POST", f"/api/v1/rooms/{room}/messages", body)).is_success
        return str(room)

    mark = ada.id[-6:]
    shown = [await made(ada, f"open {mark}"), await made(bob, f"public {mark}")]
    hidden = [await made(ada, f"secret {mark}"), await made(bob, f"public secret {mark}")]
    await calls(server)
    return Scene(ada, shown, hidden)


async def query(person: Person, document: str) -> Any:
    answer = await person.http("POST", "/graphql", {"query": document})
    assert "errors" not in answer.json(), answer.text
    return answer.json()["data"]


async def _ws_rooms(scene: Scene) -> Any:
    async with scene.ada.connect() as client:
        return await client.ok("rooms")


async def _ws_search(scene: Scene) -> Any:
    async with scene.ada.connect() as client:
        return await client.ok("search", text="tea")


async def _http_search(scene: Scene) -> Any:
    return (await scene.ada.http("GET", "/api/v1/search?text=tea")).json()


async def _ws_search_in_all(scene: Scene) -> Any:
    async with scene.ada.connect() as client:
        return [await client.ok("search", text="tea", room=room) for room in scene.hidden[:1]]


async def _http_rooms(scene: Scene) -> Any:
    return (await scene.ada.http("GET", "/api/v1/rooms")).json()


async def _graphql_rooms(scene: Scene) -> Any:
    return await query(scene.ada, ROOMS)


async def _graphql_search(scene: Scene) -> Any:
    return await query(scene.ada, '{ search(text: "tea") { nodes { id room { id } } } }')


async def _graphql_socket(scene: Scene, document: str) -> Any:
    url = f"ws://127.0.0.1:{scene.ada._server.port}/graphql"
    request = HTTPRequest(url, headers={"Authorization": f"Bearer {scene.ada.token}"})
    async with asyncio.timeout(ANSWER_SECONDS):
        socket = await websocket_connect(request, subprotocols=["graphql-transport-ws"])
        await socket.write_message(json.dumps({"type": "connection_init"}))
        await socket.read_message()
        asked = {"id": "1", "type": "subscribe", "payload": {"query": document}}
        await socket.write_message(json.dumps(asked))
        answer = json.loads(await socket.read_message() or "null")
    socket.close()
    assert answer["type"] == "next", answer
    return answer


async def _graphql_socket_rooms(scene: Scene) -> Any:
    return await _graphql_socket(scene, ROOMS)


LISTS: dict[str, tuple[Callable[[Scene], Awaitable[Any]], str]] = {
    "list over WebSocket": (_ws_rooms, "websocket"),
    "list over HTTP": (_http_rooms, "http"),
    "connection of GraphQL": (_graphql_rooms, "graphql"),
    "connection of GraphQL over a socket": (_graphql_socket_rooms, "graphql"),
}
SEARCHES: dict[str, tuple[Callable[[Scene], Awaitable[Any]], str]] = {
    "search over WebSocket": (_ws_search, "websocket"),
    "search over HTTP": (_http_search, "http"),
    "search of GraphQL": (_graphql_search, "graphql"),
}


@pytest.mark.parametrize("name", LISTS)
async def test_it_is_in_no_list_of_rooms(veiled: Running, name: str) -> None:
    scene = await built(veiled)
    ask, via = LISTS[name]
    found = json.dumps(await ask(scene))
    assert all(room in found for room in scene.shown)
    assert not any(f'"id": "{room}"' in found for room in scene.hidden)
    assert await calls(veiled) == [["rooms", scene.ada.username, via]]


@pytest.mark.parametrize("name", SEARCHES)
async def test_it_is_in_no_search(veiled: Running, name: str) -> None:
    scene = await built(veiled)
    ask, via = SEARCHES[name]
    found = json.dumps(await ask(scene))
    assert scene.shown[0] in found
    assert not any(room in found for room in scene.hidden)
    assert await calls(veiled) == [
        ["search", scene.ada.username, via],
        ["rooms", scene.ada.username, via],
    ]


async def test_it_cannot_be_searched_by_its_id_or_name(veiled: Running) -> None:
    scene = await built(veiled)
    mark = scene.ada.id[-6:]
    async with scene.ada.connect() as client:
        by_id = await client.ok("search", text="tea", room=scene.hidden[0])
        by_name = await client.ok("search", text=f'tea in:"secret {mark}"')
        public = await client.ok("search", text=f'tea in:"public secret {mark}"')
        other = await client.ok("search", text=f'tea in:"open {mark}"')
    assert by_id["messages"] == by_name["messages"] == public["messages"] == []
    assert len(other["messages"]) == 1
    assert [row[0] for row in await calls(veiled)] == ["search", "rooms"] * 4


async def test_it_is_in_no_suggestion(veiled: Running) -> None:
    scene = await built(veiled)
    async with scene.ada.connect() as client:
        found = await client.ok("complete", room=scene.shown[0], text="/look #")
    labels = json.dumps(found)
    mark = scene.ada.id[-6:]
    assert f"open {mark}" in labels and "secret" not in labels
    assert await calls(veiled) == [["rooms", scene.ada.username, "websocket"]]


async def test_pages_go_on_behind_what_was_left_out(veiled: Running) -> None:
    scene = await built(veiled)
    found: list[str] = []
    after, pages = "", 0
    while True:
        page = (await scene.ada.http("GET", f"/api/v1/rooms?limit=1&after={after}")).json()
        found += [room["id"] for room in page["rooms"]]
        pages += 1
        if not page.get("more"):
            break
        after = page["after"]
    assert set(scene.shown) <= set(found) and not set(scene.hidden) & set(found)
    assert len(await calls(veiled)) <= pages
    found, cursor = [], "null"
    while True:
        rooms = f"{{ rooms(first: 1, after: {cursor}) {{ nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }} }}"
        connection = (await query(scene.ada, rooms))["rooms"]
        found += [room["id"] for room in connection["nodes"]]
        if not connection["pageInfo"]["hasNextPage"]:
            break
        cursor = json.dumps(connection["pageInfo"]["endCursor"])
    assert set(scene.shown) <= set(found) and not set(scene.hidden) & set(found)


async def test_words_of_a_search_are_changed_or_refused(veiled: Running) -> None:
    scene = await built(veiled)
    async with scene.ada.connect() as client:
        found = await client.ok("search", text="hush", room=scene.shown[0])
        assert len(found["messages"]) == 1
        error = await client.error("search", text="forbidden")
    assert (error["code"], error["message"]) == ("action.refused", "Nobody looks for that.")
    assert error["detail"]["plugin"] == "curtain"


async def test_who_knows_the_room_can_read_it(veiled: Running) -> None:
    scene = await built(veiled)
    for room in scene.hidden[:1]:
        assert (await scene.ada.http("GET", f"/api/v1/rooms/{room}")).is_success
