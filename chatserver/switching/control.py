"""The socket by which commands of operators reach a running server: in its data folder, for its user alone.

One JSON object a line each way. It works for every store, also one that only one process can open.
"""

from pathlib import Path

import msgspec
from loguru import logger

from chatserver.config.settings import Text
from chatserver.errors import ChatError
from chatserver.hooks.types import Actor
from chatserver.process.line_socket import LineSocket, ask_line
from chatserver.service.switches import Engine, SettingsChange, SwitchDo, Switched

NAME = "control.sock"


class Asked(msgspec.Struct, frozen=True):
    """One request. `operator` is the system's name of the user who runs the command.

    `settings` are values as typed, which are read like those of environment variables; see `SettingsChange`.
    """

    do: SwitchDo
    plugin: str
    operator: str
    settings: dict[str, str] = {}
    reset: list[str] = []
    dry_run: bool = False


class Answered(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer: what was done, or the code and text of the error."""

    done: Switched | None = None
    code: str = ""
    text: str = ""


class Control:
    """Answers commands until it is stopped."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._engine = engine
        self._socket = LineSocket(folder / NAME, self._answer)

    async def start(self) -> None:
        """Listen. A folder in which no socket can be is only logged."""
        await self._socket.start()

    async def stop(self) -> None:
        await self._socket.stop()

    async def _answer(self, line: bytes) -> bytes:
        return msgspec.json.encode(await self._done(line))

    async def _done(self, line: bytes) -> Answered:
        try:
            asked = msgspec.json.decode(line, type=Asked)
            by = Actor(operator=asked.operator)
            change = SettingsChange(
                settings={key: Text(value) for key, value in asked.settings.items()},
                reset=asked.reset,
                dry_run=asked.dry_run,
            )
            return Answered(done=await self._engine.switch(asked.do, asked.plugin, by, change))
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
        line = ask_line(place / NAME, msgspec.json.encode(asked))
        if line is None:
            continue
        if not line:
            return Answered(code="server.draining", text="The server ended before it answered.")
        return msgspec.json.decode(line, type=Answered)
    return None
