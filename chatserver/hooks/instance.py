"""One instance of a plugin, as those see it that call it: whether it has started, and its calls in flight."""

import asyncio


class Instance:
    """An instance of a plugin, and its calls in flight.

    A call that finishes without suspending is never in flight when another task looks, so only calls that
    suspend are counted. A message passes several plugins in a row: a call of an earlier one holds the later ones,
    too, as they are called next.
    """

    __slots__ = ("_waiting", "count", "has_started")

    def __init__(self) -> None:
        self.count = 0
        self.has_started = False  # its `startup` succeeded
        self._waiting: asyncio.Event | None = None

    def enter(self) -> None:
        self.count += 1

    def leave(self) -> None:
        self.count -= 1
        if not self.count and self._waiting is not None:
            self._waiting.set()

    async def ended(self, seconds: float) -> bool:
        """Wait until no call is in flight, at most `seconds`; whether there is none."""
        try:
            async with asyncio.timeout(seconds):
                while self.count:
                    self._waiting = asyncio.Event()
                    await self._waiting.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting = None
        return True
