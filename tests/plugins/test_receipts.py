"""Receipts: who has read a message, told to members who let others see what they read, and to nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatserver import Actor, ChatError, RoomKind
from chatserver.model import RoomRole
from chatserver.service.markers import IMPORTED
from chatserver.testing.running import Answer, Chat, Person, running
from chatserver_plugins.receipts import watching
from tests.graphql.speaker import Speaker
from tests.plugins.devices import device
from tests.waiting import until

PATH = "/api/v1/receipts"


async def read(by: Person, message: str) -> None:
    room, _, seq = message.rpartition("-")
    await by.call("read", room=room, seq=int(seq))


async def readers(by: Person, message: str) -> Any:
    answer = await by.http("GET", f"{PATH}/{message}")
    assert answer.status == 200, answer.body
    return answer.json


async def names(by: Person, message: str) -> list[str]:
    return [each["name"] for each in (await readers(by, message))["users"]]


async def choose(by: Person, *, shown: bool) -> None:
    assert (await by.http("PUT", PATH, {"shown": shown})).status == 200


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def none_to(by: Person, message: str, why: str) -> None:
    """There are no receipts of the message for this person."""
    answer = await by.http("GET", f"{PATH}/{message}")
    assert error(answer) == (403, "receipts.none")
    assert answer.json["error"]["detail"] == {"why": why}
    for op in ("readers", "watch"):
        with pytest.raises(ChatError) as refused:
            await by.call(f"receipts.{op}", message=message)
        assert refused.value.code == "receipts.none"


class Line:
    """A connection of a person, which asks, and hears what it is told by the plugin."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket, self._asked = socket, 0
        self.told: list[Any] = []
        self._answers: dict[int, Any] = {}
        self.reading = asyncio.create_task(self._read())

    async def call(self, op: str, **fields: object) -> Any:
        self._asked += 1
        number = self._asked
        await self._socket.write_message(json.dumps({"id": number, "op": op} | fields))
        await until(lambda: number in self._answers)
        return self._answers[number]

    async def _read(self) -> None:
        while (text := await self._socket.read_message()) is not None:
            frame = json.loads(text)
            if "re" in frame:
                self._answers[frame["re"]] = frame.get("ok", frame.get("error"))
            elif frame.get("ev") == "plugin.notice" and frame["plugin"] == "receipts":
                self.told.append((frame["name"], frame["payload"]))


@asynccontextmanager
async def line(chat: Chat, person: Person) -> AsyncIterator[Line]:
    request = HTTPRequest(
        f"ws://127.0.0.1:{chat.port}/ws", headers={"Authorization": f"Bearer {person.token}"}
    )
    socket = await websocket_connect(request, subprotocols=["chat.v1"])
    made = Line(socket)
    try:
        yield made
    finally:
        socket.close()
        made.reading.cancel()


def plugin_of(chat: Chat) -> Any:
    (plugin,) = [each.instance for each in chat._server._plugins.all if each.name == "receipts"]
    return plugin


def count(message: str, read: int, of: int) -> dict[str, object]:
    return {"message": message, "read": read, "of": of}


# -- who has read a message ------------------------------------------------------------------------


async def test_those_who_have_read_a_message_are_told_by_name() -> None:
    async with running("receipts") as chat:
        ada, cyd, bob, dan = [await chat.user(name) for name in ("ada", "cyd", "bob", "dan")]
        lounge = await ada.create_room("Lounge", members=[bob, cyd, dan])
        first, second = [(await ada.post(lounge, text)).id for text in ("one", "two")]
        assert await readers(ada, first) == count(first, 0, 3) | {"users": []}
        await read(cyd, second)
        await read(bob, first)
        assert await readers(ada, first) == count(first, 2, 3) | {
            "users": [{"id": bob.id, "name": "bob"}, {"id": cyd.id, "name": "cyd"}]
        }
        assert await readers(dan, second) == count(second, 1, 3) | {
            "users": [{"id": cyd.id, "name": "cyd"}]
        }
        await read(ada, second)  # of its author a message says nothing
        assert await ada.call("receipts.readers", message=second) == await readers(ada, second)
        assert (await readers(ada, second))["read"] == 1


