"""Redis (or Valkey) as the bus between nodes, through publish and subscribe."""

import chatserver
from chatserver_plugins.redis_bus import config as settings


class RedisBusPlugin:
    """Provides the bus."""

    Config = settings.Config
    powers = chatserver.Powers(network=("configured",))

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_bus(self) -> chatserver.Bus:
        with chatserver.from_extra("redis", "redis"):
            from chatserver_plugins.redis_bus.bus import RedisBus
        return RedisBus(self.config)


__all__ = ["RedisBusPlugin"]
