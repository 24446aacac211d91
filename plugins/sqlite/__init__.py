"""SQLite as the store: one file, no server. For one node."""

from pathlib import Path

import chatserver
from chatserver_plugins.sqlite import config as settings
from chatserver_plugins.sqlite.store import SqliteStore


class SqlitePlugin:
    """Provides the store."""

    Config = settings.Config
    powers = chatserver.Powers()

    def __init__(self, config: settings.Config, data: Path) -> None:
        self.config = config
        self.data = data

    @chatserver.hookimpl
    def provide_store(self) -> chatserver.Store:
        path = Path(self.config.path) if self.config.path else self.data / "chat.db"
        return SqliteStore(path.absolute(), self.config.timeout_ms)


__all__ = ["SqlitePlugin", "SqliteStore"]
