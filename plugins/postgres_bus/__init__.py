"""PostgreSQL as the bus between nodes, through LISTEN and NOTIFY."""

import chatserver
from chatserver_plugins.postgres_bus import config as settings

MISSING = "plugin postgres_bus: asyncpg is missing: pip install 'chatserver[postgres]'"


class PostgresBusPlugin:
    """Provides the bus."""

    Config = settings.Config

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_bus(self) -> chatserver.Bus:
        # Here, so that the plugin can be listed and described where the driver is not installed.
        try:
            from chatserver_plugins.postgres_bus.bus import PostgresBus
        except ModuleNotFoundError as error:
            if error.name != "asyncpg":
                raise
            raise chatserver.StartupError(MISSING) from error
        return PostgresBus(self.config)


__all__ = ["PostgresBusPlugin"]
