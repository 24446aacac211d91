"""Who watches large rooms is found without asking all of their members, and nobody who watches is passed over."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from chatserver.hooks.telling import Why
from chatserver.interfaces import Store
from chatserver.model import MessagePosted, RoomKind, ServerRole, User
from chatserver.roomlog.room import Room
from chatserver.service import watchers
from chatserver.service.notifying import concern
from chatserver.service.preferences import PreferencesChange
from chatserver.service.service import Service
from chatserver.service.watchers import SPACE, WORDS, Watchers
from chatserver_plugins.memory import MemoryStore
from tests.core.loginmethods import Turns
from tests.core.nodes import add_user, config, make_service, running

WATCHED, IDLE = PreferencesChange(watched=True), PreferencesChange(watched=False)


@pytest.fixture(autouse=True)
def every_room_is_large_and_pages_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concern, "ALL_ASKED", 0)
    monkeypatch.setattr(watchers, "PAGE", 2)


class Asked:
    """Tells whom a message concerns, and notes which members had to be asked."""

    def __init__(self, service: Service) -> None:
        self._service, self.members = service, list[str]()

    async def of(self, room: Room, author: User, body: str) -> dict[str, Why]:
        client_id = secrets.token_hex(8)
        message, _ = await self._service.messages.post(author, room, client_id, body)
        (event,) = await self._service.store.read(room.id, message.seq - 1, 1)
        assert isinstance(event, MessagePosted)
        (found,) = await self._service.notifying.concerned([event], self._among, self._having)
        return dict(found.users)

    async def _among(self, users: Iterable[str]) -> list[str]:
        self.members = sorted(users)
        return self.members

    async def _having(self, users: Sequence[str]) -> set[str]:
        return set(users)


@asynccontextmanager
async def lounge(store: Store, members: int = 6) -> AsyncIterator[tuple[Service, Room, list[User]]]:
    async with running(make_service(store, config())) as service:
        names = [f"user{number}" for number in range(members)]
        users = [await add_user(service, name, ServerRole.MEMBER) for name in names]
        room = await service.rooms.create(users[0], RoomKind.PUBLIC, "Lounge")
        for user in users[1:]:
            await service.rooms.join(user, room)
        yield service, room, users


async def test_only_those_who_watch_or_want_words_are_asked() -> None:
    async with lounge(MemoryStore()) as (service, room, users):
        author, watcher, word, both, stranger, _ = users
        other = await service.rooms.create(stranger, RoomKind.PUBLIC, "Other")
        await service.preferences.set(stranger, other, WATCHED)
        outside = await add_user(service, "outside", ServerRole.MEMBER)
        await service.preferences.account.change(outside, {WORDS: "tea"})
        await service.preferences.watchers.mend()
        asked = Asked(service)
        assert (await asked.of(room, author, "Tea?"), asked.members) == ({}, [])
        for user in (watcher, both):
            await service.preferences.set(user, room, WATCHED)
        for user in (word, both):
            await service.preferences.account.change(user, {WORDS: "tea\ncake", "theme": "dark"})
        assert await asked.of(room, author, "Tea?") == {
            watcher.id: Why.WATCHED,
            both.id: Why.WATCHED,
            word.id: Why.WORD,
        }
        assert asked.members == sorted([watcher.id, word.id, both.id])

        await service.preferences.set(both, room, IDLE)
        await service.preferences.account.change(word, {WORDS: None})
        concerned = {watcher.id: Why.WATCHED, both.id: Why.WORD}
        assert await asked.of(room, author, "Tea?") == concerned
        await service.preferences.set(watcher, room, IDLE)
        await service.preferences.account.change(both, {WORDS: ""})
        await service.preferences.watchers.mend()
        assert (await asked.of(room, author, "Tea?"), asked.members) == ({}, [])


async def test_until_the_first_run_of_the_job_all_are_asked_and_then_those_of_before_it() -> None:
    store = MemoryStore()
    async with lounge(store) as (service, room, users):
        await service.preferences.set(users[1], room, WATCHED)
        await service.preferences.set(users[2], room, PreferencesChange(favourite=True))
        await service.preferences.account.change(users[3], {WORDS: "tea"})
        await service.preferences.account.change(users[4], {"theme": "dark"})
        for key, _ in await store.scan(SPACE, ""):  # as an older version has left it
            await store.delete(SPACE, key)
        asked = Asked(service)
        concerned = {users[1].id: Why.WATCHED, users[3].id: Why.WORD}
        assert await asked.of(room, users[0], "Tea?") == concerned
        assert asked.members == sorted(user.id for user in users)
        await service.preferences.watchers.mend()
        assert await asked.of(room, users[0], "Tea?") == concerned
        assert asked.members == sorted(concerned)


async def test_small_rooms_are_asked_without_a_look_at_the_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concern, "ALL_ASKED", 6)
    async with lounge(MemoryStore()) as (service, room, users):
        await service.preferences.watchers.mend()
        asked = Asked(service)
        await asked.of(room, users[0], "Tea?")
        assert asked.members == sorted(user.id for user in users)


async def test_who_wants_words_is_known_on_all_nodes_and_read_again_only_after_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()
    async with lounge(store) as (service, _, users), running(make_service(store, config())) as far:
        scans: list[str] = []

        async def scan(space: str, prefix: str, *rest: Any) -> list[tuple[str, bytes]]:
            scans.append(prefix)
            return await MemoryStore.scan(store, space, prefix, *rest)

        monkeypatch.setattr(store, "scan", scan)
        known = service.preferences.watchers.with_words
        assert await known() == set()
        for user in users[:3]:
            await far.preferences.account.change(user, {WORDS: "tea"})
            assert user.id in await known()
            scans.clear()
            assert user.id in await known()
            assert scans == []
        assert await known() == {user.id for user in users[:3]}


async def test_an_account_takes_its_notes_with_it() -> None:
    store = MemoryStore()
    async with lounge(store) as (service, room, users):
        for user in users[1:3]:
            await service.preferences.set(user, room, WATCHED)
            await service.preferences.account.change(user, {WORDS: "tea"})
        await service.removal.delete(users[1].username)
        keys = [key for key, _ in await store.scan(SPACE, "")]
        assert keys == [f"room/{room.id}/{users[2].id}", "words", f"words/{users[2].id}"]


class Removing:
    """A way to the store for the job: it sees no preferences of whom it could add."""

    def __init__(self, store: Any) -> None:
        self._behind = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)

    async def scan(self, space: str, *rest: Any) -> list[tuple[str, bytes]]:
        return await self._behind.scan(space, *rest) if space == SPACE else []


@pytest.mark.parametrize("seed", range(60))
async def test_whoever_watches_is_known_whatever_is_removed_or_read_meanwhile(seed: int) -> None:
    dice = random.Random(seed)
    store = MemoryStore()
    async with (
        lounge(store, members=3) as (_, room, users),
        running(make_service(Turns(store, seed), config())) as near,
        running(make_service(Turns(store, -seed), config())) as far,
    ):

        async def device(user: User, node: Service, other: Service) -> None:
            there = await node.rooms.get(room.id)
            for _ in range(20):
                watched, words = dice.random() < 0.5, dice.choice(["tea", "cake", None])
                await node.preferences.set(user, there, WATCHED if watched else IDLE)
                await node.preferences.account.change(user, {WORDS: words})
                if watched:
                    assert user.id in await other.preferences.watchers.of_room(room.id)
                if words:
                    assert user.id in await other.preferences.watchers.with_words()

        async def repeated(what: Callable[[], Awaitable[object]]) -> None:
            while True:
                await what()
                await asyncio.sleep(0)

        jobs = [Watchers(Removing(Turns(store, seed + number))).mend for number in (1000, 2000)]
        readers = [node.preferences.watchers.with_words for node in (near, far)]
        beside = [asyncio.create_task(repeated(each)) for each in (*jobs, *readers)]
        places = [(near, far), (far, near), (near, far)]
        await asyncio.gather(
            *(device(user, *place) for user, place in zip(users, places, strict=True))
        )
        for task in beside:
            task.cancel()


@pytest.mark.parametrize("broken_off", range(40))
async def test_whoever_watches_is_known_where_a_change_is_broken_off(broken_off: int) -> None:
    store = MemoryStore()
    async with (
        lounge(store) as (plain, room, users),
        running(make_service(Turns(store, broken_off), config())) as node,
    ):
        user, there = users[1], await node.rooms.get(room.id)
        index = Watchers(store)
        assert await index.with_words() == set()

        async def change() -> None:
            await node.preferences.set(user, there, WATCHED)
            await node.preferences.account.change(user, {WORDS: "tea"})

        task = asyncio.create_task(change())
        for _ in range(broken_off):
            await asyncio.sleep(0)
            if (await plain.preferences.of_rooms(user, [room.id]))[room.id].watched:
                assert user.id in await index.of_room(room.id)
            worded = await index.with_words()
            assert user.id in worded or not await plain.preferences.account.of(user)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
