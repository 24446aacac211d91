"""The old process's side: a new process of the same command, from its start until it serves."""

import asyncio
import os
import signal
import socket
import subprocess
from contextlib import suppress

import msgspec

from chatserver.handover.bequest import VARIABLE, Bequest, encoded
from chatserver.handover.link import GO, MOST_BYTES, YOURS, State, told
from chatserver.process.own_command import own_command

END_SECONDS = 10.0  # to end in order


class NotReplaced(Exception):
    """The new process could not take over. The text says why, for operators."""


class Successor:
    """A new process, which ends with this one until `appoint`."""

    def __init__(self, bequest: Bequest) -> None:
        """Start it. Raises `OSError`."""
        ours, theirs = socket.socketpair()
        given = msgspec.structs.replace(bequest, link=theirs.fileno())
        try:
            # Not by asyncio, which kills its processes when its loop ends.
            self._process = subprocess.Popen(  # noqa: S603
                own_command(),
                pass_fds=[*bequest.files(), theirs.fileno()],
                env=os.environ | {VARIABLE: encoded(given)},
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._link = ours
        self._received = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    async def reached(self, state: State) -> None:
        """Wait until it has come so far. Raises `NotReplaced`."""
        line = await self._line()
        if not line:
            status = await asyncio.to_thread(self._process.wait)
            raise NotReplaced(f"it ended with status {status}; what it printed has the reason")
        try:
            found = told(line)
        except msgspec.DecodeError as error:
            raise NotReplaced(f"it is of a version that says {line[:100]!r}") from error
        if found.state != state:
            raise NotReplaced(found.why or f"it said {found.state}, not {state}")

    async def go(self) -> None:
        """Let it open the store, start and listen."""
        await self._say(GO)

    async def appoint(self) -> None:
        """Make it the owner. From then on it goes on without this process.

        Raises `NotReplaced` if it has ended since it said that it serves.
        """
        try:
            await asyncio.get_running_loop().sock_sendall(self._link, YOURS)
        except OSError as error:
            raise NotReplaced("it ended as soon as it served") from error
        self._link.close()

    async def end(self) -> None:
        """End it, at once if it takes long, as it serves nobody. Returns when it has ended."""
        self._link.close()
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._process.wait, END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def _say(self, line: bytes) -> None:
        with suppress(OSError):  # its end is seen by `reached`
            await asyncio.get_running_loop().sock_sendall(self._link, line)

    async def _line(self) -> bytes:
        """The next line; empty at its end."""
        while b"\n" not in self._received and len(self._received) < 8 * MOST_BYTES:
            try:
                part = await asyncio.get_running_loop().sock_recv(self._link, 65536)
            except OSError:
                part = b""
            if not part:
                return b""
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        return line
