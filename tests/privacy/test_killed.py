"""kill -9 in the middle of edits, of a removal of old messages, and of an erasure, on each store: it goes on."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pymongo
import pytest

from chatserver import RoomKind, Store, UserRef
from chatserver.model import AnyEvent, EventRemoved, MessageEdited, MessagePosted
from chatserver.privacy.rewriting import Erased
from chatserver.service import removal
from chatserver.service.service import Service
from chatserver.testing.samples import posted
from chatserver_plugins.mongo import MongoStore
from tests.core.checker import replaced
from tests.core.nodes import add_user, config, make_service, running
from tests.killing import STORES, Kept, kept_store, killed

MESSAGES, KILLS = 120, 8
BY = UserRef("retention", "Retention")
LATER = "2100-01-01T00:00:00.000Z"
BEGINNING = """
import asyncio, random, sys
from chatserver import UserRef
from chatserver.model import MessagePosted
from chatserver.privacy.rewriting import Erased
from chatserver.service import expiry, removal
from tests.core.nodes import config, make_service, running

removal.SETTLED_SECONDS = 0.0
expiry.EVENTS, expiry.PART = 10, 30  # small parts, so that many places are met

async def main():
    store = make()
    await store.open()
    async with running(make_service(store, config())) as service:
        print("begun", flush=True)
        await work(service, store)
        print("over", flush=True)

async def messages(service, store):
    room = (await store.list_rooms("", 1))[0]
    room = await service.rooms.get(room)
    log = await store.read(room.id, 0, 10_000)
    return room, [each for each in log if isinstance(each, MessagePosted)]
"""
EDITS = """
async def work(service, store):
    room, found = await messages(service, store)
    chance = random.Random()
    anna = await service.accounts.by_name("anna")
    while True:
        message = chance.choice(found)
        try:
            if chance.random() < 0.2:
                await service.messages.delete(anna, room, message.id)
            else:
                await service.messages.edit(anna, room, message.id, f"quincemark {chance.random()}")
        except Exception as error:
            if "not_found" not in str(error):
                raise
        print("done", flush=True)
"""
EXPIRY = """
async def work(service, store):
    room, found = await messages(service, store)
    by = UserRef("retention", "Retention")
    while not (await service.expiry.expire(room.id, "2100-01-01T00:00:00.000Z", by, most=30)).is_done:
        print("done", flush=True)
"""
ERASURE = """
async def work(service, store):
    anna = await service.accounts.by_name("anna")
    if anna is not None:
        await service.removal.delete("anna", mode=Erased.REDACT)
    print("done", flush=True)
    await service.removal.settle()
    print("done", flush=True)
    await service.removal.finish()
"""
END = "\nasyncio.run(main())\n"


@pytest.fixture(params=STORES)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    kept = kept_store(request, tmp_path)
    if request.param != "mongo":
        yield kept
        return
    uri, limit = request.getfixturevalue("replica_set").uri, "transactionLifetimeLimitSeconds"
    with pymongo.MongoClient[dict[str, Any]](uri) as client:
        # A transaction of a killed program ends by itself, usually after a minute.
        client.admin.command({"setParameter": 1, limit: 1})
        yield kept
        client.admin.command({"setParameter": 1, limit: 60})


async def opened(kept: Kept) -> Any:
    store = kept.make()
    await store.open()
    return store


async def fill(kept: Kept) -> str:
    """A room with messages, each with a marker; returns its id."""
    store = await opened(kept)
    async with running(make_service(store, config())) as service:
        anna = await add_user(service, "anna")
        room = await service.rooms.create(anna, RoomKind.PUBLIC, "room")
        log = [
            posted(room.id, seq, author=anna.id, body=f"quincemark {seq}")
            for seq in range(room.head + 1, room.head + 1 + MESSAGES)
        ]
        assert (await store.append(log)).conflict is None
        await service.indexer.catch_up()
    await store.close()
    return room.id


async def texts(store: Store, room: str) -> list[str]:
    """The texts in the log, an empty one for each event that is removed."""
    log = await store.read(room, 0, 10_000)
    kinds = MessagePosted | MessageEdited | EventRemoved
    return [getattr(each, "body", "") for each in log if isinstance(each, kinds)]


def without_text(log: Sequence[AnyEvent]) -> set[int]:
    said = [each for each in log if isinstance(each, MessagePosted | MessageEdited)]
    return {each.seq for each in said if each.redacted}


async def test_no_edit_is_there_with_the_text_that_it_replaced(kept: Kept) -> None:
    room = await fill(kept)
    chance, done = random.Random(5), 0
    for _ in range(KILLS):
        lines = killed(
            kept.source + BEGINNING + EDITS + END, lines=2 + chance.randrange(8), chance=chance
        )
        done += lines.count("done")
        store = await opened(kept)
        log = await store.read(room, 0, 10_000)
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        assert without_text(log) <= replaced(log)
        if isinstance(store, MongoStore):  # removes a text right after the change that replaces it
            async with running(make_service(store, config())) as service:
                await service.replaced_texts.remove()
            log = await store.read(room, 0, 10_000)
        assert without_text(log) == replaced(log)
        await store.close()
    assert done > KILLS, "it never came far"


async def test_a_removal_of_old_messages_goes_on(kept: Kept) -> None:
    room = await fill(kept)
    chance = random.Random(6)
    for number in range(KILLS):
        lines = killed(kept.source + BEGINNING + EXPIRY + END, lines=1 + number % 3, chance=chance)
        store = await opened(kept)
        found = await texts(store, room)
        left = found.index("quincemark 3") if "quincemark 3" in found else 0
        assert all(not body for body in found[:left]), "it goes in the order of the log"
        await store.close()
        if "over" in lines:
            break
    await finished(kept, room, expires=True)


async def test_an_erasure_goes_on(kept: Kept) -> None:
    room = await fill(kept)
    chance = random.Random(7)
    for number in range(KILLS):
        lines = killed(kept.source + BEGINNING + ERASURE + END, lines=1 + number % 3, chance=chance)
        if "over" in lines:
            break
    await finished(kept, room, expires=False)


async def finished(kept: Kept, room: str, *, expires: bool) -> None:
    """Another server does what is left; then the log and the index are without the markers."""
    removal_seconds, removal.SETTLED_SECONDS = removal.SETTLED_SECONDS, 0.0
    store = await opened(kept)
    try:
        async with running(make_service(store, config())) as service:
            await (_expire(service, room) if expires else _erase(service))
            assert set(await texts(store, room)) == {""}
            anna = await add_user(service, "reader")
            found = await service.rooms.get(room)
            assert not (await service.history.page(anna, found)).messages or not expires
            heads = await store.heads([room])
            assert heads[room] >= MESSAGES
    finally:
        await store.close()
        removal.SETTLED_SECONDS = removal_seconds


async def _expire(service: Service, room: str) -> None:
    while not (await service.expiry.expire(room, LATER, BY, most=1000)).is_done:
        pass


async def _erase(service: Service) -> None:
    if await service.accounts.by_name("anna") is not None:
        await service.removal.delete("anna", mode=Erased.REDACT)
    await service.removal.settle()
    await service.removal.finish()
    assert await service.accounts.by_name("anna") is None
