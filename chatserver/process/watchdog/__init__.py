"""Detects code that blocks the event loop, and names the plugin at fault.

A loop may also stand still because other processes use the processor: `stalls.py` distinguishes the two cases
by the system's figures, which `processor.py` reads.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Iterable
from types import FrameType

from loguru import logger

from chatserver.process.watchdog.processor import ProcessorTime
from chatserver.process.watchdog.stalls import Sample, Stall, Stalls
from chatserver.runtime.measure import Measures

BEAT_SECONDS = 0.25
QUIET_SECONDS = 10.0  # between two warnings that the machine is busy, which may last


class Watchdog:
    """A thread that inspects the loop's thread when the loop stands still."""

    def __init__(self, measures: Measures, plugins: Iterable[tuple[str, str]]) -> None:
        """`plugins` has each plugin's name and the package with its code."""
        self._plugins = list(plugins)
        loop_thread = threading.current_thread()
        self._loop_thread = loop_thread.ident or 0
        self._processor = ProcessorTime(loop_thread)
        self._beat = self._new_beat()
        self._warned = -QUIET_SECONDS
        self._stop = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._blocked = measures.counter(
            "chatserver_loop_blocked_total", "Times the event loop stood still", ("plugin",)
        )
        self._starved = measures.counter(
            "chatserver_loop_starved_total",
            "Times the event loop stood still because the machine gave it no processor",
        )

    def start(self) -> None:
        self._task = asyncio.create_task(self._turn(), name="watchdog")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._task is not None:
            self._task.cancel()
            self._thread.join()  # so that it reads nothing after this
        self._processor.close()

    async def _turn(self) -> None:
        while True:
            self._beat = self._new_beat()
            await asyncio.sleep(BEAT_SECONDS)

    def _new_beat(self) -> Sample:
        return Sample(time.monotonic(), self._processor.read())

    def _watch(self) -> None:
        mine = ProcessorTime(threading.current_thread())
        stalls = Stalls(time.monotonic(), mine.read(), BEAT_SECONDS)
        while not self._stop.wait(BEAT_SECONDS):
            beat = self._beat
            now = Sample(time.monotonic(), self._processor.read())
            stall = stalls.look(beat, now, mine.read())
            if stall is not None and stall.is_ours:
                self._tell(sys._current_frames().get(self._loop_thread))
            elif stall is not None:
                self._tell_of_the_machine(stall, now.at)
        mine.close()

    def _tell_of_the_machine(self, stall: Stall, now: float) -> None:
        self._starved.add()
        if now - self._warned < QUIET_SECONDS:
            return
        self._warned = now
        logger.warning(
            "the event loop stood still for {:.1f} s, and for {:.1f} s of that had no processor: "
            "other processes on the machine use too much",
            stall.seconds,
            stall.withheld,
        )

    def _tell(self, frame: FrameType | None) -> None:
        culprit, place = "", "?"
        if frame is not None:
            # The line where the function begins: reading the present line of a frame that another thread
            # runs can crash the process (CPython 3.11).
            code = frame.f_code
            place = f"{code.co_qualname} ({code.co_filename}:{code.co_firstlineno})"
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