async def test_who_came_later_has_not_read_what_was_before() -> None:
    async with running("receipts") as chat:
        ada, bob, cyd = [await chat.user(name) for name in ("ada", "bob", "cyd")]
        lounge = await ada.create_room("Lounge", members=[bob])
        before = (await ada.post(lounge, "before")).id
        await read(bob, before)
        await cyd.join(lounge)  # their position is that of their joining
        after = (await ada.post(lounge, "after")).id
        await read(cyd, after)
        assert await readers(ada, before) == count(before, 1, 1) | {
            "users": [{"id": bob.id, "name": "bob"}]
        }
        assert await names(ada, after) == ["cyd"]
        await chat.service.rooms.kick(ada.user, lounge, bob.id)
        assert (await readers(ada, before))["of"] == 0
        await bob.join(lounge)
        for message in (before, after):  # it was not read, or that is not known any more
            assert "bob" not in await names(ada, message)
        await chat.service.rooms.appoint(ada.user, lounge, cyd.id, RoomRole.ADMIN)
        again = (await ada.post(lounge, "again")).id
        await read(cyd, again)
        assert await names(ada, again) == ["cyd"]


async def test_only_members_are_told_and_nothing_gets_out_of_a_private_room() -> None:
    async with running("receipts") as chat:
        owner, ada, bob, eve = [await chat.user(name) for name in ("owner", "ada", "bob", "eve")]
        secret = await ada.create_room("Secret", kind=RoomKind.PRIVATE, members=[bob])
        hidden = (await ada.post(secret, "hidden")).id
        public = await ada.create_room("Public", members=[bob])
        said = (await ada.post(public, "said")).id
        for other in (eve, owner):  # staff, too
            answer = await other.http("GET", f"{PATH}/{hidden}")
            assert error(answer) == (404, "message.not_found")
            assert answer.body == (await other.http("GET", f"{PATH}/{secret.id}-999")).body
            await none_to(other, said, "outside")
        await read(eve, said)  # who may read the room without being in it
        assert (await readers(ada, said))["of"] == 1
        for message in ("x", "a-b", f"{public.id}-1", f"{public.id}-999"):
            answer = await ada.http("GET", f"{PATH}/{message}")
            assert error(answer) == (404, "message.not_found")
        await chat.service.messages.delete(ada.user, public, said)
        assert error(await ada.http("GET", f"{PATH}/{said}")) == (404, "message.not_found")
        for method, path in (("GET", PATH), ("PUT", PATH), ("GET", f"{PATH}/{said}")):
            assert error(await chat.http(method, path, {})) == (401, "auth.required")


HIDING = """
import chatserver

class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    async def filter_users(self, users, user):
        if user.username == "eve":
            raise RuntimeError("broken on purpose")
        return {each.id for each in users if each.name == "cyd"}
"""


@pytest.fixture
def hiding(tmp_path: Path) -> dict[str, object]:
    """Settings for a plugin `hiding`, by which nobody finds cyd, and which fails for eve."""
    (tmp_path / "hiding.py").write_text(HIDING)
    return {"plugins.folder": str(tmp_path)}


async def test_bots_and_those_whom_a_plugin_hides_are_not_listed(hiding: dict[str, object]) -> None:
    async with running("receipts", "hiding", settings=hiding) as chat:
        ada, bob, cyd = [await chat.user(name) for name in ("ada", "bob", "cyd")]
        bot = await chat.service.accounts.bot("test/bot", "bot", "Bot")
        lounge = await ada.create_room("Lounge", members=[bob, cyd])
        await chat.service.rooms.invite(ada.user, lounge, bot.id)
        said = (await ada.post(lounge, "said")).id
        await read(cyd, said)
        await chat.service.rooms.mark_read(bot, lounge, lounge.head)
        assert await readers(ada, said) == count(said, 0, 1) | {"users": []}


