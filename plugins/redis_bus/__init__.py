"""Redis (or Valkey) as the bus between nodes, through its publish and subscribe."""

import chatserver
from chatserver_plugins.redis_bus import config as settings

MISSING = "plugin redis_bus: redis is missing: pip install 'chatserver[redis]'"


class RedisBusPlugin:
    """Provides the bus."""

    Config = settings.Config

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_bus(self) -> chatserver.Bus:
        # Here, so that the plugin can be listed and described where the driver is not installed.
        try:
            from chatserver_plugins.redis_bus.bus import RedisBus
        except ModuleNotFoundError as error:
            if error.name != "redis":
                raise
            raise chatserver.StartupError(MISSING) from error
        return RedisBus(self.config)


__all__ = ["RedisBusPlugin"]
