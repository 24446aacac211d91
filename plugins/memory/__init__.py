"""A store in memory: for tests and demonstrations. Everything is lost when the server stops."""

import chatserver
from chatserver_plugins.memory.store import MemoryStore


class MemoryPlugin:
    """Provides the store."""

    class Config(chatserver.Settings, frozen=True):
        """No settings."""

    powers = chatserver.Powers()

    def __init__(self, config: Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_store(self) -> chatserver.Store:
        return MemoryStore()


__all__ = ["MemoryPlugin", "MemoryStore"]
