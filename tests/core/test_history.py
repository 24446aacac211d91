"""Pages of history: bounded whatever was done to the messages in them, and around a seq."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from chatserver.errors import ChatError
from chatserver.model import (
    AnyEvent,
    MessageChange,
    MessageEdited,
    MessagePosted,
    PinAdded,
    RoomKind,
)
from chatserver.service import history
from chatserver.service.history import Page
from chatserver.service.service import Service
from chatserver.testing.samples import described, event, joined, posted
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import add_user, config, make_service, running

LONG = "長" * 8000


class Measured(MemoryStore):  # type: ignore[misc]
    """Counts bytes of what one call reads, at the most, and calls."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self.calls: Counter[str] = Counter()

    def _note(self, call: str, found: Sequence[Any]) -> Any:
        self.calls[call] += 1
        self.most = max(self.most, len(msgspec.json.encode(found)))
        return found

    async def read(self, room: str, after: int, limit: int) -> list[AnyEvent]:
        return self._note("read", await super().read(room, after, limit))

    async def ranges(self, wanted: Any, limit: int) -> list[list[AnyEvent]]:
        return self._note("ranges", await super().ranges(wanted, limit))

    async def shown(self, wanted: Any, limit: int) -> list[list[AnyEvent]]:
        return self._note("shown", await super().shown(wanted, limit))

    async def messages(self, room: str, before: int | None, limit: int) -> list[MessagePosted]:
        return self._note("messages", await super().messages(room, before, limit))

    async def changes(self, messages: Mapping[str, Sequence[str]]) -> list[MessageChange]:
        return self._note("changes", await super().changes(messages))


async def filled(store: MemoryStore, service: Service, log: Sequence[AnyEvent]) -> Any:
    """The room, and who may read it."""
    user = await add_user(service, "ada")
    await store.append([described("r", 1), joined("r", 2, user.id), *log])
    return user, await service.rooms.get("r", user)


async def test_long_messages_that_were_edited_often_are_read_in_bounded_pieces() -> None:
    """They have 58 MB: 24 messages of 24 KB with 100 edits each."""
    log: list[AnyEvent] = [posted("r", seq, body=LONG) for seq in range(3, 27)]
    log += [
        event(MessageEdited, "r", seq, message=f"r-{3 + seq % 24}", body=LONG)
        for seq in range(27, 27 + 2400)
    ]
    store = Measured()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user, room = await filled(store, service, log)
        page = await service.history.page(user, room, limit=200)
        assert 0 < len(page.messages) < 24 and page.more
        assert len(msgspec.json.encode(page.messages)) <= config().limits.buffer_hard_bytes // 2
        assert store.most < 24 * 25_000
        events = await service.history.events(user, room, 0, 1000)
        assert len(msgspec.json.encode(events.events)) <= config().limits.buffer_hard_bytes // 2
        assert sum(isinstance(each, MessageEdited) for each in events.events) > 50
        assert len(events.events) == history.READS * history.EVENTS_AT_ONCE
        assert store.most < history.EVENTS_AT_ONCE * 25_000
        seqs, *more = await around(service, user, room, 26, 50)
        assert seqs[-1] == 26 and 0 < len(seqs) < 24 and more == [True, True]
        assert store.most < history.EVENTS_AT_ONCE * 25_000


async def test_a_page_of_short_messages_takes_few_calls() -> None:
    log = [posted("r", seq) for seq in range(3, 1003)]
    store = Measured()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user, room = await filled(store, service, log)
        store.calls.clear()
        page = await service.history.page(user, room, before=900, limit=200)
        assert [message.seq for message in page.messages] == [*range(700, 900)]
        assert not page.more
        assert store.calls == {"messages": 2, "changes": 2}
        store.calls.clear()
        assert len((await service.history.events(user, room, 0, 900)).events) == 900
        assert store.calls == {"shown": 3, "ranges": 3}


