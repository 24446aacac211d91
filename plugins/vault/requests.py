"""Requests of commands to the server that has the store to itself: files in the plugin's folder.

A store in a file, such as SQLite's, belongs to one process. A command finds the folder taken, and leaves what it wants
there; the server does it, and leaves the answer.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec
from loguru import logger

from chatserver import ChatError, StartupError, StoreUnavailable

POLL_SECONDS = 0.5
ANSWER_SECONDS = 120.0
_ASKED, _ANSWERED = ".asked", ".answered"


class Asked(msgspec.Struct, frozen=True):
    """What a command wants: its name, and a room or user if it is about one."""

    do: str
    room: str = ""
    user: str = ""


class Answered(msgspec.Struct, frozen=True):
    """The lines that the command prints, or an error."""

    lines: list[str] = []
    error: str = ""


Do = Callable[[Asked], Awaitable[list[str]]]


class Desk:
    """Answers requests until it is stopped."""

    def __init__(self, folder: Path, do: Do) -> None:
        self._folder, self._do = folder, do
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            for path in await asyncio.to_thread(_waiting, self._folder):
                answer = await self._answered(path)
                with suppress(OSError):
                    await asyncio.to_thread(_leave, path.with_suffix(_ANSWERED), answer)
            await asyncio.sleep(POLL_SECONDS)

    async def _answered(self, path: Path) -> Answered:
        try:
            asked = msgspec.json.decode(await asyncio.to_thread(_taken, path), type=Asked)
            return Answered(lines=await self._do(asked))
        except StoreUnavailable as error:
            return Answered(error=error.reason)
        except (StartupError, ChatError, msgspec.DecodeError, OSError) as error:
            return Answered(error=str(error))
        except Exception:
            logger.exception("a command failed")
            return Answered(error="the server made a mistake; see its log")


def ask(folder: Path, asked: Asked) -> list[str]:
    """The lines of the answer of the server on this folder. Raises `StartupError`."""
    path = folder / f"{secrets.token_hex(8)}{_ASKED}"
    answer = path.with_suffix(_ANSWERED)
    try:
        _leave(path, asked)
        end = time.monotonic() + ANSWER_SECONDS
        while not answer.exists():
            if time.monotonic() >= end:
                path.unlink(missing_ok=True)
                raise StartupError(f"the server on this data folder does not answer in {folder}")
            time.sleep(POLL_SECONDS / 5)
        found = msgspec.json.decode(answer.read_bytes(), type=Answered)
        answer.unlink()
    except OSError as error:
        raise StartupError(f"plugin.vault: {folder}: {error.strerror}") from None
    if found.error:
        raise StartupError(found.error)
    return found.lines


def _waiting(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob(f"*{_ASKED}"))
    except OSError:
        return []


def _taken(path: Path) -> bytes:
    """The request, which is nobody else's from now on."""
    data = path.read_bytes()
    path.unlink()
    return data


def _leave(path: Path, content: Asked | Answered) -> None:
    """Write a file that is there whole, for its owner and that of the folder alone."""
    made = not path.parent.exists()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(content))
    owner = path.parent.parent.stat() if made else path.parent.stat()
    if os.geteuid() == 0:  # for the server's user
        for each in (path.parent, temporary):
            os.chown(each, owner.st_uid, owner.st_gid)
    temporary.replace(path)
