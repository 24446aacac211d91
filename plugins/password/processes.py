"""Processes that hash passwords: begun when there is one, ended when idle, replaced when they fail.

They are of the class of idle processes (`SCHED_IDLE`, see sched(7)), so a rush of sign-ins takes no processor time that
the event loop wants. A thread of the server must not be: while it holds the interpreter's lock, the loop would wait
with it for all others on the machine.
"""

import asyncio
import contextlib
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import NamedTuple

import msgspec

SCRIPT = Path(__file__).with_name("calculator.py")
IDLE_SECONDS = 60.0  # then its memory is given back
# For a job: to begin a process, and thirty times of what argon2id takes on a machine that has nothing else to do.
PATIENCE_SECONDS = 1.0
PATIENCE_OF_WORK = 30e-6  # a KiB and pass


class Unavailable(Exception):
    """No process can do a job: none can be begun, it ended, or others leave it no processor time."""


class Cost(NamedTuple):
    """The parameters of argon2id."""

    passes: int
    memory_kib: int
    lanes: int


class Job(msgspec.Struct, frozen=True):
    secret: str  # in hex
    encoded: str = ""  # the hash to verify it against; to make one if empty


class Answer(msgspec.Struct, frozen=True):
    encoded: str = ""
    matches: bool = False
    failed: str = ""


class Calculator:
    """One process, which does one job at a time."""

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._patience = PATIENCE_SECONDS + PATIENCE_OF_WORK * cost.passes * cost.memory_kib
        self._process: Process | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def do(self, job: Job) -> Answer:
        """Raises `Unavailable`."""
        try:
            async with asyncio.timeout(self._patience):
                try:
                    found = await self._ask(await self._running(), job)
                except (EOFError, ConnectionError):
                    await self._end()  # it seems to have ended since its last job
                    found = await self._ask(await self._running(), job)
        except TimeoutError as error:
            await self._end()
            raise Unavailable("others leave them no processor time") from error
        except (OSError, EOFError, msgspec.MsgspecError) as error:
            await self._end()
            raise Unavailable(f"a process failed ({type(error).__name__})") from error
        except BaseException:
            await asyncio.shield(self._end())  # its answer would be taken for that to the next job
            raise
        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._kill)
        return found

    async def close(self) -> None:
        """End the process for good; a job that is under way fails."""
        self._is_closed = True
        await self._end()

    async def _end(self) -> None:
        self._stay()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _ask(self, process: Process, job: Job) -> Answer:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        await process.stdin.drain()
        if not (line := await process.stdout.readline()):
            raise EOFError
        return msgspec.json.decode(line, type=Answer)

    async def _running(self) -> Process:
        self._stay()
        if self._is_closed:
            raise Unavailable("the server stops")
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(SCRIPT), *map(str, self._cost)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env={},
                cwd="/",
            )
        return self._process

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


class Processes:
    """Some processes. Whoever finds all of them at work waits for one, in the order of asking."""

    def __init__(self, number: int, cost: Cost) -> None:
        self._turns = asyncio.Semaphore(number)
        self._all = [Calculator(cost) for _ in range(number)]
        self._free = list(
            self._all
        )  # the last one first, so that no more are begun than are needed

    async def do(self, job: Job) -> tuple[Answer, float]:
        """The answer, and the seconds that it took, without waiting for a process. Raises `Unavailable`."""
        async with self._turns:
            calculator, began = self._free.pop(), time.perf_counter()
            try:
                return await calculator.do(job), time.perf_counter() - began
            finally:
                self._free.append(calculator)

    async def close(self) -> None:
        for calculator in self._all:
            await calculator.close()
