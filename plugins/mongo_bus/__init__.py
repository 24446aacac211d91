"""MongoDB as the bus between nodes, through a change stream."""

import chatserver
from chatserver_plugins.mongo_bus import config as settings
from chatserver_plugins.mongo_bus.bus import MongoBus


class MongoBusPlugin:
    """Provides the bus."""

    Config = settings.Config
    powers = chatserver.Powers(network=("configured", "discovered"))

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_bus(self) -> chatserver.Bus:
        return MongoBus(self.config)


__all__ = ["MongoBusPlugin"]
