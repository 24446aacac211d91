"""The process of a service that the server itself starts, and starts again when it has ended."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence

from loguru import logger

RESTARTS = 3  # in RESTART_SECONDS; after them it stays off
RESTART_SECONDS = 3600.0
PAUSE_SECONDS = 1.0  # before a restart
END_SECONDS = 5.0  # between SIGTERM and SIGKILL


class Process:
    """Runs `command` until `stop`. Its output goes to the log, line by line."""

    def __init__(
        self, name: str, command: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name, self._command, self._clock = name, command, clock
        self._started: deque[float] = deque()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self.given_up = False

    @property
    def pid(self) -> int | None:
        """Process id of the one that runs; None if none does."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name=f"remote: {self._name}")

    async def stop(self) -> None:
        """End the process. Never raises."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _keep(self) -> None:
        while self._may_start():
            try:
                await self._run()
            except OSError as error:
                logger.error("remote service {}: cannot start: {}", self._name, error)
            await asyncio.sleep(PAUSE_SECONDS)
        self.given_up = True
        logger.error(
            "remote service {}: ended {} times in an hour; it stays off until the server restarts",
            self._name,
            RESTARTS + 1,
        )

    def _may_start(self) -> bool:
        now = self._clock()
        while self._started and now - self._started[0] > RESTART_SECONDS:
            self._started.popleft()
        if len(self._started) > RESTARTS:
            return False
        self._started.append(now)
        return True

    async def _run(self) -> None:
        process = self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than a line may be; the rest follows
                continue
            if not line:
                break
            logger.info("remote service {}: {}", self._name, line.decode(errors="replace").rstrip())
        status = await process.wait()
        logger.warning("remote service {}: ended with status {}", self._name, status)
