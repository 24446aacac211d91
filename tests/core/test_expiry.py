"""Expired messages are served to nobody on any node, and leave the log and the index; what is kept on purpose stays."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.telling import ExpiredMessages
from chatserver.model import (
    AnyEvent,
    EditHistory,
    EventRemoved,
    MessageEdited,
    MessagePosted,
    PinAdded,
    PluginEvent,
    RoomChanged,
    RoomKind,
    User,
    UserRef,
)
from chatserver.roomlog.redaction import removed
from chatserver.roomlog.room import Room
from chatserver.runtime.clock import Clock, text_of
from chatserver.service import cleanings, expiry
from chatserver.service.markers import ReadMarkers
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.clients import Reader
from tests.core.nodes import FaultyStore, add_user, config, make_service, running

pytestmark = pytest.mark.virtual_time

BY = UserRef("retention", "Retention")
MINUTE = 60.0
START = 1_800_000_000.0


class HandClock(Clock):
    """A clock that stands until it is moved on."""

    at = START

    def now(self) -> float:
        return self.at

    def text(self) -> str:
        return text_of(self.at)


class Talk:
    """A room on two nodes, in which somebody writes one message a minute."""

    def __init__(self, first: Service, second: Service, store: FaultyStore) -> None:
        self.first, self.second, self.store, self.clock = first, second, store, HandClock()
        self.messages: list[MessagePosted] = []
        self.anna: User
        self.ben: User
        self.room: Room

    async def post(self, body: str, user: User | None = None, **more: Any) -> MessagePosted:
        self.clock.at += MINUTE
        number = len(self.messages)
        posted, _ = await self.first.messages.post(
            user or self.anna, self.room, f"c{number}", body, **more
        )
        self.messages.append(posted)
        return posted

    async def expire(self, kept: MessagePosted | None = None, **how: Any) -> expiry.Expired:
        """Let everything before a message expire; without one, all there is."""
        before = text_of(self.clock.at + MINUTE) if kept is None else kept.at
        given = {"most": 100_000} | how
        return await self.first.expiry.expire(self.room.id, before, BY, **given)

    async def shown(self, service: Service) -> list[str]:
        room = await service.rooms.get(self.room.id)
        return [each.body for each in (await service.history.page(self.anna, room)).messages]

    async def stored(self) -> list[str]:
        """The texts in the log, an empty one for each event that is removed."""
        log = await self.store.behind.read(self.room.id, 0, 10_000)
        kinds = MessagePosted | MessageEdited | EventRemoved
        return [
            "" if isinstance(each, EventRemoved) else each.body
            for each in log
            if isinstance(each, kinds)
        ]


@asynccontextmanager
async def talk(messages: int = 20) -> AsyncIterator[Talk]:
    shared = MemoryStore()
    store, settings = FaultyStore(shared), config(**{"delivery.tail_events": 4})
    built = Talk.__new__(Talk)
    clock = HandClock()
    async with (
        running(make_service(store, settings, clock=clock)) as first,
        running(make_service(shared, settings, clock=clock)) as second,
    ):
        built.__init__(first, second, store)  # type: ignore[misc]
        built.clock = clock
        built.anna, built.ben = await add_user(first, "anna"), await add_user(first, "ben")
        built.room = await first.rooms.create(built.anna, RoomKind.PUBLIC, "room")
        await first.rooms.join(built.ben, built.room)
        for number in range(messages):
            await built.post(f"said{number}")
        yield built


def indexed(store: MemoryStore, word: str) -> bool:
    return any(word.encode() in page.data for of in store._index.values() for page in of.values())


def bodies(events: Sequence[AnyEvent]) -> list[str]:
    return [each.body for each in events if isinstance(each, MessagePosted)]


async def test_what_is_older_is_gone_from_pages_log_and_index_on_all_nodes() -> None:
    async with talk() as built:
        await built.first.indexer.catch_up()
        for service in (built.first, built.second):
            assert len(await built.shown(service)) == 20
        done = await built.expire(built.messages[12])
        assert done == expiry.Expired(events=12, looked=built.messages[12].seq - 1, is_done=True)
        kept = [f"said{number}" for number in range(12, 20)]
        for service in (built.first, built.second):
            room = await service.rooms.get(built.room.id)
            await service.log.refresh([room])
            assert await built.shown(service) == kept
            page = await service.history.page(built.anna, room, built.messages[14].seq)
            assert ([each.body for each in page.messages], page.more) == (kept[:2], False)
            around = await service.history.page(built.anna, room, around=built.messages[12].seq)
            assert ([each.body for each in around.messages], around.more_before) == (kept, False)
            first = await service.history.page(built.anna, room, after=0, limit=3)
            assert ([each.body for each in first.messages], first.more_before) == (kept[:3], False)
        assert await built.stored() == [""] * 12 + kept
        assert not indexed(built.store.behind, "said11")
        assert indexed(built.store.behind, "said12")


async def test_the_index_is_cleaned_once_more_as_another_node_may_have_been_making_it() -> None:
    async with talk() as built:
        await built.first.indexer.catch_up()
        old = dict(built.store.behind._index[built.room.id])
        await built.expire(built.messages[12])
        built.store.behind._index[built.room.id] |= old  # what the other node writes
        await built.second.replaced_texts.remove()
        assert indexed(built.store.behind, "said11"), "it may not have written it yet"
        built.clock.at += cleanings.SETTLED_SECONDS
        await built.second.replaced_texts.remove()
        assert not indexed(built.store.behind, "said11")
        assert indexed(built.store.behind, "said12")


async def test_one_message_a_thread_a_search_and_the_count_of_unread_leave_it_out() -> None:
    async with talk(0) as built:
        root = await built.post("root")
        for number in range(4):
            await built.post(f"reply{number}", thread=root.id, broadcast=True)
        new = await built.post("new root", built.ben)
        old = built.messages[2]
        await built.first.messages.pin(built.anna, built.room, root.id, True)
        await built.expire(built.messages[3])
        for service in (built.first, built.second):
            room = await service.rooms.get(built.room.id)
            await service.log.refresh([room])
            with pytest.raises(ChatError, match=r"message\.not_found"):
                await service.history.message(room, old.id)
            assert await service.history.find(built.anna, [(room, old.id)]) == {}
            thread = await service.messages.threads.page(built.anna, room, root.id)
            assert [each.body for each in thread.messages] == ["reply2", "reply3"]
            await service.indexer.catch_up()
            for word, answers in (
                ("reply3", ["reply3"]),
                ("reply1", []),
                ("root", ["new root", "root"]),
            ):
                found = await service.search.find(built.anna, word, room)
                assert [each.body for each in found.messages] == answers, "root is pinned"
            markers = ReadMarkers(service.store, service.hub, service.hooks)
            assert (await markers.unread(built.ben, [room], {}))[room.id].messages == 2
        assert new.seq > built.room.kept_from


async def test_who_was_away_for_longer_gets_a_gap() -> None:
    async with talk() as built:
        kept = built.messages[12]
        reader, late = Reader(built.first, built.anna), Reader(built.first, built.anna)
        try:
            await reader.follow(built.room.id, kept.seq)
            await built.expire(kept)
            for after, state in ((3, "gap"), (kept.seq - 2, "gap"), (kept.seq - 1, "replay")):
                wanted = {built.room.id: after}
                found = await built.first.following.follow(late.subscriber, wanted, None)
                assert found[built.room.id].state == state, after
            await reader.pipe.until(
                lambda: any(
                    each.get("kept_from") == kept.seq for each in reader.pipe.events(built.room.id)
                )
            )
        finally:
            reader.close()
            late.close()
        page = await built.first.history.events(built.anna, built.room, 3)
        assert (page.gap, page.events[0].seq) == (True, kept.seq)
        (same,) = await built.first.history.event_pages(built.anna, [(built.room, 3)], 100)
        assert (same.gap, same.events[0].seq) == (True, kept.seq)  # type: ignore[union-attr]
        page = await built.first.history.events(built.anna, built.room, kept.seq - 1)
        assert (page.gap, page.events[0].seq) == (False, kept.seq)


async def test_pinned_messages_stay_until_they_are_unpinned() -> None:
    async with talk() as built:
        pinned = built.messages[3]
        await built.first.messages.pin(built.anna, built.room, pinned.id, True)
        assert (await built.expire(built.messages[12])).events == 11
        assert next(body for body in await built.stored() if body) == "said3"
        pins = await built.first.messages.pins.page(built.anna, built.room)
        assert [each.message.body for each in pins.pins] == ["said3"]
        assert (await built.first.history.message(built.room, pinned.id)).body == "said3"
        assert "said3" not in await built.shown(built.first), "it is not in the history"
        assert (await built.expire(built.messages[12])).events == 0
        await built.first.messages.pin(built.anna, built.room, pinned.id, False)
        assert (await built.expire(built.messages[12])).events == 1
        assert "said3" not in await built.stored()


async def test_pinned_messages_go_if_they_are_not_to_be_kept() -> None:
    async with talk() as built:
        await built.first.messages.pin(built.anna, built.room, built.messages[3].id, True)
        assert (await built.expire(built.messages[12], keeps_pinned=False)).events == 12
        assert await built.first.messages.pins.page(built.anna, built.room) == (
            await built.second.messages.pins.page(built.anna, built.room)
        )
        assert "said3" not in await built.stored()


async def test_what_is_held_stays_in_the_store_and_is_shown_to_nobody() -> None:
    async with talk(3) as built:
        await built.post("evidence", built.ben)
        last = await built.post("last")
        held = [built.ben.id]
        assert (await built.expire(last, held=held)).events == 3
        assert await built.stored() == ["", "", "", "evidence", "last"]
        assert await built.shown(built.first) == ["last"]
        assert (await built.expire(last, held=held)).events == 0
        await built.expire(last)
        assert await built.stored() == ["", "", "", "", "last"]


async def test_the_newer_texts_of_old_messages_go_with_them() -> None:
    async with talk(4) as built:
        await built.first.rooms.change(
            built.anna, built.room, None, None, edit_history=EditHistory.MEMBERS
        )
        last = await built.post("last")
        for body in ("edit one", "edit two"):
            await built.first.messages.edit(built.anna, built.room, built.messages[1].id, body)
        await built.expire(last)
        assert await built.stored() == ["", "", "", "", "last", "", ""]


async def test_nothing_is_written_where_nothing_expires() -> None:
    async with talk(5) as built:
        await built.expire(built.messages[2])
        log = await built.store.behind.read(built.room.id, 0, 1000)
        for _ in range(3):
            assert (await built.expire(built.messages[2])).is_done
            built.clock.at += 10 * MINUTE
        assert await built.store.behind.read(built.room.id, 0, 1000) == log
        await built.expire()
        described = [
            each
            for each in await built.store.behind.read(built.room.id, 0, 1000)
            if isinstance(each, RoomChanged)
        ]
        assert [each.kept_from for each in described] == [0, built.messages[2].seq, log[-1].seq + 1]
        built.clock.at += 100 * MINUTE
        await built.expire()
        assert len(await built.store.behind.read(built.room.id, 0, 1000)) == len(log) + 1
        assert await built.shown(built.first) == []
        await built.post("new")
        assert await built.shown(built.first) == ["new"]


async def test_a_run_reads_no_more_than_it_may_and_the_next_goes_on() -> None:
    async with talk() as built:
        done = await built.expire(most=7)
        assert not done.is_done
        assert await built.shown(built.first) == [], "all is hidden at once"
        assert 0 < done.events <= 7
        total = done.events
        while not done.is_done:
            done = await built.expire(most=7)
            total += done.events
        assert total == 20
        assert await built.stored() == [""] * 20


@pytest.mark.parametrize("calls", range(1, 24))
async def test_it_goes_on_after_a_crash_at_any_call(calls: int) -> None:
    async with talk() as built:
        await built.first.indexer.catch_up()
        await built.first.messages.pin(built.anna, built.room, built.messages[3].id, True)
        built.store.arm([*[("", 0.0)] * calls, ("after" if calls % 2 else "before", 0.0)])
        try:
            await built.expire(built.messages[12])
        except StoreUnavailable:
            built.store.arm([])
            await built.expire(built.messages[12])
        built.store.arm([])
        kept = [f"said{number}" for number in range(12, 20)]
        assert await built.stored() == ["", "", "", "said3", *[""] * 8, *kept]
        assert await built.shown(built.first) == kept
        assert not indexed(built.store.behind, "said5")


async def test_a_restored_copy_from_before_is_cleared_again() -> None:
    async with talk() as built:
        before = await built.store.behind.read(built.room.id, 0, 1000)
        await built.expire(built.messages[12])
        after = await built.store.behind.read(built.room.id, 0, 1000)
        pairs = [(new, old) for new, old in zip(after, before, strict=False) if new != old]
        assert await built.store.behind.replace(pairs) == 12
        await built.store.behind.put("meta", "epoch", b"another")
        await built.expire(built.messages[12])
        assert await built.stored() == [""] * 12 + [f"said{n}" for n in range(12, 20)]


async def test_a_deleted_room_has_nothing_that_could_expire() -> None:
    async with talk(2) as built:
        await built.expire(built.messages[1])
        assert await built.store.behind.get(expiry.SPACE, built.room.id)
        await built.first.rooms.deletion.delete(built.anna, built.room)
        await built.first.rooms.deletion.settle()
        assert await built.store.behind.get(expiry.SPACE, built.room.id) is None
        with pytest.raises(ChatError, match=r"room\.not_found"):
            await built.expire()


async def test_how_much_would_expire_is_counted_without_doing_it() -> None:
    async with talk(6) as built:
        log = await built.store.behind.read(built.room.id, 0, 1000)
        count = await built.first.expiry.count(built.room.id, built.messages[4].at)
        assert count == built.messages[4].seq - 1
        assert await built.store.behind.read(built.room.id, 0, 1000) == log


async def test_only_places_are_left_and_what_a_room_cannot_do_without() -> None:
    async with talk(3) as built:
        one, two, _ = built.messages
        await built.first.messages.react(built.ben, built.room, one.id, "👍")
        await built.first.messages.edit(built.anna, built.room, one.id, "edited")
        await built.first.messages.delete(built.anna, built.room, two.id)
        await built.first.messages.pin(built.anna, built.room, one.id, True)
        await built.first.messages.pin(built.anna, built.room, one.id, False)
        room, author = await built.first.rooms.get(built.room.id), UserRef.of(built.anna)
        note = await built.first.log.append(
            room,
            lambda seq, at: PluginEvent(
                room=room.id, seq=seq, at=at, author=author, type="poll.closed"
            ),
            lambda: None,
        )
        last = await built.post("last")
        later = await built.first.messages.react(built.ben, built.room, one.id, "🎉")
        before = await built.store.behind.read(built.room.id, 0, 1000)
        await built.expire(last)
        after = await built.store.behind.read(built.room.id, 0, 1000)
        gone = [each.seq for each in after if isinstance(each, EventRemoved)]
        kept = {each.seq for each in before if removed(each) is each}
        assert gone == [seq for seq in range(1, last.seq) if seq not in kept]
        assert note.seq in gone
        assert [each.seq for each in after] == [each.seq for each in before] + [after[-1].seq]
        store = built.store.behind
        assert await store.changes({built.room.id: [one.id]}) == [before[later - 1]]
        assert await store.repeats([(built.anna.id, one.client_id)]) == {}
        assert [each.user.id for each in await store.members([built.room.id])] == [
            built.anna.id,
            built.ben.id,
        ]


async def test_of_a_pinned_message_its_changes_stay_as_long_as_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expiry, "EVENTS", 2)
    async with talk(2) as built:
        pinned, other = built.messages
        for message in (pinned, other):
            await built.first.messages.react(built.ben, built.room, message.id, "👍")
            await built.first.messages.edit(
                built.anna, built.room, message.id, f"edited {message.seq}"
            )
        await built.first.messages.pin(built.anna, built.room, pinned.id, True)
        last = await built.post("last")
        await built.expire(last)
        (pin,) = (await built.first.messages.pins.page(built.anna, built.room)).pins
        assert (pin.message.body, pin.message.reactions) == (
            f"edited {pinned.seq}",
            {"👍": [built.ben.id]},
        )
        store = built.store.behind
        record = await store.get(expiry.SPACE, built.room.id)
        assert record is not None
        assert expiry._decode(record).pinned == [pinned.seq]
        assert await store.changes({built.room.id: [other.id]}) == []
        await built.first.messages.pin(built.anna, built.room, pinned.id, False)
        last = await built.post("newest")
        await built.expire(last)
        changes = await store.changes({built.room.id: [pinned.id]})
        assert [type(each) for each in changes] == [PinAdded], (
            "of the pin itself only its place could go"
        )
        assert await built.stored() == [""] * (len(await built.stored()) - 1) + ["newest"]


async def test_a_node_that_was_away_for_longer_reads_past_what_is_removed() -> None:
    async with talk(3) as built:
        assert len(await built.shown(built.second)) == 3
        for number in range(30):
            await built.post(f"later{number}")
        await built.expire(built.messages[20])
        room = await built.second.rooms.get(built.room.id)
        await built.second.log.refresh([room])
        assert await built.shown(built.second) == await built.shown(built.first)
        await built.post("newest")
        await built.second.log.refresh([room])
        assert (await built.shown(built.second))[-1] == "newest"


async def test_a_plugin_that_failed_is_told_again_of_what_is_already_removed() -> None:
    async with talk(4) as built:
        told: list[list[str]] = []

        class Hooks:
            async def on_expired(self, expired: ExpiredMessages) -> bool:
                told.append([*expired.messages])
                return len(told) > 1

        built.first.expiry._hooks = Hooks()  # type: ignore[assignment]
        last = await built.post("last")
        assert not (await built.expire(last)).is_done
        assert await built.stored() == [""] * 4 + ["last"], "no plugin holds up the removal"
        assert (await built.expire(last)).is_done
        ids = [each.id for each in built.messages[:4]]
        assert told[0] == ids
        assert told[1] == ids
