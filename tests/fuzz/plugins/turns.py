"""A plugin that measures the event loop from inside: which of its turns take long, and where.

A turn counts by the processor time of the loop's thread, so that a busy machine is not blamed on the server.
"""

import asyncio
import json
import sys
import threading
import time
import traceback
from pathlib import Path

import chatserver

BEAT_SECONDS = 0.005
LOOK_SECONDS = 0.01
LONG_SECONDS = 0.05  # the promise: no user holds the loop up for longer


class Plugin:
    """Writes each long turn to `turns.jsonl` in its folder: seconds, and the stack seen within it."""

    class Config(chatserver.Settings, frozen=True):
        pass

    def __init__(self, config: Config, data: Path) -> None:
        self._path = data / "turns.jsonl"
        self._beat = time.monotonic()
        self._loop_thread = 0
        self._seen = ""
        self._stop = threading.Event()
        self._task: asyncio.Task[None] | None = None

    @chatserver.hookimpl
    async def startup(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        self._loop_thread = threading.get_ident()
        self._task = asyncio.create_task(self._turn())
        threading.Thread(target=self._look, daemon=True).start()

    @chatserver.hookimpl
    async def shutdown(self) -> None:
        self._stop.set()
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

    def _look(self) -> None:
        """Keep the stack of a turn that takes long, as seen while it lasts."""
        while not self._stop.wait(LOOK_SECONDS):
            if time.monotonic() - self._beat > LONG_SECONDS / 2 and not self._seen:
                frame = sys._current_frames().get(self._loop_thread)
                self._seen = "".join(traceback.format_stack(frame))
