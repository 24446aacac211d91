"""What is to be cleaned is noted before it is done, and no note is lost."""

from collections.abc import Collection

import msgspec
import pytest

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.runtime.clock import Clock
from chatserver.service.cleanings import MOST, SETTLED_SECONDS, SPACE, Cleanings, Noted
from chatserver_plugins.memory import MemoryStore


class HandClock(Clock):
    at = 1000.0

    def now(self) -> float:
        return self.at


class Cleaner:
    """Notes what it is asked to clean."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[int]]] = []
        self.fails = False

    async def clean(self, room: str, seqs: Collection[int]) -> int:
        if self.fails:
            raise StoreUnavailable
        self.asked.append((room, sorted(seqs)))
        return len(seqs)


class Scene:
    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store, self.cleaner, self.clock = store or MemoryStore(), Cleaner(), HandClock()
        self.cleanings = Cleanings(self.store, self.cleaner, self.clock)  # type: ignore[arg-type]

    async def noted(self, room: str = "r") -> list[int]:
        record = await self.store.get(SPACE, room)
        return [] if record is None else list(msgspec.json.decode(record, type=Noted).seqs)


async def test_it_is_done_at_once_and_once_more_when_others_have_settled() -> None:
    scene = Scene()
    assert await scene.cleanings.clean("r", {3, 1}) == 2
    assert await scene.cleanings.clean("r", []) == 0
    assert scene.cleaner.asked == [("r", [1, 3])]
    assert await scene.cleanings.finish() == 0
    scene.clock.at += SETTLED_SECONDS
    assert await scene.cleanings.finish() == 2
    assert await scene.cleanings.finish() == 0
    assert scene.cleaner.asked == [("r", [1, 3])] * 2
    assert await scene.noted() == []


async def test_what_comes_meanwhile_waits_with_the_others() -> None:
    scene = Scene()
    await scene.cleanings.clean("r", [1])
    scene.clock.at += SETTLED_SECONDS - 1
    await scene.cleanings.clean("r", [2])
    await scene.cleanings.clean("q", [9])
    scene.clock.at += 1
    assert await scene.cleanings.finish() == 0
    assert (await scene.noted(), await scene.noted("q")) == ([1, 2], [9])
    await scene.cleanings.forget("q")
    scene.clock.at += SETTLED_SECONDS
    assert await scene.cleanings.finish() == 2


async def test_it_is_noted_before_a_crash() -> None:
    scene = Scene()
    scene.cleaner.fails = True
    with pytest.raises(StoreUnavailable):
        await scene.cleanings.clean("r", [7])
    assert await scene.noted() == [7]
    scene.clock.at += SETTLED_SECONDS
    with pytest.raises(StoreUnavailable):
        await scene.cleanings.finish()
    scene.cleaner.fails = False
    assert await scene.cleanings.finish() == 1


async def test_a_note_that_another_node_adds_while_it_is_cleaned_stays() -> None:
    scene = Scene()
    await scene.cleanings.clean("r", [1])
    scene.clock.at += SETTLED_SECONDS
    inner = scene.cleaner.clean

    async def clean(room: str, seqs: Collection[int]) -> int:
        scene.cleaner.clean = inner  # type: ignore[method-assign]
        other = Cleanings(scene.store, scene.cleaner, scene.clock)  # type: ignore[arg-type]
        await other.clean("r", [2])
        return await inner(room, seqs)

    scene.cleaner.clean = clean  # type: ignore[method-assign]
    await scene.cleanings.finish()
    assert await scene.noted() == [1, 2]


async def test_only_the_newest_are_noted() -> None:
    scene = Scene()
    await scene.cleanings.clean("r", range(1, MOST + 11))
    assert await scene.noted() == list(range(11, MOST + 11))


async def test_it_gives_up_where_others_write_all_the_time() -> None:
    class Contended(MemoryStore):
        async def add(self, space: str, key: str, value: bytes) -> bool:
            return space != SPACE and await super().add(space, key, value)

    with pytest.raises(ChatError, match=r"limit\.rate"):
        await Scene(Contended()).cleanings.clean("r", [1])
