"""Only staff may look, looking changes nothing, and each look is logged."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger

from chatserver.app import Server
from chatserver.config import load
from chatserver.service.similar import DONE, PROGRESS_KEY, PROGRESS_SPACE
from tests.browser.world import HOME, LONG, MARKUP, SECRET, World

PLACES = {
    "": {},
    "/room": {"room": "private"},
    "/members": {"room": "private"},
    "/event": {"room": "private", "seq": 2},
    "/event.json": {"room": "private", "seq": 2},
    "/users": {},
    "/user": {"user": "u1"},
    "/sessions": {},
    "/find": {"for": "private"},
}
WRITES = ("append", "put", "add", "swap", "delete")


@pytest.mark.parametrize("path", PLACES)
async def test_only_staff_may_look(world: World, path: str) -> None:
    refused = await world.ask(path, PLACES[path], by=world.member)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "user.forbidden")
    nobody = await world.server.http("GET", HOME + path, params=PLACES[path])
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "auth.required")
    query = PLACES[path] if path != "/user" else {"user": world.member.id}
    for staff in (world.owner, world.admin):
        assert (await world.ask(path, query, by=staff)).status_code in (200, 303)


def test_it_is_on_for_development_only() -> None:
    names = ("development", "production", None)
    enabled = {name: load(name, environ={}).config.plugins.enabled for name in names}
    assert [name for name in names if "browser" in enabled[name]] == ["development"]


async def test_somebody_with_a_browser_reads_why_not(world: World) -> None:
    answer = await world.server.http("GET", HOME, headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'href="/"' in answer.text
    headers = {"Accept": "text/html"}
    refused = await world.member.http("GET", f"{HOME}/users", headers=headers)
    assert refused.status_code == 403
    assert "user.forbidden" in refused.text


async def test_a_page_of_another_origin_sees_nothing(world: World) -> None:
    headers = {"Cookie": f"chat_session={world.owner.token}"}
    assert (await world.server.http("GET", HOME, headers=headers)).status_code == 200
    headers["Origin"] = "http://127.0.0.1:1"
    answer = await world.server.http("GET", HOME, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "request.origin")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_there_is_nothing_to_change(world: World, method: str) -> None:
    for path in PLACES:
        assert (await world.owner.http(method, HOME + path)).status_code == 405


async def test_looking_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    store: Any = world.server.server.store

    async def at_rest(running: Server) -> None:
        # A second after its start, the server enters names by itself.
        async with asyncio.timeout(60):
            while await running.store.get(PROGRESS_SPACE, PROGRESS_KEY) != DONE:
                await asyncio.sleep(0.02)

    await world.server.run(at_rest)

    def noting(name: str, write: Any) -> Any:
        async def noted(*given: Any) -> Any:
            written.append(name)
            return await write(*given)

        return noted

    for name in WRITES:
        monkeypatch.setattr(store, name, noting(name, getattr(store, name)))
    for path, query in PLACES.items():
        await world.ask(path, query)
    assert written == []
    await world.owner.http("POST", "/api/v1/rooms", {"name": "Control", "kind": "private"})
    assert "append" in written


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="DEBUG")
    yield lines
    logger.remove(sink)


def looks_in(log: str) -> set[tuple[str, str]]:
    """The rooms at which, by the audit log, somebody of the staff has looked, and who (user ids)."""
    entries = map(json.loads, log.splitlines())
    return {(entry.get("room", ""), entry["user"]) for entry in entries if entry["kind"] == "look"}


async def test_each_look_is_logged_without_the_contents(world: World, logged: list[str]) -> None:
    async def audit(running: Server) -> str:
        return (running._data / "audit/audit.log").read_text()

    # The log is written a moment later: what other tests have looked at is in it with this look.
    await world.get("/members", {"room": MARKUP}, by=world.admin)
    async with asyncio.timeout(60):
        while (MARKUP, world.admin.id) not in looks_in(before := await world.server.run(audit)):
            await asyncio.sleep(0.02)
    await world.get("/room", {"room": "private"})
    await world.get("/event", {"room": "private", "seq": 2})
    await world.get("/users")
    await world.ask("/find", {"for": SECRET})
    await world.get("/room", {"room": LONG}, by=world.admin)
    looks: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while len(looks) < 6:
            await asyncio.sleep(0.02)
            added = (await world.server.run(audit)).removeprefix(before)
            looks = [
                entry for entry in map(json.loads, added.splitlines()) if entry["kind"] == "look"
            ]
    assert [(look["what"], look.get("room"), look["user"]) for look in looks] == [
        ("room", "private", world.owner.id),
        ("events", "private", world.owner.id),
        ("events", "private", world.owner.id),
        ("users", None, world.owner.id),
        ("room", LONG, world.admin.id),
        ("events", LONG, world.admin.id),
    ]
    assert {look["address"] for look in looks} == {"127.0.0.1"}
    text = "".join(logged)
    assert f"{world.owner.id} of the staff looks at events private" in text
    assert SECRET not in text
    assert SECRET not in added
