"""The client of the package, over a real server: what it can do, and that no interruption makes it miss or repeat."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from chatserver.client import Client, Disconnected, Gap, Refused, feed, link, sign_in
from chatserver.model import MessagePosted, ReactionAdded, RoomKind
from tests.client.test_feed import said
from tests.faults.proxy import Network, Proxy
from tests.protocol.running import PASSWORD, Person, Running
from tests.protocol.test_http_rooms import post, room_of
from tests.waiting import until

SECONDS = 60.0  # on a machine that is busy
CUT_SECONDS = 0.05


def client(server: Running, person: Person, **more: Any) -> Client:
    return Client(f"http://127.0.0.1:{server.port}", person.token, **more)


async def take(chat: Client, count: int, kind: type = MessagePosted) -> list[Any]:
    """The next events of a kind, which is all but those of other kinds."""
    found: list[Any] = []
    async with aclosing(chat.events()) as events:
        while len(found) < count:
            event = await asyncio.wait_for(anext(events), SECONDS)
            if isinstance(event, kind):
                found.append(event)
    return found


def bodies(events: list[MessagePosted]) -> list[str]:
    return [event.body for event in events]


async def test_what_no_frame_can_hold_is_refused_and_ends_no_connection(server: Running) -> None:
    anna, _ = await server.people("anna", "ben")
    room = await room_of(anna)
    async with client(server, anna) as one:
        socket = one._link._socket
        with pytest.raises(Refused, match=r"limit\.size"):
            await one.send(room, "x" * 300_000)
        await one.send(room, "short")
        assert bodies(await take(one, 1)) == ["short"]
        assert one._link._socket is socket


async def test_messages_come_to_all_rooms_one_is_in_and_comes_into(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, members=[ben.id])
    async with client(server, anna) as one, client(server, ben) as other:
        assert (one.user.id, other.user.username) == (anna.id, ben.username)
        sent = await one.send(room, "first", client_id="a")
        again = await one.send(room, "first", client_id="a")
        assert (again.id, again.dup, sent.dup) == (sent.id, True, False)
        made = await one.create_room("Later", kind=RoomKind.PRIVATE, members=[ben.id])
        await one.send(made.id, "second")
        events = await take(other, 2)
        assert bodies(events) == ["first", "second"]
        assert events[0].id == sent.id and events[0].author.id == anna.id
        assert bodies(await take(one, 2)) == ["first", "second"]  # one's own, too
        assert other.positions[room] == sent.seq
        assert {view.id for view in await other.rooms()} == {room, made.id}


async def test_only_the_rooms_that_are_wanted(server: Running) -> None:
    anna = await server.person("anna")
    room, beside = await room_of(anna), await room_of(anna)
    async with client(server, anna, rooms=[room]) as chat:
        await post(anna, beside, 1)
        await post(anna, await room_of(anna), 2)
        await post(anna, room, 3)
        assert [event.room for event in await take(chat, 1)] == [room]


async def test_what_one_does_with_messages(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with client(server, anna) as chat, client(server, ben) as other:
        room = (await chat.create_room("Lounge", topic="tea", members=[ben.id])).id
        root = await chat.send(room, "root")
        reply = await chat.send(room, "reply", thread=root.id, reply_to=root.id, broadcast=True)
        await other.react(room, root.id, "👍")
        await chat.edit(room, root.id, "changed")
        await chat.pin(room, root.id)
        page = await chat.history(room, limit=10)
        assert [message.body for message in page.messages] == ["changed", "reply"]
        assert page.messages[0].reactions == {"👍": [ben.id]} and page.messages[0].pinned
        assert (await chat.history(room, before=reply.seq)).messages[-1].id == root.id
        found = await other.thread(room, root.id)
        assert found.root.id == root.id and [each.id for each in found.messages] == [reply.id]
        assert [each.id for each in await other.search("changed", room=room)] == [root.id]
        await other.react(room, root.id, "👍", added=False)
        await chat.pin(room, root.id, pinned=False)
        await chat.delete(room, reply.id)
        await other.mark_read(room, reply.seq)
        page = await other.history(room, after=0)
        assert page.messages[0].reactions == {} and not page.messages[0].pinned
        assert page.messages[1].deleted
        view = await other.room(room)
        assert (view.topic, view.read, view.unread, view.member_count) == ("tea", reply.seq, 0, 2)
        members = (await other.members(room)).members
        assert {member.id for member in members} == {anna.id, ben.id}
        assert [each.emoji for each in await take(chat, 1, ReactionAdded)] == ["👍"]
        heard: list[Mapping[str, Any]] = []
        chat.on_notice(heard.append)
        await other.typing(room)
        await other.leave(room)
        await other.join(room)
        assert await other.ask("ping") == {}
        await until(lambda: "typing" in {each["ev"] for each in heard})


async def test_a_refusal_says_why(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, kind="private")
    async with client(server, ben) as chat:
        for refused in (chat.send(room, "text"), chat.history(room), chat.room(room)):
            with pytest.raises(Refused, match=r"room\.not_found") as error:
                await refused
            assert error.value.code == "room.not_found" and error.value.after_ms is None
        own = (await chat.create_room("Own")).id
        with pytest.raises(Refused) as error:
            await chat.send(own, " ")
        assert error.value.detail == {"field": "body", "reason": "empty"}
    with pytest.raises(Disconnected):
        await chat.send(own, "text")
    with pytest.raises(ValueError, match="expected an address"):
        Client("chat.example.org", "token")


async def test_who_may_not_come_in_is_told_at_once(server: Running) -> None:
    anna = await server.person("anna")
    with pytest.raises(Refused) as error:
        async with Client(f"http://127.0.0.1:{server.port}", "no such token"):
            pass
    assert error.value.code == "auth.invalid"
    token = await sign_in(f"http://127.0.0.1:{server.port}/", anna.username, PASSWORD)
    async with Client(f"http://127.0.0.1:{server.port}", token) as chat:
        headers = {"Authorization": f"Bearer {token}"}
        await server.http("POST", "/api/v1/logout", headers=headers)
        with pytest.raises(Refused):
            await take(chat, 1)
        with pytest.raises(Refused):
            await chat.rooms()
    with pytest.raises(Refused) as error:
        await sign_in(f"http://127.0.0.1:{server.port}", anna.username, "wrong")
    assert error.value.code == "auth.invalid"


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(link, "MOST_SECONDS", 0.05)


@asynccontextmanager
async def interrupted(proxy: Proxy, progress: Callable[[], object]) -> AsyncIterator[None]:
    """All connections are cut again and again.

    Where nothing came through between two cuts, as on a busy machine, the next one comes later.
    """

    async def repeat() -> None:
        pause = CUT_SECONDS
        while True:
            before = progress()
            await asyncio.sleep(pause)
            await asyncio.to_thread(proxy.reset)
            pause = CUT_SECONDS if progress() != before else 2 * pause

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_interruptions_lose_and_repeat_nothing(
    server: Running, proxy: Proxy, hurry: None
) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, members=[ben.id])
    url, texts = f"http://127.0.0.1:{proxy.port}", [str(number) for number in range(100)]
    async with Client(url, anna.token) as one, Client(url, ben.token) as other:
        sent: list[str] = []
        async with interrupted(proxy, lambda: (len(sent), other.positions)):
            reading = asyncio.create_task(take(other, len(texts)))
            for text in texts:
                await asyncio.wait_for(one.send(room, text), SECONDS)
                sent.append(text)
                with suppress(Disconnected):
                    await one.typing(room)
            events = await reading
        assert bodies(events) == texts
        assert [event.seq for event in events] == list(range(events[0].seq, events[0].seq + 100))
        assert bodies(await take(one, len(texts))) == texts


async def test_one_who_reads_slowly_misses_nothing(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MOST", 5)
    anna, ben = await server.people("anna", "ben")
    room, beside = await room_of(anna, members=[ben.id]), await room_of(anna, members=[ben.id])
    async with client(server, anna) as one, client(server, ben) as other:
        for number in range(60):
            await one.send(room if number % 2 else beside, str(number))
        seen: dict[str, list[int]] = {room: [], beside: []}
        for event in await take(other, 60):
            seen[event.room].append(int(event.body))
            await other.ask("ping")  # more may come while one is handled
        assert seen == {room: list(range(1, 60, 2)), beside: list(range(0, 60, 2))}


async def test_another_program_run_goes_on_where_the_last_one_ended(server: Running) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    async with client(server, anna) as chat:
        await post(anna, room, 1)
        await take(chat, 1)
        positions, epoch = chat.positions, chat.epoch
    for number in (2, 3):
        await post(anna, room, number)
    async with client(server, anna, positions=positions, epoch=epoch) as chat:
        assert bodies(await take(chat, 2)) == ["text 2", "text 3"]
    async with client(server, anna, positions=positions, epoch="another") as chat:
        (gap,) = await take(chat, 1, Gap)
        assert gap == Gap(room, chat.positions[room])
        await post(anna, room, 4)
        assert bodies(await take(chat, 1)) == ["text 4"]


async def test_a_client_waits_if_the_server_asks_for_it(tmp_path: Path) -> None:
    limits = {"limits.operations_per_second": 20, "limits.operations_burst": 5}
    with Running(tmp_path, limits) as server:
        anna = await server.person("anna")
        room = await room_of(anna)
        async with client(server, anna) as chat:
            sends = [chat.send(room, str(number)) for number in range(25)]
            sent = await asyncio.wait_for(asyncio.gather(*sends), SECONDS)
            assert len({each.seq for each in sent}) == 25
            assert sorted(bodies(await take(chat, 25)), key=int) == [str(n) for n in range(25)]


async def test_a_server_that_is_away_is_asked_more_and_more_rarely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    async def pause(self: link.Link, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 7:
            self.close()

    monkeypatch.setattr(link.Link, "_pause", pause)
    monkeypatch.setattr(link.random, "random", lambda: 1.0)
    with socket.socket() as taken:  # that nobody listens to
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Disconnected):
            async with Client(f"http://127.0.0.1:{taken.getsockname()[1]}", "token"):
                pass
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


async def test_before_a_server_stops_its_clients_are_told_when_to_come_back(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    come_back = link.Link._pause

    async def pause(self: link.Link, seconds: float) -> None:
        pauses.append(seconds)
        await come_back(self, 0.0)

    monkeypatch.setattr(link.Link, "_pause", pause)
    monkeypatch.setattr(link.random, "random", lambda: 0.5)
    anna = await server.person("anna")
    async with client(server, anna) as chat:
        await server.run(lambda node: _send_away(node, anna.id))
        await until(lambda: pauses)
        assert pauses[0] == 2.0  # half of the four seconds
        assert await asyncio.wait_for(chat.ask("ping"), SECONDS) == {}


async def _send_away(node: Any, user: str) -> None:
    for connection in node.service.hub.of_user(user):
        connection.announce_drain(4000)
        connection.send_away()


async def test_a_connection_on_which_nothing_comes_any_more_is_left(tmp_path: Path) -> None:
    with Running(tmp_path, {"limits.heartbeat_seconds": 1}) as server, Network() as network:
        anna = await server.person("anna")
        room = await room_of(anna)
        proxy = network.proxy(server.port)
        async with Client(f"http://127.0.0.1:{proxy.port}", anna.token) as chat:
            cut_off = {each.source for each in proxy._links}
            assert cut_off
            await asyncio.to_thread(proxy.hold, lambda: cut_off)  # what is opened later passes
            await post(anna, room, 1)
            assert bodies(await take(chat, 1)) == ["text 1"]
            assert [each.id for each in await chat.rooms()] == [room]


async def test_an_event_right_behind_the_answer_is_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chat = Client("http://127.0.0.1:1", "token", rooms=["r", "hidden"])
    user = {"id": "u", "username": "u", "name": "u", "role": "member", "at": ""}

    async def ask(op: str, fields: Mapping[str, Any]) -> Any:
        if op == "auth":
            return {"user": user}
        if op == "room" and fields["room"] == "hidden":
            raise Refused("room.not_found", "There is no such room.")
        if op == "room":
            return {"head": 3}
        assert (op, fields["rooms"]) == ("sub", {"r": 3})
        chat._hear(said("r", 4))  # read from the connection together with the answer
        return {"rooms": {"r": {"state": "live", "head": 3}}}

    monkeypatch.setattr(chat._link, "ask", ask)
    await chat._begin({"epoch": "e"})
    assert (await chat._feed.next()).seq == 4


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Client, list[Any]]]:
    """A client that follows the room "r" from 3 on, without a server; the answers to `sub` are what a test says."""
    chat = Client("http://127.0.0.1:1", "token")
    chat._feed.begin("r", 3)
    chat._link._ready.set()
    answers: list[Any] = []

    async def ask(op: str, fields: Mapping[str, Any]) -> Any:
        await answers.pop(0)(fields["rooms"])
        return {"rooms": {"r": {"state": "live", "head": 9}}}

    monkeypatch.setattr(chat._link, "ask", ask)
    yield chat, answers
    assert answers == []


async def test_what_is_missing_is_asked_for_again_when_the_server_says_so(
    asked: tuple[Client, list[Any]],
) -> None:
    chat, answers = asked

    async def refuse(rooms: Mapping[str, int]) -> None:
        assert rooms == {"r": 3}
        raise Refused("limit.rate", "You are too fast.", after_ms=1)

    async def send(rooms: Mapping[str, int]) -> None:
        for seq in (rooms["r"] + 1, rooms["r"] + 2):
            chat._hear(said("r", seq))

    answers += [refuse, send]
    chat._hear(said("r", 5))
    assert [event.seq for event in await take(chat, 2)] == [4, 5]
    await chat._stop()


async def test_what_is_left_out_while_others_are_asked_for_is_asked_for_next(
    asked: tuple[Client, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MOST", 1)
    chat, answers = asked
    events = chat.events()
    later: list[asyncio.Task[Any]] = []

    async def read_meanwhile(rooms: Mapping[str, int]) -> None:
        chat._hear(said("r", 4))
        chat._hear(said("r", 5))  # which is one too many
        assert (await anext(events)).seq == 4
        later.append(asyncio.create_task(anext(events)))  # type: ignore[arg-type]
        for _ in range(3):  # until it wants what was left out
            await asyncio.sleep(0)

    async def send(rooms: Mapping[str, int]) -> None:
        assert rooms == {"r": 4}
        chat._hear(said("r", 5))

    answers += [read_meanwhile, send]
    chat._hear(said("r", 5))
    await until(lambda: later)
    assert (await asyncio.wait_for(later[0], SECONDS)).seq == 5
    await chat._stop()
