"""A process with a loop that stands still, in a way that is given, until it is stopped."""

import asyncio
import ctypes
import os
import sys
import time

from chatserver.process.watchdog import Watchdog
from chatserver.runtime.measure import Measures

SECONDS = 1.8  # of a block: the watchdog looks every quarter of a second
WORK_SECONDS = 0.02  # of processor time, in one turn of the loop


def nothing() -> None: ...


def work() -> None:
    """No trouble, on a machine that lets it."""
    until = time.thread_time() + WORK_SECONDS
    while time.thread_time() < until:
        pass


def compute() -> None:
    until = time.thread_time() + SECONDS
    while time.thread_time() < until:
        pass


def sleep() -> None:
    time.sleep(SECONDS)


def keep_the_lock() -> None:
    """Asleep, and no other thread of Python may run."""
    for _ in range(20):
        ctypes.PyDLL(None).usleep(int(SECONDS * 1e6) // 20)


async def main(block: str, processor: int) -> None:
    os.sched_setaffinity(0, {processor})
    watchdog = Watchdog(Measures(), [])
    watchdog.start()
    print("ready", flush=True)
    while os.getppid() != 1:
        globals()[block]()
        await asyncio.sleep(0.01)
    watchdog.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