async def test_a_plugin_that_fails_for_one_keeps_nothing_from_others(
    hiding: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PACE_SECONDS", 0.0)
    async with running("receipts", settings=hiding) as chat:
        eve, ada, bob = [await chat.user(name) for name in ("eve", "ada", "bob")]
        lounge = await ada.create_room("Lounge", members=[eve, bob])
        said = (await ada.post(lounge, "said")).id
        async with line(chat, eve) as fails, line(chat, ada) as asks:
            for each in (fails, asks):
                await each.call("receipts.watch", message=said)
            engine = chat.service.switches.engine
            assert engine is not None
            await engine.switch("on", "hiding", Actor(user=ada.id))
            await read(bob, said)
            await until(lambda: ("read", count(said, 1, 2)) in asks.told)
            assert fails.told == []
            await engine.switch("off", "hiding", Actor(user=ada.id))
            await until(lambda: ("read", count(said, 1, 2)) in fails.told)


async def test_replies_in_a_thread_have_no_receipts_unless_they_are_in_the_room_too() -> None:
    async with running("receipts") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        root = (await ada.post(lounge, "root")).id

        async def reply(**more: object) -> str:
            given = {"client_id": f"r{len(more)}", "body": "reply", "thread": root} | more
            answer = await ada.http("POST", f"/api/v1/rooms/{lounge.id}/messages", given)
            return str(answer.json["id"])

        await none_to(ada, await reply(), "thread")
        assert (await readers(ada, await reply(broadcast=True)))["of"] == 1


async def test_what_was_imported_has_no_receipts_whoever_reads_on() -> None:
    async with running("receipts", "graphql") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        old = await ada.post(lounge, "from elsewhere")
        await chat.service.store.put(IMPORTED, lounge.id, str(old.seq).encode())
        new = (await ada.post(lounge, "from here")).id
        await read(bob, new)
        await none_to(ada, old.id, "imported")
        asked = f'{{ messageReaders(messageId: "{old.id}") {{ readCount }} }}'
        answer = (await ada.http("POST", "/graphql", {"query": asked})).json
        assert answer["errors"][0]["extensions"]["code"] == "receipts.none"
        assert await names(ada, new) == ["bob"]


# -- which rooms -----------------------------------------------------------------------------------


async def test_rooms_with_more_members_than_the_setting_says_have_none() -> None:
    async with running("receipts", settings={"plugin.receipts.members": 2}) as chat:
        ada, bob, cyd = [await chat.user(name) for name in ("ada", "bob", "cyd")]
        lounge = await ada.create_room("Lounge", members=[bob])
        said = (await ada.post(lounge, "said")).id
        direct = await ada.create_room("", kind=RoomKind.DIRECT, members=[bob, cyd])
        written = (await ada.post(direct, "written")).id
        assert (await readers(ada, said))["of"] == 1
        await cyd.join(lounge)
        await none_to(ada, said, "large")
        assert (await readers(ada, written))["of"] == 2  # direct rooms have them in any case
        terms = (await ada.http("GET", PATH)).json
        assert terms == {"shown": True, "rooms": "small", "members": 2}


async def test_direct_rooms_alone_if_the_operator_wants_it_so() -> None:
    async with running("receipts", settings={"plugin.receipts.rooms": "direct"}) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        await none_to(ada, (await ada.post(lounge, "said")).id, "large")
        direct = await ada.create_room("", kind=RoomKind.DIRECT, members=[bob])
        written = (await ada.post(direct, "written")).id
        await read(bob, written)
        assert await names(ada, written) == ["bob"]
        assert (await ada.call("receipts.get"))["rooms"] == "direct"


# -- choosing --------------------------------------------------------------------------------------


async def test_who_hides_what_they_read_is_not_shown_and_sees_nothing() -> None:
    async with running("receipts") as chat:
        ada, bob, cyd = [await chat.user(name) for name in ("ada", "bob", "cyd")]
        lounge = await ada.create_room("Lounge", members=[bob, cyd])
        said = (await ada.post(lounge, "said")).id
        for each in (bob, cyd):
            await read(each, said)
        async with device(chat, bob, "receipts") as told, device(chat, ada, "receipts") as others:
            hidden = await bob.http("PUT", PATH, {"shown": False})
            assert hidden.json == {"shown": False, "rooms": "small", "members": 100}
            assert (await bob.call("receipts.get"))["shown"] is False
            await until(lambda: told == [{"shown": False}])
            assert others == []
        assert await readers(ada, said) == count(said, 1, 1) | {
            "users": [{"id": cyd.id, "name": "cyd"}]
        }
        assert error(await bob.http("GET", f"{PATH}/{said}")) == (403, "receipts.hidden")
        for op in ("readers", "watch"):
            with pytest.raises(ChatError) as refused:
                await bob.call(f"receipts.{op}", message=said)
            assert refused.value.code == "receipts.hidden"
        assert (await bob.call("receipts.choose", shown=True))["shown"] is True
        assert await names(ada, said) == ["bob", "cyd"]
        assert await names(bob, said) == ["bob", "cyd"]


async def test_an_operator_has_people_shown_only_once_they_want_it() -> None:
    async with running("receipts", settings={"plugin.receipts.shown": False}) as chat:
        ada, bob, cyd = [await chat.user(name) for name in ("ada", "bob", "cyd")]
        lounge = await ada.create_room("Lounge", members=[bob, cyd])
        said = (await ada.post(lounge, "said")).id
        for each in (bob, cyd):
            await read(each, said)
        assert error(await ada.http("GET", f"{PATH}/{said}")) == (403, "receipts.hidden")
        await choose(ada, shown=True)
        assert await readers(ada, said) == count(said, 0, 0) | {"users": []}
        await choose(bob, shown=True)
        assert await names(ada, said) == ["bob"]


async def test_a_deleted_account_takes_its_choice_along() -> None:
    async with running("receipts") as chat:
        await chat.user("ada")
        bob = await chat.user("bob")
        await choose(bob, shown=False)
        rows = await chat.service.store.scan("plugin/receipts", "")
        assert [key for key, _ in rows] == [bob.id]
        await chat.service.removal.delete("bob")

        async def is_gone() -> bool:
            return not await chat.service.store.scan("plugin/receipts", "")

        await until(is_gone)


async def test_bad_input_is_refused() -> None:
    async with running("receipts") as chat:
        ada = await chat.user("ada")
        for body in ({}, [], {"shown": 1}, {"shown": None}, {"shown": "no"}):
            assert error(await ada.http("PUT", PATH, body)) == (400, "request.invalid")
        assert (await ada.http("GET", PATH)).json["shown"] is True
        wrong: list[tuple[str, dict[str, object]]] = [
            ("choose", {}),
            ("choose", {"shown": "x"}),
            ("readers", {}),
            ("readers", {"message": ""}),
            ("watch", {"message": "x" * 101}),
            ("watch", {"message": 5}),
        ]
        for op, fields in wrong:
            with pytest.raises(ChatError) as refused:
                await ada.call(f"receipts.{op}", **fields)
            assert refused.value.code == "request.invalid"


# -- live ------------------------------------------------------------------------------------------


async def test_a_connection_that_watches_is_told_of_who_reads() -> None:
    async with running("receipts") as chat:
        ada, bob, cyd = [await chat.user(name) for name in ("ada", "bob", "cyd")]
        lounge = await ada.create_room("Lounge", members=[bob, cyd])
        said = (await ada.post(lounge, "said")).id
        async with line(chat, ada) as asks, line(chat, ada) as other, line(chat, bob) as reader:
            for each in (other, reader):
                await each.call("sub", rooms={lounge.id: None})
            assert await asks.call("receipts.watch", message=said) == count(said, 0, 2)
            await read(bob, said)
            await until(lambda: ("read", count(said, 1, 2)) in asks.told)
            await read(
                bob, (await ada.post(lounge, "more")).id
            )  # which changes nothing for this one
            await until(lambda: not plugin_of(chat)._watching._looking)
            await read(cyd, said)
            await until(lambda: ("read", count(said, 2, 2)) in asks.told)
            assert len(asks.told) == 2
            assert other.told == reader.told == []  # only who has asked
            newer = (await ada.post(lounge, "newer")).id
            assert await asks.call("receipts.watch", message=newer) == count(newer, 0, 2)
            await read(bob, newer)
            await until(lambda: ("read", count(newer, 1, 2)) in asks.told)
            assert len(asks.told) == 3  # of the message before, nothing more


async def test_what_is_read_at_once_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running("receipts") as chat:
        ada = await chat.user("ada")
        others = [await chat.user(f"u{number}") for number in range(12)]
        lounge = await ada.create_room("Lounge", members=others)
        said = (await ada.post(lounge, "said")).id
        asked = 0
        marks = chat.service.rooms.read_marks

        async def counted(*given: Any) -> dict[str, int]:
            nonlocal asked
            asked += 1
            return await marks(*given)

        async with line(chat, ada) as asks:
            await asks.call("receipts.watch", message=said)
            monkeypatch.setattr(watching, "PACE_SECONDS", 0.0)
            monkeypatch.setattr(chat.service.rooms, "read_marks", counted)
            for each in others:
                await chat.service.rooms.mark_read(each.user, lounge, lounge.head)
            await until(lambda: ("read", count(said, 12, 12)) in asks.told)
            assert asked <= 3  # looks at the room, not one for each who reads
            await chat.service.rooms.mark_read(ada.user, lounge, lounge.head)


async def test_nobody_is_told_who_may_not_be_told_any_more() -> None:
    async with running("receipts") as chat:
        ada, bob, cyd, dan = [await chat.user(name) for name in ("ada", "bob", "cyd", "dan")]
        lounge = await ada.create_room("Lounge", members=[bob, cyd, dan])
        said = (await ada.post(lounge, "said")).id
        async with line(chat, ada) as one, line(chat, bob) as two, line(chat, cyd) as three:
            for each in (one, two, three):
                await each.call("receipts.watch", message=said)
            await choose(bob, shown=False)
            await chat.service.rooms.kick(ada.user, lounge, cyd.id)
            await read(dan, said)
            await until(lambda: ("read", count(said, 1, 1)) in one.told)
            assert [each for each in two.told if each[0] == "read"] == []
            assert three.told == []
            await until(
                lambda: len(plugin_of(chat)._watching._of) == 1
            )  # the others watch no longer


async def test_watches_end_with_their_connection_and_their_room() -> None:
    async with running("receipts") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        ended = await ada.create_room("Ended", members=[bob])
        said = (await ada.post(lounge, "said")).id
        (plugin,) = [each.instance for each in chat._server._plugins.all if each.name == "receipts"]
        async with line(chat, ada) as asks, line(chat, bob) as stays:
            await asks.call("receipts.watch", message=said)
            await stays.call("receipts.watch", message=(await ada.post(ended, "x")).id)
            assert plugin.read_rooms == {lounge.id, ended.id}
            await chat.service.rooms.delete(ada.user, ended)
            await until(lambda: plugin.read_rooms == {lounge.id})
        await until(lambda: not chat.service.hub.of_user(ada.id))
        await read(bob, said)
        await until(lambda: plugin.read_rooms == set())
        assert plugin._watching._of == {}


async def test_nothing_goes_on_when_the_server_stops() -> None:
    async with running("receipts") as chat:
        ada = await chat.user("ada")
        lounge = await ada.create_room("Lounge")
        await ada.call("receipts.watch", message=(await ada.post(lounge, "said")).id)
        made = plugin_of(chat)._watching
        assert len(made._tasks) == 1
    assert made._tasks == made._looking == set()


async def test_a_connection_watches_so_many_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "WATCHED_ROOMS", 2)
    async with running("receipts") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        rooms = [await ada.create_room(str(number), members=[bob]) for number in range(3)]
        messages = [(await ada.post(room, "said")).id for room in rooms]
        (plugin,) = [each.instance for each in chat._server._plugins.all if each.name == "receipts"]
        async with line(chat, ada) as asks:
            for message in (messages[0], messages[1], messages[0], messages[2]):
                await asks.call("receipts.watch", message=message)
            assert plugin.read_rooms == {rooms[0].id, rooms[2].id}
            monkeypatch.setattr(watching, "SWEEP", 0)
            plugin._watching._sweep_at = 0
        await until(lambda: not chat.service.hub.of_user(ada.id))
        async with line(chat, bob) as asks:
            await asks.call("receipts.watch", message=messages[1])
            assert plugin.read_rooms == {rooms[1].id}  # those of connections that are gone went


