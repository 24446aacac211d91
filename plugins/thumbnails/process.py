"""The process that decodes pictures: begun when there is one, ended when it is idle, replaced when it fails."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from chatserver_plugins.thumbnails.sizes import Size

SCRIPT = Path(__file__).with_name("decoder.py")
IDLE_SECONDS = 60.0  # then its memory is given back
JOBS = 200  # then another process takes over, as memory is scattered in the old one
THUMBNAIL_BYTES = 8_000_000  # more than one of the largest side ever has
WALL_SECONDS = 120.0  # for a picture: one that is busy ends sooner, by its processor time


class Bounds(NamedTuple):
    """Of one picture."""

    source_bytes: int
    memory_bytes: int
    pixels: int
    seconds: float  # of the processor


class Failed(Exception):
    """No thumbnail can be made of a picture. `again`: perhaps later, as the process was ended by force."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


class Answer(msgspec.Struct, frozen=True):
    lengths: tuple[int, ...] = ()
    failed: str = ""


class Decoder:
    """One picture at a time."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._jobs = 0
        self._idle: asyncio.TimerHandle | None = None

    async def make(
        self, parts: AsyncIterator[bytes], size: int, decoder: str, sizes: Sequence[Size]
    ) -> list[bytes]:
        """WebP files in these sizes of a picture of `size` bytes. Raises `Failed`, and what `parts` raises."""
        async with self._turn:
            try:
                process = await self._running()
                async with asyncio.timeout(WALL_SECONDS):
                    made = await self._ask(process, parts, size, decoder, sizes)
            except (OSError, EOFError, ValueError, TimeoutError, msgspec.MsgspecError) as error:
                await self._end()
                raise Failed(type(error).__name__, again=True) from error
            except Failed:
                self._rest()
                raise
            except BaseException:
                await asyncio.shield(self._end())
                raise
            self._rest()
            return made

    async def _ask(
        self,
        process: Process,
        parts: AsyncIterator[bytes],
        size: int,
        decoder: str,
        sizes: Sequence[Size],
    ) -> list[bytes]:
        assert process.stdin is not None and process.stdout is not None
        pairs = [(each.width, each.height) for each in sizes]
        job = {"decoder": decoder, "sizes": pairs, "bytes": size}
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        async for part in parts:
            process.stdin.write(part)
            await process.stdin.drain()
        answer = msgspec.json.decode(await process.stdout.readline(), type=Answer)
        if answer.failed:
            raise Failed(answer.failed)
        if len(answer.lengths) != len(sizes) or max(answer.lengths) > THUMBNAIL_BYTES:
            raise ValueError("an answer to another job")
        return [await process.stdout.readexactly(length) for length in answer.lengths]

    async def _running(self) -> Process:
        if self._idle is not None:
            self._idle.cancel()
        self._jobs += 1
        if self._process is not None and (
            self._process.returncode is not None or self._jobs > JOBS
        ):
            await self._end()
        if self._process is None:
            _, *bounds = map(str, self._bounds)
            self._jobs = 1
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(SCRIPT), *bounds),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env={},
                cwd="/",
            )
        return self._process

    def _rest(self) -> None:
        """End the process when nothing has come for a while."""
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(IDLE_SECONDS, self._kill)

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def close(self) -> None:
        """End the process; a job that is under way fails."""
        if self._idle is not None:
            self._idle.cancel()
        await self._end()
