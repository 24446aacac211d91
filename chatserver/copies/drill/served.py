"""The server of a drill: a separate process, killed together with its children."""

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from pathlib import Path

from chatserver.copies.drill.client import Client, RequestFailed
from chatserver.errors import StartupError

START_SECONDS = 300.0  # long, as a database may be made in the scratch folder first
LOOK_SECONDS = 0.02
GONE_SECONDS = 30.0


class Served:
    """One `chatserver serve` on `port`."""

    def __init__(self, command: Sequence[str], port: int) -> None:
        self._command, self._port = command, port
        self._process: Process | None = None

    async def start(self) -> None:
        """Start the server; returns when it is ready for clients. Raises `StartupError` with its output."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
        deadline = time.monotonic() + START_SECONDS
        while not await asyncio.to_thread(self._is_ready):
            if self._process.returncode is not None:
                _, output = await self._process.communicate()
                raise StartupError(f"the server ended: {output.decode(errors='replace')}")
            if time.monotonic() > deadline:
                raise StartupError(f"the server is not ready after {START_SECONDS:g} s")
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """Stop the server in order, so that its locks are free for the next one at once."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            await process.communicate()

    async def kill(self) -> None:
        """Kill the server and its children at once, like a loss of the machine, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        family = [process.pid, *children(process.pid)]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await process.communicate()
        await until(lambda: not any(map(runs, family)), GONE_SECONDS)

    def _is_ready(self) -> bool:
        client = Client(self._port)
        try:
            client.get("/health/ready")
        except RequestFailed:
            return False
        finally:
            client.close()
        return True


async def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition is true. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(LOOK_SECONDS)


def children(pid: int) -> list[int]:
    """The child processes of a process, such as a mongod."""
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [child for child in found if status(child)[1:2] == [str(pid)]]


def runs(pid: int) -> bool:
    """Whether the process runs: it exists and is not a zombie."""
    return status(pid)[:1] not in ([], ["Z"])


def status(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) behind the name: state, parent, …; empty if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
