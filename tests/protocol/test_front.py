"""The short way of the commonest reads answers as the long way does, and leaves it all else."""

import asyncio

import pytest

from chatserver.app import Server
from chatserver.errors import StoreUnavailable
from chatserver.model import RoomKind
from chatserver.web.base import BaseHandler
from tests.protocol.conftest import Start
from tests.protocol.lines import line, without_date
from tests.protocol.running import PASSWORD, Person, Running
from tests.waiting import until


def get(path: str, token: str, *more: str) -> str:
    lines = [f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *more]
    return "\r\n".join(lines) + "\r\n\r\n"


async def room_with_messages(person: Person) -> str:
    async with person.connect() as client:
        room: str = (await client.ok("create", name="Lounge"))["id"]
        for number in range(60):
            await client.ok("send", room=room, client_id=str(number), body=f"日本 {number}")
    return room


async def test_both_ways_give_the_same_answer(server: Running) -> None:
    anna = await server.person("anna")
    path = f"/api/v1/rooms/{await room_with_messages(anna)}/messages"
    async with line(server) as short, line(server) as long:
        for query in ("", "?limit=50"):
            short.send(get(path + query, anna.token))
            long.send(get(path + query, anna.token, "Accept-Charset: utf-8"))
            answer = await short.answer()
            assert answer[0] == 200
            assert without_date(answer) == without_date(await long.answer())


async def test_a_new_message_is_on_the_next_page(server: Running) -> None:
    anna = await server.person("anna")
    room = await room_with_messages(anna)
    async with line(server) as short, anna.connect() as client:
        for number in range(3):
            sent = await client.ok("send", room=room, client_id=f"n{number}", body="new")
            short.send(get(f"/api/v1/rooms/{room}/messages", anna.token))
            assert f'"head":{sent["seq"]}'.encode() in (await short.answer())[2]


@pytest.mark.parametrize("token, room, status", [("wrong", None, 401), (None, "nowhere", 404)])
async def test_refusals_are_the_usual_ones(
    server: Running, token: str | None, room: str | None, status: int
) -> None:
    anna = await server.person("anna")
    room = room or await room_with_messages(anna)
    request = get(f"/api/v1/rooms/{room}/messages", token or anna.token)
    async with line(server) as short, line(server) as long:
        short.send(request)
        long.send(request.replace("\r\nHost", "\r\nAccept-Charset: utf-8\r\nHost"))
        answer = await short.answer()
        assert answer[0] == status
        assert without_date(answer) == without_date(await long.answer())


async def test_a_user_without_the_right_to_read_a_private_room_learns_nothing(
    server: Running,
) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as client:
        hidden = (await client.ok("create", name="Secret", kind="private"))["id"]
    async with line(server) as short, line(server) as other:
        short.send(get(f"/api/v1/rooms/{hidden}/messages", ben.token))
        other.send(get("/api/v1/rooms/nowhere/messages", ben.token))
        assert without_date(await short.answer()) == without_date(await other.answer())


async def test_requests_in_pieces_and_in_a_row_are_all_answered(server: Running) -> None:
    anna = await server.person("anna")
    path = f"/api/v1/rooms/{await room_with_messages(anna)}/messages"
    page, me = get(path, anna.token), get("/api/v1/me", anna.token)
    async with line(server) as pieces:
        pieces.send(page[:40])
        await asyncio.sleep(0.05)  # so that they come as two segments
        pieces.send(page[40:])
        assert (await pieces.answer())[0] == 200
    async with line(server) as row:
        row.send(page + me + page)
        bodies = [(await row.answer())[2] for _ in range(3)]
        assert bodies[0] == bodies[2] != bodies[1]
    async with line(server) as mixed:
        for request in (page, page, me, page):
            mixed.send(request)
            assert (await mixed.answer())[0] == 200


async def test_a_silent_connection_is_closed_in_time(start: Start) -> None:
    server = start({"limits.header_seconds": 0.3})
    anna = await server.person("anna")
    room = await room_with_messages(anna)
    async with line(server) as silent, line(server) as served:
        served.send(get(f"/api/v1/rooms/{room}/messages", anna.token))
        assert (await served.answer())[0] == 200
        assert await silent.ended()
        assert await served.ended()


async def room_of_anna(running: Server) -> tuple[str, str]:
    """The id of a room, and the token of a user in it, without a request."""
    service = running.service
    user, token = await service.accounts.register("anna", PASSWORD, None, "127.0.0.1")
    return (await service.rooms.create(user, RoomKind.PUBLIC, "r", "", [])).id, token


async def test_reads_of_the_newest_page_count_for_the_limit_of_requests(start: Start) -> None:
    server = start({"limits.requests_per_second": 0.01})
    room, token = await server.run(room_of_anna)
    async with line(server) as short:
        for status in (200, 429):
            short.send(get(f"/api/v1/rooms/{room}/messages", token))
            assert (await short.answer())[0] == status


