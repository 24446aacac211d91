"""Replaces this process by a new one, on request: by SIGUSR2, or by `chatserver restart`.

With a store that several processes can share, the new process serves before this one leaves. A store for one
process passes from one to the other: this process leaves first, connections wait meanwhile, and if the new one
fails, this one serves again.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
from loguru import logger

from chatserver.handover.bequest import Bequest
from chatserver.handover.successor import NotReplaced, Successor
from chatserver.handover.systemd import notify
from chatserver.process.line_socket import LineSocket, ask_line
from chatserver.process.stopping import Stop
from chatserver.runtime.cancelling import cancel

NAME = "restart.sock"
INITS = ("tini", "docker-init", "catatonit", "dumb-init")  # end with the process that they start


class Asked(msgspec.Struct, frozen=True):
    """A request. `operator` is the system's name of the user who runs the command."""

    operator: str


class Restarted(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome: ids of the processes, and why it failed. `pid` is 0 then, and `before` goes on."""

    before: int
    pid: int = 0
    why: str = ""


class Restarting:
    """One replacement at a time, of the process that an operator started."""

    def __init__(self, folder: Path, *, in_turn: bool) -> None:
        """`in_turn`: this process has to leave before the new one can open the store."""
        self._socket = LineSocket(folder / NAME, self._answer)
        self._in_turn, self._refusal = in_turn, ""
        self._bequest: Bequest | None = None
        self._leave: Callable[[], None] = lambda: None
        self._release: Callable[[], None] = lambda: None
        self._task: asyncio.Task[Restarted] | None = None
        self._left = asyncio.Event()

    async def listen(self) -> None:
        """Take requests of commands, as soon as this process owns the data folder."""
        await self._socket.start()

    def serve(
        self,
        bequest: Bequest,
        leave: Callable[[], None],
        release: Callable[[], None],
        *,
        refusal: str = "",
    ) -> None:
        """This process serves now, so it may be replaced. `leave` has it stop serving.

        `release` closes its copies of what it has handed over: if the new process crashes while this one still
        leaves, clients are refused and do not wait, and another server can start. With a `refusal`, every
        request is answered by it.
        """
        self._bequest, self._leave, self._release = bequest, leave, release
        self._refusal = refusal or in_container()
        self._left = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, self._on_signal)

    def give_up(self) -> None:
        """This process is told to stop: a new one that is about to take over is ended."""
        self._bequest = None
        if self._task is not None:
            self._task.cancel()

    async def left(self, stop: Stop) -> bool:
        """This process has stopped serving, and closed its store. Returns whether it has to serve again."""
        self._bequest = None
        if self._task is None:
            return False
        self._left.set()
        asked = asyncio.create_task(stop.asked())
        await asyncio.wait([self._task, asked], return_when=asyncio.FIRST_COMPLETED)
        if not self._task.done():
            if not self._task.cancelling():
                self._task.cancel()  # which ends the new process
            await asyncio.wait([self._task])
        await cancel([asked])
        return stop.replaced and not self._task.cancelled() and self._task.result().pid == 0

    async def end(self) -> None:
        await self._socket.stop()

    # -- requests ----------------------------------------------------------------------------------

    def _on_signal(self) -> None:
        logger.info("asked to restart by a signal")
        self._begin()

    async def _answer(self, line: bytes) -> bytes:
        try:
            asked = msgspec.json.decode(line, type=Asked)
        except msgspec.DecodeError as error:
            return msgspec.json.encode(Restarted(os.getpid(), why=str(error)))
        logger.info("asked to restart by {}", asked.operator)
        if not self._begin():
            return msgspec.json.encode(Restarted(os.getpid(), why="a restart is under way"))
        assert self._task is not None
        await asyncio.wait([self._task])
        stopped = Restarted(os.getpid(), why="the server was stopped")
        done = stopped if self._task.cancelled() else self._task.result()
        return msgspec.json.encode(done)

    def _begin(self) -> bool:
        """Whether this request begins a restart."""
        if self._bequest is None or (self._task is not None and not self._task.done()):
            logger.warning("not restarted: a restart is under way")
            return False
        self._task = asyncio.create_task(self._try(self._bequest), name="restart")
        return True

    async def _try(self, bequest: Bequest) -> Restarted:
        try:
            pid = await self._replace(bequest)
        except (NotReplaced, OSError) as error:
            logger.error("not restarted, process {} goes on: {}", os.getpid(), error)
            return Restarted(os.getpid(), why=str(error))
        return Restarted(os.getpid(), pid)

    async def _replace(self, bequest: Bequest) -> int:
        """Returns the id of the new process, which serves. Raises `NotReplaced`, `OSError`."""
        if self._refusal:
            raise NotReplaced(self._refusal)
        successor = Successor(bequest)
        logger.info("process {} starts, to take over", successor.pid)
        try:
            await successor.reached("built")
            if self._in_turn:
                self._leave()
                await self._left.wait()
            await successor.go()
            await successor.reached("serves")
            await self._appoint(successor)
        except BaseException:
            await asyncio.shield(successor.end())
            raise
        logger.info("process {} serves, process {} leaves", successor.pid, os.getpid())
        self._bequest = None  # it is the other's to hand over now
        if not self._in_turn:
            self._leave()
        self._release()
        return successor.pid

    async def _appoint(self, successor: Successor) -> None:
        """Let the new process have what this one has as the owner. Raises `NotReplaced` if it has ended."""
        notify(f"MAINPID={successor.pid}", "READY=1")
        await self._socket.stop()  # a command that waits is still answered
        try:
            await successor.appoint()
        except NotReplaced:
            notify(f"MAINPID={os.getpid()}", "READY=1")
            await self._socket.start()
            raise


def in_container() -> str:
    """The reason why this process cannot be replaced, if its end would end its container; else empty."""
    if os.getpid() != 1 and not (os.getppid() == 1 and _name_of_first() in INITS):
        return ""
    return (
        "the container would end with this process: replace the container (docs/containers.md), or "
        "roll the workers"
    )


def _name_of_first() -> str:
    try:
        return Path("/proc/1/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def ask(folder: Path, operator: str) -> Restarted | None:
    """Have the server on this data folder restart; None if none runs there. Raises `StartupError`."""
    line = ask_line(folder / NAME, msgspec.json.encode(Asked(operator)))
    if line is None:
        return None
    if not line:
        return Restarted(0, why="the server ended before it answered")
    return msgspec.json.decode(line, type=Restarted)


__all__ = ["NAME", "Restarted", "Restarting", "ask", "in_container"]
