"""A plugin that measures the event loop from inside: which of its turns take long, and where.

A turn counts by the processor time of the loop's thread, so that a busy machine is not blamed on the server.
"""

import asyncio
import json
import signal
import time
import traceback
from pathlib import Path
from types import FrameType

import chatserver

BEAT_SECONDS = 0.005
LOOK_SECONDS = 0.01  # of processor time
LONG_SECONDS = 0.05  # the promise: no user holds the loop up for longer


class Plugin:
    """Writes each long turn to `turns.jsonl` in its folder: seconds, and the stack seen within it."""

    class Config(chatserver.Settings, frozen=True):
        pass

    def __init__(self, config: Config, data: Path) -> None:
        self._path = data / "turns.jsonl"
        self._beat = time.monotonic()
        self._seen = ""
        self._task: asyncio.Task[None] | None = None

    @chatserver.hookimpl
    async def startup(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        self._task = asyncio.create_task(self._turn())
        # A signal is handled in the loop's own thread. Another thread that reads the line of a frame which
        # runs can end the process (CPython 3.11).
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, LOOK_SECONDS, LOOK_SECONDS)

    @chatserver.hookimpl
    async def shutdown(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if self._task is not None:
            self._task.cancel()

    async def _turn(self) -> None:
        spent = time.thread_time()
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            now = time.thread_time()
            if now - spent >= LONG_SECONDS:
                line = json.dumps(
                    {"at": time.time(), "seconds": round(now - spent, 4), "stack": self._seen}
                )
                with self._path.open("a") as file:
                    file.write(line + "\n")
            self._beat, self._seen = time.monotonic(), ""
            spent = time.thread_time()

    def _look(self, number: int, frame: FrameType | None) -> None:
        """Keep the stack of a turn that takes long, as seen while it lasts."""
        if time.monotonic() - self._beat > LONG_SECONDS / 2 and not self._seen:
            self._seen = "".join(traceback.format_stack(frame))
