"""An erased account is out of the log, of memory and of every read path, on all nodes, also after a crash."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from chatserver import ChatError, Room, RoomKind, StoreUnavailable
from chatserver.interfaces import Store
from chatserver.model import AnyEvent, MessagePosted, PluginEvent, UserRef
from chatserver.privacy.erasures import DUE, SPACE, Erasure, encode
from chatserver.privacy.rewriting import Erased
from chatserver.runtime.clock import Clock
from chatserver.service import removal
from chatserver.testing.running import Chat, Person, running
from chatserver.testing.samples import posted
from chatserver_plugins.groups.views import NewGroup
from tests.plugins.nodes import two_nodes
from tests.waiting import until

NAME = "Quincy Plumfield"
SETTINGS = {"limits.registrations_per_hour": 0}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other node of these tests has accepted a message meanwhile."""
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.0)


class Scene:
    """Somebody with messages in two rooms, and others who mention and answer them."""

    def __init__(self, chat: Chat, ada: Person, eve: Person, room: Room, other: Room) -> None:
        self.chat, self.ada, self.eve, self.room, self.other = chat, ada, eve, room, other
        self.said: list[MessagePosted] = []

    async def log(self) -> list[AnyEvent]:
        store = self.chat.service.store
        return [
            event
            for room in (self.room.id, self.other.id)
            for event in await store.read(room, 0, 1000)
        ]

    async def text(self) -> str:
        return msgspec.json.encode(await self.log()).decode()

    async def erase(self, mode: Erased | None = None) -> None:
        await self.chat.service.removal.delete(self.ada.user.username, mode=mode)
        await self.chat.service.removal.settle()

    async def shown(self) -> str:
        """What eve reads of both rooms, by every path of HTTP."""
        found = b""
        for room in (self.room.id, self.other.id):
            for path in ("messages", "events?after=0", "members", ""):
                found += (await self.eve.http("GET", f"/api/v1/rooms/{room}/{path}")).body
        return found.decode()


@asynccontextmanager
async def playing() -> AsyncIterator[Scene]:
    async with running(settings=SETTINGS) as chat:
        yield await made(chat)


async def made(chat: Chat) -> Scene:
    await chat.user("owner")
    ada, eve = await chat.user("plum"), await chat.user("eve")
    user = await chat.service.accounts.rename("plum", name=NAME)
    ada.user = user
    room = await ada.create_room("tea")
    await eve.join(room)
    other = await eve.create_room("cake", kind=RoomKind.PRIVATE, members=[ada])
    scene = Scene(chat, ada, eve, room, other)
    for where in (room, other):
        first = await ada.post(where, "first quincemark")
        scene.said.append(first)
        await chat.service.messages.edit(ada.user, where, first.id, "second quincemark")
        await chat.service.messages.react(ada.user, where, first.id, "🙂")
        await eve.post(where, "hello @plum, and @PLUM, not @plums nor me@plum.example")
        await eve.post(where, "the name is @eve")
    return scene


async def test_the_name_goes_and_the_texts_stay() -> None:
    async with playing() as scene:
        before = await scene.log()
        assert NAME in await scene.text()
        await scene.erase()
        after, text = await scene.log(), await scene.text()
        left = {(each.room, each.seq): each for each in after}
        for each in before:  # after them is that the person left
            same = left[each.room, each.seq]
            assert (type(each), each.at, each.author.id) == (type(same), same.at, same.author.id)
        assert NAME not in text
        assert {each.author.name for each in after if each.author.id == scene.ada.id} == {""}
        assert "second quincemark" in text
        assert "hello @deleted, and @deleted, not @plums nor me@plum.example" in text
        assert "the name is @eve" in text


async def test_what_people_read_has_no_name_any_more() -> None:
    async with playing() as scene:
        assert NAME in await scene.shown()
        await scene.erase()
        shown = await scene.shown()
        assert NAME not in shown
        assert "@plum," not in shown
        assert "second quincemark" in shown


async def test_the_texts_go_too_if_that_is_wanted() -> None:
    async with playing() as scene:
        await scene.erase(Erased.REDACT)
        assert "quincemark" not in await scene.text()
        assert "quincemark" not in await scene.shown()
        assert NAME not in await scene.shown()