async def test_events_of_many_rooms_are_read_in_bounded_pieces() -> None:
    store = Measured()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user = await add_user(service, "ada")
        rooms = []
        for number in range(5):
            name = f"r{number}"
            said = [posted(name, seq, body=LONG[:1000]) for seq in range(3, 403)]
            await store.append([described(name, 1), joined(name, 2, user.id), *said])
            rooms.append(await service.rooms.get(name, user))
        store.calls.clear()
        pages: list[Any] = await service.history.event_pages(
            user, [(room, 0) for room in rooms], 400
        )
        assert store.calls == {"shown": 5, "ranges": 5}
        assert all(100 < len(page.events) < 200 for page in pages)
        assert [page.events[0].room for page in pages] == [room.id for room in rooms]
        store.calls.clear()
        found: list[Any] = await service.history.pages(user, [(room, 300) for room in rooms], 200)
        assert store.calls == {"changes": 3}
        assert [page.messages[-1].seq for page in found] == [299] * 5


async def around(service: Service, user: Any, room: Any, seq: int, limit: int) -> tuple[Any, ...]:
    page: Page = await service.history.page(user, room, limit=limit, around=seq)
    assert not page.more
    return [message.seq for message in page.messages], page.more_before, page.more_after


async def test_the_page_around_a_message_far_back_has_it_in_the_middle() -> None:
    """5,000 messages, each with a pin; every hundredth is looked for."""
    log: list[AnyEvent] = []
    for seq in range(3, 10_003, 2):
        log += [posted("r", seq), event(PinAdded, "r", seq + 1, message=f"r-{seq}")]
    async with running(make_service(store := MemoryStore(), config())) as service:
        user, room = await filled(store, service, log)
        for seq in range(203, 9_800, 200):
            seqs, *more = await around(service, user, room, seq, 50)
            assert more == [True, True]
            assert seqs == list(range(seq - 48, seq + 52, 2))


async def test_the_page_around_a_seq() -> None:
    """Messages at 3, 5, …, 43, and at 44; a pin in between each."""
    log: list[AnyEvent] = []
    for seq in range(3, 44, 2):
        log += [posted("r", seq), event(PinAdded, "r", seq + 1, message="r-3")]
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        user, room = await filled(store, service, log)
        assert await around(service, user, room, 21, 5) == ([17, 19, 21, 23, 25], True, True)
        assert await around(service, user, room, 22, 4) == ([19, 21, 23, 25], True, True)
        assert await around(service, user, room, 21, 1) == ([21], True, True)
        assert await around(service, user, room, 3, 4) == ([3, 5, 7], False, True)
        assert await around(service, user, room, 0, 4) == ([3, 5], False, True)
        assert await around(service, user, room, 43, 3) == ([39, 41, 43], True, False)
        assert await around(service, user, room, 41, 2) == ([41, 43], True, False)
        assert await around(service, user, room, 9999, 2) == ([41, 43], True, False)
        assert await around(service, user, room, 21, 200) == ([*range(3, 44, 2)], False, False)
        for places in (
            {"before": 5, "around": 5},
            {"before": 5, "after": 5},
            {"around": 5, "after": 5},
        ):
            with pytest.raises(ChatError) as refused:
                await service.history.page(user, room, **places)
            assert refused.value.code == "request.invalid"


async def after(service: Service, user: Any, room: Any, seq: int, limit: int) -> tuple[Any, ...]:
    page: Page = await service.history.page(user, room, limit=limit, after=seq)
    seqs = [message.seq for message in page.messages]
    return seqs, page.more_before, page.more_after, page.after


async def test_the_page_after_a_seq() -> None:
    log: list[AnyEvent] = []
    for seq in range(3, 44, 2):
        log += [posted("r", seq), event(PinAdded, "r", seq + 1, message="r-3")]
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        user, room = await filled(store, service, log)
        assert await after(service, user, room, 0, 3) == ([3, 5, 7], False, True, 7)
        assert await after(service, user, room, 3, 3) == ([5, 7, 9], True, True, 9)
        assert await after(service, user, room, 20, 1) == ([21], True, True, 21)
        assert await after(service, user, room, 37, 3) == ([39, 41, 43], True, False, None)
        assert await after(service, user, room, 43, 3) == ([], True, False, None)
        assert await after(service, user, room, 9999, 3) == ([], True, False, None)
        page = await service.history.page(user, room, limit=2, after=2)
        assert page.messages[0].pinned and page.head == room.head