async def test_what_the_store_could_not_tell_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PACE_SECONDS", 0.0)
    monkeypatch.setattr(watching, "AGAIN_SECONDS", 0.0)
    async with running("receipts") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        said = (await ada.post(lounge, "said")).id
        marks, failures = chat.service.rooms.read_marks, 0

        async def failing(*given: Any) -> dict[str, int]:
            nonlocal failures
            failures += 1
            if failures < 4:
                raise ChatError("store.unavailable")
            return await marks(*given)

        async with line(chat, ada) as asks:
            await asks.call("receipts.watch", message=said)
            await asyncio.sleep(0)
            monkeypatch.setattr(chat.service.rooms, "read_marks", failing)
            await chat.service.rooms.mark_read(bob.user, lounge, lounge.head)
            await until(lambda: ("read", count(said, 1, 1)) in asks.told)
            assert failures >= 4


async def test_a_connection_that_does_not_read_is_told_when_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "PACE_SECONDS", 0.0)
    async with running("receipts") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        said = (await ada.post(lounge, "said")).id
        async with line(chat, ada) as asks:
            await asks.call("receipts.watch", message=said)
            (subscriber,) = chat.service.hub.of_user(ada.id)
            subscriber._lagging = asyncio.get_running_loop().call_later(600, lambda: None)
            looks = 0
            marks = chat.service.rooms.read_marks

            async def counted(*given: Any) -> dict[str, int]:
                nonlocal looks
                looks += 1
                return await marks(*given)

            monkeypatch.setattr(chat.service.rooms, "read_marks", counted)
            await chat.service.rooms.mark_read(bob.user, lounge, lounge.head)
            await until(lambda: looks >= 3)  # it is tried again and again
            await asks.call("rooms")  # its answer comes behind all that was sent before
            assert asks.told == []
            subscriber._lagging.cancel()
            subscriber._lagging = None
            await until(lambda: asks.told == [("read", count(said, 1, 1))])