@pytest.mark.parametrize("mode", Erased)
async def test_quotes_of_them_in_what_others_forwarded_go_with_it(mode: Erased) -> None:
    async with playing() as scene:
        elsewhere = await scene.eve.create_room("where plum never was", kind=RoomKind.PRIVATE)
        others = await scene.eve.post(scene.room, "of eve")
        quote = "Look at that\n\n> **{}**\n>\n> {}\n\nhttps://chat.example/m/{}"
        theirs = await scene.eve.post(
            elsewhere, quote.format(NAME, "a quincemark of old", scene.said[0].id)
        )
        own = await scene.eve.post(elsewhere, quote.format("Eve", "a plumcake", others.id))
        await scene.erase(mode)
        bodies = {
            each.id: each.body
            for each in await scene.chat.service.store.messages(elsewhere.id, None, 10)
        }
        kept = (
            "> **deleted**" if mode is Erased.REDACT else "> **deleted**\n>\n> a quincemark of old"
        )
        assert bodies == {
            theirs.id: f"Look at that\n\n{kept}\n\nhttps://chat.example/m/{scene.said[0].id}",
            own.id: own.body,
        }


async def test_the_files_go_with_the_texts_alone() -> None:
    async with running("disk_blobs", settings=SETTINGS) as chat:
        scene = await made(chat)

        async def content() -> AsyncIterator[bytes]:
            yield b"plum"

        kept = await chat.service.blobs.take(scene.eve.id, content())
        gone = await chat.service.blobs.take(scene.ada.id, content())
        await chat.service.blobs.refer(gone.id, "a message")
        await scene.erase(Erased.REDACT)
        assert (await chat.service.blobs.get(kept.id)).id == kept.id
        with pytest.raises(ChatError, match=r"blob\.not_found"):
            await chat.service.blobs.get(gone.id)


async def test_an_account_that_is_deleted_already_is_erased_again() -> None:
    async with playing() as scene:
        await scene.erase()
        assert "quincemark" in await scene.text()
        shell = await scene.chat.service.accounts.get(scene.ada.id)
        await scene.chat.service.removal.erase(shell, mode=Erased.REDACT)
        assert "quincemark" not in await scene.text()


async def test_words_that_are_gone_leave_the_index_and_the_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with playing() as scene:
        cleaned: dict[str, list[int]] = {}
        scrubbed: list[bool] = []
        store = scene.chat.service.store

        class Cleaner:
            async def note(self, room: str, seqs: list[int]) -> None: ...

            async def clean(self, room: str, seqs: list[int]) -> int:
                cleaned.setdefault(room, []).extend(seqs)
                return 0

        async def scrub(store: Store) -> None:
            scrubbed.append(True)

        monkeypatch.setattr(scene.chat.service.removal._erasing, "_cleanings", Cleaner())
        monkeypatch.setattr(removal, "scrub", scrub)
        changed = {
            (event.room, event.seq)
            for event in await scene.log()
            if isinstance(event, MessagePosted) and "@plum," in event.body
        }
        await scene.erase()
        assert {(room, seq) for room, seqs in cleaned.items() for seq in seqs} == changed
        assert len(changed) == 2
        assert scrubbed == [True]
        assert await store.list_rooms("", 10) == sorted(cleaned)


@pytest.mark.parametrize("mode", list(Erased))
async def test_each_room_that_had_something_says_so_to_those_who_copy_its_log(mode: Erased) -> None:
    async with playing() as scene:
        untouched = await scene.eve.create_room("biscuits")
        await scene.erase(mode)
        told = [each for each in await scene.log() if isinstance(each, PluginEvent)]
        assert [each.room for each in told] == [scene.room.id, scene.other.id]
        for each in told:
            assert (each.type, each.author) == ("chatserver.erased", UserRef(scene.ada.id, ""))
            assert each.payload == {"user": scene.ada.id, "messages": mode.value}
        rest = await scene.chat.service.store.read(untouched.id, 0, 100)
        assert not [each for each in rest if isinstance(each, PluginEvent)]
        shell, log = await scene.chat.service.accounts.get(scene.ada.id), await scene.log()
        for _ in range(2):  # the first may find names that nobody has
            before, log = log, await scene.log()
            await scene.chat.service.removal.erase(shell, mode=mode)
        assert await scene.log() == log, "nothing is found, and nobody told"
        assert [each for each in before if isinstance(each, PluginEvent)] == told


