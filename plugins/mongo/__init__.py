"""MongoDB as the store, through Motor or PyMongo; with a private mongod if none is configured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakSet

import click

import chatserver
from chatserver_plugins.mongo import config as settings
from chatserver_plugins.mongo.commands import commands
from chatserver_plugins.mongo.store import MongoStore

NO_ADDRESS = (
    "plugin.mongo.uri: no address of MongoDB is set, and plugin.mongo.embedded is off: set "
    "CHATSERVER_PLUGIN__MONGO__URI, or CHATSERVER_PLUGIN__MONGO__URI_FILE to a file that holds it, as the "
    "server does. Does this command run with the server's user and environment? See docs/operating.md, "
    "Commands"
)


class MongoPlugin:
    """Provides the store."""

    Config = settings.Config
    powers = chatserver.Powers(network=("configured", "discovered", "127.0.0.1", "listen"))

    def __init__(self, config: settings.Config, data: Path) -> None:
        self.config = config
        self.data = data
        # The server asks for several, opens one of them, and asks the others what is stored.
        self._stores: WeakSet[MongoStore] = WeakSet()

    @chatserver.hookimpl
    def provide_store(self) -> MongoStore:
        if not self.config.uri and not self.config.embedded:
            raise chatserver.StartupError(NO_ADDRESS)
        store = MongoStore(self.config, self.data)
        self._stores.add(store)
        return store

    @chatserver.hookimpl
    def register_cli(self) -> click.Command:
        return commands(self.provide_store)

    @chatserver.hookimpl
    def register_health_checks(self) -> Sequence[chatserver.HealthCheck]:
        return [chatserver.HealthCheck("mongo", self.check)]

    async def check(self) -> Mapping[str, Any]:
        """The way that appends take; for both, `database` says whether it works."""
        return next((facts for store in self._stores if (facts := store.line())), {})


__all__ = ["MongoPlugin", "MongoStore"]