async def test_over_graphql() -> None:
    async with running("receipts", "graphql") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        said = (await ada.post(lounge, "said")).id
        await read(bob, said)

        async def ask(query: str, **variables: object) -> Any:
            body = {"query": query, "variables": variables}
            return (await ada.http("POST", "/graphql", body)).json

        shown = "messageId readCount ofCount readers { id name }"
        asking = f"query ($id: ID!) {{ messageReaders(messageId: $id) {{ {shown} }} }}"
        assert (await ask(asking, id=said))["data"]["messageReaders"] == {
            "messageId": said,
            "readCount": 1,
            "ofCount": 1,
            "readers": [{"id": bob.id, "name": "bob"}],
        }
        choosing = (
            "mutation ($shown: Boolean!) { chooseReceipts(input: {shown: $shown}) "
            "{ terms { shown rooms members } } }"
        )
        chosen = await ask(choosing, shown=False)
        terms = {"shown": False, "rooms": "SMALL", "members": 100}
        assert chosen["data"]["chooseReceipts"]["terms"] == terms
        found = await ask("{ receiptTerms { shown rooms members } }")
        assert found["data"]["receiptTerms"] == terms
        refused = await ask(asking, id=said)
        assert refused["errors"][0]["extensions"]["code"] == "receipts.hidden"
        missing = await ask(asking, id="nothing")
        assert missing["errors"][0]["extensions"]["code"] == "message.not_found"


