"""A search does not delay others: they get their turns, and its pages end in time."""

import asyncio
from time import thread_time

import pytest

from chatserver.model import AnyEvent, RoomKind, User
from chatserver.search import effort
from chatserver.search.effort import Effort, Turns
from chatserver.service.service import Service
from chatserver.testing.samples import described, joined, posted
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import add_user, config, make_service, running
from tests.effort import bound, without_collector

MESSAGES = 60
SLOW = "\ufdfa" * 8000  # each stands for eighteen characters: it takes 10 ms to be looked at


async def fill(store: MemoryStore, user: User, body: str, messages: int = MESSAGES) -> None:
    log: list[AnyEvent] = [described("room", 1, RoomKind.PRIVATE), joined("room", 2, user.id)]
    log += [posted("room", seq, body=body) for seq in range(3, messages + 3)]
    await store.append(log)


async def longest_turn(task: "asyncio.Task[object]") -> float:
    """The longest processor time, in seconds, without a turn for others."""
    longest = 0.0
    with without_collector():
        while not task.done():
            began = thread_time()
            await asyncio.sleep(0)
            longest = max(longest, thread_time() - began)
    await task
    return longest


async def pages(service: Service, user: User, text: str) -> list[list[str]]:
    found = []
    cursor = None
    while True:
        page = await service.search.find(user, text, None, cursor, 50)
        found.append([message.id for message in page.messages])
        if page.cursor is None:
            return found
        assert page.cursor != cursor, "it goes on"
        cursor = page.cursor


@pytest.mark.parametrize("indexed", [True, False])
async def test_others_get_their_turn_while_long_texts_are_looked_at(
    indexed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole search takes 500 ms, and a turn 25."""
    monkeypatch.setattr(effort, "SECONDS", 60.0)
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user = await add_user(service, "ada")
        await fill(store, user, SLOW, 24)
        if indexed:
            await service.indexer.catch_up()
        search = asyncio.ensure_future(service.search.find(user, '"صلى وسلم"', None, None, 50))
        assert await longest_turn(search) < bound(0.1)


async def test_a_page_ends_when_its_time_is_over_and_the_next_one_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        user = await add_user(service, "ada")
        await fill(store, user, "more words than one")
        await service.indexer.catch_up()
        everything = [f"room-{seq}" for seq in range(MESSAGES + 2, 2, -1)]
        assert len(await pages(service, user, '"words than"')) == 2
        assert len(await pages(service, user, '"words more"')) == 1
        monkeypatch.setattr(effort, "SECONDS", 0.0)
        found = await pages(service, user, '"words than"')
        assert [id for page in found for id in page] == everything
        found = await pages(service, user, '"words more"')
        assert len(found) > 2
        assert not any(found)


async def test_turns_are_measured_in_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "SLICE_SECONDS", 0.0)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(others())
    try:
        spent = Effort(Turns())
        assert [item async for item in spent.each(range(5))] == [0, 1, 2, 3, 4]
        assert turns >= 5
        assert not spent.is_spent
        monkeypatch.setattr(effort, "SECONDS", 0.0)
        assert spent.is_spent
    finally:
        task.cancel()


async def test_many_searches_take_no_longer_turns_than_one() -> None:
    """Twenty searches of 10 ms: in one turn they would take 200 ms."""
    turns, running = Turns(), []

    async def search() -> None:
        began = -1.0
        async for _ in Effort(turns).each(range(6)):
            until = thread_time() + 0.01
            while thread_time() < until:
                pass
            began = until
        assert began > 0

    running = asyncio.gather(*(search() for _ in range(20)))
    assert await longest_turn(asyncio.ensure_future(running)) < bound(0.1)


async def test_a_search_that_is_given_up_holds_nobody_up() -> None:
    turns = Turns()
    given_up, other = (asyncio.create_task(turns.take()) for _ in range(2))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait_for(other, 30)
    await asyncio.wait_for(turns.take(), 30)


async def test_rooms_with_few_new_messages_share_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, take = [], Turns.take

    async def counted(turns: Turns) -> None:
        taken.append(turns)
        await take(turns)

    monkeypatch.setattr(Turns, "take", counted)
    monkeypatch.setattr(effort, "SLICE_SECONDS", 60.0)
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user = await add_user(service, "ada")
        for number in range(100):
            room, body = f"room{number}", f"{'even' if number % 2 else 'odd'} text"
            log = [described(room, 1, RoomKind.PRIVATE), joined(room, 2, user.id)]
            await store.append([*log, posted(room, 3, body=body)])
        found = await pages(service, user, "even")
        assert sorted(id for page in found for id in page) == sorted(
            f"room{number}-3" for number in range(1, 100, 2)
        )
    assert 0 < len(taken) < 20
