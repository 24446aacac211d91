"""Collects lines and writes them off the event loop, in order."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from chatserver_plugins.audit.file import RotatingFile

DAY = 86_400.0
MAX_LINES = 1000  # about 200 KB; further ones wait in the server's queue for this plugin

_log = logging.getLogger(__name__)


class Writer:
    """Collects lines for at most `flush_seconds`; keeps unwritable ones, up to `MAX_LINES`.

    Once a day it removes lines that are older than `keep_days`; 0: none.
    """

    def __init__(self, file: RotatingFile, flush_seconds: float, keep_days: int = 0) -> None:
        self._file = file
        self._flush_seconds, self._keep_days = flush_seconds, keep_days
        self._next_look = 0.0  # for old lines, on the monotonic clock
        self._lines: list[bytes] = []
        self._timer: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")

    async def open(self) -> None:
        """Open the file. Raises `OSError` if it cannot be written."""
        await self._do(self._file.open)
        if self._keep_days:
            self._timer = asyncio.create_task(self._flush_later())

    async def add(self, line: bytes) -> None:
        """Add a line. Raises `OSError` and drops it if too many wait because writing fails."""
        if len(self._lines) >= MAX_LINES:
            await self.flush()
        self._lines.append(line)
        if self._timer is None:
            self._timer = asyncio.create_task(self._flush_later())

    async def flush(self) -> None:
        # The server may stop waiting at its deadline; the lines must then still be written or kept.
        await asyncio.shield(self._flush())

    async def _flush(self) -> None:
        async with self._lock:
            lines, self._lines = self._lines, []
            try:
                await self._do(lambda: self._file.write(b"".join(lines)))
            except OSError:
                self._lines = lines + self._lines
                raise

    async def close(self) -> None:
        """Write the waiting lines. Raises `OSError` if that fails."""
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)
        try:
            await self.flush()
        finally:
            await self._do(self._file.close)
            self._thread.shutdown(wait=False)

    async def _flush_later(self) -> None:
        while True:
            try:
                await self._drop_old()
            except OSError:
                _log.exception("old lines of the audit log are not removed yet")
            await asyncio.sleep(self._flush_seconds)
            if not self._lines:
                continue
            try:
                await self.flush()
            except OSError:
                _log.exception("%d lines of the audit log are not written yet", len(self._lines))

    async def _drop_old(self) -> None:
        if not self._keep_days or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + DAY
        at = datetime.now(UTC) - timedelta(days=self._keep_days)
        border = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        await self._do(lambda: self._file.drop_before(border))

    async def _do(self, work: Callable[[], object]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work)
