"""Notes a server's configuration, without secrets, and its version in its data folder, for commands."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from loguru import logger

from chatserver.config import Loaded
from chatserver.config.text import SettingRow, effective
from chatserver.errors import FolderInUse, StartupError
from chatserver.hooks.loading import plugin_settings
from chatserver.process.folders import DataFolder
from chatserver.process.version_note import note_version

NOTE = "running.json"


@contextmanager
def noted(loaded: Loaded) -> Iterator[None]:
    """Note the configuration in effect while the block runs. A full disk is only logged."""
    path = Path(loaded.config.server.data).absolute() / NOTE
    # Open during the block, so that another process's note cannot get the same inode.
    file: BinaryIO | None = None
    rows = effective(loaded, plugin_settings(loaded.config))
    note_version(path.parent)
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "wb", buffering=0)
        file.write(msgspec.json.encode(rows, enc_hook=str))  # texts as they are
    except OSError as error:
        logger.warning("cannot write {}: {}", path, error.strerror)
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):  # a process that takes over has put its own note in its place
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    path.unlink()
            file.close()


def read_running(folder: Path) -> list[SettingRow] | None:
    """The configuration of the server that runs on this data folder; None if none runs."""
    try:
        rows = msgspec.json.decode((folder / NOTE).read_bytes(), type=list[SettingRow])
        DataFolder(folder.absolute()).close()
    except FolderInUse:
        return rows
    except (OSError, StartupError, msgspec.DecodeError):
        return None
    return None
