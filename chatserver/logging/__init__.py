"""Logs: one line for each entry of loguru or the standard library, to the console and to files.

This module builds the entries; `text.py` keeps secrets and control characters out of them, `repeated.py` counts
equal errors instead of repeating them, `ecs.py` names them as Elasticsearch does, and `writer.py` writes them. No entry
may show a secret: a traceback's variables are never printed, and texts that look like credentials are replaced.
"""

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec
from loguru import logger

from chatserver.config import LoggingConfig
from chatserver.config.settings import HIDDEN, is_secret
from chatserver.errors import StartupError
from chatserver.logging.ecs import renamed
from chatserver.logging.repeated import Repeated, kind_of
from chatserver.logging.text import CONTROL, pretty, redact
from chatserver.logging.writer import FOLDER_MODE, ConsoleTarget, LogFile, Target, Writer
from chatserver.version import __version__

if TYPE_CHECKING:
    from loguru import Message, Record

STACK_CHARS = 16000  # so that the traceback of a deep recursion does not fill the disk
MESSAGE_CHARS = 8000
_ERROR = 40
_json = msgspec.json.Encoder()


request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the present HTTP request, on entries of its task and of tasks started by it."""
connection_id: ContextVar[str] = ContextVar("connection_id", default="")
"""Id of the WebSocket connection, on entries of its task and of tasks started by it."""


def setup(
    config: LoggingConfig,
    *,
    service: str = "chatserver",
    version: str = "",
    console: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Writer:
    """Start logging as configured. `close` of the returned writer writes the waiting lines, as does exit.

    Raises `StartupError`, which names the file that cannot be written.
    """
    stream = console or sys.stderr
    files = _files(config)
    base = {"service": service, "version": config.version or version or __version__}
    kind = _console_kind(config, stream)
    colour = kind == "pretty" and stream.isatty() and not environ.get("NO_COLOR")
    screen = ConsoleTarget(stream) if kind != "off" else None
    is_ecs = config.fields == "ecs"
    writer = Writer([*(file for _, file in files), *([screen] if screen else [])])

    def sink(message: "Message") -> None:
        entry = describe(message.record, base)
        line = json_line(renamed(entry) if is_ecs else entry)
        level = message.record["level"].no
        targets: list[Target] = [file for least, file in files if level >= least]
        if targets:
            writer.write(line, targets)
        if screen is not None:
            writer.write(pretty(entry, colour=colour) if kind == "pretty" else line, [screen])

    logger.remove()
    logger.add(
        sink,
        level=config.level.upper(),
        format="{message}",
        backtrace=False,
        diagnose=False,
    )
    _intercept(config.level.upper())
    return writer


def json_line(entry: Mapping[str, Any]) -> str:
    """An entry as one line of JSON, with control characters escaped for terminals and line readers."""
    text = _json.encode(entry).decode()
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def describe(record: "Record", base: Mapping[str, str]) -> dict[str, Any]:
    """The fields of an entry, in reading order, without secrets."""
    entry: dict[str, Any] = {
        "timestamp": record["time"].astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "level": record["level"].name.lower(),
        "message": redact(_cut(record["message"], MESSAGE_CHARS)),
        **base,
        "logger": record["name"],
    }
    for name, variable in (("request", request_id), ("connection", connection_id)):
        if variable.get():
            entry[name] = variable.get()
    for name, value in record["extra"].items():
        entry.setdefault(name, HIDDEN if is_secret(name) else _field(value))
    error = record["exception"]
    if error is not None and error.type is not None:
        stack = "".join(traceback.format_exception(error.type, error.value, error.traceback))
        only = traceback.format_exception_only(error.type, error.value)[-1].strip()
        kind, _, message = only.partition(": ")
        entry["error"] = {
            "type": kind,
            "message": redact(_cut(message, MESSAGE_CHARS)),
            "stack": redact(_cut(stack, STACK_CHARS)),
        }
    return entry


class Intercept(logging.Handler):
    """Passes entries of the standard library's loggers to loguru, under the loggers' own names.

    Repeated errors of dependencies are logged once a minute, as a callback that fails in each turn of the
    loop would fill the disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._repeats = Repeated()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        name, more = record.name, ""
        if record.levelno >= _ERROR and record.exc_info:
            kind = kind_of(f"{name} {record.msg}", record.exc_info[1])
            found = self._repeats.more(kind)
            if found is None:
                return
            more = found

        def rename(entry: "Record") -> None:
            entry["name"] = name

        logger.patch(rename).opt(exception=record.exc_info).log(level, text + more)


def _intercept(level: str) -> None:
    number = logger.level(level).no
    # Debug lines of the dependencies quote documents and frames: never below info.
    logging.basicConfig(handlers=[Intercept()], level=max(number, logging.INFO), force=True)
    for ours in ("chatserver", "chatserver_plugins"):
        logging.getLogger(ours).setLevel(number)
    # The server logs requests itself, without their queries.
    logging.getLogger("tornado.access").disabled = True
    logging.captureWarnings(True)


def _files(config: LoggingConfig) -> list[tuple[int, LogFile]]:
    if not config.folder:
        return []
    folder = Path(config.folder)
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        return [
            (least, LogFile(folder / name, config.rotation_mb * 1_000_000, config.keep))
            for name, least in (("combined.log", 0), ("error.log", _ERROR))
        ]
    except OSError as error:
        raise StartupError(
            f"logging.folder: {error.filename or folder}: {error.strerror or error}"
        ) from None


def _console_kind(config: LoggingConfig, stream: TextIO) -> str:
    if config.console == "auto":
        return "pretty" if stream.isatty() else "json"
    return config.console


def _field(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    return redact(_cut(str(value), MESSAGE_CHARS))


def _cut(text: str, length: int) -> str:
    """The text cut to `length` characters, with lone surrogates escaped so that it can be encoded."""
    if len(text) > length:
        text = f"{text[:length]}… ({len(text)} characters)"
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
