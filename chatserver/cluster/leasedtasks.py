"""Tasks that each run on the node that has their lease, and that are replaced while the server runs."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from chatserver.cluster.leases import Leases
from chatserver.runtime.cancelling import end


class Work(NamedTuple):
    """One task: the object that it works for, and the coroutine function that it runs."""

    owner: object
    run: Callable[[], Coroutine[Any, Any, None]]


class LeasedTasks:
    """All tasks of one kind, by the names of their leases."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._tasks: dict[str, tuple[object, asyncio.Task[None]]] = {}
        self.are_started = False

    def start(self, work: Mapping[str, Work]) -> None:
        self.are_started = True
        for name, each in work.items():
            self._start(name, each)

    def all(self) -> list[asyncio.Task[None]]:
        return [task for _, task in self._tasks.values()]

    def replaced(self, work: Mapping[str, Work]) -> dict[str, asyncio.Task[None]]:
        """The tasks that work for an owner that is gone, or another one now."""
        return {
            name: task
            for name, (owner, task) in self._tasks.items()
            if name not in work or work[name].owner is not owner
        }

    async def replace(self, work: Mapping[str, Work]) -> list[str]:
        """Cancel what is gone, and start what is new. The names of those that do not end.

        In place of these nothing starts, as the same work must not be done twice at the same time.
        """
        if not self.are_started:
            return []
        ended = self.replaced(work)
        stuck = await end(ended)
        for name in ended:
            if name in stuck:
                self._leases.lease(name).lose()
            else:
                del self._tasks[name]
        for name in ended.keys() - work.keys():
            await self._leases.give_up(name)  # to a node that still has this work
        for name, each in work.items():
            if name not in self._tasks:
                self._start(name, each)
        return stuck

    async def stop(self) -> None:
        """Cancel all tasks."""
        self.are_started = False
        tasks, self._tasks = {name: task for name, (_, task) in self._tasks.items()}, {}
        for name in await end(tasks):
            self._leases.lease(name).lose()  # the task still runs, so other nodes have to wait

    def _start(self, name: str, work: Work) -> None:
        self._tasks[name] = work.owner, asyncio.create_task(work.run(), name=name)
