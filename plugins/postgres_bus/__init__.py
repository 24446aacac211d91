"""PostgreSQL as the bus between nodes, through LISTEN and NOTIFY."""

import chatserver
from chatserver_plugins.postgres_bus import config as settings


class PostgresBusPlugin:
    """Provides the bus."""

    Config = settings.Config
    powers = chatserver.Powers(network=("configured",), secrets=("PGPASSWORD", "PGSSLKEY"))

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_bus(self) -> chatserver.Bus:
        with chatserver.from_extra("postgres", "asyncpg"):
            from chatserver_plugins.postgres_bus.bus import PostgresBus
        return PostgresBus(self.config)


__all__ = ["PostgresBusPlugin"]
