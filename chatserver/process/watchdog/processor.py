"""Processor time of a thread, and the time it waited for a processor."""

import os
import threading
import time
from contextlib import ExitStack, suppress
from typing import NamedTuple


class Spent(NamedTuple):
    """Times of one thread since it began, in seconds. Some systems report only the first."""

    ran: float = 0.0
    waited: float = 0.0  # time ready to run while others ran; a wait counts once it is over
    turns: int = 0  # number of times it got a processor
    is_ready: bool = False  # running, or waiting for a processor


class ProcessorTime:
    """Reads the times of one thread of this process, from any other thread."""

    def __init__(self, thread: threading.Thread) -> None:
        self._clock = _clock_of(thread)
        # Linux reports all of them: "stat" in proc(5), and Documentation/scheduler/sched-stats.rst.
        self._files: list[int] = []
        with suppress(OSError):
            self._files = _opened(f"/proc/self/task/{thread.native_id}", "schedstat", "stat")

    def read(self) -> Spent | None:
        """The present times; None if the system reports none, or the thread has ended."""
        with suppress(OSError):
            if self._files:
                times, state = (os.pread(file, 1000, 0) for file in self._files)
                ran, waited, turns = map(int, times.split())
                is_ready = state.rpartition(b") ")[2].startswith(b"R")
                return Spent(ran / 1e9, waited / 1e9, turns, is_ready)
            if self._clock is not None:
                return Spent(time.clock_gettime(self._clock))
        return None

    def close(self) -> None:
        """Close the files; `read` returns None from now on."""
        for file in self._files:
            os.close(file)
        self._files, self._clock = [], None


def _opened(folder: str, *names: str) -> list[int]:
    """Open all of these files, or none. Raises `OSError`."""
    with ExitStack() as opened:
        files = []
        for name in names:
            files.append(os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC))
            opened.callback(os.close, files[-1])
        opened.pop_all()
        return files


def _clock_of(thread: threading.Thread) -> int | None:
    """The id of the thread's CPU clock; None on platforms without one."""
    if not hasattr(time, "pthread_getcpuclockid") or thread.ident is None:
        return None
    return time.pthread_getcpuclockid(thread.ident)
