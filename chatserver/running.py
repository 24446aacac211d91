"""What a server runs with, noted in its data folder for `chatserver config`; secrets are hidden there as well."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from loguru import logger

from chatserver.config import Loaded
from chatserver.config.text import Row, effective
from chatserver.errors import FolderInUse, StartupError
from chatserver.folders import DataFolder
from chatserver.plugins import plugin_settings

NOTE = "running.json"


@contextmanager
def noted(loaded: Loaded) -> Iterator[None]:
    """While this lasts, others can read what is in effect. A disk that is full keeps nobody from serving."""
    path = Path(loaded.config.server.data).absolute() / NOTE
    rows = effective(loaded, plugin_settings(loaded.config))
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(rows, enc_hook=str))  # texts as they came
    except OSError as error:
        logger.warning("cannot write {}: {}", path, error.strerror)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def read_running(folder: Path) -> list[Row] | None:
    """What the server on this data folder runs with; None if none runs there."""
    try:
        rows = msgspec.json.decode((folder / NOTE).read_bytes(), type=list[Row])
        DataFolder(folder.absolute()).close()
    except FolderInUse:
        return rows
    except (OSError, StartupError, msgspec.DecodeError):
        return None
    return None
