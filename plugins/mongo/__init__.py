"""MongoDB as the store, through Motor or PyMongo; with a private mongod if none is configured."""

from pathlib import Path

import chatserver
from chatserver_plugins.mongo import config as settings
from chatserver_plugins.mongo.store import MongoStore


class MongoPlugin:
    """Provides the store."""

    Config = settings.Config

    def __init__(self, config: settings.Config, data: Path) -> None:
        self.config = config
        self.data = data

    @chatserver.hookimpl
    def provide_store(self) -> chatserver.Store:
        return MongoStore(self.config, self.data)


__all__ = ["MongoPlugin", "MongoStore"]
