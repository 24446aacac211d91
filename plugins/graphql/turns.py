"""Shares the turns of the event loop among operations."""

import asyncio
from collections import Counter, OrderedDict, deque

TURN_FIELDS = 200  # resolved for all operations in one turn of the loop; each takes 10 to 20 µs
PART_FIELDS = 50  # of one list at a time, if several wait


class Pace:
    """Shares the turns of the loop among the operations of a node."""

    def __init__(self) -> None:
        self.left = TURN_FIELDS  # in this turn; negative after a large object
        self._is_turning = False
        self._active: Counter[object] = Counter()
        self._waiting: OrderedDict[object, deque[tuple[asyncio.Future[None], int]]] = OrderedDict()

    @property
    def is_free(self) -> bool:
        """Whether an operation may resolve fields in this turn without waiting."""
        return self.left > 0 and not self._waiting

    @property
    def is_overdrawn(self) -> bool:
        """Whether this turn is so full that even single objects must wait."""
        return self.left < -TURN_FIELDS

    async def turn(self, operation: object, fields: int) -> None:
        """Wait until about `fields` fields may be resolved. Waits of one `operation` form one queue."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(operation, deque()).append((future, fields))
        self._active[operation] += 1
        self.keep_turning()
        try:
            await future
        finally:
            self._active[operation] -= 1
            if not self._active[operation]:
                del self._active[operation]

    def has_waiting(self, operation: object) -> bool:
        """Whether a part of this operation waits for its turn, or has just got it."""
        return operation in self._active

    def keep_turning(self) -> None:
        """Schedule the start of the next turn. Call this whenever something is resolved."""
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """Begin a new turn, after the loop has handled outside events."""
        is_idle = self.left == TURN_FIELDS and not self._waiting
        self._is_turning = False
        self.left = granted = TURN_FIELDS
        while self._waiting and granted > 0:
            operation, queue = self._waiting.popitem(last=False)
            future, fields = queue.popleft()
            if queue:
                self._waiting[operation] = queue  # goes behind all others
            if not future.done():
                future.set_result(None)
                granted -= fields
        if not is_idle:
            self.keep_turning()
