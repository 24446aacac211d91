"""Notices when something blocks the event loop, and names the plugin that does."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterable
from types import FrameType

from loguru import logger

from chatserver.measure import Measures

BEAT_SECONDS = 0.25
BLOCKED_SECONDS = 1.0


class Watchdog:
    """A thread that looks at the loop's thread when the loop does not turn."""

    def __init__(self, measures: Measures, plugins: Iterable[tuple[str, str]]) -> None:
        """`plugins`: name of each plugin, and the package its code is in."""
        self._plugins = list(plugins)
        self._beat = time.monotonic()
        self._loop_thread = threading.get_ident()
        self._stop = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._blocked = measures.counter(
            "chatserver_loop_blocked_total", "Times the event loop stood still", ("plugin",)
        )

    def start(self) -> None:
        self._task = asyncio.create_task(self._turn(), name="watchdog")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._task is not None:
            self._task.cancel()

    async def _turn(self) -> None:
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)

    def _watch(self) -> None:
        told = 0.0
        while not self._stop.wait(BEAT_SECONDS):
            beat = self._beat
            if time.monotonic() - beat < BLOCKED_SECONDS or beat == told:
                continue
            told = beat
            self._tell(sys._current_frames().get(self._loop_thread))

    def _tell(self, frame: FrameType | None) -> None:
        culprit, place = "", "?"
        if frame is not None:
            place = f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
        while frame is not None and not culprit:
            module = frame.f_globals.get("__name__", "")
            culprit = next(
                (
                    name
                    for name, package in self._plugins
                    if module == package or module.startswith(package + ".")
                ),
                "",
            )
            frame = frame.f_back
        self._blocked.add(labels=(culprit or "none",))
        who = f"plugin {culprit}" if culprit else "the server"
        logger.error("{} blocks the event loop at {}", who, place)
