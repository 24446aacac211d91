"""Heartbeats of a worker to its parent over a pipe: every second that it serves, and when it drains."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from loguru import logger

BEAT_SECONDS = 1.0
SILENT_BEATS = 4  # after so many beats without a heartbeat a worker stands still
SERVES, DRAINS = b"1", b"0"
STEER_SECONDS = 0.25  # for the parent, to direct new connections to other workers


class Heartbeats:
    """The worker's end of the pipe."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        os.set_blocking(pipe, False)
        self._task: asyncio.Task[None] | None = None

    def serve(self) -> None:
        """Send heartbeats as long as the loop turns. A worker that ends before this could not start."""
        self._say(SERVES)
        self._task = asyncio.create_task(self._go_on(), name="heartbeats")

    async def drain(self) -> None:
        """Tell the parent; returns when it has had time to direct new connections elsewhere."""
        self._end()
        self._say(DRAINS)
        await asyncio.sleep(STEER_SECONDS)

    def close(self) -> None:
        self._end()
        os.close(self._pipe)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._say(SERVES)

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _say(self, sign: bytes) -> None:
        # If the parent is gone, another pipe tells; if it stands still, it needs no heartbeat.
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(self._pipe, sign)


class Hearing:
    """The parent's end of the pipe, and the state that one process of a worker reported."""

    def __init__(self, worker: int, changed: Callable[[], None]) -> None:
        """`changed` is called after each heartbeat. The caller must call `close` in the end."""
        self._worker, self._changed = worker, changed
        self._last = b""
        self._missed = 0  # beats of ours since the last heartbeat
        self._pipe, self.theirs = os.pipe()
        os.set_blocking(self._pipe, False)
        asyncio.get_running_loop().add_reader(self._pipe, self._hear)

    @property
    def has_served(self) -> bool:
        return self._last != b""

    @property
    def takes_connections(self) -> bool:
        """Whether the worker serves, as far as is known, and does not stand still."""
        return self._last == SERVES and self._missed < SILENT_BEATS

    def beat(self) -> None:
        """Count one more beat of `BEAT_SECONDS`.

        Beats are counted by this process, so if it stands still itself, no worker is blamed.
        """
        if self._last != SERVES:
            return
        self._missed += 1
        if self._missed == SILENT_BEATS:
            logger.warning("worker {} stands still: new connections go to the others", self._worker)

    def let_go(self) -> None:
        """Close the worker's end here, once the worker has it, or is not to have it."""
        os.close(self.theirs)

    def close(self) -> None:
        self._read()  # it may have sent a last heartbeat
        asyncio.get_running_loop().remove_reader(self._pipe)
        os.close(self._pipe)

    def _hear(self) -> None:
        if not self._read():  # it has ended, or is about to
            asyncio.get_running_loop().remove_reader(self._pipe)
        self._changed()

    def _read(self) -> bool:
        """Read the heartbeats that have come; False at the end of the pipe."""
        try:
            said = os.read(self._pipe, 4096)
        except BlockingIOError:
            return True
        if self._missed >= SILENT_BEATS and said:
            logger.info("worker {} goes on", self._worker)
        self._last, self._missed = said[-1:] or self._last, 0
        return bool(said)
