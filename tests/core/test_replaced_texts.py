"""Texts that were replaced and left are removed from the log and the index: bounded, resumable, on any node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from chatserver.errors import StoreUnavailable
from chatserver.model import (
    AnyEvent,
    EditHistory,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    RoomChanged,
)
from chatserver.runtime.clock import Clock
from chatserver.service import cleanings, replaced
from chatserver.service.service import Service
from chatserver.testing.samples import described, event, joined, posted
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import FaultyStore, config, make_service, running

pytestmark = pytest.mark.virtual_time


class HandClock(Clock):
    """A clock that stands until it is moved on."""

    at = 1_800_000_000.0

    def now(self) -> float:
        return self.at


def description(room: str, seq: int, **fields: Any) -> RoomChanged:
    return msgspec.structs.replace(described(room, seq), **fields)


def old_log(room: str, **fields: Any) -> list[AnyEvent]:
    """As a server that removed nothing has left it: seqs 3, 5, 4, 7, 9 and 10 are replaced."""
    first, second = f"{room}-3", f"{room}-4"
    return [
        description(room, 1, **fields),
        joined(room, 2, "u2"),
        posted(room, 3, body="gone one"),
        posted(room, 4, body="gone two"),
        event(MessageEdited, room, 5, message=first, body="gone three"),
        posted(room, 6, body="stays"),
        event(MessageEdited, room, 7, message=second, body="gone four"),
        event(MessageEdited, room, 8, message=first, body="stays too"),
        posted(room, 9, body="gone five"),
        event(MessageEdited, room, 10, message=second, body="gone six"),
        event(MessageDeleted, room, 11, message=f"{room}-9"),
        event(MessageDeleted, room, 12, message=second),
        *(posted(room, seq, body=f"tail {seq}") for seq in range(13, 41)),
    ]


@asynccontextmanager
async def node(store: Any, clock: HandClock | None = None) -> AsyncIterator[Service]:
    async with running(make_service(store, config(), clock=clock or HandClock())) as service:
        yield service


async def texts(store: MemoryStore, room: str = "r") -> list[str]:
    log = await store.read(room, 0, 1000)
    return [
        each.body
        for each in log
        if isinstance(each, MessagePosted | MessageEdited) and not each.body.startswith("tail")
    ]


def indexed(store: MemoryStore, word: str) -> bool:
    return any(word.encode() in page.data for of in store._index.values() for page in of.values())


async def test_texts_that_an_older_server_replaced_are_removed_with_their_words() -> None:
    store = MemoryStore()
    await store.append([*old_log("r"), *old_log("q")])
    async with node(store) as service:
        await service.indexer.catch_up()
        assert indexed(store, "gone")
        await service.replaced_texts.remove()
        for room in ("r", "q"):
            assert await texts(store, room) == ["", "", "", "stays", "", "stays too", "", ""]
        assert not indexed(store, "gone")
        assert indexed(store, "stays")


async def test_in_a_room_that_shows_edits_they_stay_until_it_does_not() -> None:
    store = MemoryStore()
    await store.append(old_log("r", edit_history=EditHistory.MEMBERS))
    async with node(store) as service:
        await service.replaced_texts.remove()
        kept = ["gone one", "", "gone three", "stays", "", "stays too", "", ""]
        assert await texts(store) == kept, "only those of deleted messages go"
        await store.append([described("r", 41)])
        await service.replaced_texts.remove()
        assert await texts(store) == ["", "", "", "stays", "", "stays too", "", ""]


async def test_later_changes_of_old_messages_are_found_and_only_new_events_are_read() -> None:
    store = MemoryStore()
    await store.append(old_log("r"))
    async with node(store) as service:
        await service.replaced_texts.remove()
        late = [
            event(MessageEdited, "r", 41, message="r-3", body="stays now"),
            event(MessageDeleted, "r", 42, message="r-6"),
        ]
        await store.append(late)
        read: list[int] = []
        inner = store.read

        async def counted(room: str, after: int, limit: int) -> list[AnyEvent]:
            read.append(after)
            return await inner(room, after, limit)

        store.read = counted  # type: ignore[method-assign]
        await service.replaced_texts.remove()
        store.read = inner  # type: ignore[method-assign]
        assert min(read) >= 40, "the log is not read from its beginning"
        assert await texts(store) == ["", "", "", "", "", "", "", "", "stays now"]


async def test_a_part_of_the_index_that_was_being_made_is_cleaned_once_more() -> None:
    clock, store = HandClock(), MemoryStore()
    await store.append(old_log("r"))
    async with node(store, clock) as service:
        await service.indexer.catch_up()
        old = dict(store._index["r"])
        await service.replaced_texts.remove()
        store._index["r"] |= old  # what a node writes that had read the log before
        await service.replaced_texts.remove()
        assert indexed(store, "gone"), "it is not known yet who is still writing"
        clock.at += cleanings.SETTLED_SECONDS
        await service.replaced_texts.remove()
        assert not indexed(store, "gone")
        store._index["r"] |= old
        await service.replaced_texts.remove()
        assert indexed(store, "gone"), "this is done once, not for ever"


@pytest.mark.parametrize("calls", range(1, 14))
async def test_it_goes_on_where_it_was_after_a_crash_at_any_call(calls: int) -> None:
    store = MemoryStore()
    await store.append(old_log("r"))
    async with node(store) as service:
        await service.indexer.catch_up()
    faulty = FaultyStore(store)
    async with node(faulty) as service:
        await asyncio.sleep(0)
        faulty.arm([*[("", 0.0)] * calls, ("after" if calls % 2 else "before", 0.0)])
        try:
            await service.replaced_texts.remove()
        except StoreUnavailable:
            faulty.arm([])
            await service.replaced_texts.remove()
    assert await texts(store) == ["", "", "", "stays", "", "stays too", "", ""]
    assert not indexed(store, "gone")


async def test_a_deleted_room_is_left_alone() -> None:
    store = MemoryStore()
    log = [*old_log("r"), description("r", 41, deleted=True)]
    await store.append(log)
    await store.put(replaced.SPACE, "r", b'{"upto":40}')
    async with node(store) as service:
        await service.replaced_texts.remove()
        assert await store.get(replaced.SPACE, "r") is None
        assert await store.read("r", 0, 100) == log