async def test_a_room_is_told_before_anything_is_gone_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that it is told, however a crash falls: where nothing is found any more, nobody is told."""
    async with playing() as scene:
        broken = Breaking(scene.chat.service.store)
        monkeypatch.setattr(scene.chat.service.removal._erasing, "_store", broken)
        await scene.erase()
        assert NAME in await scene.text()
        assert [each.room for each in await scene.log() if isinstance(each, PluginEvent)] == [
            scene.room.id
        ]


async def test_a_deleted_room_is_not_told() -> None:
    async with playing() as scene:
        owner = await scene.chat.service.accounts.get(scene.eve.id)
        await scene.chat.service.rooms.delete(owner, scene.other)
        await scene.chat.service.rooms.deletion.settle()
        await scene.erase()
        told = [each.room for each in await scene.log() if isinstance(each, PluginEvent)]
        assert told == [scene.room.id]
        assert NAME not in await scene.text()


async def test_words_leave_the_index_also_if_a_crash_comes_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The texts have changed then, and nothing is left in the log by which the words would be found."""
    async with playing() as scene:
        service = scene.chat.service
        room = await scene.eve.create_room("jam", members=[scene.ada])
        await scene.ada.post(room, "damsonmark")  # nobody edits it: the job finds edits
        for number in range(20):  # the index has whole pieces of the log
            await scene.eve.post(room, f"name {number}")
        await service.indexer.catch_up()
        assert "damsonmark" in repr(service.store._index)  # type: ignore[attr-defined]

        clean = service.removal._erasing._cleanings.clean

        async def crash(where: str, seqs: list[int]) -> int:
            if where == room.id:
                raise StoreUnavailable
            return await clean(where, seqs)

        with monkeypatch.context() as patched:
            patched.setattr(service.removal._erasing._cleanings, "clean", crash)
            await scene.erase(Erased.REDACT)
        await service.removal.finish()
        monkeypatch.setattr(scene.chat.service.removal._erasing._cleanings, "_clock", Later())
        await service.replaced_texts.remove()
        index = repr(service.store._index)  # type: ignore[attr-defined]
        assert "damsonmark" not in index
        assert "name" in index, "what others said is found"


class Later(Clock):
    """The clock of an hour later."""

    def now(self) -> float:
        return super().now() + 3600.0


async def test_the_setting_says_what_becomes_of_messages() -> None:
    async with running(settings=SETTINGS | {"privacy.erased_messages": "redact"}) as chat:
        scene = await made(chat)
        await scene.erase()
        assert "quincemark" not in await scene.text()


async def test_the_search_finds_nothing_that_should_not_be() -> None:
    async with playing() as scene:
        await scene.erase()
        search = scene.chat.service.privacy.search
        places = [each async for each in search.places(scene.ada.id, [NAME])]
        assert [each for each in places if not each.stays] == []


async def test_names_of_others_in_the_same_text_stay() -> None:
    async with playing() as scene:
        await scene.chat.user("mallory")
        body = "@plum @eve @mallory @here @room"
        await scene.eve.post(scene.other, body)
        await scene.erase()
        assert "@deleted @eve @mallory @here @room" in await scene.text()


async def test_a_former_name_in_a_mention_goes_and_a_group_stays() -> None:
    async with running("groups", settings=SETTINGS) as chat:
        scene = await made(chat)
        owner = await chat.service.accounts.named("owner")
        await scene.chat.service.accounts.rename("plum", "damson")
        scene.ada.user = await chat.service.accounts.named("damson")
        desk = next(e.instance for e in chat._server._plugins.all if e.name == "groups")._desk
        await desk.make(owner, "127.0.0.1", NewGroup(name="fruit", members=(scene.ada.id,)))
        await scene.eve.post(scene.other, "@fruit and @damson")
        await scene.erase()
        text = await scene.text()
        assert "@fruit and @deleted" in text
        assert "@plum," not in text


async def test_who_gets_the_user_name_later_keeps_their_mentions() -> None:
    async with playing() as scene:
        await scene.chat.service.removal.delete("plum")
        await scene.chat.service.removal.settle()
        new = await scene.chat.user("plum")
        await new.join(scene.room)
        await scene.eve.post(scene.room, "welcome @plum")
        await scene.chat.service.removal.finish()
        assert "welcome @plum" in await scene.text()


async def test_an_interrupted_erasure_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing() as scene:
        service = scene.chat.service
        broken = Breaking(service.store)
        monkeypatch.setattr(service.removal._erasing, "_store", broken)
        await service.removal.delete("plum")
        await service.removal.settle()
        assert NAME in await scene.text()
        with pytest.raises(ChatError):
            await service.removal.finish()
        broken.works = True
        await service.removal.finish()
        assert NAME not in await scene.text()
        assert [key async for key in keys(service.store)] == [
            f"done/{service.epoch}/{scene.ada.id}"
        ]


