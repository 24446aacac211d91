"""A request's body on its way to a plugin, part by part.

At most one part is in memory: the next one is read from the client when the plugin has taken it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from chatserver.errors import ChatError
from chatserver.hooks.deadline import Deadline
from chatserver.web.connection import LEAST_PROGRESS


class Incoming:
    """The body of one request. The connection puts parts in, and the plugin takes them out."""

    def __init__(
        self, most: int, seconds: float, deadline: Deadline, cut: Callable[[], None]
    ) -> None:
        """`most` is the largest size in bytes.

        A client has `seconds` for each `LEAST_PROGRESS` bytes; one that is slower is `cut` off. The plugin's
        `deadline` stands still while it waits for the client.
        """
        self._most, self._seconds, self._deadline, self._cut = most, seconds, deadline, cut
        self._part = b""
        self._size = 0
        self._waited = 0.0
        self._error: ChatError | None = None
        self._moved = asyncio.Event()  # a part came or was taken, or the body ended
        self.complete = False  # nothing more will come
        self.unwanted = False  # the request is answered; what still comes is thrown away

    # -- called by the connection ----------------------------------------------------------------

    async def put(self, part: bytes) -> None:
        """Return once the plugin has taken the part, or does not want it."""
        if self.unwanted:
            return
        self._size += len(part)
        if self._size > self._most:
            self._error = ChatError("request.too_large")
            self._moved.set()
            return
        self._part = part
        self._moved.set()
        while self._part and not self.unwanted:
            self._moved.clear()
            await self._moved.wait()

    def end(self) -> None:
        """Note that the body is complete."""
        self.complete = True
        self._moved.set()

    def break_off(self) -> None:
        """Note that the client is gone. What came is still taken out."""
        if not self.complete:
            self._error = self._error or ChatError("request.cut")
            self._moved.set()

    def drop(self) -> None:
        """Throw away what still comes."""
        self.unwanted = True
        self._part = b""
        self._moved.set()

    # -- called for the plugin -------------------------------------------------------------------

    async def parts(self) -> AsyncIterator[bytes]:
        """The body. Raises `ChatError` request.too_large, request.cut."""
        while True:
            if not self._part:
                await self._wait()
            if not self._part and self._error is not None:
                raise self._error
            if not self._part:
                return
            part, self._part = self._part, b""
            self._moved.set()
            yield part

    async def _wait(self) -> None:
        """Return when there is a part, an error or the end. Cuts off a client that is too slow."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        patience = self._seconds * (1 + self._size // LEAST_PROGRESS) - self._waited
        with self._deadline.standing_still(), suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, patience)):
                while not (self._part or self.complete or self._error):
                    self._moved.clear()
                    await self._moved.wait()
        self._waited += loop.time() - began
        if not (self._part or self.complete or self._error):
            self._cut()
            self.break_off()
