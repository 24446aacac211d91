"""The timer of a reminder is never later than its record wants: whatever comes at the same time, wherever a crash comes."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from chatserver import ChatError, Due
from chatserver_plugins.reminders.book import TIMER, Book, Kept
from tests.plugins.dict_records import DictRecords

KEY, USER, MESSAGE = "ada/room-1", "ada", "room-1"


class Crash(Exception):
    pass


class FakeTimers:
    """Timers by their keys; `before` is called with the name of each call, and may raise."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.before: Callable[[str], Any] = lambda call: None

    async def set(self, name: str, key: str, at: float) -> None:
        assert name == TIMER
        self.before("set")
        self.at[key] = at
        await asyncio.sleep(0)

    async def cancel(self, name: str, key: str) -> bool:
        self.before("cancel")
        await asyncio.sleep(0)
        return self.at.pop(key, None) is not None


class Desk:
    """A book with its surroundings."""

    def __init__(self, per_user: int = 10) -> None:
        self.now, self.told, self.reminded = 1000.0, [], []
        self.timers, self.records = FakeTimers(), DictRecords()
        clock = SimpleNamespace(now=lambda: self.now)

        def tell(name: str, payload: dict[str, Any], *, user: str) -> None:
            assert (name, user) == ("changed", USER)
            self.told.append((payload["message"], payload["state"]))

        async def remind(user: str, message: str, at: float, title: object, text: str) -> None:
            self.reminded.append((user, message, at, text))

        parts = {"records": self.records, "timers": self.timers, "clock": clock}
        context: Any = SimpleNamespace(**parts, tell=tell, remind=remind)
        self.book = Book(context, per_user)

    async def come(self, key: str = KEY) -> None:
        """What the server does with the timer."""
        at = self.timers.at.pop(key)
        await self.book.come(Due(name=TIMER, key=key, at=at))

    async def states(self) -> list[tuple[str, str]]:
        return [(row.message, row.kept.state) for row in await self.book.rows(USER)]


def moved(at: float) -> Callable[[Kept], Kept]:
    return lambda kept: Kept(at=at)


def done(kept: Kept) -> Kept:
    return Kept(at=kept.at, state="done", done_at=1000.0)


def crash_at(which: int, call: str = "set") -> Callable[[str], None]:
    calls = iter(range(1000))

    def before(made: str) -> None:
        if made == call and next(calls) == which:
            raise Crash

    return before


@pytest.mark.parametrize("at", [1500.0, 3000.0])
async def test_a_crash_in_a_change_leaves_a_timer_that_is_early_enough(at: float) -> None:
    desk = Desk()
    await desk.book.put(USER, MESSAGE, 2000.0, "")
    desk.timers.before = crash_at(1)
    with pytest.raises(Crash):
        await desk.book.change(USER, MESSAGE, moved(at))
    desk.timers.before = lambda call: None
    assert desk.timers.at[KEY] <= at  # and the record says `at`
    desk.now = desk.timers.at[KEY]
    await desk.come()
    if at > desk.now:
        assert await desk.states() == [(MESSAGE, "waiting")]
        assert desk.timers.at == {KEY: at}
        desk.now = at
        await desk.come()
    assert await desk.states() == [(MESSAGE, "due")]


async def test_a_crash_as_one_is_set_again_leaves_a_timer_that_is_early_enough() -> None:
    desk = Desk()
    await desk.book.put(USER, MESSAGE, 2000.0, "")
    for which in (0, 1):
        desk.timers.before = crash_at(which)
        with pytest.raises(Crash):
            await desk.book.put(USER, MESSAGE, 3000.0, "")
        assert desk.timers.at == {KEY: 2000.0}


async def test_a_crash_as_one_that_is_due_is_put_off_leaves_a_timer() -> None:
    desk = Desk()
    await desk.book.put(USER, MESSAGE, 2000.0, "")
    desk.now = 2000.0
    await desk.come()
    assert desk.timers.at == {}
    desk.timers.before = crash_at(1)
    with pytest.raises(Crash):
        await desk.book.change(USER, MESSAGE, moved(3000.0))
    assert desk.timers.at == {KEY: 3000.0}


async def test_a_crash_as_one_is_set_leaves_nothing_that_reminds() -> None:
    desk = Desk()
    desk.timers.before = crash_at(0)
    with pytest.raises(Crash):
        await desk.book.put(USER, MESSAGE, 2000.0, "")
    assert await desk.states() == []


async def test_devices_are_told_again_if_a_crash_may_have_kept_it_from_them() -> None:
    desk = Desk()
    await desk.book.put(USER, MESSAGE, 2000.0, "tea")
    desk.now = 2000.0
    due = Due(name=TIMER, key=KEY, at=2000.0)
    await desk.book.come(due)
    await desk.book.come(due)
    assert desk.told == [(MESSAGE, "waiting"), (MESSAGE, "due"), (MESSAGE, "due")]
    assert desk.reminded == [(USER, MESSAGE, 2000.0, "tea")] * 2  # the same reminder
    assert await desk.states() == [(MESSAGE, "due")]


async def test_one_that_is_set_while_an_earlier_one_is_removed_keeps_its_timer() -> None:
    desk = Desk()
    await desk.book.put(USER, MESSAGE, 2000.0, "")
    coming: list[asyncio.Task[bool]] = []

    def sets_anew(call: str) -> None:
        if call == "cancel" and not coming:
            coming.append(asyncio.ensure_future(desk.book.put(USER, MESSAGE, 3000.0, "")))

    desk.timers.before = sets_anew
    assert await desk.book.remove(USER, MESSAGE)
    assert await coming[0] is False
    assert await desk.states() == [(MESSAGE, "waiting")]
    assert desk.timers.at == {KEY: 3000.0}


