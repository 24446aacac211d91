"""A plugin that measures the event loop from inside: which of its turns take long, and where.

A turn counts by the processor time of the loop's thread, so that a busy machine is not blamed on the server.
"""

import asyncio
import gc
import json
import signal
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import chatserver

BEAT_SECONDS = 0.005
LOOK_SECONDS = 0.01  # of processor time
STACK_FRAMES = 30
LONG_SECONDS = 0.05  # the promise: no user holds the loop up for longer


class Plugin:
    """Writes each long turn to `turns.jsonl` in its folder: seconds, how many of them the garbage collector
    took, and the stacks seen within it, the one seen most often first.
    """

    class Config(chatserver.Settings, frozen=True):
        pass

    def __init__(self, config: Config, data: Path) -> None:
        self._path = data / "turns.jsonl"
        self._seen: Counter[str] = Counter()
        self._collecting = self._collected = 0.0  # since when, and seconds in this turn
        self._oldest = 0  # the oldest generation that was collected in it
        self._task: asyncio.Task[None] | None = None

    @chatserver.hookimpl
    async def startup(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        self._task = asyncio.create_task(self._turn())
        # A signal is handled in the loop's own thread. Another thread that reads the line of a frame which
        # runs can end the process (CPython 3.11).
        gc.callbacks.append(self._collect)
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, LOOK_SECONDS, LOOK_SECONDS)

    @chatserver.hookimpl
    async def shutdown(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        gc.callbacks.remove(self._collect)
        if self._task is not None:
            self._task.cancel()

    async def _turn(self) -> None:
        spent = time.thread_time()
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            now = time.thread_time()
            if now - spent >= LONG_SECONDS:
                stacks = "\n\n".join(
                    f"{count} times\n{stack}" for stack, count in self._seen.most_common()
                )
                turn = {
                    "at": time.time(),
                    "seconds": round(now - spent, 4),
                    "collector": round(self._collected, 4),
                    "generation": self._oldest,
                    "stack": stacks,
                }
                line = json.dumps(turn)
                with self._path.open("a") as file:
                    file.write(line + "\n")
            self._seen.clear()
            self._collected, self._oldest = 0.0, 0
            spent = time.thread_time()

    def _look(self, number: int, frame: FrameType | None) -> None:
        """Note where the loop's thread is, innermost last, without reading any source: it happens often."""
        places: list[str] = []
        while frame is not None and len(places) < STACK_FRAMES:
            code = frame.f_code
            places.append(f'File "{code.co_filename}", line {frame.f_lineno}, in {code.co_name}')
            frame = frame.f_back
        self._seen["\n".join(reversed(places))] += 1

    def _collect(self, phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.thread_time()
        else:
            self._collected += time.thread_time() - self._collecting
            self._oldest = max(self._oldest, about["generation"])
