"""No order of steps of two nodes removes a blob that something refers to, or keeps one that nothing does.

Each call of the store waits for its turn, and Hypothesis chooses whose turn it is, and how much time passes before.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.blobs.model import BLOBS, read_blob
from chatserver.blobs.service import BlobService
from chatserver.errors import ChatError
from tests.blobs.scene import Scene, run

HOURS = (
    0.0,
    0.0,
    0.0,
    0.05,
    0.2,
    1.1,
)  # before a step; a blob is kept for one hour, and condemned for 0.083
SETTLED = 20  # turns of the loop, after which every task waits for the store or has ended

Script = Sequence[str]
Choice = tuple[int, int]  # whose turn, which of HOURS


class Turns:
    """A store whose calls wait until they are let through, one by one."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.waiting: list[tuple[str, asyncio.Future[None]]] = []

    def of(self, actor: str) -> "ActorStore":
        return ActorStore(self, actor)

    async def call(self, actor: str, name: str, given: Any, named: Any) -> Any:
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append((actor, turn))
        await turn
        return await getattr(self._store, name)(*given, **named)

    def let(self, number: int) -> None:
        """Let one of the waiting actors do its next call; they are in an order that does not depend on chance."""
        self.waiting.sort(key=lambda each: each[0])
        _, turn = self.waiting.pop(number % len(self.waiting))
        turn.set_result(None)


class ActorStore:
    def __init__(self, turns: Turns, actor: str) -> None:
        self._turns, self._actor = turns, actor

    def __getattr__(self, name: str) -> Any:
        async def call(*given: Any, **named: Any) -> Any:
            return await self._turns.call(self._actor, name, given, named)

        return call


class Play:
    """One blob; holders that refer to it and release it, and two collectors."""

    def __init__(self, holders: Sequence[Script], runs: Sequence[int]) -> None:
        self._scene = Scene()
        self._turns = Turns(self._scene.store)
        self._holders, self._runs = holders, runs
        self.held: set[str] = set()  # holders whose `refer` succeeded, and who have not released
        self.refused = 0

    async def act(self, choices: Sequence[Choice]) -> None:
        scene = self._scene
        self.blob = await scene.take()
        actors: list[Coroutine[Any, Any, None]] = [
            self._hold(f"h{number}", self._node(f"h{number}"), script)
            for number, script in enumerate(self._holders)
        ]
        actors += [
            self._collect(self._node(f"c{number}"), times)
            for number, times in enumerate(self._runs)
        ]
        tasks = [asyncio.create_task(actor) for actor in actors]
        for step in range(100_000):
            for _ in range(SETTLED):
                await asyncio.sleep(0)
            await self._check()
            if all(task.done() for task in tasks):
                break
            who, when = choices[step] if step < len(choices) else (0, 0)
            scene.clock.pass_hours(HOURS[when % len(HOURS)])
            self._turns.let(who)
        await asyncio.gather(*tasks)
        await self._finish()

    def _node(self, actor: str) -> BlobService:
        return self._scene.node(store=self._turns.of(actor))

    async def _hold(self, name: str, node: BlobService, script: Script) -> None:
        for step in script:
            if step == "release":
                self.held.discard(name)
                await node.release(self.blob.id, name)
                continue
            try:
                await node.refer(self.blob.id, name)
            except ChatError as error:
                assert error.code == "blob.not_found"
                assert name not in self.held, "a blob with a reference was not found"
                self.refused += 1
            else:
                self.held.add(name)

    async def _collect(self, node: BlobService, times: int) -> None:
        for _ in range(times):
            await node.collector.collect()

    async def _check(self) -> None:
        """What is referred to is there, with its content."""
        if not self.held:
            return
        found = await self._scene.store.get(BLOBS, self.blob.id)
        assert found is not None, f"removed while {self.held} refer to it"
        assert read_blob(found).state != "gone", f"gone while {self.held} refer to it"
        assert self._scene.pieces() == [self.blob.pieces[0].key]

    async def _finish(self) -> None:
        """In the end nothing is left of a blob without a reference, and all of one with one."""
        for _ in range(6):
            await self._scene.collect(hours=30, runs=1)  # so that entries without a blob end, too
            await self._check()
        if not self.held:
            assert self._scene.pieces() == []
            assert await self._scene.records() == {}


SCRIPTS = st.lists(st.sampled_from(["refer", "refer", "release"]), max_size=4)


@pytest.mark.long
@settings(max_examples=400, deadline=None)
@given(
    holders=st.lists(SCRIPTS, min_size=1, max_size=3),
    runs=st.lists(st.integers(1, 4), min_size=1, max_size=2),
    choices=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=90),
)
def test_no_blob_is_removed_while_something_refers_to_it(
    holders: list[list[str]], runs: list[int], choices: list[Choice]
) -> None:
    run(lambda: Play(holders, runs).act(choices))


# Orders that once were wrong in a variant of the code: the reference comes at each step of the collector.
@pytest.mark.parametrize("after", range(16))
@pytest.mark.parametrize("again", [1, 3])
def test_a_reference_at_each_step_of_the_collector(after: int, again: int) -> None:
    collector, holder = 0, 1
    choices = [(collector, 5)] * after + [(holder, 0)] * again + [(collector, 5)] * 40

    async def act() -> None:
        await Play([["refer"]], [4]).act(choices)

    run(act)


@pytest.mark.parametrize("after", range(16))
@pytest.mark.parametrize("again", [1, 2, 3, 4])
def test_a_release_at_each_step_of_the_collector(after: int, again: int) -> None:
    collector, holder = 0, 1
    choices = [(holder, 0)] * 2 + [(collector, 5)] * after + [(holder, 0)] * again
    choices += [(collector, 5)] * 40

    async def act() -> None:
        await Play([["refer", "release"]], [4]).act(choices)

    run(act)
