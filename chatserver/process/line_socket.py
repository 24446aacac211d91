"""A socket in the data folder by which commands of operators reach this process: for its user alone.

Each connection carries one line there and one line back.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from loguru import logger

from chatserver.errors import StartupError

ASK_SECONDS = 5.0  # for a command to send its line


class LineSocket:
    """Answers lines until it is stopped."""

    def __init__(self, path: Path, answer: Callable[[bytes], Awaitable[bytes]]) -> None:
        """`answer` gets a line and returns the answer, without a line end."""
        self._path, self._answer = path, answer
        self._server: asyncio.Server | None = None
        self._made: os.stat_result | None = None

    async def start(self) -> None:
        """Listen, in place of a socket that another process left. A folder that takes none is only logged.

        Does nothing if it listens already.
        """
        if self._server is not None or not hasattr(socket, "AF_UNIX"):
            return
        try:
            listener = _listener(self._path)
            self._server = await asyncio.start_unix_server(self._take, sock=listener)
            self._made = self._path.stat()
        except OSError as error:
            logger.warning("{}: no commands reach this server: {}", self._path, error)

    async def stop(self) -> None:
        """Listen no more. A socket that another process has put in its place stays."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        with suppress(OSError):
            if self._made is not None and os.path.samestat(self._made, self._path.stat()):
                self._path.unlink()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                line = await reader.readline()
            writer.write(await self._answer(line) + b"\n")
            await writer.drain()
        except (OSError, TimeoutError, ValueError) as error:
            logger.debug("a command broke off: {}", error)
        finally:
            writer.close()


def ask_line(path: Path, line: bytes) -> bytes | None:
    """The answer to a line, empty if the process ended before it answered; None if none listens there.

    Raises `StartupError` if the socket may not be used.
    """
    try:
        with _short(path) as place, socket.socket(socket.AF_UNIX) as connection:
            connection.connect(place)
            connection.sendall(line + b"\n")
            with connection.makefile("rb") as answers:
                return answers.readline()
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except OSError as error:
        raise StartupError(f"{path}: {error.strerror}; run this as its user") from error


def _listener(path: Path) -> socket.socket:
    with _short(path) as place:
        Path(place).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        try:
            os.fchmod(listener.fileno(), 0o600)  # what bind makes has these rights, on Linux
            listener.bind(place)
            Path(place).chmod(0o600)
        except OSError:
            listener.close()
            raise
    listener.setblocking(False)
    return listener


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A path to the socket. Addresses of sockets are limited to some 100 bytes, which data folders exceed."""
    if len(os.fsencode(path)) < 100 or not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
