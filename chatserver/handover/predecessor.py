"""The new process's side: what it inherits, and what it tells the process that it replaces."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chatserver.errors import StartupError
from chatserver.handover.bequest import Bequest, bequest_of_this_process
from chatserver.handover.link import GO, MOST_BYTES, YOURS, Told
from chatserver.process.folders import DataFolder
from chatserver.process.stopping import Stop
from chatserver.runtime.cancelling import cancel

STOPPED = "the new process was told to stop"


class Predecessor:
    """The process that this one replaces, if all goes well."""

    def __init__(self, bequest: Bequest) -> None:
        self.bequest = bequest
        self._link = socket.socket(fileno=bequest.link)
        self._link.set_inheritable(False)
        for number in bequest.files():
            os.set_inheritable(number, False)
        self.goes_on = True  # until it is told that this process serves
        self._waiting: asyncio.Task[None] | None = None

    def folder(self, path: Path) -> DataFolder:
        """The data folder with its lock, which is not released in between. Raises `StartupError`.

        Inherited locks of another folder are closed.
        """
        if str(path) == self.bequest.data:
            return DataFolder(path, self.bequest.lock)
        for lock in (self.bequest.lock, *self.bequest.locks):
            os.close(lock)
        return DataFolder(path)

    async def built(self, stop: Stop) -> None:
        """Tell that the code and the configuration are in order; returns when the store may be opened.

        Raises `StartupError`, also if this process is told to stop meanwhile.
        """
        self._link.setblocking(False)
        await self._say(Told("built"))
        line, asked = asyncio.create_task(self._line()), asyncio.create_task(stop.asked())
        await asyncio.wait([line, asked], return_when=asyncio.FIRST_COMPLETED)
        await cancel([line, asked])
        self.goes_on_if(stop)
        if line.result() != GO:
            raise StartupError("the process to be replaced has ended")

    def goes_on_if(self, stop: Stop) -> None:
        """Raises `StartupError` if this process is told to stop: then the other goes on."""
        if stop.is_asked:
            raise StartupError(STOPPED)

    async def serves(
        self, mine: Callable[[], Awaitable[None]], orphaned: Callable[[], None]
    ) -> None:
        """Tell that this process serves. `mine` is called once it may stay, `orphaned` if it may not."""

        async def wait() -> None:
            if await self._line() == YOURS:
                await mine()
            else:
                orphaned()

        self.goes_on = False
        await self._say(Told("serves"))
        self._waiting = asyncio.create_task(wait(), name="handover")

    async def end(self) -> None:
        """Wait for the old process no more."""
        if self._waiting is not None:
            await cancel([self._waiting])

    def close(self) -> None:
        self._link.close()

    def failed(self, why: str) -> None:
        """Tell why this process cannot replace the other. Never raises."""
        with suppress(OSError):
            self._link.setblocking(True)
            self._link.sendall(Told("failed", why[:MOST_BYTES]).line())

    async def _say(self, told: Told) -> None:
        with suppress(OSError):  # the end of the other is seen by `_line`
            await asyncio.get_running_loop().sock_sendall(self._link, told.line())

    async def _line(self) -> bytes:
        """One of the short lines of the old process, which come whole; empty at its end."""
        try:
            return await asyncio.get_running_loop().sock_recv(self._link, 100)
        except OSError:
            return b""


@contextmanager
def reporting() -> Iterator[Predecessor | None]:
    """The process that this one replaces, if any, which is told why this one fails within the block."""
    bequest = bequest_of_this_process()
    if bequest is None:
        yield None
        return
    predecessor = Predecessor(bequest)
    try:
        yield predecessor
    except Exception as error:
        text = str(error) if isinstance(error, StartupError) else repr(error)
        predecessor.failed(text)
        raise
    finally:
        predecessor.close()
