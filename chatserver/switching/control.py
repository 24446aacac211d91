"""The socket by which commands of operators reach a running server: in its data folder, for its user alone.

One JSON object a line each way. It works for every store, also one that only one process can open.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from loguru import logger

from chatserver.errors import ChatError, StartupError
from chatserver.hooks.types import Actor
from chatserver.service.switches import Engine, SwitchDo, Switched

NAME = "control.sock"
ASK_SECONDS = 5.0  # for a command to send its line


class Asked(msgspec.Struct, frozen=True):
    """One request. `operator` is the system's name of the user who runs the command."""

    do: SwitchDo
    plugin: str
    operator: str


class Answered(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer: what was done, or the code and text of the error."""

    done: Switched | None = None
    code: str = ""
    text: str = ""


class Control:
    """Answers commands until it is stopped."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._folder, self._engine = folder, engine
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. A folder in which no socket can be is only logged."""
        if not hasattr(socket, "AF_UNIX"):
            return
        try:
            listener = _listener(self._folder)
            self._server = await asyncio.start_unix_server(self._answer, sock=listener)
        except OSError as error:
            logger.warning("{}: no commands reach this server: {}", self._folder / NAME, error)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            with suppress(OSError):
                (self._folder / NAME).unlink()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                line = await reader.readline()
            writer.write(msgspec.json.encode(await self._done(line)) + b"\n")
            await writer.drain()
        except (OSError, TimeoutError, ValueError) as error:
            logger.debug("a command broke off: {}", error)
        finally:
            writer.close()

    async def _done(self, line: bytes) -> Answered:
        try:
            asked = msgspec.json.decode(line, type=Asked)
            by = Actor(operator=asked.operator)
            return Answered(done=await self._engine.switch(asked.do, asked.plugin, by))
        except msgspec.DecodeError as error:
            return Answered(code="request.invalid", text=str(error))
        except ChatError as error:
            return Answered(code=error.code, text=error.text)
        except Exception:
            logger.exception("a command failed")
            return Answered(code="server.internal", text="The server made a mistake; see its log.")


def ask(folder: Path, asked: Asked) -> Answered | None:
    """The answer of a server on this data folder, or of one of its workers; None if none runs.

    Raises `StartupError` if the socket may not be used.
    """
    for place in (folder, *sorted(folder.glob("worker-*"))):
        try:
            with _short(place) as path, socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                connection.sendall(msgspec.json.encode(asked) + b"\n")
                with connection.makefile("rb") as answers:
                    line = answers.readline()
        except (FileNotFoundError, ConnectionRefusedError):
            continue
        except OSError as error:
            raise StartupError(f"{place / NAME}: {error.strerror}; run this as its user") from error
        if not line:
            return Answered(code="server.draining", text="The server ended before it answered.")
        return msgspec.json.decode(line, type=Answered)
    return None


def _listener(folder: Path) -> socket.socket:
    with _short(folder) as path:
        Path(path).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        try:
            os.fchmod(listener.fileno(), 0o600)  # what bind makes has these rights, on Linux
            listener.bind(path)
            Path(path).chmod(0o600)
        except OSError:
            listener.close()
            raise
    listener.setblocking(False)
    return listener


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A path to the socket. Addresses of sockets are limited to some 100 bytes, which data folders exceed."""
    path = str(folder / NAME)
    if len(os.fsencode(path)) < 100 or not Path("/proc/self/fd").is_dir():
        yield path
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