@pytest.mark.parametrize("limit", [1, 2, 7, 200])
async def test_pages_forwards_and_around_lead_to_every_message(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Also where messages are long, or many other events come between them."""
    log: list[AnyEvent] = [posted("r", seq, body=LONG) for seq in range(3, 63)]
    log += [event(MessageEdited, "r", seq, message="r-3", body="short") for seq in range(63, 463)]
    log += [posted("r", seq) for seq in range(463, 483)]
    monkeypatch.setattr(history, "READS", 1)
    monkeypatch.setattr(history, "MANY_AT_ONCE", 100)
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user, room = await filled(store, service, log)
        page = await service.history.page(user, room, limit=limit, around=30)
        seqs = [message.seq for message in page.messages]
        assert 30 in seqs and page.more_after and page.after is not None
        while page.after is not None:
            page = await service.history.page(user, room, limit=limit, after=page.after)
            seqs += [message.seq for message in page.messages]
        assert not page.more_after
        assert seqs == [*range(seqs[0], 63), *range(463, 483)]


async def test_the_page_around_a_seq_is_cut_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[AnyEvent] = [posted("r", seq, body=LONG) for seq in range(3, 103)]
    log += [event(MessageEdited, "r", seq, message="r-3", body="short") for seq in range(103, 503)]
    log += [posted("r", 503)]
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        service.indexer.pause()
        user, room = await filled(store, service, log)
        seqs, before, after = await around(service, user, room, 50, 200)
        assert before and after
        assert 50 in seqs and 15 < len(seqs) < 25
        assert abs(len([seq for seq in seqs if seq > 50]) - len(seqs) // 2) <= 1
        seqs, before, after = await around(service, user, room, 102, 2)
        assert (seqs, before, after) == ([102, 503], True, False)
        monkeypatch.setattr(history, "READS", 1)
        monkeypatch.setattr(history, "MANY_AT_ONCE", 100)
        assert await around(service, user, room, 102, 2) == ([101, 102], True, True)


async def test_a_message_is_changed_so_often_and_then_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "EDITS", 3)
    monkeypatch.setattr(history, "REACTIONS", 8)
    monkeypatch.setattr(history, "OWN_REACTIONS", 5)
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        ada, bob = [await add_user(service, name) for name in ("ada", "bob")]
        room = await service.rooms.create(ada, RoomKind.PRIVATE, "room", members=[bob.id])
        said, _ = await service.messages.post(ada, room, "one", "text")
        for number in range(3):
            await service.messages.edit(ada, room, said.id, f"text {number}")
        await refused(service.messages.edit(ada, room, said.id, "once more"))
        for _ in range(2):
            await service.messages.react(ada, room, said.id, "👍")
            await service.messages.unreact(ada, room, said.id, "👍")
        await service.messages.pin(ada, room, said.id, True)
        await refused(service.messages.react(ada, room, said.id, "👍"))
        await service.messages.pin(ada, room, said.id, False)
        await refused(service.messages.pin(ada, room, said.id, True))
        await service.messages.react(bob, room, said.id, "1")
        await service.messages.react(bob, room, said.id, "2")
        await refused(service.messages.react(bob, room, said.id, "3"))
        await service.messages.unreact(bob, room, said.id, "1")
        (message,) = (await service.history.page(ada, room)).messages
        assert message.reactions == {"2": [bob.id]}
        await service.messages.delete(ada, room, said.id)


async def refused(call: Any) -> None:
    with pytest.raises(ChatError) as error:
        await call
    assert error.value.code == "limit.count"


@pytest.mark.parametrize("least", [True, False])
def test_what_fits_is_counted_to_the_byte(monkeypatch: pytest.MonkeyPatch, least: bool) -> None:
    """At once where it fits, one by one where it does not."""
    monkeypatch.setattr(history, "TOGETHER", 3)
    items = [posted("r", number, "長" * (number * 7 % 5)) for number in range(1, 10)]
    lengths = [len(msgspec.json.encode(item)) for item in items]
    for size in range(sum(lengths) + 3):
        count = next(
            (place for place in range(len(items)) if sum(lengths[: place + 1]) > size), len(items)
        )
        count = max(count, least)
        expected = (count, sum(lengths[:count]))
        assert history.fitting(items, size, least=least) == expected
    assert history.fitting([], 5, least=least) == (0, 0)


async def test_how_many_of_the_newest_messages_fit_follows_each_change() -> None:
    """It is found once, and again after whatever happens in the room."""
    limits = {"limits.buffer_soft_bytes": 30_000, "limits.buffer_hard_bytes": 60_000}
    async with running(make_service(MemoryStore(), config(**limits))) as service:
        ada = await add_user(service, "ada")
        room = await service.rooms.create(ada, RoomKind.PRIVATE, "room")
        said = [
            (await service.messages.post(ada, room, f"{number}", "t" * size))[0]
            for number, size in enumerate([100] * 5 + [7_000] * 3)
        ]

        async def see() -> int:
            """The number of messages shown; each way of reading agrees with counting anew."""
            recent = room.recent
            assert recent is not None
            for limit in (1, 2, 5, 50):
                shown = recent[-limit:]
                count, _ = history.fitting(shown[::-1], 30_000)
                expected = Page(shown[-count:], room.head, more=count < len(shown))
                for _ in range(2):
                    assert await service.history.page(ada, room, limit=limit) == expected
                    assert await service.history.pages(ada, [(room, None)], limit) == [expected]
            return len(expected.messages)

        assert (await service.history.page(ada, room)).more is False
        assert await see() == 8
        last, _ = await service.messages.post(ada, room, "last", "t" * 7_800)
        assert await see() < 9
        await service.messages.edit(ada, room, said[-1].id, "short")
        assert await see() == 9
        await service.messages.edit(ada, room, said[-1].id, "長" * 2_600)
        assert await see() < 9
        await service.messages.delete(ada, room, last.id)
        assert await see() == 9


async def test_a_message_that_comes_while_pages_are_read_counts_for_what_fits() -> None:
    class Late(MemoryStore):  # type: ignore[misc]
        """Something is posted while it reads the pages of several rooms."""

        async def pages(self, wanted: Any, limit: int) -> list[list[MessagePosted]]:
            found = await super().pages(wanted, limit)
            await service.messages.post(ada, room, "late", "t" * 8_000)
            return found

    limits = {"limits.buffer_soft_bytes": 30_000, "limits.buffer_hard_bytes": 60_000}
    async with running(make_service(Late(), config(**limits))) as service:
        ada = await add_user(service, "ada")
        room = await service.rooms.create(ada, RoomKind.PRIVATE, "room")
        for number in range(4):
            await service.messages.post(ada, room, f"{number}", "t" * 7_150)
        assert room.recent is None
        for _ in range(2):
            (page,) = await service.history.pages(ada, [(room, None)], 50)
            assert isinstance(page, Page)
            assert len(msgspec.json.encode(page.messages)) < 30_100
            assert len(page.messages) == 3 and page.more


async def test_a_page_of_a_log_that_is_rewritten_meanwhile_has_no_more_than_was_asked_for() -> None:
    """What was read is not kept then."""

    class Rewritten(MemoryStore):  # type: ignore[misc]
        async def pages(self, wanted: Any, limit: int) -> list[list[MessagePosted]]:
            found = await super().pages(wanted, limit)
            await service.messages.post(ada, room, "late", "late")
            room.forget_contents("nobody")
            return found

    async with running(make_service(Rewritten(), config())) as service:
        ada = await add_user(service, "ada")
        room = await service.rooms.create(ada, RoomKind.PRIVATE, "room")
        for number in range(4):
            await service.messages.post(ada, room, f"{number}", f"{number}")
        (page,) = await service.history.pages(ada, [(room, None)], 2)
        assert isinstance(page, Page)
        assert room.recent is None
        assert [message.body for message in page.messages] == ["2", "3"]


async def test_of_two_messages_that_do_not_fit_together_the_newer_is_shown() -> None:
    limits = {"limits.buffer_soft_bytes": 10_000, "limits.buffer_hard_bytes": 20_000}
    async with running(make_service(MemoryStore(), config(**limits))) as service:
        ada = await add_user(service, "ada")
        room = await service.rooms.create(ada, RoomKind.PRIVATE, "room")
        for number in range(2):
            await service.messages.post(ada, room, f"{number}", f"{number}" * 7_000)
        expected = await service.history.page(ada, room, limit=2)
        assert [message.client_id for message in expected.messages] == ["1"]
        assert expected.more
        assert await service.history.pages(ada, [(room, None)], 2) == [expected]
