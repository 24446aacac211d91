"""Sessions, rights and servers end, and those who are connected learn of it."""

import asyncio
from collections.abc import Sequence

import pytest

from chatserver.app import Server
from chatserver.interfaces import Appended
from chatserver.model import AnyEvent, ServerRole
from chatserver.runtime.measure import Measures
from chatserver.service.service import Service
from tests.protocol.client import Client, Refused
from tests.protocol.conftest import Start
from tests.protocol.running import PASSWORD, Person, Running


async def another_session(server: Running, person: Person) -> Person:
    body = {"username": person.username, "password": PASSWORD}
    answer = (await server.http("POST", "/api/v1/login", body)).json()
    return Person(server, answer["user"], answer["token"])


async def test_logging_out_ends_the_connections_of_that_session_only(server: Running) -> None:
    anna = await server.person("anna")
    elsewhere = await another_session(server, anna)
    async with anna.connect() as a1, Client(server.port) as a2, elsewhere.connect() as b:
        await a2.ok("auth", token=anna.token)
        await anna.http("POST", "/api/v1/logout")
        assert await a1.closed() == 4451
        assert await a2.closed() == 4451
        await b.ok("ping")
    async with Client(server.port) as client:
        assert await client.code("auth", token=anna.token) == "auth.invalid"
        assert await client.closed() == 4451


async def test_the_connections_of_a_session_that_made_room_for_another_end(start: Start) -> None:
    server = start({"plugin.password.sessions_per_user": 2})
    anna = await server.person("anna")
    second = await another_session(server, anna)
    async with anna.connect() as first, second.connect() as other:
        third = await another_session(server, anna)
        assert await first.closed() == 4451
        await other.ok("ping")
        async with third.connect() as latest:
            await latest.ok("ping")


async def test_a_new_password_ends_all_sessions(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    elsewhere = await another_session(server, anna)
    async with anna.connect() as first, elsewhere.connect() as second, ben.connect() as other:
        await server.run(
            lambda node: node.service.accounts.passwords.set(anna.username, "another good password")
        )
        assert await first.closed() == 4451
        assert await second.closed() == 4451
        await other.ok("ping")
    old = await server.http(
        "POST", "/api/v1/login", {"username": anna.username, "password": PASSWORD}
    )
    assert old.status_code == 401


async def test_a_locked_account_is_cut_off(start: Start) -> None:
    server = start()
    owner, anna = await server.people("owner", "anna")
    async with anna.connect() as client, owner.connect() as other:
        await owner.http("PUT", f"/api/v1/users/{anna.username}", {"disabled": True})
        assert await client.closed() == 4452
        await other.ok("ping")
    async with Client(server.port) as late:
        assert await late.code("auth", token=anna.token) == "auth.invalid"
        assert await late.closed() == 4451


async def test_a_lesser_role_is_in_force_at_once(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        await client.ok("create", name="before")
        await server.run(
            lambda node: node.service.accounts.set_role(anna.username, ServerRole.GUEST)
        )
        assert await client.code("create", name="after") == "user.forbidden"


async def test_draining_tells_closes_with_4301_and_refuses_new_work(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start({"server.drain_seconds": 1.0})
    people = await server.people("anna", "ben", "carl")
    async with people[0].connect() as a, people[1].connect() as b, people[2].connect() as c:
        room = (await a.ok("create", name="Lounge", members=[p.id for p in people[1:]]))["id"]
        slow_down(server, monkeypatch)
        sends = [
            client.begin("send", room=room, client_id=str(number), body="on its way")
            for client in (a, b, c)
            for number in range(50)
        ]
        for client in (a, b, c):
            await client.ok("ping")
        drained = asyncio.create_task(server.run(lambda node: node.drain()))
        for client in (a, b, c):
            notice = await client.notice()
            assert (notice["sys"], notice["after_ms"]) == ("drain", 1000)
        ready = await server.http("GET", "/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "draining")
        assert (await server.http("GET", "/health/live")).status_code == 200
        health = await server.http("GET", "/health")
        assert (health.status_code, health.json()["status"]) == (503, "draining")
        refused = await server.http("GET", "/api/v1/rooms")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "server.draining")
        assert int(refused.headers["retry-after"]) >= 1
        with pytest.raises(Refused) as refusal:
            async with people[0].connect():
                pass
        assert (refusal.value.status, refusal.value.code) == (503, "server.draining")
        for client in (a, b, c):
            assert await client.closed() == 4301
        # Operations sent before the end are answered before it.
        answers = [await send for send in sends]
        assert {answer["ok"]["seq"] for answer in answers} == set(range(5, 155))
        await drained


def slow_down(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store take its time over each batch."""
    append = server.server.store.append

    async def slow_append(events: Sequence[AnyEvent]) -> Appended:
        await asyncio.sleep(0.5)
        return await append(events)

    monkeypatch.setattr(server.server.store, "append", slow_append)


async def test_a_user_who_becomes_a_guest_follows_public_rooms_no_longer(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as a, ben.connect() as b:
        room = (await a.ok("create", name="Lounge"))["id"]
        await b.ok("sub", rooms={room: None})
        await server.run(
            lambda node: node.service.accounts.set_role(ben.username, ServerRole.GUEST)
        )
        assert (await b.event("room.removed"))["room"] == room
        await a.ok("send", room=room, client_id="1", body="among us")
        assert await b.code("sub", rooms={room: None}) == "room.not_found"


async def test_changes_by_another_process_end_connections_here_too(start: Start) -> None:
    server = start()
    anna, ben = await server.people("anna", "ben")

    async def change_elsewhere(node: Server) -> None:
        """As another node on this store, or `chatserver user`, does it."""
        accounts = node.service.accounts
        other = Service(node.config, node.store, accounts._authenticator, node.hooks, Measures())
        await other.accounts.set_disabled(await accounts.get(anna.id), ben.username, True)

    async with ben.connect() as b, anna.connect() as a:
        await server.run(change_elsewhere)
        assert await b.closed() == 4451
        await a.ok("ping")