async def test_a_subscription_tells_how_many_have_read_and_ends_with_its_connection() -> None:
    text = "subscription ($id: ID!) { messageReadCount(messageId: $id) { messageId readCount ofCount } }"
    async with running("receipts", "graphql") as chat:
        ada, bob, cat, dan = [await chat.user(name) for name in ("ada", "bob", "cat", "dan")]
        lounge = await ada.create_room("Lounge", kind=RoomKind.PRIVATE, members=[bob, cat])
        said = (await ada.post(lounge, "said")).id
        async with Speaker(chat.port) as speaker:
            await speaker.init(ada.token)
            speaker.subscribe("1", text, id=said)
            speaker.subscribe("2", text, id=said)

            async def told(name: str) -> Any:
                return (await speaker.data(name))["messageReadCount"]

            count = {"messageId": said, "readCount": 0, "ofCount": 2}
            assert [await told("1"), await told("2")] == [count, count]
            await read(bob, said)
            assert [await told("1"), await told("2")] == [{**count, "readCount": 1}] * 2
            speaker.complete("2")
            await read(cat, said)
            assert await told("1") == {**count, "readCount": 2}
            await speaker.silent("2")
        async with Speaker(chat.port) as speaker:
            await speaker.init(dan.token)
            speaker.subscribe("1", text, id=said)
            assert await speaker.error_code("1") == "message.not_found"
        await read(bob, (await ada.post(lounge, "more")).id)
        await until(lambda: not plugin_of(chat).read_rooms)  # nobody watches any more
