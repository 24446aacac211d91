"""PostgreSQL as the store, through asyncpg."""

import chatserver
from chatserver_plugins.postgres import config as settings

MISSING = "plugin postgres: asyncpg is missing: pip install 'chatserver[postgres]'"


class PostgresPlugin:
    """Provides the store."""

    Config = settings.Config

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_store(self) -> chatserver.Store:
        # Here, so that the plugin can be listed and described where the driver is not installed.
        try:
            from chatserver_plugins.postgres.store import PostgresStore
        except ModuleNotFoundError as error:
            if error.name != "asyncpg":
                raise
            raise chatserver.StartupError(MISSING) from error
        return PostgresStore(self.config)


__all__ = ["PostgresPlugin"]