async def test_reads_count_for_the_address_that_a_proxy_tells_and_are_still_answered_shortly(
    start: Start,
) -> None:
    server = start({"limits.requests_per_second": 0.01, "server.trusted_proxies": ["127.0.0.1"]})
    room, token = await server.run(room_of_anna)
    long_way: list[str] = []

    async def watch(running: Server) -> None:
        assert running._gate is not None
        check = running._gate.check_rate

        def noting(address: str) -> None:
            long_way.append(address)
            check(address)

        running._gate.check_rate = noting  # type: ignore[method-assign]

    async def status_at(address: str) -> int:
        proxied = f"X-Forwarded-For: {address}"
        short.send(get(f"/api/v1/rooms/{room}/messages", token, proxied))
        return (await short.answer())[0]

    await server.run(watch)
    async with line(server) as short:
        for address in ("192.0.2.1", "192.0.2.2", "10.0.0.1, 192.0.2.3", "2001:db8::1"):
            assert await status_at(address) == 200
        assert long_way == []
        for address in ("192.0.2.1", "2001:db8::2"):  # the latter is of the same /64
            assert await status_at(address) == 429
        assert long_way == ["192.0.2.1", "2001:db8::2"]


async def test_a_server_that_drains_sends_readers_of_the_newest_page_on(start: Start) -> None:
    server = start()
    anna = await server.person("anna")
    path = f"/api/v1/rooms/{await room_with_messages(anna)}/messages"

    async def drain(running: Server) -> None:
        assert running._gate is not None
        running._gate.draining = True

    async with line(server) as short:
        short.send(get(path, anna.token))
        assert (await short.answer())[0] == 200
        await server.run(drain)
        short.send(get(path, anna.token))
        assert (await short.answer())[0] == 503


# -- the list of rooms ---------------------------------------------------------------------------------

LIST = "/api/v1/rooms"
LONG = "Accept-Charset: utf-8"  # a field that the short way does not know


async def break_list(
    running: Server, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """Make all lists fail. The result has one entry for each requested list."""
    asked: list[int] = []

    async def visible(*given: object, archived: bool = False) -> object:
        asked.append(1)
        raise error

    monkeypatch.setattr(running.service.rooms, "visible", visible)
    return asked


async def test_both_ways_list_the_same_rooms(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    await room_with_messages(anna)
    async with line(server) as short, line(server) as long:
        for person in (anna, ben):
            short.send(get(LIST, person.token))
            long.send(get(LIST, person.token, LONG))
            answer = await short.answer()
            assert answer[0] == 200
            assert b'"name":"Lounge"' in answer[2]
            assert without_date(answer) == without_date(await long.answer())
        short.send(get(LIST, "wrong"))
        long.send(get(LIST, "wrong", LONG))
        assert without_date(await short.answer()) == without_date(await long.answer())


async def test_lists_of_rooms_in_a_row_need_no_handler(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await server.person("anna")
    await anna.http("GET", "/api/v1/me")
    handled: list[str] = []
    monkeypatch.setattr(BaseHandler, "on_finish", lambda handler: handled.append(handler.route))
    async with line(server) as short:
        short.send(get(LIST, anna.token) * 3 + get(f"{LIST}?limit=5", anna.token))
        assert [(await short.answer())[0] for _ in range(4)] == [200] * 4
    await until(lambda: LIST in handled)  # a handler ends after its answer, as does that of /me
    assert [route for route in handled if route != "/api/v1/me"] == [LIST]


@pytest.mark.parametrize(
    "error, status", [(StoreUnavailable(reason="away"), 503), (ValueError("a mistake"), 500)]
)
async def test_a_list_that_fails_is_asked_for_once(
    server: Running, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    anna = await server.person("anna")
    asked = await server.run(lambda running: break_list(running, error, monkeypatch))
    async with line(server) as short, line(server) as long:
        short.send(get(LIST, anna.token))
        answer = await short.answer()
        assert (answer[0], len(asked)) == (status, 1)
        long.send(get(LIST, anna.token, LONG))
        assert without_date(answer) == without_date(await long.answer())
        short.send(get("/api/v1/me", anna.token))
        assert (await short.answer())[0] == 200, "the connection goes on"
    assert len(server.take_errors()) == (2 if status == 500 else 0)


async def test_a_list_of_rooms_is_one_operation_on_either_way(start: Start) -> None:
    server = start({"limits.operations_per_second": 0.01, "limits.operations_burst": 4})
    anna = await server.person("anna")
    async with line(server) as short:
        statuses = []
        for more in ((), (LONG,), (), (), (), (LONG,)):
            short.send(get(LIST, anna.token, *more))
            statuses.append((await short.answer())[0])
        assert statuses == [200, 200, 200, 200, 429, 429]
