"""Turns of requests: one with a body begins in each turn of the loop, however many come at the same moment.

Messages on open WebSockets pass the loop several times on their way, and each time wait for all that it does in
between. A request costs some 0.3 ms, so a rush of hundreds, such as of all who sign in after a fault, would hold
messages up for a tenth of a second. Requests without a body take no turns: after a restart they open thousands of
WebSockets, which is done sooner if they read the store together.
"""

import asyncio
from collections import deque


class Turns:
    """Hands out turns in the order in which they are asked for. Of one event loop."""

    def __init__(self) -> None:
        self._is_taken = False  # in this turn of the loop
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a turn. Returns at once unless several want one."""
        loop = asyncio.get_running_loop()
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._give)
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _give(self) -> None:
        """Give the turn to the next that is still wanted; the loop has been around once."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._give)
                return
        self._is_taken = False