async def test_a_plugin_that_fails_does_not_stop_it_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with playing() as scene:
        service = scene.chat.service
        parts = service.privacy.parts

        async def fail(user: str) -> None:
            raise ChatError("plugin.failed")

        monkeypatch.setattr(parts, "erase", fail)
        with pytest.raises(ChatError):
            await service.removal.delete("plum")
        monkeypatch.undo()
        monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.0)
        await service.removal.finish()
        assert NAME not in await scene.text()
        assert await service.accounts.by_name("plum") is None


async def test_the_last_owner_stays_and_nothing_is_erased() -> None:
    async with running(settings=SETTINGS) as chat:
        owner = await chat.user("owner")
        room = await owner.create_room("tea")
        with pytest.raises(ChatError, match=r"user\.last_owner"):
            await chat.service.removal.delete("owner")
        await chat.service.removal.finish()
        (first, *_) = await chat.service.store.read(room.id, 0, 10)
        assert first.author.name == "owner"
        assert [key async for key in keys(chat.service.store)] == []


async def test_a_restored_store_is_erased_again() -> None:
    async with playing() as scene:
        before = await scene.log()
        await scene.erase()
        service = scene.chat.service
        after = await scene.log()
        await service.store.replace(list(zip(after, before, strict=False)))
        assert NAME in await scene.text()
        await service.store.put("meta", "epoch", b"another")
        await service.removal.finish()
        text = await scene.text()
        assert NAME not in text
        assert "@plum," not in text


async def test_a_bots_messages_keep_its_name() -> None:
    async with playing() as scene:
        chat = scene.chat
        bot = await chat.service.accounts.bot("tests/x", "robot", "Robot")
        await chat.service.removal.delete(bot.username)
        await chat.service.removal.settle()
        assert [key async for key in keys(chat.service.store)] == []


async def keys(store: Store) -> AsyncIterator[str]:
    for key, _ in await store.scan("erasure", ""):
        yield key


class Breaking:
    """A store whose log cannot be replaced for a while."""

    def __init__(self, store: Store) -> None:
        self._store, self.works = store, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def replace(self, pairs: Any) -> int:
        await asyncio.sleep(0)
        if not self.works:
            raise ChatError("store.unavailable")
        return await self._store.replace(pairs)


async def test_another_node_forgets_what_it_had_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_nodes(monkeypatch, "saved") as (first, second):
        scene = await made(first)
        async with following(second, scene.eve, scene.room):
            token = scene.eve.token

            async def shown() -> str:
                path = f"/api/v1/rooms/{scene.room.id}"
                pages = [
                    await second.http("GET", f"{path}{each}", token=token)
                    for each in ("/messages", "/events?after=0", "/members", "")
                ]
                return b"".join(page.body for page in pages).decode()

            assert NAME in await shown()
            await scene.erase()

            async def is_gone() -> bool:
                return NAME not in await shown()

            await until(is_gone)
            assert "second quincemark" in await shown()


@asynccontextmanager
async def following(chat: Chat, person: Person, room: Room) -> AsyncIterator[None]:
    """A connection that follows the room on a node, so that this keeps it in memory."""
    headers = {"Authorization": f"Bearer {person.token}"}
    request = HTTPRequest(f"ws://127.0.0.1:{chat.port}/ws", headers=headers)
    socket = await websocket_connect(request, subprotocols=["chat.v1"])
    await socket.write_message(json.dumps({"id": 1, "op": "sub", "rooms": {room.id: 0}}))
    answer: dict[str, Any] = {}
    while answer.get("re") != 1:
        answer = json.loads(await socket.read_message() or "null")
    assert "ok" in answer
    try:
        yield
    finally:
        socket.close()


async def test_a_name_that_a_restore_brought_back_without_its_account_is_freed() -> None:
    """The moment may lie between the end of an account and that of its name."""
    async with playing() as scene:
        await scene.erase()
        store, user = scene.chat._server.store, scene.ada.user.id
        head = (await store.heads([scene.room.id]))[scene.room.id]
        said = posted(scene.room.id, head + 1, body="hello @plum", mentions=(user,))
        assert (await store.append([said])).conflict is None
        await store.put("username", "plum", user.encode())
        again = Erasure(mode=Erased.ANONYMISE, at=time.time(), again=True)
        await store.put(SPACE, f"{DUE}{user}", encode(again))
        await scene.chat.service.removal.finish()
        (kept,) = await store.posted([(scene.room.id, head + 1)])
        assert kept.body == "hello @deleted"
        assert await store.get("username", "plum") is None
