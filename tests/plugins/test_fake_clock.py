"""The clock that tests of plugins move: what it governs has happened when `advance` returns."""

import asyncio
from pathlib import Path

import pytest

from chatserver.runtime.clock import unix_time
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import running

LOCAL = Path(__file__).parent / "local"
SETTINGS = {"plugins.folder": str(LOCAL)}
DAY = 86400.0


async def test_a_week_passes_at_once_and_stops_where_something_is_due() -> None:
    async with running("diary", settings=SETTINGS, clock=FakeClock()) as chat:
        start = chat.clock.now()
        await chat.http("POST", "/diary/timer", {"key": "a", "at": start + 6.5 * DAY})
        await chat.http("POST", "/diary/timer", {"key": "b", "at": start + 2.25 * DAY})
        await chat.clock.advance(7 * DAY)
        lines = (await chat.http("GET", "/diary")).json
        assert [line for line in lines if line[0] != "job"] == [
            ["b", start + 2.25 * DAY],
            ["a", start + 6.5 * DAY],
        ]
        jobs = [at for name, at in lines if name == "job"]
        assert jobs == [start + n * DAY for n in range(8)]
        assert chat.clock.now() == start + 7 * DAY


async def test_a_test_may_move_it_at_once() -> None:
    async with running("diary", settings=SETTINGS, clock=FakeClock()) as chat:
        start = chat.clock.now()
        await chat.clock.advance(DAY)
        lines = (await chat.http("GET", "/diary")).json
        assert lines == [["job", start], ["job", start + DAY]]


async def test_time_stands_still_and_what_is_not_due_does_not_happen() -> None:
    async with running("diary", settings=SETTINGS, clock=FakeClock(1_800_000_000.0)) as chat:
        await chat.http("POST", "/diary/timer", {"key": "a", "at": 1_800_000_060.0})
        await chat.clock.advance(59.5)
        lines = (await chat.http("GET", "/diary")).json
        assert lines == [["job", 1_800_000_000.0]]
        await chat.clock.advance(0.5)
        lines = (await chat.http("GET", "/diary")).json
        assert lines[1:] == [["a", 1_800_000_060.0]]


async def test_what_fails_is_tried_again_in_the_clocks_time() -> None:
    async with running("diary", settings=SETTINGS, clock=FakeClock()) as chat:
        start = chat.clock.now()
        await chat.http("POST", "/diary/timer", {"key": "fails", "at": start + 60})
        await chat.clock.advance(60)
        await chat.clock.advance(DAY)
        lines = (await chat.http("GET", "/diary")).json
        times = [at - start for name, at in lines if name == "fails"]
        assert len(times) == 3 and times[0] == 60
        assert 7.99 <= times[1] - times[0] <= 10 and 15.99 <= times[2] - times[1] <= 20


async def test_values_expire_and_events_have_the_clocks_time() -> None:
    async with running("diary", settings=SETTINGS, clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await chat.http("POST", "/diary/note", {"key": "k", "seconds": 60})
        await chat.clock.advance(59)
        assert (await chat.http("GET", "/diary/note")).json == ["k"]
        await chat.clock.advance(1)
        assert (await chat.http("GET", "/diary/note")).json == []
        assert unix_time((await ada.post(room, "Hello")).at) == chat.clock.now()


async def test_a_timer_that_sets_timers_is_done_with_all_of_them() -> None:
    async with running("diary", settings=SETTINGS, clock=FakeClock()) as chat:
        start = chat.clock.now()
        await chat.http("POST", "/diary/timer", {"key": "chain5", "at": start + 10})
        await chat.clock.advance(100)
        lines = (await chat.http("GET", "/diary")).json
        assert lines[1:] == [[f"chain{5 - n}", start + 10 * (n + 1)] for n in range(6)]


async def test_it_also_works_on_a_file() -> None:
    async with running("diary", store="sqlite", settings=SETTINGS, clock=FakeClock()) as chat:
        await chat.http("POST", "/diary/timer", {"key": "a", "at": chat.clock.now() + DAY})
        await chat.clock.advance(DAY)
        assert (await chat.http("GET", "/diary")).json[-1] == ["a", chat.clock.now()]


async def test_work_that_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.testing.clock.PATIENCE_SECONDS", 0.2)
    clock = FakeClock()

    async def work() -> None:
        await clock.sleep(10)
        await asyncio.Event().wait()

    task = asyncio.create_task(work(), name="endless work")
    await clock.settle(1)
    with pytest.raises(TimeoutError, match="endless work"):
        await clock.advance(10)
    task.cancel()
    await asyncio.wait([task])


async def test_an_event_wakes_before_the_time_has_come() -> None:
    clock, woken, slept = FakeClock(), asyncio.Event(), []

    async def work() -> None:
        await clock.sleep(10, woken)
        slept.append(clock.now())

    task, start = asyncio.create_task(work()), clock.now()
    await clock.settle(1)
    woken.set()
    await clock.advance(5)  # waits for what the event has set going
    assert slept == [start]
    await task


async def test_without_a_clock_there_is_none_to_move() -> None:
    async with running() as chat:
        with pytest.raises(AssertionError, match="clock=FakeClock"):
            assert chat.clock
