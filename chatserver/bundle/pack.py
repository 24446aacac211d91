"""Puts the files of a bundle together. A part that fails is replaced by the kind of its error."""

import io
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from chatserver.bundle.logs import logs
from chatserver.bundle.machine import machine, versions
from chatserver.bundle.metrics import metrics
from chatserver.bundle.overview import overview
from chatserver.bundle.pseudonyms import Pseudonyms, shipped_plugins
from chatserver.bundle.settings import environment, settings
from chatserver.bundle.work import fetch, work
from chatserver.config import Config
from chatserver.config.text import SettingRow
from chatserver.errors import StartupError
from chatserver.hooks.loading import survey
from chatserver.status.report import NodeReport, Status
from chatserver.upgrade.releases import releases
from chatserver.version import __version__

FORMAT = 1
NAME = "chatserver-support-%Y%m%dT%H%M%SZ"


class Bundle:
    """The files of one bundle, made from the configuration and the report, as far as there are any."""

    def __init__(
        self, config: Config | None, rows: list[SettingRow], status: Status | None, refused: bool
    ) -> None:
        """`refused` is true if the server refuses the configuration; `config` is None then."""
        self._config, self._rows, self._status = config, rows, status
        self._refused = refused
        self._names, self._plugins = Pseudonyms(), shipped_plugins()

    def files(self) -> dict[str, bytes]:
        """Each file with its content."""
        release = next(each for each in releases() if each.version == __version__)
        status = self._status
        nodes = list(status.nodes) if status is not None else []
        made: dict[str, Callable[[], Any]] = {
            "bundle.json": lambda: {"format": FORMAT, "config_refused": self._refused},
            "versions.json": versions,
            "machine.json": lambda: machine(self._folders()),
            "environment.json": lambda: environment(os.environ, release),
            "settings.json": lambda: settings(self._rows, release, self._plugins),
            "plugins.json": self._survey,
            "logs.json": self._logs,
        }
        if status is not None:
            made["status.json"] = lambda: overview(status, self._names, self._plugins)
        found = {name: _encoded(make) for name, make in made.items()}
        for number, node in enumerate(nodes, 1):
            found |= self._of_node(number, node)
        return found

    def _of_node(self, number: int, node: NodeReport) -> dict[str, bytes]:
        text = metrics(fetch(node, "/metrics"), self._names, self._plugins)
        busy = work(fetch(node, "/health/work"))
        place = f"nodes/{number}-{self._names.of('node', node.node)}"
        return {
            f"{place}/metrics.txt": text.encode(),
            f"{place}/work.json": msgspec.json.encode(busy),
        }

    def _survey(self) -> list[dict[str, Any]]:
        if self._config is None:
            return []
        return [
            {
                "plugin": row.name
                if row.name in self._plugins
                else self._names.of("plugin", row.name),
                "ours": row.name in self._plugins,
                "enabled": row.enabled,
                "order": row.order,
                "usable": not row.problem,
                "hooks": row.hooks,
            }
            for row in survey(self._config)
        ]

    def _logs(self) -> dict[str, list[dict[str, Any]]]:
        if self._config is None or not self._config.logging.folder:
            return {}
        return logs(Path(self._config.logging.folder))

    def _folders(self) -> dict[str, Path]:
        if self._config is None:
            return {}
        data = Path(self._config.server.data).absolute()
        backups = self._config.backup.folder
        logged = self._config.logging.folder
        return {
            "data": data,
            "backups": Path(backups).absolute() if backups else data / "backups",
            "logs": Path(logged).absolute() if logged else data,
        }


def _encoded(make: Callable[[], Any]) -> bytes:
    """A part as JSON for people; the kind of the error if it cannot be made."""
    try:
        found = make()
    except (OSError, StartupError, ValueError, KeyError) as error:
        found = {"failed": type(error).__name__}
    return msgspec.json.format(msgspec.json.encode(found), indent=1)


def write(path: Path, files: dict[str, bytes], now: float) -> None:
    """Write a .tar.gz that only its owner can read. Raises `StartupError` if that fails or the file exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartupError(f"{path}: {error.strerror}") from error
    top = time.strftime(NAME, time.gmtime(now))
    # The archive gets no name of its own, as the header of gzip would have the file's path.
    with (
        os.fdopen(descriptor, "wb") as file,
        tarfile.open(fileobj=file, mode="w:gz") as archive,
    ):
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(now), 0o600
            archive.addfile(entry, io.BytesIO(content))
