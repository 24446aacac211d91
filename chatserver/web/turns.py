"""Turns of requests: one with a body begins in each turn of the loop, however many come at the same moment.

Messages on open WebSockets pass the loop several times on their way, and each time wait for all that it does in
between. A request costs some 0.3 ms, so a rush of hundreds, such as of all who sign in after a fault, would hold
messages up for a tenth of a second. Sign-ins have turns of their own, with time for others in between: they need not
hurry, as hashing their passwords takes ten times as long. Requests without a body take no turns: after a restart they
open thousands of WebSockets, which is done sooner if they read the store together.

Networks alternate, as rates count them, so that whoever sends many requests waits for their own.
"""

import asyncio
from collections import deque
from typing import Final

from chatserver.runtime.rate import address_network

SIGN_IN_PATHS: Final = (b"/api/v1/login", b"/api/v1/register")  # and what is below them
SIGN_IN_SECONDS: Final = 0.003  # between two sign-ins that come at the same moment


class Turns:
    """The queues of a server. Of one event loop."""

    def __init__(self) -> None:
        self._usual, self._sign_ins = Queue(), Queue(SIGN_IN_SECONDS)

    def of(self, target: bytes) -> "Queue":
        """The queue in which a request with this target waits."""
        return self._sign_ins if target.startswith(SIGN_IN_PATHS) else self._usual


class Queue:
    """Hands out turns, to each network in the order in which it asks.

    `pace` is the time between two turns in seconds; 0 is one in each turn of the loop.
    """

    def __init__(self, pace: float = 0.0) -> None:
        self._pace = pace
        self._is_taken = False  # a moment ago
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # by network, the next one first

    async def take(self, address: str) -> None:
        """Wait for a turn. Returns at once unless several want one."""
        if not self._is_taken:
            self._is_taken = True
            self._give_later()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address_network(address), deque()).append(turn)
        await turn

    def _give_later(self) -> None:
        loop = asyncio.get_running_loop()
        if self._pace:
            loop.call_later(self._pace, self._give)
        else:
            loop.call_soon(self._give)

    def _give(self) -> None:
        """Give the turn to the next that is still wanted; its time has come."""
        while self._waiting:
            network = next(iter(self._waiting))
            turns = self._waiting.pop(network)
            turn = turns.popleft()
            if turns:
                self._waiting[network] = turns  # behind the others
            if not turn.done():
                turn.set_result(None)
                self._give_later()
                return
        self._is_taken = False