async def test_a_change_while_the_reminder_comes_due_counts() -> None:
    desk = Desk()
    await desk.book.put(USER, MESSAGE, 2000.0, "")
    desk.now = 2000.0
    swap = desk.records.swap

    async def swap_behind_a_change(key: str, old: bytes, new: bytes) -> bool:
        desk.records.swap = swap  # type: ignore[method-assign]
        await desk.book.change(USER, MESSAGE, moved(3000.0))
        return await swap(key, old, new)

    desk.records.swap = swap_behind_a_change  # type: ignore[method-assign]
    await desk.come()
    assert await desk.states() == [(MESSAGE, "waiting")]
    assert desk.timers.at == {KEY: 3000.0}
    assert (MESSAGE, "due") not in desk.told


async def test_one_that_was_put_off_is_not_removed_with_those_that_are_done() -> None:
    desk = Desk()
    await desk.book.put(USER, MESSAGE, 2000.0, "")
    await desk.book.change(USER, MESSAGE, done)
    desk.now = desk.timers.at[KEY]
    delete = desk.records.delete

    async def delete_behind_a_change(key: str, old: bytes | None = None) -> bool:
        desk.records.delete = delete  # type: ignore[method-assign]
        await desk.book.change(USER, MESSAGE, moved(desk.now + 1000.0))
        return await delete(key, old)

    desk.records.delete = delete_behind_a_change  # type: ignore[method-assign]
    await desk.come()
    assert await desk.states() == [(MESSAGE, "waiting")]
    assert desk.told[-1] == (MESSAGE, "waiting")


async def test_of_two_who_move_it_the_timer_follows_the_one_that_stands() -> None:
    desk = Desk()
    await desk.book.put(USER, MESSAGE, 2000.0, "")
    times = [3000.0 + 100.0 * place for place in range(5)]
    await asyncio.gather(*(desk.book.change(USER, MESSAGE, moved(at)) for at in times))
    (row,) = await desk.book.rows(USER)
    assert desk.timers.at == {KEY: row.kept.at}


async def test_one_that_is_refused_leaves_no_timer() -> None:
    desk = Desk(per_user=1)
    await desk.book.put(USER, MESSAGE, 2000.0, "")
    with pytest.raises(ChatError) as refused:
        await desk.book.put(USER, "room-2", 3000.0, "")
    assert refused.value.code == "limit.count"
    assert desk.timers.at == {KEY: 2000.0}
    assert desk.told == [(MESSAGE, "waiting")]
    await desk.book.change(USER, MESSAGE, done)
    assert await desk.book.put(USER, "room-2", 3000.0, "") is False
    assert desk.timers.at == {"ada/room-2": 3000.0}
    assert desk.told[1:] == [(MESSAGE, "done"), (MESSAGE, None), ("room-2", "waiting")]


async def test_a_limit_that_was_lowered_keeps_what_there_is() -> None:
    desk = Desk(per_user=3)
    for place in (1, 2, 3):
        await desk.book.put(USER, f"room-{place}", 2000.0 + place, "")
    lower = Desk(per_user=1)
    lower.records, lower.book._records = desk.records, desk.records
    with pytest.raises(ChatError):
        await lower.book.put(USER, "room-4", 3000.0, "")
    assert [message for message, _ in await desk.states()] == ["room-1", "room-2", "room-3"]


async def test_one_that_is_set_while_another_device_sets_and_removes_it_is_set() -> None:
    desk = Desk()
    add = desk.records.add

    async def add_before_a_removal(key: str, value: bytes) -> bool:
        desk.records.add = add  # type: ignore[method-assign]
        await desk.book.put(USER, MESSAGE, 2000.0, "")
        added = await add(key, value)
        await desk.book.remove(USER, MESSAGE)
        return added

    desk.records.add = add_before_a_removal  # type: ignore[method-assign]
    assert await desk.book.put(USER, MESSAGE, 3000.0, "") is False
    assert await desk.states() == [(MESSAGE, "waiting")]
    assert desk.timers.at == {KEY: 3000.0}


async def test_a_change_that_sets_the_timer_late_does_not_undo_an_earlier_time() -> None:
    desk = Desk()
    await desk.book.put(USER, MESSAGE, 2000.0, "")
    set_timer, calls = desk.timers.set, iter(range(100))

    async def set_behind_another_change(name: str, key: str, at: float) -> None:
        if next(calls) == 1:  # the record says 4000 already
            await desk.book.change(USER, MESSAGE, moved(3000.0))
        await set_timer(name, key, at)

    desk.timers.set = set_behind_another_change  # type: ignore[method-assign]
    await desk.book.change(USER, MESSAGE, moved(4000.0))
    (row,) = await desk.book.rows(USER)
    assert row.kept.at == 3000.0
    assert desk.timers.at == {KEY: 3000.0}


async def test_one_that_was_set_before_the_timer_of_another_is_removed_keeps_its_own() -> None:
    desk = Desk()
    await desk.book.put(USER, MESSAGE, 2000.0, "")
    cancel = desk.timers.cancel

    async def cancel_behind_a_new_one(name: str, key: str) -> bool:
        await desk.book.put(USER, MESSAGE, 3000.0, "")
        return await cancel(name, key)

    desk.timers.cancel = cancel_behind_a_new_one  # type: ignore[method-assign]
    await desk.book.remove(USER, MESSAGE)
    assert await desk.states() == [(MESSAGE, "waiting")]
    assert desk.timers.at == {KEY: 3000.0}
    assert desk.told == [(MESSAGE, "waiting"), (MESSAGE, None), (MESSAGE, "waiting")]
