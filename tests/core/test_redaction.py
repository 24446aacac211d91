"""Edited and deleted texts are served to nobody, over any interface."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.copies.archive import redacting
from chatserver.delivery.logpages import LogPages
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.model import (
    AnyEvent,
    EditHistory,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ServerRole,
    UserRef,
)
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.redaction import redact, redacted
from chatserver.roomlog.room import Room
from chatserver.service.history import EventPage
from chatserver.testing.samples import described, event, joined, posted
from chatserver_plugins.memory import MemoryStore
from tests.core.clients import Reader
from tests.core.consuming import Sink, node
from tests.core.logs import STEPS, message_log
from tests.core.nodes import add_user
from tests.core.scene import Scene, scene
from tests.virtual_time import run

pytestmark = pytest.mark.virtual_time

SECRETS = ("said first", "said second", "gone")


@pytest.fixture(autouse=True)
def _kept_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.delivery.logpages.KEEP_SECONDS", 600.0)


@asynccontextmanager
async def talk(tail: int) -> AsyncIterator[tuple[Scene, int]]:
    """A message that was edited twice and one that was deleted, behind the seq that is given, and others."""
    async with scene(buffer_soft_bytes=100_000, buffer_hard_bytes=1_000_000) as built:
        built.first.log._tail = built.second.log._tail = tail
        messages, start = built.first.messages, built.room.head
        one, _ = await messages.post(built.owner, built.room, "one", f"{SECRETS[0]} @owner")
        await messages.edit(built.owner, built.room, one.id, f"{SECRETS[1]} @owner")
        await messages.edit(built.owner, built.room, one.id, "said third @owner")
        two, _ = await messages.post(built.owner, built.room, "two", SECRETS[2])
        await messages.delete(built.owner, built.room, two.id)
        await built.post(20)
        yield built, start


def check(events: Sequence[Any]) -> None:
    """The redaction of the five events of a talk."""
    assert [event["ev"].partition(".")[2] for event in events] == [
        *("posted", "edited", "edited", "posted", "deleted")
    ]
    assert [event.get("redacted", False) for event in events] == [True, True, False, True, False]
    assert [event.get("body") for event in events] == ["", "", "said third @owner", "", None]
    assert [bool(event.get("mentions")) for event in events] == [False, False, True, False, False]


def builtins(events: Sequence[AnyEvent]) -> Any:
    return json.loads(msgspec.json.encode(events))


@pytest.mark.parametrize("tail", [5, 1000], ids=["store", "memory"])
@pytest.mark.parametrize("other_node", [False, True])
async def test_events_are_read_without_them(tail: int, other_node: bool) -> None:
    async with talk(tail) as (built, start):
        service = built.second if other_node else built.first
        room = await service.rooms.get(built.room.id)
        assert (room.since(start, 5) is None) is (other_node or tail == 5)
        page = await service.history.events(built.owner, room, start, 5)
        check(builtins(page.events))
        (several,) = await service.history.event_pages(built.owner, [(room, start)], 5)
        assert isinstance(several, EventPage)
        assert several.events == page.events
        reader = await built.reader(0)
        await built.expect(reader, 0)
        check(reader.pipe.events(room.id)[start : start + 5])
        staff = await add_user(built.first, "staff", ServerRole.OWNER)
        looked_at = await service.inspect(staff, "").events(room.id, start, 5)
        assert looked_at == page.events
        messages = (await service.history.page(built.owner, room, start + 5)).messages
        assert [message.body for message in messages] == ["said third @owner", ""]


async def test_a_page_that_is_kept_is_not_served_when_a_text_in_it_was_replaced() -> None:
    async with scene(buffer_soft_bytes=100_000, buffer_hard_bytes=1_000_000) as built:
        messages = built.first.messages
        said, _ = await messages.post(built.owner, built.room, "one", SECRETS[0])
        await built.post(20)
        await messages.edit(built.owner, built.room, said.id, SECRETS[1])
        await built.post(20)

        async def seen() -> list[str]:
            reader = await built.reader(0)
            await built.expect(reader, 0)
            events = reader.pipe.events(built.room.id)
            return [each["body"] for each in events if each["seq"] in (said.seq, said.seq + 21)]

        assert await seen() == ["", SECRETS[1]]
        assert built.first.hub.outlet.pages._kept
        await messages.edit(built.owner, built.room, said.id, "third")
        assert await seen() == ["", ""]
        kept = dict(built.first.hub.outlet.pages._kept)
        await built.post(1)
        later, _ = await messages.post(built.owner, built.room, "two", "later")
        await messages.delete(built.owner, built.room, later.id)
        assert built.first.hub.outlet.pages._kept.items() >= kept.items(), "others stay"
        await messages.delete(built.owner, built.room, said.id)
        assert await seen() == ["", ""]
        assert built.first.hub.outlet.pages._size == sum(
            kept.size for kept in built.first.hub.outlet.pages._kept.values()
        )


async def test_a_node_that_was_behind_sends_no_replaced_text_with_its_replacement() -> None:
    async with scene() as built:
        reader = Reader(built.second, built.owner)
        built.readers.append(reader)
        start = built.room.head
        await reader.follow(built.room.id, None)
        messages = built.first.messages
        said, _ = await messages.post(built.owner, built.room, "one", SECRETS[0])
        await messages.delete(built.owner, built.room, said.id)
        await built.second.log.refresh([await built.second.rooms.get(built.room.id)])
        await built.expect(reader, start)
        assert [event.get("body") for event in reader.pipe.events(built.room.id)] == ["", None]


async def test_a_page_in_which_a_text_is_replaced_while_it_is_made_is_made_again() -> None:
    async with talk(5) as (built, _):
        pages = LogPages(built.first.room_cache.events, built.first.hub.outlet.soft)
        told: list[list[str]] = []
        going_on = asyncio.Event()
        under_way = asyncio.Event()

        async def encode(events: Sequence[AnyEvent], limit: int) -> list[tuple[bytes, int]]:
            told.append([each.body for each in events if isinstance(each, MessagePosted)])
            if len(told) == 1:
                under_way.set()
                await going_on.wait()
            return [(b"".join(body.encode() for body in told[-1]), events[-1].seq)]

        first = asyncio.ensure_future(pages.get(built.room, 0, "form", encode))
        await under_way.wait()
        said = next(
            each
            for each in await built.log()
            if isinstance(each, MessagePosted) and each.client_id == "c3"
        )
        built.first.hub.outlet.pages = pages
        await built.first.messages.edit(built.owner, built.room, said.id, "another")
        second = asyncio.ensure_future(pages.get(built.room, 0, "form", encode))
        await asyncio.sleep(0)
        going_on.set()
        assert await first == await second == await pages.get(built.room, 0, "form", encode)
        assert [len(bodies) - bodies.count("") for bodies in told] == [20, 19]
        assert pages._size == sum(kept.size for kept in pages._kept.values())


def test_places_of_the_texts_that_an_event_replaces() -> None:
    """For a message in the tail all positions are known, for an older one only those in the tail."""
    room = Room("r")
    for seq in range(1, 30):
        room.apply(posted("r", seq), 5)
    edited = event(MessageEdited, "r", 30, message="r-3", body="b")
    tail = room.tail_from
    assert tail > 3
    assert room._replaced_by(edited) == [(3, tail)]
    room.apply(edited, 5)
    assert room._replaced_by(event(MessageDeleted, "r", 31, message="r-3")) == [(3, 3), (30, 30)]
    assert room._replaced_by(event(MessageDeleted, "r", 31, message="r-29")) == [(29, 29)]
    for seq in range(31, 50):
        room.apply(posted("r", seq), 5)
    assert room.tail_from > 30
    deleted = event(MessageDeleted, "r", 50, message="r-3")
    assert room._replaced_by(deleted) == [(3, room.tail_from)]


def test_a_message_that_was_looked_at_is_shown_as_it_stands() -> None:
    room, said = Room("r"), posted("r", 1)
    room.apply(said, 100)
    looked_at = room.standing(said)
    assert looked_at is not None and looked_at.body == said.body
    assert room.standing(said) is looked_at
    room.apply(event(MessageEdited, "r", 2, message=said.id, body="another"), 100)
    assert (edited := room.standing(said)) is not None and edited.body == "another"
    room.apply(event(MessageDeleted, "r", 3, message=said.id), 100)
    assert (left := room.standing(said)) is not None and (left.body, left.deleted) == ("", True)


def test_a_redacted_event_has_no_text_of_a_copy_from_before() -> None:
    room, said = Room("r"), posted("r", 1)
    room.apply(said, 100)
    room.apply(msgspec.structs.replace(described("r", 2), kept_from=2), 100)
    assert (early := room.standing(said)) is not None and early.body == said.body
    (without, _) = room.since(0, 10) or ()
    assert isinstance(without, MessagePosted)
    assert (late := room.standing(without)) is not None and late.body == ""
    assert room.standing(without) is late


def test_a_message_that_was_looked_at_is_not_kept_when_names_leave_the_log() -> None:
    room, said = Room("r"), posted("r", 1)
    room.apply(said, 100)
    assert (early := room.standing(said)) is not None and early.author == said.author
    room.forget_contents(said.author.id)
    without = msgspec.structs.replace(said, author=UserRef(said.author.id, ""))
    assert (late := room.standing(without)) is not None and late.author.name == ""


def test_a_message_that_was_looked_at_is_not_kept_when_events_were_missed() -> None:
    room, said = Room("r"), posted("r", 1)
    room.apply(said, 100)
    assert room.standing(said) is not None
    room.reset(3, described("r", 2), [])
    assert room.standing(said) is None  # it may be deleted by now


def test_an_event_that_a_room_lacks_as_yet_is_shown_as_it_is() -> None:
    room, ahead = Room("r"), posted("r", 2)
    room.apply(posted("r", 1), 100)
    assert (early := room.standing(ahead)) is not None and early.body == ahead.body
    room.apply(ahead, 100)
    room.apply(event(MessageDeleted, "r", 3, message=ahead.id), 100)
    assert (late := room.standing(ahead)) is not None and late.deleted


def test_a_consumer_is_handed_events_without_them() -> None:
    got: list[AnyEvent] = []

    class Keeping(Sink):
        async def handle(self, events: Sequence[AnyEvent]) -> None:
            got.extend(events)

    async def test() -> None:
        store = MemoryStore()
        log: list[AnyEvent] = [
            described("r", 1),
            posted("r", 2, body="first"),
            event(MessageEdited, "r", 3, message="r-2", body="second"),
            posted("r", 4, body="gone"),
            event(MessageDeleted, "r", 5, message="r-4"),
        ]
        await store.append(log)
        async with node(store, Keeping()):
            await asyncio.sleep(20)
        second, fourth = log[1], log[3]
        assert isinstance(second, MessagePosted) and isinstance(fourth, MessagePosted)
        assert got == [log[0], redacted(second), log[2], redacted(fourth), log[4]]

    run(test)


@given(STEPS, st.integers(1, 9), st.integers(0, 40))
def test_the_tail_says_the_same_as_the_store(
    steps: list[tuple[str, int, int]], size: int, start: int
) -> None:
    """Wherever a room is loaded, and whatever a search puts before the tail."""

    async def test() -> None:
        log = without_late_edits(message_log(steps))
        store = MemoryStore()
        await store.append(log)
        (shown,) = await store.shown([("r", 0)], len(log))
        room = Room("r")
        begin = min(start, len(log))
        room.head = room.tail_from = begin
        for each in log[begin:]:
            room.apply(each, size)
        assert room.tail == shown[room.tail_from :]
        room.lead_up(log[max(room.tail_from - 3, 0) :])
        assert room.tail == shown[room.tail_from :]
        ends = {"r": len(log)} if log else {}
        pieces = [piece async for _, piece in redacting.events(store, ends, {})]
        assert [each for piece in pieces for each in piece] == shown

    asyncio.run(test())


async def test_a_log_of_several_pieces_is_exported_as_of_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatserver.copies.archive.source.EVENTS", 2)
    store = MemoryStore()
    log: list[AnyEvent] = [
        described("r", 1),
        joined("r", 2, "u1"),
        posted("r", 3, body="first"),
        posted("r", 4, body="other"),
        event(MessageEdited, "r", 5, message="r-3", body="second"),
        event(MessageEdited, "r", 6, message="r-4", body="later"),
        event(MessageDeleted, "r", 7, message="r-3"),
    ]
    await store.append([*log, described("s", 1)])
    ends = {"r": 5, "s": 1}
    found = [each async for _, piece in redacting.events(store, ends, {}) for each in piece]
    third = log[2]
    assert isinstance(third, MessagePosted)
    assert found == [described("s", 1), *log[:2], redacted(third), *log[3:5]]


def without_late_edits(log: Sequence[AnyEvent]) -> list[AnyEvent]:
    """A deleted message is edited only in a race, which is soon over; see the next test."""
    deleted: set[str] = set()
    made: list[AnyEvent] = []
    for each in log:
        if isinstance(each, MessageDeleted):
            deleted.add(each.message)
        is_late = isinstance(each, MessageEdited) and each.message in deleted
        made.append(described("r", each.seq) if is_late else each)
    return made


async def test_an_edit_that_lost_against_a_deletion_shows_nothing() -> None:
    log: list[AnyEvent] = [
        posted("r", 1),
        event(MessageDeleted, "r", 2, message="r-1"),
        event(MessageEdited, "r", 3, message="r-1", body="late"),
    ]
    store = MemoryStore()
    await store.append(log)
    room = Room("r")
    for each in log:
        room.apply(each, 100)
    first, last = log[0], log[2]
    assert isinstance(first, MessagePosted) and isinstance(last, MessageEdited)
    assert room.tail == [redacted(first), log[1], redacted(last)]
    assert await store.shown([("r", 0)], 9) == [room.tail]


async def test_a_cold_page_costs_one_call_of_the_store() -> None:
    calls: list[str] = []

    class Counted(MemoryStore):
        def __getattribute__(self, name: str) -> Any:
            if name in ("read", "ranges", "shown", "changes", "tally"):
                calls.append(name)
            return super().__getattribute__(name)

    store = Counted()
    log = [posted("r", 1), event(MessageEdited, "r", 2, message="r-1", body="b")]
    await store.append(log)
    rooms, room = RoomCache(store, 10), Room("r")
    room.head = room.tail_from = 2
    assert await rooms.events(room, 0, 5) == [redacted(log[0]), log[1]]
    assert calls == ["shown", "ranges"], "the second is its own"


def test_texts_of_other_events_are_left_alone() -> None:
    log: list[AnyEvent] = [posted("r", 5), joined("r", 6, "u1"), posted("r", 7)]
    found = list(log)
    redact(found, [1, 4, 6, 8, 99])
    assert found == log
    redact(found, [7, 7, 5])
    assert found == [redacted(posted("r", 5)), log[1], redacted(posted("r", 7))]
    nothing: list[AnyEvent] = []
    redact(nothing, [1])
    assert nothing == []


# -- the store loses the texts ------------------------------------------------------------------------


async def stored(built: Scene) -> list[str]:
    """The texts that the store has of the room."""
    log = await built.store.read(built.room.id, 0, 100)
    return [each.body for each in log if isinstance(each, MessagePosted | MessageEdited)]


async def test_the_store_loses_a_text_with_the_edit_or_deletion_that_replaces_it() -> None:
    async with scene() as built:
        messages = built.first.messages
        one, _ = await messages.post(built.owner, built.room, "one", "first")
        two, _ = await messages.post(built.owner, built.room, "two", "other")
        await messages.edit(built.owner, built.room, one.id, "second")
        assert await stored(built) == ["", "other", "second"]
        await messages.edit(built.owner, built.room, one.id, "third")
        assert await stored(built) == ["", "other", "", "third"]
        await messages.delete(built.owner, built.room, one.id)
        await messages.delete(built.owner, built.room, two.id)
        assert await stored(built) == [""] * 4


async def test_a_room_that_shows_edits_keeps_what_was_edited_until_it_is_deleted() -> None:
    async with scene() as built:
        messages, room = built.first.messages, built.room
        await built.first.rooms.change(
            built.owner, room, None, None, edit_history=EditHistory.MODERATORS
        )
        one, _ = await messages.post(built.owner, room, "one", "first")
        await messages.edit(built.owner, room, one.id, "second")
        assert await stored(built) == ["first", "second"]
        await messages.delete(built.owner, room, one.id)
        assert await stored(built) == ["", ""]


async def test_an_edit_behind_a_deletion_that_is_being_written_is_not_made() -> None:
    """It would leave a text in the store that nobody removes."""
    async with scene() as built:
        messages, room = built.first.messages, built.room
        one, _ = await messages.post(built.owner, room, "one", "first")
        built.store.arm([("", 0.0), ("", 0.0), ("late", 1.0)])
        deletion = asyncio.create_task(messages.delete(built.owner, room, one.id))
        while not built.first.log._batch:
            await asyncio.sleep(0.001)
        with pytest.raises(ChatError, match=r"message\.not_found"):
            await messages.edit(built.owner, room, one.id, "second")
        await asyncio.gather(deletion, return_exceptions=True)
        log = await built.store.read(room.id, 0, 100)
        assert not [each for each in log if isinstance(each, MessageEdited)]
        assert await stored(built) == [""]


async def test_a_deletion_that_the_store_refused_keeps_no_edit_away() -> None:
    async with scene() as built:
        messages, room = built.first.messages, built.room
        one, _ = await messages.post(built.owner, room, "one", "first")
        built.store.arm([("", 0.0), ("", 0.0), ("before", 0.0)])
        with pytest.raises(StoreUnavailable):
            await messages.delete(built.owner, room, one.id)
        await messages.edit(built.owner, room, one.id, "second")
        assert await stored(built) == ["", "second"]
