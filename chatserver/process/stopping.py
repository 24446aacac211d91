"""Stopping the server: signals, a time limit, and errors of the loop, even if memory is short."""

import asyncio
import math
import signal
from typing import Any, Final

from chatserver.logging.repeated import Repeated, kind_of

BALLAST: Final = 2 * 1024 * 1024  # bytes freed at a stop, as memory may be exhausted then


_ABOUT: Final = ("task", "future", "handle", "transport", "protocol", "asyncgen")


class Stop:
    """Receives the signals that stop the server, and makes sure that the process ends.

    `seconds` after the first signal the kernel kills the process (SIGALRM), whatever it is doing: that needs
    no memory, no thread and no turn of the loop.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._event, self._asked = asyncio.Event(), asyncio.Event()
        self.replaced = False  # another process takes over, so this one leaves
        self._ballast: bytearray | None = bytearray(BALLAST)

    def watch(self, signals: list[signal.Signals]) -> None:
        """Call `now` on these signals, on this loop."""
        loop = asyncio.get_running_loop()
        for number in signals:
            loop.add_signal_handler(number, self.now)

    def now(self) -> None:
        """Request the stop. Further calls have no effect."""
        self._begin(self._seconds)
        try:
            self._event.set()
            self._asked.set()
        except MemoryError:
            asyncio.get_running_loop().call_later(0.1, self.now)

    def leave(self, seconds: float) -> None:
        """Stop because another process takes over, within at most so many seconds."""
        if not self._event.is_set():
            self.replaced = True
            self._begin(seconds)
            self._event.set()

    def _begin(self, seconds: float) -> None:
        if self._ballast is not None:
            self._ballast = None
            if hasattr(signal, "alarm"):
                signal.alarm(math.ceil(seconds))

    @property
    def is_asked(self) -> bool:
        """Whether a stop is requested."""
        return self._asked.is_set()

    async def wait(self) -> None:
        """Wait until a stop is requested, or `leave` is called."""
        await self._event.wait()

    async def asked(self) -> None:
        """Wait until a stop is requested."""
        await self._asked.wait()

    @staticmethod
    def ended() -> None:
        """Cancel the alarm, as the process is about to end by itself."""
        if hasattr(signal, "alarm"):
            signal.alarm(0)


class LoopErrors:
    """Logs the loop's errors, each kind once a minute, so that a repeated one does not fill the disk."""

    def __init__(self) -> None:
        self._reports = Repeated()

    def watch(self) -> None:
        """Handle the errors of this loop."""
        asyncio.get_running_loop().set_exception_handler(self.handle)

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log the context given to `loop.call_exception_handler`. Never raises."""
        try:
            error = context.get("exception")
            text = str(context.get("message") or "an error in the event loop")
            about = [repr(context[key])[:300] for key in _ABOUT if key in context]
            self._reports.error(kind_of(text, error), ": ".join([text, *about]), error)
        except MemoryError:
            pass  # no memory left to log it
