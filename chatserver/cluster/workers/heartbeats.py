"""Heartbeats of a worker to its parent over a pipe: one a second while it serves, one when it drains.

A worker that refuses to start sends the reason instead.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from loguru import logger

BEAT_SECONDS = 1.0
SILENT_BEATS = 4  # without a heartbeat, after which a worker counts as stalled
SERVES, DRAINS = b"1", b"0"
REFUSED = b"!"  # the reason follows
MOST_BYTES = 2000  # of a reason, so that a pipe takes it as a whole
STEER_SECONDS = 0.25  # time for the parent to direct new connections to other workers


class Heartbeats:
    """The worker's end of the pipe."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        os.set_blocking(pipe, False)
        self._task: asyncio.Task[None] | None = None

    def serve(self) -> None:
        """Send heartbeats while the loop runs. A worker that ends before this call could not start."""
        self._say(SERVES)
        self._task = asyncio.create_task(self._repeat(), name="heartbeats")

    async def drain(self) -> None:
        """Tell the parent of the drain; returns once it has had time to direct new connections elsewhere."""
        self._end()
        self._say(DRAINS)
        await asyncio.sleep(STEER_SECONDS)

    def close(self) -> None:
        self._end()
        os.close(self._pipe)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._say(SERVES)

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _say(self, state: bytes) -> None:
        # Another pipe shows the end of the parent. A parent that stands still needs no heartbeat.
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self._pipe, state)


class HeartbeatMonitor:
    """The parent's end of the pipe, and the state that one process of a worker reported."""

    def __init__(self, worker: int, changed: Callable[[], None]) -> None:
        """`changed` is called after each heartbeat. The caller must call `close` at the end."""
        self._worker, self._changed = worker, changed
        self._last = b""
        self._missed = 0  # number of our beats since the last heartbeat
        self.refusal = ""  # the reason why it refuses to start
        self._pipe, self.worker_end = os.pipe()
        os.set_blocking(self._pipe, False)
        asyncio.get_running_loop().add_reader(self._pipe, self._hear)

    @property
    def has_served(self) -> bool:
        return self._last != b""

    @property
    def takes_connections(self) -> bool:
        """Whether the worker serves, by its last heartbeat, and is not stalled."""
        return self._last == SERVES and self._missed < SILENT_BEATS

    def beat(self) -> None:
        """Count one more beat of `BEAT_SECONDS`.

        This process counts the beats, so a stall of its own makes no worker look stalled.
        """
        if self._last != SERVES:
            return
        self._missed += 1
        if self._missed == SILENT_BEATS:
            logger.warning("worker {} stands still: new connections go to the others", self._worker)

    def close_worker_end(self) -> None:
        """Close this process's copy of the worker's end, once the worker has started or cannot start."""
        os.close(self.worker_end)

    def close(self) -> None:
        self._read()  # the worker may have sent a last heartbeat
        asyncio.get_running_loop().remove_reader(self._pipe)
        os.close(self._pipe)

    def _hear(self) -> None:
        if not self._read():  # the worker has ended or is about to
            asyncio.get_running_loop().remove_reader(self._pipe)
        self._changed()

    def _read(self) -> bool:
        """Read the waiting heartbeats; False at the end of the pipe."""
        try:
            received = os.read(self._pipe, 4096)
        except BlockingIOError:
            return True
        if self._missed >= SILENT_BEATS and received:
            logger.info("worker {} runs again", self._worker)
        if received.startswith(REFUSED):
            self.refusal = received[1:].decode(errors="replace")
            return True
        self._last, self._missed = received[-1:] or self._last, 0
        return bool(received)
