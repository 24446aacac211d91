"""PostgreSQL as the store, through asyncpg."""

import chatserver
from chatserver_plugins.postgres import config as settings


class PostgresPlugin:
    """Provides the store."""

    Config = settings.Config
    powers = chatserver.Powers(network=("configured",), secrets=("PGPASSWORD", "PGSSLKEY"))

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_store(self) -> chatserver.Store:
        with chatserver.from_extra("postgres", "asyncpg"):
            from chatserver_plugins.postgres.store import PostgresStore
        return PostgresStore(self.config)


__all__ = ["PostgresPlugin"]
