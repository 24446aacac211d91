"""Work in the background, of which each user has one piece under way at a time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from loguru import logger

OF_ONE, OF_ALL = 20, 1000  # pieces that wait or are under way, at most

Work = Callable[[], Awaitable[None]]


class Turns:
    """One task for each user (id) who has work waiting, so that much work of one holds up nobody else's."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Work]] = {}  # the first of each is under way
        self._count = 0  # of the pieces in all of them
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, user: str, work: Work) -> bool:
        """Have a piece of work done in its turn. Returns False if too much waits: then it is not."""
        line = self._lines.get(user)
        if self._count >= OF_ALL or (line is not None and len(line) >= OF_ONE):
            return False
        self._count += 1
        if line is not None:
            line.append(work)
            return True
        self._lines[user] = deque((work,))
        task = asyncio.create_task(self._work_off(user), name="link_previews")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def close(self) -> None:
        """End what is under way or waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lines.clear()
        self._count = 0

    async def _work_off(self, user: str) -> None:
        line = self._lines[user]
        while line:
            try:
                await line[0]()
            except Exception as error:
                logger.opt(exception=error).error("link_previews: a message got no previews")
            line.popleft()
            self._count -= 1
        del self._lines[user]
